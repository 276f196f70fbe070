"""Takes a call out of the words of an answer, as a model does that reads it. Words that name no call are an error."""

import json
import re
from typing import Any, NamedTuple

TOOLS = "generate_video|get_status|list_requests|list_models"

_WHOLE = re.compile(rf"\b({TOOLS})(?: again)? with (?=\{{)")
_AGAIN = re.compile(r"\bsame call\b|\bgenerate_video again\b")
_GIVEN = re.compile(r'"(\w+)"(?::| such as) (?=["{\[\dtf-])')
_LEFT_OUT = re.compile(r'\bwithout "(\w+)"')
_DECODER = json.JSONDecoder()


class ToolCall(NamedTuple):
    """A call: the tool and its arguments."""

    tool: str
    arguments: dict[str, Any]


def sentence_with(words: str, text: str) -> str:
    """The sentence of `text` that holds `words`.

    Raises:
        AssertionError: none does.
    """
    found = [sentence for sentence in re.split(r"(?<=[.?!])\s+", text) if words in sentence]
    assert found, f"no sentence with {words!r} in: {text}"
    return found[0]


def call_in(sentence: str, last: ToolCall | None) -> ToolCall:
    """The call that a sentence tells to make.

    Args:
        sentence: such as 'Call get_status with {"request_id": "…"}.' or 'Make the same call with "confirm_cost": true.'
        last: the last call of generate_video, for "the same call" and "again".

    Raises:
        AssertionError: it names no call, or a repeat where nothing came before.
    """
    if whole := _WHOLE.search(sentence):
        arguments, _ = _DECODER.raw_decode(sentence, whole.end())
        return ToolCall(whole[1], arguments)
    given = _given(sentence)
    if _AGAIN.search(sentence):
        assert last, f"nothing to repeat: {sentence}"
        left_out = _LEFT_OUT.findall(sentence)
        kept = {name: value for name, value in last.arguments.items() if name not in left_out}
        return ToolCall(last.tool, kept | given)
    named = re.search(rf"\b(?:{TOOLS})\b", sentence)
    assert named, f"no call in: {sentence}"
    return ToolCall(named[0], given)


def address_before(words: str, text: str) -> str:
    """The last address of this server's own before these words, as in `gmi-video://requests/{request_id}/last-frame`.

    Raises:
        AssertionError: there is none.
    """
    found = re.findall(r"gmi-video://[^\s,;()]+", text.partition(words)[0])
    assert words in text, f"no {words!r} in: {text}"
    assert found, f"no address before {words!r} in: {text}"
    return found[-1]


def _given(sentence: str) -> dict[str, Any]:
    """Each argument that a sentence gives a value for; not the names inside such a value."""
    given: dict[str, Any] = {}
    at = 0
    while found := _GIVEN.search(sentence, at):
        given[found[1]], at = _DECODER.raw_decode(sentence, found.end())
    return given


def setting_in(text: str, name: str) -> str:
    """The value that a text tells to set a variable to, as in `"GMI_IMAGE_DIRS": "/srv/pictures"`."""
    found = re.search(rf'"{name}": (?=")', text)
    assert found, f"no value for {name} in: {text}"
    value: str = _DECODER.raw_decode(text, found.end())[0]
    return value


def options_in(text: str, argument: str) -> list[Any]:
    """The values that a refusal says an argument may have, as in `"duration" must be one of "5s", "9s"`."""
    found = re.search(rf'"{argument}"[^.]*?one of ((?:"[^"]*"(?:, | or )?)+)', text)
    assert found, f"no values for {argument} in: {text}"
    return re.findall(r'"([^"]*)"', found[1])

"""What we believe of the vendor, held against what it sends: `schemas/upstream`, and a report fit for an issue.

The report shows names, types and the vendor's own sentences. What belongs to the account (ids, the key, payloads,
the signed part of an address) never gets into it.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from pydantic_core import to_json

from gmi_video.text import one_line, quote_untrusted
from gmi_video.upstream.wire import fields_of, items_of

SCHEMAS = ("error", "luma-ray2-payload", "model-list", "model-record", "request-list", "request-record",
           "submit-response")  # fmt: skip

_PERSONAL = {"org_id", "user_id", "request_id"}
_KEY = re.compile(r"eyJ[\w.-]+")
_QUERY = re.compile(r"(https?://[^\s?#\"'<>]+)[?#][^\s\"'<>]*")
_UUID = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")


def kind(value: object) -> str:
    """A JSON value's type, by JSON Schema's name."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


class Beliefs:
    """The schemas of a folder.

    Raises:
        OSError: a schema is not there.
        ValueError: it is not JSON.
    """

    def __init__(self, folder: Path) -> None:
        self._schemas: dict[str, Any] = {
            name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in SCHEMAS
        }

    def properties(self, schema: str) -> dict[str, Any]:
        """What a schema says of each field."""
        return self._schemas[schema]["properties"]

    def examples(self, schema: str, *path: str) -> list[str]:
        """The words a schema lists for a field, where others may come."""
        found = self._schemas[schema]
        for name in path:
            found = found["items"] if name == "[]" else found["properties"][name]
        return found["examples"]

    def differences(self, schema: str, body: Any) -> Iterator[str]:
        """Each way in which `body` is not what the schema says, and each field the schema does not know."""
        validator = Draft202012Validator(self._schemas[schema])
        for error in validator.iter_errors(body):  # pyright: ignore[reportUnknownMemberType] - its stub leaves it open
            yield from _told(error)
        yield from _unknown(self._schemas[schema], body, "$")


def _told(error: ValidationError) -> Iterator[str]:
    place = "$" + "".join("[]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
    rule = str(error.validator)
    wanted: Any = error.validator_value
    if rule == "required":
        # One error a missing field; the set of them is told once.
        yield from (f"`{place}.{name}` is missing" for name in wanted if f"'{name}'" in error.message)
    elif rule == "type":
        allowed = " or ".join(items_of(wanted)) or wanted
        yield f"`{place}` is {kind(error.instance)}, believed: {allowed}"
    elif rule == "anyOf":
        yield f"`{place}` has none of the forms believed"
    else:
        yield f"`{place}` ({kind(error.instance)}) does not keep to {rule}: {one_line(wanted, 80)}"


def _unknown(schema: dict[str, Any], body: object, place: str) -> Iterator[str]:
    known = fields_of(schema.get("properties"))
    for name, value in fields_of(body).items() if known else ():
        if name in known:
            yield from _unknown(known[name], value, f"{place}.{name}")
        else:
            yield f"`{place}.{one_line(name, 60)}` is a field not known before ({kind(value)})"
    for item in items_of(body) if "items" in schema else ():
        yield from _unknown(schema["items"], item, f"{place}[]")


@dataclass
class Report:
    """What was found: differences, each with how often, and what was seen of each open question."""

    key: str = field(default="", repr=False)
    differences: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    seen: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    _personal: set[str] = field(default_factory=set[str], repr=False)

    def differs(self, subject: str, what: str) -> None:
        """Note a difference from what we believe."""
        self.differences[subject, what] += 1

    def saw(self, question: str, what: str) -> None:
        """Note an observation. The first one opens the question's line."""
        lines = self.seen.setdefault(question, [])
        if what not in lines:
            lines.append(what)

    def learn(self, body: object) -> None:
        """Remember the personal values in an answer, so that no text of the report can hold one."""
        for name, value in fields_of(body).items():
            if name in _PERSONAL and isinstance(value, str) and value:
                self._personal.add(value)
            self.learn(value)
        for item in items_of(body):
            self.learn(item)

    def redacted(self, text: str) -> str:
        """`text` without the key, ids, mail addresses and the signed parts of addresses."""
        for secret in sorted({self.key, *self._personal} - {""}, key=len, reverse=True):
            text = text.replace(secret, "[redacted]")
        text = _QUERY.sub(r"\1?[redacted]", _KEY.sub("[key]", text))
        return _MAIL.sub("[mail]", _UUID.sub("[id]", text))

    def quoted(self, value: object, limit: int = 300) -> str:
        """The vendor's words, in quotation marks: redacted first, since what is cut off is not recognised."""
        text = value if isinstance(value, str) else to_json(value, serialize_unknown=True).decode()
        return quote_untrusted(self.redacted(text), limit)

    def markdown(self, head: list[str]) -> str:
        """The whole report. `head` are its first lines: when, what, where."""
        lines = ["# The live queue, against what gmi-video-mcp believes of it", ""]
        lines += [f"- {line}" for line in head]
        lines += ["", f"## Differences: {len(self.differences) or 'none'}", ""]
        for (subject, what), times in self.differences.items():
            lines.append(f"- **{subject}**: {what}" + (f" ({times} times)" if times > 1 else ""))
        lines += ["", "## Seen", "", "| | |", "|---|---|"]
        for question, answers in self.seen.items():
            lines.append(f"| {question} | {'; '.join(answers).replace('|', '/')} |")
        return "\n".join(self.redacted(line) for line in lines) + "\n"

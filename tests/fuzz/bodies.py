"""Random input for what reads the queue's JSON and shows its texts.

It asserts what must hold for any input: bounded, inert, and never an exception that is not ours.
"""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gmi_video import text
from gmi_video.catalog import facts, pricing, validation
from gmi_video.mcp import resources, results
from gmi_video.mcp.list_models import parameter_table
from gmi_video.settings import Settings
from gmi_video.upstream import failures, lists
from gmi_video.upstream.failures import Operation
from gmi_video.upstream.transport import Transport
from gmi_video.upstream.wire import ModelList, ModelRecord, Record, UploadTarget, fields_of
from tests.conftest import KEY
from tests.foreign_words import MARK, VALUES, in_sentence, places
from tests.reliability.test_hostile_answers import MODEL, RAW, RECORD, REFUSAL, corrupted

from . import target

PIECES = st.sampled_from(
    [MARK, f"[{MARK}](", "](x)", "<", ">", "`", "```", '"', "\\", "“", "”", "„", "«", "\uff02", "https://", "www.",
     "javascript:", "mailto:a@b.example", "@", "\n", "\r", "\u2028", "\x1b[31m", "\u202e", "\u200b", "\ufe0f", "\u3164",
     "\U000e0041", "\ud800", "\0", " ", "_", ":", "//", "(", ")", "#", "|", "*", "…", "x" * 90, KEY, KEY[:20], "http:"]
)  # fmt: skip
TEXTS = st.one_of(
    st.lists(PIECES, max_size=12).map("".join), st.text(max_size=80), st.sampled_from(list(VALUES.values()))
)
NUMBERS = st.sampled_from([0, -1, 5, 2**63, 10**400, 1e308, float("nan"), float("inf"), 1_750_000_000])
ANYTHING = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers() | NUMBERS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)


def _shown(value: object, where: str) -> None:
    """What this server would publish is inert, and can be sent."""
    assert list(places(value, where)) == []
    json.dumps(value, allow_nan=True, ensure_ascii=False).encode()


def _models(shape: Callable[[Any], Any], value: object) -> Any:
    """`value` read by a wire model; None where it is refused."""
    try:
        return shape(value)
    except ValidationError:
        return None


# -- texts -----------------------------------------------------------------------------------------------------------


@target("shown_texts")
@given(TEXTS | ANYTHING, st.integers(2, 400))
def shown_texts(value: Any, limit: int) -> None:
    """In a field: bounded, one line, nothing invisible, and the same when it is cleaned again."""
    line = text.one_line(value, limit)
    assert len(line) <= limit
    assert text.one_line(line, limit) == line
    _shown({"field": line}, "")
    if isinstance(value, str):
        several = text.paragraphs(value, limit)
        assert len(several) <= limit
        assert text.paragraphs(several, limit) == several
        _shown({"guide": several}, "")


@target("quoted_texts")
@given(TEXTS | ANYTHING, st.integers(2, 400))
def quoted_texts(value: Any, limit: int) -> None:
    """In a sentence: in quotation marks, which it can't close, and without anything that acts."""
    for quoted in (text.quote_untrusted(value, limit), text.as_json_literal(value, limit)):
        assert list(in_sentence(f"It says {quoted}, and {quoted}.", "quoted")) == []
        assert len(quoted) <= limit + 2
        assert text.one_line(quoted, limit + 2) == " ".join(quoted.split())
    literal = text.as_json_literal(value, limit)
    if not literal.startswith("“"):
        assert literal == "…" or str(json.loads(literal)) == str(value)


@target("links")
@given(st.lists(PIECES | st.sampled_from(["a.example", "/p?q=1", "user:pass@", "[::1]", ":99999"]), max_size=8))
def links(pieces: list[str]) -> None:
    """A link is http or https, holds no password, ends where its Markdown does, and is the same when checked again."""
    url = text.safe_url("https://" + "".join(pieces))
    if url:
        parts = urlsplit(url)
        assert parts.scheme in {"http", "https"}
        assert parts.hostname
        assert "@" not in parts.netloc
        assert re.fullmatch(r"[!-~]{1,2048}", url)
        assert not re.search(r"[()<>\[\]\"'`\\{}|^]", url)
        assert text.safe_url(url) == url


# -- bodies ----------------------------------------------------------------------------------------------------------


@target("parsed_bodies")
@given(RAW | ANYTHING.map(lambda value: json.dumps(value).encode()), st.booleans())
def parsed_bodies(raw: bytes, lenient: bool) -> None:  # noqa: FBT001 - an input like the other
    """Any bytes are JSON or nothing, and the API key is not in what they hold."""
    transport = Transport(Settings.from_environment({"GMI_API_KEY": KEY}), None)
    parsed = transport._parse(raw, lenient=lenient)  # pyright: ignore[reportPrivateUsage] - what both readers share
    assert KEY not in json.dumps(parsed)
    for shape in (Record, ModelRecord, ModelList, UploadTarget):
        _models(shape.model_validate, parsed)


LISTS = corrupted({"requests": [RECORD, RECORD, RECORD], "total": 3}, ANYTHING, 0).map(
    lambda value: json.dumps(value).encode()
)


@target("request_lists")
@given(RAW | LISTS, st.integers(0, 400), st.booleans())
def request_lists(raw: bytes, lost: int, cut: bool) -> None:  # noqa: FBT001 - an input like the others
    """A list is read or refused as a whole; a list of which the end is missing never shows that it is complete."""
    raw = raw[: len(raw) - lost] if cut else raw
    try:
        found = lists.read(raw, lists.parse_leniently, cut=cut)
    except lists.Unreadable:
        return
    assert len(found.requests) <= found.rows
    assert not (cut and found.complete)
    for record in found.newest_first():
        _check_record(record)


@target("records")
@given(corrupted(RECORD, ANYTHING, 0))
def records(body: Any) -> None:
    """A record is read or refused; what is shown of it is inert, whatever it holds."""
    if record := _models(Record.model_validate, body):
        _check_record(record)


def _check_record(record: Record) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,128}", record.request_id)
    assert record.status
    assert record.took is None or record.took > 0
    for problem in (None, failures.garbled(Operation("get", record.request_id), "is odd")):
        _shown(results.job_result(record, age=100.0, problem=problem), "get_status")
    _shown(resources.outcome_of(record), "outcome")


@target("model_records")
@given(corrupted(MODEL, ANYTHING, 0))
def model_records(body: Any) -> None:
    """A model's record is read or refused; its table, price and description are inert, whatever they hold."""
    record = _models(ModelRecord.model_validate, body)
    if record is None:
        return
    found = {
        "parameters": parameter_table(record),
        "details": [f"Veo3: {facts.line(record)}"],
        "message": f"The price is {pricing.in_words(record)}",
        "next_step": f"Give such as {facts.example(record)}.",
    }
    _shown(found, "list_models")
    _shown({"display_name": record.display_name, "guide": record.detailed_description}, "model")
    schema = validation.schema_of(record.parameters)
    given = {"prompt": 5, MARK: "x"}
    faults = validation.faults(schema, given, validation.Subject("parameter", "Luma-Ray2"))
    _shown({"message": " ".join(["It is refused.", *faults])}, "generate_video")


@target("model_ids_and_upload_targets")
@given(
    corrupted(
        {"model_ids": ["Luma-Ray2", {"id": MARK}], "upload_url": "https://a.example", "public_url": "b"}, ANYTHING, 0
    )
)
def model_ids_and_upload_targets(body: Any) -> None:
    """The ids of models are those that can be part of an address; an upload target has both of its addresses."""
    if found := _models(ModelList.model_validate, body):
        assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._:/+-]{0,199}", name) for name in found.ids)
    if target := _models(UploadTarget.model_validate, body):
        assert target.upload_url
        assert target.public_url


@target("refusals")
@given(corrupted(REFUSAL, ANYTHING, 0), st.integers(300, 599))
def refusals(body: Any, status: int) -> None:
    """Whatever a refusal says, its message and next step are ours, and a wait that it asks for is a number."""
    for operation in (Operation("submit", "Veo3"), Operation("get", "r-1"), Operation("upload"), Operation("list")):
        error = failures.from_response(status, {}, fields_of(body), operation, "Check the key.")
        _shown({"message": error.message, "next_step": error.next_step}, operation.endpoint)
        assert error.retry_after is None or 0 <= error.retry_after < 1e7

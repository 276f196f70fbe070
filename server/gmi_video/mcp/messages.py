"""A line of input becomes a message, or the error that answers it: no request stays unanswered, whatever its JSON."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, cast

from mcp.shared.message import SessionMessage
from mcp_types import INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR, JSONRPCNotification, jsonrpc_message_adapter
from pydantic import ValidationError

from gmi_video.text import one_line
from gmi_video.upstream import bodies
from gmi_video.upstream.wire import fields_of, items_of

MAX_LINE_BYTES = 16 * 1024 * 1024
"""Longest line that is read. A call with every argument at its bound has less than 1 MB."""

MAX_LINE_VALUES = 500_000
"""Most values in a line: the JSON parser stops everything else while it works, for that number about 50 ms."""

ENDS_BYTES = 1024
"""As much is kept of both ends of a longer line, where clients put a request's id."""

_HALF = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair, which has no UTF-8; also what a byte that is not UTF-8 is decoded to here."""

_ID = rb'"id"\s*:\s*(-?[0-9]{1,18}|"[^"\\]{0,200}")'
_NAMES = rb'"(?:jsonrpc|method)"\s*:\s*"[^"\\]*"'
_ID_FIRST = re.compile(rb"\s*\{\s*(?:" + _NAMES + rb"\s*,\s*)*" + _ID)
_ID_LAST = re.compile(rb",\s*" + _ID + rb"\s*(?:,\s*" + _NAMES + rb"\s*)*\}\s*\Z")


def read(line: bytes) -> SessionMessage | list[dict[str, Any]]:
    """The message in a line, or errors to answer it with, as JSON-RPC objects; none where nothing was asked."""
    if bodies.count_values(line, MAX_LINE_VALUES) > MAX_LINE_VALUES:
        said = f"This line holds more than {MAX_LINE_VALUES:,} values. Shorten the arguments."
        return [_error(_id_at_the_ends(line[:ENDS_BYTES], line[-ENDS_BYTES:]), INVALID_REQUEST, said)]
    try:
        message = jsonrpc_message_adapter.validate_json(line, by_name=False)
        # A request whose id is no id is parsed as a notification.
        if not isinstance(message, JSONRPCNotification) or b'"id"' not in line:
            return SessionMessage(message)
    except ValidationError:
        pass
    try:
        parsed = json.loads(line.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return [_error(None, PARSE_ERROR, "This line is not JSON, or is nested too deeply.")] if line.strip() else []
    if isinstance(parsed, list):
        batch = items_of(cast("object", parsed))
        said = "MCP has no batches: send each request on a line of its own."
        asked = [_id_of(item) for item in batch if "id" in fields_of(item) and "method" in fields_of(item)]
        return [_error(asked_id, INVALID_REQUEST, said) for asked_id in asked or [None]]
    fields = fields_of(cast("object", parsed))
    try:
        return _read_leniently(fields)
    except RecursionError:
        return [_error(_id_of(fields), INVALID_REQUEST, "This line is nested too deeply.")]


def too_long(size: int, head: bytes, tail: bytes) -> dict[str, Any]:
    """The error for a line of more than `MAX_LINE_BYTES`, of which only the ends are known."""
    said = f"This line has {size:,} bytes; at most {MAX_LINE_BYTES:,} are read. Shorten the arguments."
    return _error(_id_at_the_ends(head, tail), INVALID_REQUEST, said)


def _read_leniently(message: dict[str, Any]) -> SessionMessage | list[dict[str, Any]]:
    """A message that the strict parser refuses. In the arguments of a tool the tool's own check names the fault."""
    asked = [_id_of(message)] if "id" in message and "method" in message else []
    places = [place for place in _halves(message) if not re.match(r"params\.arguments\.[^.]+$|result\b", place)]
    if places:
        said = f"{one_line(places[0], 200)} holds text that is not valid Unicode. Correct it and send it again."
        return [_error(asked_id, INVALID_PARAMS, said) for asked_id in asked]
    try:
        found = jsonrpc_message_adapter.validate_python(message, by_name=False)
        if not isinstance(found, JSONRPCNotification) or "id" not in message:
            return SessionMessage(found)
    except ValidationError:
        pass
    said = "This is no JSON-RPC request: id must be a whole number or text, method text, and params an object."
    unknown = [] if "result" in message or "error" in message or _is_notification(message) else [None]
    return [_error(asked_id, INVALID_REQUEST, said) for asked_id in asked or unknown]


def _is_notification(message: dict[str, Any]) -> bool:
    return "method" in message and "id" not in message


def _halves(value: object, place: str = "") -> Iterator[str]:
    """Where text is not valid Unicode, as a path; deeper than a value of an argument is not told apart."""
    if isinstance(value, str):
        if _HALF.search(value):
            yield place
    elif isinstance(value, dict):
        for name, inner in fields_of(cast("object", value)).items():
            if _HALF.search(name):
                yield f"{place}: a name"
            deeper = place.startswith("params.arguments.")
            yield from _halves(inner, place if deeper else f"{place}.{name}".lstrip("."))
    elif isinstance(value, list):
        for inner in items_of(cast("object", value)):
            yield from _halves(inner, place)


def _id_at_the_ends(head: bytes, tail: bytes) -> Any:
    """The id of a request, where it stands before or after its params; None elsewhere."""
    found = _ID_FIRST.match(head) or _ID_LAST.search(tail)
    return json.loads(found[1].decode("utf-8", "replace")) if found else None


def _id_of(message: object) -> Any:
    """The id to answer with: a request's own, whatever it is, as far as JSON-RPC can carry it."""
    asked = fields_of(message).get("id")
    if isinstance(asked, bool) or (isinstance(asked, float) and not math.isfinite(asked)):
        return None
    return asked if isinstance(asked, str | int | float) else None


def _error(asked: Any, code: int, said: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": asked, "error": {"code": code, "message": said}}

"""HTTP answers, true and false: JSON as the queue sends it, and each fault's own way of spoiling it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from starlette.responses import Response, StreamingResponse

from gmi_video.simulator.faults import HUGE_BYTES, Row

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive, Scope, Send


class Dropped(Response):
    """The connection breaks. Over a socket, ASGI allows it only once an answer has begun."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Begin an answer and leave it."""
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


class Hanging(Response):
    """Nothing comes, until the caller gives up."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Wait for the caller to leave."""
        while (await receive())["type"] != "http.disconnect":
            pass


def told(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    text = json.dumps(body).encode()
    return Response(text, status, {"content-type": "application/json", **(headers or {})})


def refused(status: int, text: str) -> Response:
    """`{"error": ...}`, as every refusal of the queue (P)."""
    return told({"error": text}, status)


def unlanded(row: Row, *, model: str, request_id: str, headers: dict[str, str]) -> Response:
    """The answer of a fault that does not look at the true one."""
    match row.kind:
        case "refuse" | "drop":
            return Dropped()
        case "hang":
            return Hanging()
        case "flood":
            head = {"content-type": "application/json", "content-length": str(HUGE_BYTES)}
            return StreamingResponse(_flood(), headers=head)
        case _:
            pass
    if not isinstance(row.body, str | bytes):
        filled = _fill(row.body, model=model, request_id=request_id)
        return told(filled, row.status, {**row.headers, **headers})
    return Response(row.body, row.status, {**row.headers, **headers})


def spoilt(row: Row, truth: Response, *, model: str, request_id: str, headers: dict[str, str]) -> Response:
    """The answer of a fault whose request took effect, and would have been answered with `truth`."""
    body = bytes(truth.body)
    match row.kind:
        case "record":
            return truth
        case "truncate":
            return Response(body[: len(body) * 2 // 3], truth.status_code, {"content-type": "application/json"})
        case "twist":
            return told(_twist(json.loads(body)) if body else [], truth.status_code)
        case _:
            return unlanded(row, model=model, request_id=request_id, headers=headers)


def _fill(value: Any, **names: str) -> Any:
    if isinstance(value, str):
        return value.format(**names)
    if isinstance(value, dict):
        return {key: _fill(inner, **names) for key, inner in cast("dict[str, Any]", value).items()}
    return value


def _twist(body: dict[str, Any]) -> dict[str, Any]:
    """Every field keeps its name and gets a wrong type."""
    return {key: _wrong(value) for key, value in body.items()}


def _wrong(value: object) -> Any:
    if isinstance(value, bool):
        return "yes"
    if isinstance(value, str):
        return 550
    if isinstance(value, int | float):
        return [value]
    return 7 if value is None else "?"


async def _flood() -> AsyncIterator[bytes]:
    """Valid JSON of `HUGE_BYTES` bytes, made piece by piece."""
    head, tail, piece = b'{"padding": "', b'"}', b"x" * 65536
    left = HUGE_BYTES - len(head) - len(tail)
    yield head
    while left:
        yield piece[:left]
        left -= min(left, len(piece))
    yield tail

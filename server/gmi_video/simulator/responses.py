"""HTTP responses: JSON as the queue sends it, and what each kind of fault sends in its place."""

import json
from collections.abc import AsyncIterator
from typing import Any, cast

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from gmi_video.simulator.faults import HUGE_BYTES, Effect


class Dropped(Response):
    """A connection that breaks. On a socket, ASGI allows that only after a response has begun."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Begin a response and do not finish it."""
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


class Cut(Response):
    """A response whose connection breaks when half of its body was sent."""

    @property
    def half(self) -> bytes:
        """What is sent of the body."""
        return bytes(self.body[: len(self.body) // 2])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Send the head and half of the body, and do not finish."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.half, "more_body": True})


class Hanging(Response):
    """No response until the caller disconnects."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Wait for the caller to disconnect."""
        while (await receive())["type"] != "http.disconnect":
            pass


def json_response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON body."""
    text = json.dumps(body).encode()
    return Response(text, status, {"content-type": "application/json", **(headers or {})})


def error_response(status: int, text: str) -> Response:
    """`{"error": ...}`, the shape of every error of the queue (P)."""
    return json_response({"error": text}, status)


async def complete(response: Response) -> Response:
    """The response with its whole body, where it is streamed."""
    if not isinstance(response, StreamingResponse):
        return response
    body = b"".join([cast("bytes", piece) async for piece in response.body_iterator])
    return Response(body, response.status_code, dict(response.headers))


def fault_response(effect: Effect, *, model: str, request_id: str, headers: dict[str, str]) -> Response:
    """The response of a fault that does not depend on the correct response."""
    match effect.kind:
        case "refuse" | "drop":
            return Dropped()
        case "hang":
            return Hanging()
        case "huge":
            head = {"content-type": "application/json", "content-length": str(HUGE_BYTES)}
            return StreamingResponse(_huge_body(), headers=head)
        case _:
            pass
    if not isinstance(effect.body, str | bytes):
        filled = _fill(effect.body, model=model, request_id=request_id)
        return json_response(filled, effect.status, {**effect.headers, **headers})
    return Response(effect.body, effect.status, {**effect.headers, **headers})


def corrupted_response(
    effect: Effect, correct: Response, *, model: str, request_id: str, headers: dict[str, str]
) -> Response:
    """The response of a fault whose request took effect; without the fault it would have been `correct`."""
    body = bytes(correct.body)
    match effect.kind:
        case "record":
            return correct
        case "cut":
            return Cut(body, correct.status_code, dict(correct.headers))
        case "truncate":
            return Response(body[: len(body) * 2 // 3], correct.status_code, {"content-type": "application/json"})
        case "wrong_types":
            return json_response(_with_wrong_types(json.loads(body)) if body else [], correct.status_code)
        case _:
            return fault_response(effect, model=model, request_id=request_id, headers=headers)


def _fill(value: Any, **names: str) -> Any:
    if isinstance(value, str):
        return value.format(**names)
    if isinstance(value, dict):
        return {key: _fill(inner, **names) for key, inner in cast("dict[str, Any]", value).items()}
    return value


def _with_wrong_types(body: dict[str, Any]) -> dict[str, Any]:
    """The same keys, each with a value of another type."""
    return {key: _wrong(value) for key, value in body.items()}


def _wrong(value: object) -> Any:
    if isinstance(value, bool):
        return "yes"
    if isinstance(value, str):
        return 550
    if isinstance(value, int | float):
        return [value]
    return 7 if value is None else "?"


async def _huge_body() -> AsyncIterator[bytes]:
    """Valid JSON of `HUGE_BYTES` bytes, in pieces of at most 64 KiB."""
    head, tail, piece = b'{"padding": "', b'"}', b"x" * 65536
    left = HUGE_BYTES - len(head) - len(tail)
    yield head
    while left:
        yield piece[:left]
        left -= min(left, len(piece))
    yield tail

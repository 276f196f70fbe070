"""The body of a request: read whole, within bounds on its size, its time, and what all requests together may hold."""

from dataclasses import dataclass

import anyio
from starlette.types import Message, Receive, Scope

from gmi_video.upstream.bodies import count_values

MAX_BYTES = 4 * 1024 * 1024
"""Longest body. A call with every argument at its bound has less than 1 MB."""

MAX_VALUES = 500_000
"""Most values in a body: the JSON parser stops everything else while it works, for that number about 50 ms."""

MAX_BYTES_TOGETHER = 128 * 1024 * 1024
"""All bodies that are being read, at their declared lengths or at what has come in."""

SECONDS = 30.0
"""For a whole body, however slowly it comes."""


class BadBody(Exception):
    """A body that is not served.

    Args:
        status: the HTTP status.
        reason: a sentence for the caller.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(slots=True)
class Bodies:
    """Reads bodies. `held` bytes of all requests are in memory now."""

    held: int = 0

    async def read(self, scope: Scope, receive: Receive) -> bytes:
        """A request's whole body.

        Raises:
            BadBody: it is too long, too slow, or there is no room for it now; or its client has gone.
        """
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if int(declared or b"0") > MAX_BYTES:
            raise _too_long()
        body = bytearray()
        try:
            with anyio.fail_after(SECONDS):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise BadBody(400, "The client has gone.")
                    piece: bytes = message.get("body", b"")
                    body += piece
                    self.held += len(piece)
                    if len(body) > MAX_BYTES:
                        raise _too_long()
                    if self.held > MAX_BYTES_TOGETHER:
                        raise BadBody(
                            503, "Too many long requests come in at the same time. Send it again in a moment."
                        )
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            raise BadBody(408, f"The request did not come in whole within {SECONDS:g} s.") from None
        finally:
            self.held -= len(body)
        whole = bytes(body)
        if count_values(whole, MAX_VALUES) > MAX_VALUES:
            raise BadBody(413, f"The request holds more than {MAX_VALUES:,} values. Shorten the arguments.")
        return whole


def replayed(body: bytes, receive: Receive) -> Receive:
    """What an application receives: the body that was read, then whatever else comes in."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


def _too_long() -> BadBody:
    return BadBody(413, f"The request has more than {MAX_BYTES:,} bytes. Shorten the arguments.")

"""Reads a response's body, bounded in size while it is inflated, and counts the values in JSON before it is parsed.

A body may be compressed once, in gzip or deflate. httpx inflates each chunk whole and every layer that a response
names, so that 11 kB can take gigabytes; here a body never takes more memory than it may have bytes.
"""

import zlib
from collections.abc import Iterator
from typing import NamedTuple

import httpx
from anyio import lowlevel

ACCEPTED = "gzip, deflate"
"""`Accept-Encoding` of every request."""

_WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}

STEP_BYTES = 256 * 1024
"""As much is inflated or counted in one go: under a millisecond, so that other calls go on meanwhile."""

_CHUNKS = 64
"""After this number of chunks other tasks run: chunks that were received already come without a pause."""


class BadBody(ValueError):
    """A body that is not read; the text completes "The queue's answer …"."""


class Body(NamedTuple):
    """A response's body; `cut` where it was longer than what is read."""

    raw: bytes
    cut: bool = False


async def read(response: httpx.Response, max_bytes: int) -> Body:
    """The body, inflated, or its first `max_bytes`.

    Raises:
        BadBody: its coding is not one layer of gzip or deflate, or it is damaged.
    """
    inflate = _inflater(response.headers.get_list("content-encoding", split_commas=True))
    body = bytearray()
    number = size = 0
    async for chunk in response.aiter_raw():
        number, size = number + 1, size + len(chunk)
        if number % _CHUNKS == 0:
            await lowlevel.checkpoint()
        for piece in inflate.pieces(chunk):
            body += piece[: max_bytes - len(body) + 1]
            if len(body) > max_bytes:
                del body[max_bytes:]
                return Body(bytes(body), cut=True)
            if len(piece) == STEP_BYTES:
                await lowlevel.checkpoint()
    inflate.end(empty=not size)
    return Body(bytes(body))


def count_values(raw: bytes, limit: int) -> int:
    """At least as many values as a JSON text holds, counted by its commas and brackets, also those in strings.

    Stops soon after `limit`. Parsed JSON takes about 70 bytes a value, however short its text.
    """
    count = 1
    for start in range(0, len(raw), STEP_BYTES):
        step = raw[start : start + STEP_BYTES]
        count += len(step) - len(step.translate(None, b",[{"))
        if count > limit:
            break
    return count


class _Identity:
    """A body that is not compressed."""

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """The chunk itself."""
        yield chunk

    def end(self, *, empty: bool) -> None:
        """Nothing is missing that could be known here."""


class _Inflater(_Identity):
    """Inflates one layer, step by step."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._zlib = zlib.decompressobj(_WINDOW_BITS[coding])
        self._begun = False

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """What a chunk inflates to, in steps. Raises `BadBody`."""
        piece = b"." * STEP_BYTES
        while chunk or len(piece) == STEP_BYTES:
            if self._zlib.eof and chunk:
                raise BadBody("has bytes after the end of its compressed data")
            piece = self._decompress(chunk)
            yield piece
            chunk = self._zlib.unconsumed_tail or self._zlib.unused_data

    def end(self, *, empty: bool) -> None:
        """Raises `BadBody` where compressed data has no end."""
        if not empty and not self._zlib.eof:
            raise BadBody("was cut off before the end of its compressed data")

    def _decompress(self, chunk: bytes) -> bytes:
        try:
            piece = self._zlib.decompress(chunk, STEP_BYTES)
        except zlib.error:
            if self._begun or self._coding != "deflate":
                raise BadBody("is damaged: its compressed data can't be read") from None
            # Some servers send deflate without the header that it should have (RFC 9110, 8.4.1.2).
            self._zlib = zlib.decompressobj(-zlib.MAX_WBITS)
            self._begun = True
            return self._decompress(chunk)
        self._begun = True
        return piece


def _inflater(codings: list[str]) -> _Identity:
    named = [coding for coding in (name.strip().lower() for name in codings) if coding not in {"", "identity"}]
    if not named:
        return _Identity()
    if len(named) > 1:
        raise BadBody(f"is compressed {len(named)} times; it may be once")
    if named[0] not in _WINDOW_BITS:
        raise BadBody("is compressed in a way that was not asked for; it may be gzip or deflate")
    return _Inflater(named[0])

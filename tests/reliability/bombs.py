"""Responses that are meant to exhaust memory or time, sent by a raw server on a loopback port.

`python -m tests.reliability.bombs URL PATH` asks that server for one response as this server would, in a process of its
own, and prints what came of it as JSON: the error, and by how much the process has grown.
"""

import gzip
import json
import resource
import socket
import sys
import threading
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import anyio

from gmi_video.errors import UpstreamError
from gmi_video.settings import Settings
from gmi_video.upstream.failures import Operation
from gmi_video.upstream.transport import Transport

MEGABYTE = 1024 * 1024
SERVED_SECONDS = 30.0
"""How long one response goes on at most."""

ENDLESS = {"/tiny-chunks", "/endless-headers", "/endless-continue"}
"""Paths whose response does not end, or not soon; for the others a busy machine gets more time."""

Response = Callable[[], Iterator[bytes]]


def compressed(megabytes: int, head: bytes = b"", tail: bytes = b"") -> bytes:
    """That many megabytes of blanks between `head` and `tail`, compressed to a thousandth."""
    packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    parts = [packer.compress(head), *(packer.compress(b" " * MEGABYTE) for _ in range(megabytes))]
    return b"".join([*parts, packer.compress(tail), packer.flush()])


def answer(body: bytes, *headers: bytes) -> Iterator[bytes]:
    """A whole response."""
    fields = [b"content-type: application/json", b"content-length: %d" % len(body), *headers]
    yield b"HTTP/1.1 200 OK\r\n" + b"\r\n".join(fields) + b"\r\n\r\n"
    yield body


@cache
def bomb(megabytes: int) -> bytes:
    """Compressed blanks; made once."""
    return compressed(megabytes)


def gzipped_once() -> Iterator[bytes]:
    """512 MB of blanks, in half a megabyte."""
    return answer(bomb(512), b"content-encoding: gzip")


def gzipped_twice() -> Iterator[bytes]:
    """The same, compressed once more."""
    return answer(gzip.compress(bomb(512)), b"content-encoding: gzip, gzip")


def tiny_chunks() -> Iterator[bytes]:
    """Chunks of one byte, without end."""
    yield b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    while True:
        yield b"1\r\n1\r\n" * 4096


def endless_headers() -> Iterator[bytes]:
    """One header, without end."""
    yield b"HTTP/1.1 200 OK\r\nx-long: "
    while True:
        yield b"x" * 4096


def endless_continue() -> Iterator[bytes]:
    """Interim responses, without end."""
    while True:
        yield b"HTTP/1.1 100 Continue\r\n\r\n" * 256


def empty_objects() -> Iterator[bytes]:
    """A list of 15 MB whose rows are empty objects, which take 24 times as much once parsed."""
    return answer(b'{"requests":[' + b"{}," * (5 * MEGABYTE) + b"{}]}")


RESPONSES: dict[str, Response] = {
    "/gzipped-once": gzipped_once,
    "/gzipped-twice": gzipped_twice,
    "/tiny-chunks": tiny_chunks,
    "/endless-headers": endless_headers,
    "/endless-continue": endless_continue,
    "/empty-objects": empty_objects,
}


@contextmanager
def serving(responses: dict[str, Response] = RESPONSES) -> Generator[str]:
    """A server on a loopback port whose paths end like the keys of `responses`; yields its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=[listener, responses], daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def _accept(listener: socket.socket, responses: dict[str, Response]) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_respond, args=[connection, responses], daemon=True).start()


def _respond(connection: socket.socket, responses: dict[str, Response]) -> None:
    with connection, suppress(OSError):
        connection.settimeout(SERVED_SECONDS)
        asked = b""
        while b"\r\n\r\n" not in asked:
            asked += connection.recv(65536) or b"\r\n\r\n"
        path = asked.split(b" ", 2)[1].partition(b"?")[0].decode()
        for part in next(respond for end, respond in responses.items() if path.endswith(end))():
            connection.sendall(part)


async def ask(url: str, path: str, *, as_list: bool, seconds: float) -> str:
    """Ask for one response; the error that it is to the server."""
    transport = Transport(Settings(api_key="k", base_url=url), None)
    try:
        with anyio.fail_after(seconds):
            if as_list:
                listing = await transport.records(path, Operation("list"), {})
                return f"{listing.rows} rows, cut: {listing.cut}"
            await transport.json("GET", path, Operation("model", "a"))
    except UpstreamError as error:
        return error.message
    except ValueError as error:
        return str(error)
    except TimeoutError:
        return "the time was over"
    finally:
        await transport.aclose()
    return "accepted"


def main() -> None:
    """Ask, and print the error and the growth of this process."""
    url, path, kind = sys.argv[1:]
    anyio.run(lambda: ask(url, "/nothing", as_list=False, seconds=5.0))  # the libraries, once
    before = _peak()
    seconds = 5.0 if path in ENDLESS else 40.0
    said = anyio.run(lambda: ask(url, path, as_list=kind == "list", seconds=seconds))
    found: dict[str, Any] = {"said": said, "grown": (_peak() - before) // 1024}
    print(json.dumps(found))  # noqa: T201 - read by the test


def _peak() -> int:
    """The largest resident size so far (KB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()

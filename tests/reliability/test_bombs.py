"""Responses that are meant to exhaust memory: each is asked for by a process of its own, whose growth is measured."""

import gzip
import json
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Generator
from pathlib import Path

import httpx
import pytest

from gmi_video.upstream import bodies
from gmi_video.upstream.bodies import BadBody
from tests.full import in_full

from . import ABANDONED_BODIES, bombs

pytestmark = [*ABANDONED_BODIES]

ROOT = Path(__file__).parents[2]
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def address() -> Generator[str]:
    bombs.bomb(512)  # made before it is asked for
    with bombs.serving({**bombs.RESPONSES, "/nothing": lambda: bombs.answer(b"[]")}) as url:
        yield url


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "kind", "says", "megabytes"),
    [
        ("/gzipped-once", "model", "is larger than 16 MB", 80),
        ("/gzipped-once", "list", "lacks what it must have", 250),
        ("/gzipped-twice", "model", "is compressed 2 times", 20),
        ("/gzipped-twice", "list", "is compressed 2 times", 20),
        pytest.param("/tiny-chunks", "model", "the time was over", 40, marks=in_full),
        ("/endless-headers", "model", "before it had answered", 20),
        pytest.param("/endless-continue", "model", "the time was over", 20, marks=in_full),
        ("/empty-objects", "model", "holds more than 500,000 values", 80),
        ("/empty-objects", "list", "200000 rows, cut: True", 250),
    ],
)
def test_no_response_takes_more_memory_than_its_bound(
    address: str, path: str, kind: str, says: str, megabytes: int
) -> None:
    command = [sys.executable, "-m", "tests.reliability.bombs", address, path, kind]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=ROOT)  # noqa: S603 - our own script
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert says in found["said"]
    assert found["grown"] < megabytes


# -- the reading itself ------------------------------------------------------------------------------------------


class Stream(httpx.AsyncByteStream):
    """A body that comes in pieces of `size` bytes."""

    def __init__(self, body: bytes, size: int) -> None:
        self._body = body
        self._size = size

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), self._size):
            yield self._body[start : start + self._size]


def response(body: bytes, *codings: str, size: int = 65536) -> httpx.Response:
    return httpx.Response(200, headers=[("content-encoding", name) for name in codings], stream=Stream(body, size))


TEXT = bytes(range(256)) * 4000
RAW_DEFLATE = zlib.compressobj(wbits=-zlib.MAX_WBITS)
WITHOUT_HEADER = RAW_DEFLATE.compress(TEXT) + RAW_DEFLATE.flush()


@pytest.mark.anyio
@pytest.mark.parametrize("size", [1, 7, 65536])
@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("identity", TEXT),
        ("", TEXT),
        ("gzip", gzip.compress(TEXT)),
        ("GZIP", gzip.compress(TEXT)),
        ("x-gzip", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
        ("identity, gzip", gzip.compress(TEXT)),
    ],
)
async def test_one_layer_is_inflated_in_whatever_pieces_it_comes(coding: str, body: bytes, size: int) -> None:
    assert await bodies.read(response(body, coding, size=size), len(TEXT)) == (TEXT, False)
    assert await bodies.read(response(body, coding, size=size), len(TEXT) - 1) == (TEXT[:-1], True)


@pytest.mark.anyio
async def test_deflate_without_its_header_is_read() -> None:
    assert await bodies.read(response(WITHOUT_HEADER, "deflate"), len(TEXT)) == (TEXT, False)


@pytest.mark.anyio
async def test_an_empty_body_may_be_called_compressed() -> None:
    assert await bodies.read(response(b"", "gzip"), 100) == (b"", False)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("codings", "body", "says"),
    [
        (["gzip, gzip"], gzip.compress(gzip.compress(TEXT)), "2 times"),
        (["gzip", "deflate"], zlib.compress(gzip.compress(TEXT)), "2 times"),
        (["br"], TEXT, "was not asked for"),
        (["zstd"], TEXT, "was not asked for"),
        (["aes128gcm"], TEXT, "was not asked for"),
        (["gzip"], TEXT, "is damaged"),
        (["deflate"], TEXT, "is damaged"),
        (["gzip"], gzip.compress(TEXT)[:-1], "was cut off"),
        (["gzip"], gzip.compress(TEXT) + b"x", "after the end"),
        (["gzip"], gzip.compress(TEXT) * 2, "after the end"),
    ],
)
async def test_any_other_coding_is_refused_in_words(codings: list[str], body: bytes, says: str) -> None:
    with pytest.raises(BadBody, match=says):
        await bodies.read(response(body, *codings), 10 * len(TEXT))


@in_full
@pytest.mark.anyio
async def test_a_body_in_chunks_of_one_byte_takes_the_memory_of_its_bytes() -> None:
    stream = response(b"x" * (MEGABYTE // 4), size=1)
    tracemalloc.start()
    await bodies.read(stream, MEGABYTE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MEGABYTE

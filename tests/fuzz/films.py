"""Films: damaged ones give frames or a sentence, by a process that ends within its bounds and writes nothing."""

import io
import os
from contextlib import chdir
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import anyio
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gmi_video.frames import decoding
from gmi_video.videos.formats import extension_of
from gmi_video.videos.part import NotFetched, kind_of_whole
from tests.film_tools import film

from . import target

SMALL = (64, 64)

KINDS: dict[str, tuple[str, dict[str, str]]] = {
    "one.mp4": ("libx264", {"bf": "2", "movflags": "+faststart"}),
    "fragments.mp4": ("libx264", {"g": "3", "movflags": "frag_keyframe+empty_moov"}),
    "two.mov": ("prores_ks", {}),
    "three.webm": ("libvpx-vp9", {"cpu-used": "8", "deadline": "realtime"}),
    "four.mkv": ("libx264", {"g": "4"}),
    "five.mp4": ("libsvtav1", {"preset": "9"}),
    "six.mp4": ("libx265", {"x265-params": "log-level=none"}),
}

NUMBERS = st.sampled_from([0, 1, 8, 255, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1])
"""Sizes, counts and times at the edges of what their fields hold."""


@cache
def whole(name: str) -> bytes:
    """A small film of each kind."""
    codec, options = KINDS[name]
    # SVT-AV1 writes on stderr what it was built with.
    with TemporaryDirectory() as folder, mock.patch.dict(os.environ, {"SVT_LOG": "1"}):
        pixels = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
        return film(Path(folder) / name, 8, size=SMALL, codec=codec, options=options, pixels=pixels)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A real film with some bytes or fields changed, cut out, moved or repeated."""
    content = bytearray(whole(draw(st.sampled_from(list(KINDS)))))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(content)))
        end = min(at + draw(st.integers(0, 64)), len(content))
        piece = draw(
            NUMBERS.map(lambda number: number.to_bytes(4))
            | st.binary(max_size=16)
            | st.just(bytes(content[at:end]) * 3)
            | st.just(bytes(end - at))
        )
        keeps_its_length = draw(st.booleans())
        content[at : at + len(piece) if keeps_its_length else end] = piece
    return bytes(content[: draw(st.integers(0, len(content)) | st.just(len(content)))])


@target("film", costs=10)
@given(damaged(), st.sampled_from(["first", "last", "1", "3", "8"]))
def films(content: bytes, what: str) -> None:
    """Frames within their bounds, or a sentence of ours; and the film is all that is in its folder."""
    if not extension_of(content[:64]):
        return  # it is not fetched
    with TemporaryDirectory() as folder:
        file = Path(folder) / "file"
        file.write_bytes(content)
        # Where a program writes that does not say where.
        with chdir(folder), mock.patch.dict(os.environ, {"TMPDIR": folder, "HOME": folder}):
            answer = anyio.run(_decode, file, what)
        assert [found.name for found in Path(folder).rglob("*")] == ["file"]
        assert file.read_bytes() == content
    if isinstance(answer, NotFetched):
        assert answer.why.isprintable()
        assert len(answer.why) < 100
        return
    with Image.open(io.BytesIO(answer.jpeg)) as picture:
        picture.load()
    assert picture.format == "JPEG"
    if what in {"first", "last"}:
        assert len(answer.times) == 1
        assert len(answer.jpeg) <= 10_000_000
    else:
        assert 1 <= len(answer.times) <= int(what)
        assert len(answer.jpeg) <= 200_000
        assert max(picture.size) <= 1024
    assert list(answer.times) == sorted(answer.times)


async def _decode(file: Path, what: str) -> decoding.Decoded | NotFetched:
    try:
        return await decoding.decode(file, kind_of_whole(file), what)
    except NotFetched as error:
        return error

"""Image files: what is no whole picture is refused, in words of ours and in a number of steps that its size bounds."""

import io
import struct
import zlib

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gmi_video.images import formats
from gmi_video.images.shape import size_of

from . import target, work_within


def _drawn(kind: str, **options: bool) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((24, 16), 60).save(file, kind, **options)
    return file.getvalue()


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


JPEG, PNG = _drawn("JPEG"), _drawn("PNG")
WHOLE = (
    JPEG,
    PNG,
    _drawn("JPEG", progressive=True),
    *(_drawn(kind) for kind in ("GIF", "BMP", "TIFF", "WEBP", "AVIF")),
)
SCAN = JPEG.index(b"\xff\xda") + 14

REPEATED = st.tuples(st.binary(min_size=1, max_size=6), st.integers(1, 3000)).map(lambda pair: pair[0] * pair[1])
"""A few bytes over and over: what a parser that goes back is slow on."""

MARKERS = st.sampled_from([b"\xff", b"\xff\x00", b"\xff\xd8", b"\xff\xd9", b"\xff\xd0", b"\xff\xff\xd9", b"\x00"])
SEGMENTS = st.tuples(st.integers(0xC0, 0xFF), st.binary(max_size=20), st.sampled_from([0, 0, 0, -1, 2, 65000])).map(
    lambda parts: struct.pack(">BBH", 0xFF, parts[0], (len(parts[1]) + 2 + parts[2]) % 65536) + parts[1]
)
JPEG_PIECES = st.one_of(
    MARKERS,
    SEGMENTS,
    REPEATED,
    st.tuples(MARKERS, st.integers(1, 5000)).map(lambda pair: pair[0] * pair[1]),
    st.tuples(SEGMENTS, st.integers(1, 2000)).map(lambda pair: pair[0] * pair[1]),
    st.sampled_from([JPEG[2:], JPEG[2:SCAN], JPEG[SCAN:]]),
)
JPEGS = st.lists(JPEG_PIECES, max_size=6).map(lambda pieces: b"\xff\xd8\xff"[:2] + b"".join(pieces))

HEADERS = st.tuples(*[st.integers(0, 2**32 - 1) | st.integers(0, 20000)] * 2, *[st.integers(0, 17)] * 5).map(
    lambda fields: _chunk(b"IHDR", struct.pack(">IIBBBBB", *fields))
)
NAMES = st.sampled_from([b"IHDR", b"IDAT", b"IEND", b"tEXt", b"PLTE", b"\0\0\0\0"])
CHUNKS = st.builds(_chunk, NAMES, st.binary(max_size=30))
PNG_PIECES = st.one_of(
    HEADERS,
    CHUNKS,
    REPEATED,
    st.tuples(CHUNKS, st.integers(1, 3000)).map(lambda pair: pair[0] * pair[1]),
    st.sampled_from([PNG[8:33], PNG[33:], PNG[8:]]),
)
PNGS = st.lists(PNG_PIECES, max_size=6).map(lambda pieces: b"\x89PNG\r\n\x1a\n" + b"".join(pieces))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A real picture with some bytes changed, cut out or repeated."""
    content = bytearray(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(content)))
        end = min(at + draw(st.integers(0, 40)), len(content))
        piece = draw(st.binary(max_size=8) | st.just(bytes(content[at:end]) * 2))
        content[at:end] = piece
    return bytes(content)


CONTENTS = st.one_of(JPEGS, PNGS, damaged(), REPEATED, st.binary(max_size=400))


def _read(content: bytes) -> tuple[formats.Picture | formats.Convertible | None, str]:
    """The picture, or the words of the refusal."""
    try:
        with work_within(200 + min(5 * len(content), 20 * formats.MAX_PARTS)):
            return formats.read(content), ""
    except formats.NotAPicture as error:
        return None, str(error)


@target("image")
@given(CONTENTS)
def image(content: bytes) -> None:
    """Either a picture that is a part of the file, or a refusal without a byte of it."""
    picture, refusal = _read(content)
    if isinstance(picture, formats.Convertible):
        assert picture.content is content
        assert picture.kind in {"GIF", "TIFF", "WEBP", "BMP", "AVIF"}
        return
    if picture is None:
        assert refusal.isprintable()
        assert len(refusal) < 200
        return
    assert content.startswith(picture.content)
    assert formats.read(picture.content) == picture
    assert picture.content.startswith(b"\xff\xd8\xff" if picture.file_type == "jpeg" else b"\x89PNG\r\n\x1a\n")
    assert len(picture.content) <= formats.MAX_BYTES
    with work_within(200 + min(5 * len(picture.content), 20 * formats.MAX_PARTS)):
        assert min(size_of(picture)) > 0

"""Recognize an image by its content, and cut off what follows it.

JPEG and PNG are parsed from the first marker to the last. That refuses truncated files and key files with an image's
first bytes, and removes data after the image's end (the other half of a polyglot, the film in a phone's photo). Error
messages contain no byte of the content.

The content is foreign: each byte is looked at a fixed number of times, and the number of parts is bounded. No single
step that holds the interpreter's lock (a search) is longer than some milliseconds, because the event loop waits for it.
"""

import re
import struct
import zlib
from collections.abc import Callable
from typing import Literal, NamedTuple

MAX_BYTES = 20 * 1000 * 1000
"""Largest image that is read or uploaded (bytes). The vendor documents no limit; other clients stop at 10 to 50 MB
(gmi-api, "Upload")."""

MAX_PIXELS = 89_478_485
"""Largest image (pixels): Pillow's `Image.MAX_IMAGE_PIXELS`, its limit against decompression bombs."""

MAX_PARTS = 20_000
"""Most segments of a JPEG, or chunks of a PNG. Cameras and editors write some hundred; a PNG of 20 MB in the usual
chunks of 8 kB has 2,500."""

WINDOW = 1 << 18
"""Bytes that are searched in one step: some 3 ms at most."""

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
"""Bit depths allowed for each colour type (PNG specification, 11.2.1)."""

_FILL, _EOI, _SOS = 0xFF, 0xD9, 0xDA
_SMALLEST_FRAME = 11
"""Bytes of a frame header with one component, with the length that is a part of it (ITU T.81, B.2.2)."""

JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""SOF markers, whose segments hold the image's size (ITU T.81, table B.1)."""
JPEG_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""The marker that ends entropy-coded data: not a stuffed byte, a restart or a fill byte (ITU T.81, B.1.1). The pattern
has no repetition, so that a search takes linear time whatever the data."""

NOT_FILL = re.compile(rb"[^\xff]")


class NotAPicture(Exception):
    """The content is not an image that can be used.

    `str(error)` continues a sentence that begins with the file. `remedy` says what to do, or is empty.
    """

    def __init__(self, why: str, remedy: str = "") -> None:
        super().__init__(why)
        self.remedy = remedy


class Picture(NamedTuple):
    """A complete JPEG or PNG, without trailing data."""

    file_type: Literal["jpeg", "png"]
    content: bytes

    @property
    def content_type(self) -> str:
        """The `Content-Type` that the upload URL is signed for (gmi-api, "Upload")."""
        return f"image/{self.file_type}"


class Convertible(NamedTuple):
    """An image of another format, not parsed any further: Pillow's name of the format, and the content."""

    kind: str
    content: bytes


def read(content: bytes) -> Picture | Convertible:
    """Parse an image file's content.

    Raises:
        NotAPicture: it is not an image, is truncated or damaged, or is of a format that can't be converted.
    """
    if content.startswith(b"\xff\xd8\xff"):
        return Picture("jpeg", _whole(_jpeg_end, content, "JPEG"))
    if content.startswith(_PNG):
        return Picture("png", _whole(_png_end, content, "PNG"))
    kind = _other_kind(content)
    if kind == "HEIC":
        raise NotAPicture("is a HEIC picture, which can't be read here.", "Convert it to PNG or JPEG first.")
    if not kind:
        raise NotAPicture("is not a picture, whatever its name says: its content is none of the known image formats.")
    return Convertible(kind, content)


def _whole(end_of: Callable[[bytes], int], content: bytes, kind: str) -> bytes:
    try:
        return content[: end_of(content)]
    except (struct.error, IndexError):
        raise NotAPicture(f"begins as a {kind} picture and breaks off: it is not whole.") from None


def check_size(width: int, height: int, most: int = MAX_PIXELS) -> None:
    """Refuse an image without pixels, or with more than `most`. Raises `NotAPicture`."""
    if not (width and height):
        raise NotAPicture("is a picture without any pixels.")
    if width * height > most:
        raise NotAPicture(
            f"is a picture of {width}×{height} pixels, more than the {most // 1_000_000} million allowed.",
            "Ask the user for a smaller copy (no video is larger than 4k); don't shrink it unless they agree.",
        )


def _damaged(kind: str) -> NotAPicture:
    return NotAPicture(f"begins as a {kind} picture, but what follows is not one.")


def _png_end(content: bytes) -> int:
    """Offset after the IEND chunk. Checks every chunk's CRC.

    Raises:
        NotAPicture: a chunk is damaged, or IHDR or IDAT is missing.
        struct.error: the content ends before IEND.
    """
    at, first, has_pixels = len(_PNG), True, False
    for _ in range(MAX_PARTS):
        size, name = struct.unpack_from(">I4s", content, at)
        body = memoryview(content)[at + 8 : at + 8 + size]
        (checksum,) = struct.unpack_from(">I", content, at + 8 + size)
        if zlib.crc32(body, zlib.crc32(name)) != checksum or first != (name == b"IHDR"):
            raise _damaged("PNG")
        if first:
            width, height, depth, colour, method, filtering, lacing = struct.unpack(">IIBBBBB", body)
            if depth not in _PNG_DEPTHS.get(colour, ()) or method or filtering or lacing > 1:
                raise _damaged("PNG")
            check_size(width, height)
        first = False
        has_pixels = has_pixels or name == b"IDAT"
        at += 12 + size
        if name == b"IEND":
            if not has_pixels:
                break
            return at
    raise _damaged("PNG")


def _jpeg_end(content: bytes) -> int:
    """Offset after the EOI marker. Requires a frame header (SOF) before the first scan (SOS).

    Raises:
        NotAPicture: the sequence of markers is not a JPEG's.
        IndexError, struct.error: the content ends before EOI.
    """
    at, has_frame, has_scan = 2, False, False
    for _ in range(MAX_PARTS):
        if content[at] != _FILL:
            break
        at = first(NOT_FILL, content, at)  # a marker may follow any number of fill bytes
        marker = content[at]
        at += 1
        if marker == _EOI:
            if not has_scan:
                break
            return at
        if marker in range(0xD0, 0xD9) or marker in {0x00, 0x01}:
            break
        (size,) = struct.unpack_from(">H", content, at)
        if size < 2 or at + size > len(content):
            raise IndexError
        if marker in JPEG_FRAMES:
            if size < _SMALLEST_FRAME:
                break
            _, height, width = struct.unpack_from(">BHH", content, at + 2)
            check_size(width, height)
            has_frame = True
        at += size
        if marker == _SOS:  # entropy-coded data follow, up to the next marker
            if not has_frame:
                break
            has_scan = True
            at = first(JPEG_NEXT_MARKER, content, at)
    raise _damaged("JPEG")


def first(pattern: re.Pattern[bytes], content: bytes, at: int) -> int:
    """Where a pattern of one or two bytes matches first. Raises `IndexError` where it does not."""
    for start in range(at, len(content), WINDOW):
        if found := pattern.search(content, start, start + WINDOW + 1):
            return found.start()
    raise IndexError


def _other_kind(content: bytes) -> str:
    """Pillow's name of another image format, or "HEIC"; empty for anything else."""
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if content.startswith((b"II*\0", b"MM\0*")):
        return "TIFF"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "WEBP"
    if content.startswith(b"BM") and content[6:10] == bytes(4):
        return "BMP"
    if content[4:8] == b"ftyp":
        # HEIC and AVIF share a container and differ in its major and compatible brands (ISO 14496-12).
        brands = content[8 : min(int.from_bytes(content[:4], "big"), 128)]
        if b"avif" in brands or b"avis" in brands:
            return "AVIF"
        if any(brand in brands for brand in (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")):
            return "HEIC"
    return ""

"""The size of a JPEG or PNG as it is shown: in pixels, turned as its EXIF orientation says.

Nothing is decoded: the size stands in the header. The content has passed `formats.read`, so its parts are whole; what
is inside an EXIF part was not looked at before, and is read within its bounds.
"""

import struct
from typing import NamedTuple

from gmi_video.images.formats import JPEG_FRAMES, MAX_PARTS, NOT_FILL, Picture, first

_EXIF = b"Exif\0\0"
_APP1 = 0xE1
MAX_EXIF = 65_536
"""Bytes of EXIF that are read: in a JPEG there are no more."""

_ORIENTATION = 0x0112
_SIDEWAYS = frozenset({5, 6, 7, 8})
"""Orientations in which the image is shown with its sides swapped (Exif 2.32, tag 0x0112)."""


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int


def size_of(picture: Picture) -> Size:
    """The size of a picture as it is shown."""
    size, exif = (_png if picture.file_type == "png" else _jpeg)(picture.content)
    return Size(size.height, size.width) if _orientation(exif) in _SIDEWAYS else size


def _png(content: bytes) -> tuple[Size, bytes]:
    """The size in the IHDR chunk, and the content of the eXIf chunk, which may stand anywhere after it."""
    at, exif = 8, b""
    for _ in range(MAX_PARTS):
        if at >= len(content):
            break
        length, name = struct.unpack_from(">I4s", content, at)
        if name == b"eXIf":
            exif = content[at + 8 : at + 8 + min(length, MAX_EXIF)]
            break
        at += 12 + length
    return Size(*struct.unpack_from(">II", content, 16)), exif


def _jpeg(content: bytes) -> tuple[Size, bytes]:
    """The size in the frame header, and the first EXIF part before it."""
    at, exif = 2, b""
    for _ in range(MAX_PARTS):
        at = first(NOT_FILL, content, at)  # any number of fill bytes stands before a marker
        marker = content[at]
        (length,) = struct.unpack_from(">H", content, at + 1)
        if marker in JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", content, at + 4)
            return Size(width, height), exif
        if marker == _APP1 and not exif and content.startswith(_EXIF, at + 3):
            exif = content[at + 9 : at + 1 + length]
        at += 1 + length
    raise AssertionError("a JPEG that was read has a frame header")


def _orientation(exif: bytes) -> int:
    """The orientation in the first directory of a TIFF structure; 1 (upright) where there is none that can be read."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (entries,) = struct.unpack_from(f"{order}H", exif, start)
        for at in range(start + 2, start + 2 + 12 * entries, 12):
            tag, kind, count, value = struct.unpack_from(f"{order}HHIH", exif, at)
            if (tag, kind, count) == (_ORIENTATION, 3, 1):
                return value
    except struct.error:
        pass  # it is not whole
    return 1

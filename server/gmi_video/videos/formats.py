"""Which kind of video a file is, by its first bytes, and whether it is whole.

An extension and a Content-Type can say anything, and a server that names no length can leave out the end unseen.
"""

from pathlib import Path

HEAD_BYTES = 64
"""As many bytes of a file decide."""

_EBML = b"\x1a\x45\xdf\xa3"

_NO_VIDEO = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"jpeg", b"M4A ", b"M4B ", b"crx ")
"""Brands of the MP4 family that are pictures or sound."""


def extension_of(head: bytes) -> str:
    """The extension for a video that begins like this, such as "mp4"; empty where it is none."""
    if head[4:8] == b"ftyp" and len(head) >= 16 and head[8:12] not in _NO_VIDEO:
        return "mov" if head[8:12] == b"qt  " else "mp4"
    if head.startswith(_EBML):
        return "webm" if b"webm" in head[:HEAD_BYTES] else "mkv"
    return ""


EXTENSIONS = ("mp4", "mov", "webm", "mkv")
"""What `extension_of` can answer."""

_MOST_BOXES = 10_000
"""Boxes of an MP4 that are looked at; a video has some, a live recording some thousands."""


def is_cut_off(path: Path) -> bool:
    """Whether the end of an MP4 or MOV file is missing: its last box says that it is longer than the file.

    Never of other kinds, nor where the boxes can't be read: players are lenient. Raises `OSError`.
    """
    size = path.stat().st_size
    with path.open("rb") as opened:
        if extension_of(opened.read(HEAD_BYTES)) not in {"mp4", "mov"}:
            return False
        at = 0
        for _ in range(_MOST_BOXES):
            opened.seek(at)
            head = opened.read(16)
            length = int.from_bytes(head[:4])
            if length == 1:
                length = int.from_bytes(head[8:16])
            if len(head) < 8 or length < 8:
                return False
            at += length
            if at >= size:
                return at > size
    return False

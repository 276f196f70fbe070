"""Which kind of video a file is, by its first bytes: an extension and a Content-Type can say anything."""

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

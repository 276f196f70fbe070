"""Frames of a film as a JPEG, by PyAV and Pillow in a process of its own (`av_program`)."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from gmi_video.foreign import process
from gmi_video.videos.part import Unusable, UserMustAct

SECONDS = 40.0
"""How long decoding may take; 9 s in 4k take about 7 s."""

_PROGRAM = Path(__file__).with_name("av_program.py")

_KINDS = {"mp4": "mov", "mov": "mov", "webm": "matroska", "mkv": "matroska"}
"""FFmpeg's names of the formats, by extension."""

_WHY = {
    "no video": "it holds no video",
    "codec": "it is of a kind that is not decoded here",
    "pixels": "its frames are larger than 40 million pixels",
    "frames": "it has more than 20,000 frames",
}


class Decoded(NamedTuple):
    """Frames of a film: their times in seconds from its beginning, and one JPEG."""

    times: tuple[float, ...]
    jpeg: bytes


def is_installed() -> bool:
    """Whether what decodes is installed: the extra `frames`."""
    return find_spec("av") is not None and find_spec("PIL") is not None


async def decode(film: Path, extension: str, what: str, seconds: float = SECONDS) -> Decoded:
    """Decode frames.

    Args:
        film: the file.
        extension: what it is, as `videos.formats` has it.
        what: `first`, `last`, or the number of frames on a contact sheet.
        seconds: how long it may take.

    Raises:
        NotFetched: they can't be had.
    """
    try:
        done = await process.run(_PROGRAM, film, _KINDS[extension], what, seconds=seconds)
    except TimeoutError:
        raise Unusable(f"it can't be decoded in {seconds:g} s") from None
    except process.NotStarted:
        raise UserMustAct("what decodes videos can't be started here", "have the user restart this server") from None
    head, _, jpeg = done.output.partition(b"\n")
    times = _times(head)
    if done.code != 0 or not times or not jpeg:
        raise Unusable(_WHY.get(head.decode(errors="replace"), "it is damaged, or can't be decoded"))
    return Decoded(times, jpeg)


def _times(head: bytes) -> tuple[float, ...]:
    """The times in the program's first line; none where it is another one, or that of a program that was crashing."""
    try:
        return tuple(map(float, json.loads(head)))
    except (ValueError, TypeError):
        return ()

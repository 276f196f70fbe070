"""What film a job asked for: its size, length and pictures, by whatever names its model has for them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gmi_video.simulator.catalog import END_IMAGES, START_IMAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gmi_video.simulator.scripts import Job

FPS = 24
_SHORT_SIDES = {"360p": 360, "480p": 480, "540p": 540, "720p": 720, "1080p": 1080, "4k": 2160}


@dataclass(frozen=True)
class Order:
    """One film: everything its pictures depend on, so that equal orders are equal films."""

    prompt: str
    caption: str
    width: int
    height: int
    frames: int
    loop: bool
    start: bytes | None = field(default=None, repr=False)
    end: bytes | None = field(default=None, repr=False)

    @property
    def digest(self) -> str:
        """A name for it that is the same for equal orders."""
        mark = hashlib.sha256(repr(self).encode())
        for picture in (self.start, self.end):
            mark.update(b"|" + (hashlib.sha256(picture).digest() if picture else b""))
        return mark.hexdigest()


def order(job: Job, asked: Mapping[str, Any], seconds_at_most: float | None) -> Order:
    """Read a job's payload, its defaults filled in."""
    width, height = _size(asked)
    seconds = _seconds(asked)
    if seconds_at_most is not None:
        seconds = min(seconds, seconds_at_most)
    length = f"{seconds:g} s"
    return Order(
        prompt=str(asked.get("prompt") or job.payload.get("prompt") or ""),
        caption=f"{job.model} · {width}x{height} · {length} · simulated",
        width=width,
        height=height,
        frames=max(1, round(seconds * FPS)),
        loop=asked.get("loop") is True,
        start=_first(job.pictures, START_IMAGES),
        end=_first(job.pictures, END_IMAGES),
    )


def _first(pictures: Mapping[str, bytes], names: tuple[str, ...]) -> bytes | None:
    return next((pictures[name] for name in names if name in pictures), None)


def _seconds(asked: Mapping[str, Any]) -> float:
    for name in ("duration", "durationSeconds", "seconds"):
        number = re.match(r"\d+(\.\d+)?", str(asked.get(name) or ""))
        if number:
            return float(number.group())
    return 5.0


def _size(asked: Mapping[str, Any]) -> tuple[int, int]:
    """Width and height in pixels, both even: the short side is the resolution's number, 2160 for 4k."""
    exact = re.fullmatch(r"(\d+)[*x](\d+)", str(asked.get("size") or ""))
    if exact:
        return _even(int(exact[1])), _even(int(exact[2]))
    named = str(asked.get("resolution") or asked.get("quality") or "720p")
    short = _SHORT_SIDES.get(named, 720)
    ratio = re.fullmatch(r"(\d+):(\d+)", str(asked.get("aspect_ratio") or asked.get("aspectRatio") or "16:9"))
    across, down = (int(ratio[1]), int(ratio[2])) if ratio else (16, 9)
    if across >= down:
        return _even(short * across / down), short
    return short, _even(short * down / across)


def _even(pixels: float) -> int:
    return max(2, 2 * round(pixels / 2))

"""Which film a job asks for: its size, length and images, by the parameter names of its model."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gmi_video.simulator.catalog import END_IMAGES, START_IMAGES
from gmi_video.simulator.scripts import Job

FPS = 24
_SHORT_SIDES = {"360p": 360, "480p": 480, "540p": 540, "720p": 720, "1080p": 1080, "4k": 2160}


@dataclass(frozen=True)
class FilmSpec:
    """Everything that a film's frames depend on: equal specs give equal films."""

    prompt: str
    caption: str
    width: int
    height: int
    frames: int
    loop: bool
    start: bytes | None = field(default=None, repr=False)
    end: bytes | None = field(default=None, repr=False)
    after: "FilmSpec | None" = None
    """The film that it goes on from, in the same world; its start image is that film's last frame."""

    @property
    def films(self) -> tuple["FilmSpec", ...]:
        """The films from the first in its world to this one."""
        return (*(self.after.films if self.after else ()), self)

    @property
    def digest(self) -> str:
        """A file name (SHA-256) that is the same for equal specs."""
        mark = hashlib.sha256(repr(self).encode())
        images = [image for film in self.films for image in (film.start, film.end)]
        for image in images:
            mark.update(b"|" + (hashlib.sha256(image).digest() if image else b""))
        return mark.hexdigest()


def film_spec(job: Job, parameters: Mapping[str, Any], max_seconds: float | None) -> FilmSpec:
    """Read a job's parameters, with their defaults filled in; `max_seconds` shortens the film."""
    width, height = _size(parameters)
    seconds = _seconds(parameters)
    if max_seconds is not None:
        seconds = min(seconds, max_seconds)
    return FilmSpec(
        prompt=str(parameters.get("prompt") or job.payload.get("prompt") or ""),
        caption=f"{job.model} · {width}x{height} · {seconds:g} s · simulated",
        width=width,
        height=height,
        frames=max(1, round(seconds * FPS)),
        loop=parameters.get("loop") is True,
        start=_first(job.images, START_IMAGES),
        end=_first(job.images, END_IMAGES),
    )


def _first(images: Mapping[str, bytes], names: tuple[str, ...]) -> bytes | None:
    return next((images[name] for name in names if name in images), None)


def _seconds(parameters: Mapping[str, Any]) -> float:
    for name in ("duration", "durationSeconds", "seconds"):
        number = re.match(r"\d+(\.\d+)?", str(parameters.get(name) or ""))
        if number:
            return float(number.group())
    return 5.0


def _size(parameters: Mapping[str, Any]) -> tuple[int, int]:
    """Width and height in pixels, both even. The short side is the resolution's number, 2160 for 4k."""
    exact = re.fullmatch(r"(\d+)[*x](\d+)", str(parameters.get("size") or ""))
    if exact:
        return _even(int(exact[1])), _even(int(exact[2]))
    named = str(parameters.get("resolution") or parameters.get("quality") or "720p")
    short = _SHORT_SIDES.get(named, 720)
    ratio = re.fullmatch(r"(\d+):(\d+)", str(parameters.get("aspect_ratio") or parameters.get("aspectRatio") or "16:9"))
    across, down = (int(ratio[1]), int(ratio[2])) if ratio else (16, 9)
    if across >= down:
        return _even(short * across / down), short
    return short, _even(short * down / across)


def _even(pixels: float) -> int:
    return max(2, 2 * round(pixels / 2))

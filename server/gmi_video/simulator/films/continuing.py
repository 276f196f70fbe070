"""Which film another goes on from: the one that ended with the picture it starts with.

A video model sees in its start image what the world looks like. Here it is recognised: the new film shows the same
world, from where the camera was.
"""

import io
import random
from dataclasses import replace

from PIL import Image, ImageChops, ImageStat

from gmi_video.simulator.films.camera import Camera
from gmi_video.simulator.films.pillow_helpers import resized
from gmi_video.simulator.films.spec import FilmSpec
from gmi_video.simulator.films.subject import subject_of

_SIZE = 64, 36
"""Pictures are compared in this size (pixels)."""
_ALIKE = 3.0
"""The mean difference (of 255) up to which two are the same: encoding makes some."""
_MOST_FILMS = 12
"""Films in a row; the next one begins a world of its own, so that the cost of a frame is bounded."""
_MOST_SHIFT = 0.6
"""How far a camera may have gone from where the first film's began, as a share of the picture's width and height."""
_ZOOMS = 0.6, 3.0
"""Within which its scale must stay: planes are as large as is seen of them, and no finer than they were drawn."""


class Ends:
    """The last frames of films, to recognise them by."""

    def __init__(self) -> None:
        self._pictures: dict[FilmSpec, Image.Image] = {}
        # So that a film stays the same whatever is drawn later.
        self._found: dict[FilmSpec, FilmSpec] = {}

    def record(self, spec: FilmSpec, last: Image.Image) -> None:
        """Remember a film's last frame."""
        if spec.end is None and not spec.loop:
            self._pictures[spec] = _small(last)

    def going_on(self, spec: FilmSpec) -> FilmSpec:
        """The spec, with the film that it goes on from where its start image is the end of one."""
        if spec.start is None or spec.loop:
            return spec
        if spec not in self._found:
            before = self._ended_with(spec.start, spec)
            longer = replace(spec, after=before)
            self._found[spec] = longer if before and _is_the_same_world(longer) else spec
        return self._found[spec]

    def _ended_with(self, start: bytes, spec: FilmSpec) -> FilmSpec | None:
        with Image.open(io.BytesIO(start)) as opened:
            if opened.size != (spec.width, spec.height):
                return None
            picture = _small(opened.convert("RGB"))
        differences = {
            one: sum(ImageStat.Stat(ImageChops.difference(picture, last)).mean) / 3
            for one, last in list(self._pictures.items())  # another thread may add one
            if (one.width, one.height) == (spec.width, spec.height)
        }
        nearest = min(differences, key=lambda one: differences[one], default=None)
        return nearest if nearest and differences[nearest] <= _ALIKE else None


def _small(picture: Image.Image) -> Image.Image:
    return resized(picture, _SIZE, Image.Resampling.BOX)


def _is_the_same_world(spec: FilmSpec) -> bool:
    """Whether a film can be shown in the world of those before it: it has their subject, and its camera stays there."""
    if len(spec.films) > _MOST_FILMS or subject_of(spec.prompt) not in {"", subject_of(spec.films[0].prompt)}:
        return False
    camera = Camera.of(spec, random.Random(spec.films[0].prompt.encode("utf-8", "replace")))
    views = [camera.view(number, depth) for number in (0, spec.frames - 1) for depth in (0, 1)]
    return all(
        _ZOOMS[0] <= view.zoom <= _ZOOMS[1]
        and abs(view.x) <= _MOST_SHIFT * spec.width
        and abs(view.y) <= _MOST_SHIFT * spec.height
        for view in views
    )

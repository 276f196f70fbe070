"""A plane of a scene: drawn once, and pasted into each frame as the camera sees it."""

import math
from dataclasses import dataclass

from PIL import Image

from gmi_video.simulator.films.camera import Camera
from gmi_video.simulator.films.pillow_helpers import Colour

_HAZY = 0.5
"""Planes that are farther than this are so pale that a zoom may show their edges unsmoothed."""


@dataclass(frozen=True)
class Plane:
    """An image in the scene; one that is as wide as the camera sees covers the picture's width in every frame.

    `image` is a mask (L) with a `fill`: a colour, or an image whose last row is the plane's. Without one it is a
    picture: RGB, or RGBa, whose alpha is multiplied in, so that it is fast to resize. `corner` is its top left one in
    the scene, `speed` how fast it moves to the left by itself (pixels per second), `bob` how far it moves up and down.
    A `soft` one has no edges: it is shown without smoothing, which takes a tenth of the time.
    """

    camera: Camera
    image: Image.Image
    fill: Image.Image | Colour | None
    corner: tuple[int, int]
    depth: float
    speed: float = 0
    bob: float = 0
    soft: bool = False

    def paste(self, picture: Image.Image, number: int, end: int | None = None) -> None:
        """Paste what is seen of it in a frame, in the rows before `end`."""
        view = self.camera.view(number, self.depth)
        left, top = self.corner
        top += self.bob * self.camera.swing(number)
        first = self.camera.to_picture(left, top, number, self.depth)
        last = self.camera.to_picture(left + self.image.width, top + self.image.height, number, self.depth)
        box = (
            max(0, math.ceil(first[0])),
            max(0, math.ceil(first[1])),
            min(picture.width, math.floor(last[0])),
            min(picture.height if end is None else end, math.floor(last[1])),
        )
        size = box[2] - box[0], box[3] - box[1]
        if min(size) <= 0:
            return
        x = (box[0] - first[0]) / view.zoom + self.camera.drift(number, self.speed)
        y = (box[1] - first[1]) / view.zoom
        seen = self._seen(x, y, size, view.zoom)
        if self.fill is None:
            seen = seen.convert("RGBA") if seen.mode == "RGBa" else seen
            picture.paste(seen, box, seen if seen.mode == "RGBA" else None)
        elif isinstance(self.fill, Image.Image):
            foot = self.fill.height - (math.floor(last[1]) - box[3])
            picture.paste(self.fill.crop((0, foot - size[1], size[0], foot)), box, seen)
        else:
            picture.paste(self.fill, box, seen)

    def _seen(self, x: float, y: float, size: tuple[int, int], zoom: float) -> Image.Image:
        """The part from (x, y) on, in the size that it is seen in."""
        if zoom == 1 and self.soft:
            left, top = round(x), round(y)
            return self.image.crop((left, top, left + size[0], top + size[1]))
        if zoom == 1 and self.image.mode == "L":
            (left, part), (top, low) = divmod(x, 1), divmod(y, 1)
            box = int(left), int(top), int(left) + size[0], int(top) + size[1]
            rows = [self._between(box, down, part) for down in ((0, 1) if low else (0,))]
            return Image.blend(rows[0], rows[1], low) if low else rows[0]
        right, bottom = min(self.image.width, x + size[0] / zoom), min(self.image.height, y + size[1] / zoom)
        how = Image.Resampling.NEAREST if self.soft or self.depth < _HAZY else Image.Resampling.BILINEAR
        return self.image.resize(size, how, (x, y, right, bottom))  # pyright: ignore[reportUnknownMemberType] - numpy

    def _between(self, box: tuple[int, int, int, int], down: int, part: float) -> Image.Image:
        """The pixels of a box, moved down by so many and to the right by a part of one."""
        left, top, right, bottom = box[0], box[1] + down, box[2], box[3] + down
        here, next_to_it = (self.image.crop((left + one, top, right + one, bottom)) for one in (0, 1))
        return Image.blend(here, next_to_it, part)

"""The film's picture: hills behind hills, a low sun over water, drifting past slowly, nearer ones faster.

Layers are drawn once and slid, to a fraction of a pixel, past each other. A looping film sways and comes back to where
it began (all motion is a sine of one turn); the others drift on.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from gmi_video.simulator.films.darkroom import curved, scaled
from gmi_video.simulator.films.spec import FPS
from gmi_video.simulator.films.terrain import PALETTES, Colour, gradient, mixed, noise, ridge

if TYPE_CHECKING:
    from gmi_video.simulator.films.spec import Order

_HORIZON = 0.74
"""How far down the water's far edge is."""


class _Ridge(NamedTuple):
    """One row of hills."""

    depth: float
    """0 far to 1 near."""
    tall: float
    """Height of its peaks, in parts of the picture."""
    wide: float
    """Width of its hills, in parts of the picture."""
    sharp: bool
    trees: float
    """Height of the conifers on it, in parts of the picture; 0: bare."""


_RIDGES = (
    _Ridge(0.10, 0.40, 0.62, sharp=True, trees=0),
    _Ridge(0.26, 0.29, 0.50, sharp=True, trees=0),
    _Ridge(0.44, 0.19, 0.42, sharp=False, trees=0),
    _Ridge(0.62, 0.135, 0.36, sharp=False, trees=0.03),
)


@dataclass(frozen=True)
class _Layer:
    mask: Image.Image
    fill: Image.Image | Colour
    top: int
    speed: float


class Landscape:
    """The place that an order's prompt stands for; `frame` shows it at any moment."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.size = order.width, order.height
        self._scale = math.sqrt(order.width * order.height)
        self._unit = min(self.size) / 540
        rng = random.Random(order.prompt.encode("utf-8", "replace"))
        self._palette = rng.choice(PALETTES)
        self._seconds = order.frames / FPS
        self._horizon = round(order.height * _HORIZON)
        self._sun = round(order.width * rng.uniform(0.28, 0.72))
        self._way = rng.choice((-1, 1))
        self._sky = self._draw_sky(rng)
        self._clouds = self._draw_clouds(rng)
        self._ridges = [self._draw_ridge(rng, row) for row in _RIDGES]
        self._bank = self._draw_bank(rng)
        self._water = self._draw_water(rng)

    def frame(self, number: int) -> Image.Image:
        """The picture (RGB) of that frame."""
        picture = self._slid(self._sky, number, 2 * self._unit)
        for layer in (self._clouds, *self._ridges):
            self._lay(picture, layer, number)
        self._reflect(picture, number)
        self._lay(picture, self._bank, number)
        return picture

    def _travel(self, number: int, speed: float) -> float:
        """How far something of `speed` (pixels a second) has slid by that frame, always 0 or more."""
        if self.order.loop:
            reach = speed * self._seconds / math.tau
            return reach * (1 + math.sin(math.tau * number / self.order.frames))
        way = speed * number / FPS
        return way if self._way > 0 else speed * self._seconds - way

    def _wide(self, speed: float) -> int:
        """How wide a layer of that speed is, so that it never ends within the picture."""
        return self.size[0] + math.ceil(speed * self._seconds) + 2

    def _slid(self, tile: Image.Image, number: int, speed: float) -> Image.Image:
        whole, part = divmod(self._travel(number, speed), 1)
        left, width, height = int(whole), self.size[0], tile.height
        here = tile.crop((left, 0, left + width, height))
        return Image.blend(here, tile.crop((left + 1, 0, left + 1 + width, height)), part)

    def _lay(self, picture: Image.Image, layer: _Layer, number: int) -> None:
        mask = self._slid(layer.mask, number, layer.speed)
        box = (0, layer.top, self.size[0], layer.top + layer.mask.height)
        picture.paste(layer.fill, box, mask)

    def _draw_sky(self, rng: random.Random) -> Image.Image:
        light = self._palette
        size = self._wide(2 * self._unit), self.size[1]
        sky = gradient(size, [(0, light.zenith), (0.42, light.middle), (_HORIZON, light.horizon), (1, light.horizon)])
        if light.stars:
            pen = ImageDraw.Draw(sky)
            for _ in range(220):
                x, y = rng.uniform(0, size[0]), size[1] * 0.62 * rng.random() ** 1.4
                r = self._unit * rng.choice((0.4, 0.4, 0.6, 1.0))
                glow = mixed(light.zenith, (255, 255, 255), rng.uniform(0.35, 0.95))
                pen.ellipse((x - r, y - r, x + r, y + r), fill=glow)
        down = round(size[1] * (0.30 if light.stars else 0.42))
        for radius, strength in ((0.85, 0.55), (0.30, 0.6)):
            self._glow(sky, (self._sun, down), round(self._scale * radius), strength)
        self._disc(sky, (self._sun, down), self._scale * 0.048)
        grain = Image.frombytes("L", size, rng.randbytes(size[0] * size[1]))
        grain = curved(grain, lambda value: value / 64)
        return ImageChops.add(sky, Image.merge("RGB", (grain, grain, grain)), offset=-2)

    def _glow(self, sky: Image.Image, centre: tuple[int, int], radius: int, strength: float) -> None:
        disc = curved(Image.radial_gradient("L"), lambda value: strength * max(0, 1 - value / _RIM) ** 1.8)
        mask = scaled(disc, (2 * radius, 2 * radius))
        sky.paste(self._palette.sun, (centre[0] - radius, centre[1] - radius), mask)

    def _disc(self, sky: Image.Image, centre: tuple[int, int], radius: float) -> None:
        side = math.ceil(radius) * 2 + 4
        mask = Image.new("L", (side * 4, side * 4))
        ImageDraw.Draw(mask).circle((side * 2, side * 2), radius * 4, fill=245)
        sky.paste(self._palette.sun, (centre[0] - side // 2, centre[1] - side // 2), mask.reduce(4))

    def _draw_clouds(self, rng: random.Random) -> _Layer:
        speed = 9 * self._unit
        size = self._wide(speed), round(self.size[1] * 0.5)
        grain = noise(rng, size, (self._scale * 0.55, self._scale * 0.09), 5)
        fade = gradient(
            size, [(0, (0, 0, 0)), (0.25, (110, 110, 110)), (0.6, (150, 150, 150)), (1, (0, 0, 0))]
        ).convert("L")
        shapes = curved(grain, lambda value: 0.82 * min(1, max(0, (value - 0.46) * 2.8)))
        tint = mixed(self._palette.horizon, self._palette.sun, 0.5)
        return _Layer(ImageChops.multiply(shapes, fade), tint, round(self.size[1] * 0.06), speed)

    def _draw_ridge(self, rng: random.Random, row: _Ridge) -> _Layer:
        speed = 44 * self._unit * row.depth**1.4
        height = round(self.size[1] * row.tall * 0.62 + self._scale * row.tall * 0.38)
        size = self._wide(speed), height
        mask = ridge(rng, size, self._scale * row.wide, sharp=row.sharp, trees=self._scale * row.trees)
        body = mixed(self._palette.haze, self._palette.near, row.depth**0.9)
        foot = mixed(body, self._palette.haze, 0.55)
        fill = gradient((self.size[0], height), [(0, body), (0.35, body), (1, foot)])
        return _Layer(mask, fill, self._horizon - height, speed)

    def _draw_bank(self, rng: random.Random) -> _Layer:
        speed = 44 * self._unit
        height = round(self.size[1] * 0.20 + self._scale * 0.06)
        mask = ridge(rng, (self._wide(speed), height), self._scale * 0.9, sharp=False, trees=self._scale * 0.115)
        return _Layer(mask, self._palette.near, self.size[1] - round(height * 0.86), speed)

    def _draw_water(self, rng: random.Random) -> tuple[Image.Image, Image.Image, Image.Image]:
        """Two fields of ripples that cross, and where the sun's path lies on the water."""
        size = self._wide(16 * self._unit), self.size[1] - self._horizon
        cell = self._scale * 0.10, max(3.0, self._scale * 0.008)
        one, other = (noise(rng, size, cell, 2) for _ in range(2))
        path = Image.new("L", (self.size[0], size[1]))
        half = self._scale * 0.075
        left, right, spread = self._sun - half, self._sun + half, 1.2 * half
        corners = [(left, 0), (right, 0), (right + spread, size[1]), (left - spread, size[1])]
        ImageDraw.Draw(path).polygon(corners, fill=255)
        blur = ImageFilter.GaussianBlur(self._scale * 0.05 / 8)
        soft = scaled(scaled(path, (path.width // 8, path.height // 8)).filter(blur), path.size)
        return one, other, curved(soft, lambda value: 0.16 + 0.84 * value)

    def _reflect(self, picture: Image.Image, number: int) -> None:
        one, other, path = self._water
        width, height = path.size
        top = max(0, self._horizon - round(height * 1.6))
        shore = picture.crop((0, top, width, self._horizon)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        small = scaled(shore, (width // 4, height // 2))
        mirror = scaled(small, (width, height), Image.Resampling.BILINEAR)
        water = Image.blend(mirror, Image.new("RGB", path.size, self._palette.near), 0.30)
        ripples = ImageChops.multiply(
            self._slid(one, number, 16 * self._unit),
            self._slid(other.transpose(Image.Transpose.FLIP_LEFT_RIGHT), number, 7 * self._unit),
        )
        sparkle = ImageChops.multiply(curved(ripples, lambda value: 0.92 * (value - 0.26) * 4.2), path)
        water.paste(self._palette.sun, (0, 0), sparkle)
        picture.paste(water, (0, self._horizon))


_RIM = 0.7
"""What Pillow's radial gradient has reached where it meets the edge of its square."""

"""The background of a film: hills and a low sun behind water, drawn in layers that move at different speeds.

Layers are drawn once and then shifted by fractions of a pixel. In a looping film every layer moves as a sine of one
period, so that it ends where it began; in other films layers move at constant speed. All randomness is seeded by the
prompt, so that one prompt always gives the same scene.
"""

import math
import random
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from gmi_video.simulator.films.pillow_helpers import Colour, gradient, mixed, noise, resized, ridge, tone_mapped
from gmi_video.simulator.films.spec import FPS, FilmSpec

_HORIZON = 0.74
"""Position of the water's far edge, as a share of the height from the top."""
_RIM = 0.7
"""The value of Pillow's radial gradient at the middle of each edge of its square."""


class _Palette(NamedTuple):
    """The colours of a scene, from the top of the sky down to the foreground."""

    zenith: Colour
    middle: Colour
    horizon: Colour
    sun: Colour
    haze: Colour
    near: Colour
    stars: bool = False


_PALETTES = (
    _Palette((43, 38, 92), (170, 84, 122), (255, 178, 120), (255, 236, 190), (232, 146, 126), (24, 18, 40)),
    _Palette((92, 138, 190), (186, 190, 208), (255, 216, 178), (255, 246, 220), (208, 188, 192), (26, 42, 58)),
    _Palette((6, 10, 32), (18, 34, 74), (58, 94, 130), (236, 240, 255), (50, 80, 116), (4, 8, 18), stars=True),
    _Palette((36, 70, 120), (216, 150, 116), (255, 206, 140), (255, 240, 206), (226, 150, 108), (58, 24, 22)),
    _Palette((96, 146, 150), (164, 198, 182), (232, 238, 208), (255, 255, 232), (166, 196, 178), (10, 34, 28)),
    _Palette((24, 16, 60), (98, 52, 132), (240, 140, 170), (255, 222, 232), (168, 94, 150), (18, 8, 34), stars=True),
    _Palette((10, 40, 70), (60, 130, 150), (204, 236, 226), (255, 255, 245), (146, 198, 200), (8, 30, 46)),
    _Palette((70, 60, 76), (210, 138, 74), (255, 220, 144), (255, 246, 204), (230, 170, 100), (42, 24, 16)),
)


class _Ridge(NamedTuple):
    """One row of hills; lengths are shares of the picture's size."""

    depth: float
    """0 (far) to 1 (near)."""
    tall: float
    """Height of the peaks."""
    wide: float
    """Width of a hill."""
    sharp: bool
    trees: float
    """Height of the conifers; 0: none."""


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


class Scene:
    """The background for a film spec; `frame` draws it at any frame number."""

    def __init__(self, spec: FilmSpec) -> None:
        self.spec = spec
        self.size = spec.width, spec.height
        self._scale = math.sqrt(spec.width * spec.height)
        self._unit = min(self.size) / 540
        rng = random.Random(spec.prompt.encode("utf-8", "replace"))
        self._palette = rng.choice(_PALETTES)
        self._seconds = spec.frames / FPS
        self._horizon = round(spec.height * _HORIZON)
        self._sun = round(spec.width * rng.uniform(0.28, 0.72))
        self._direction = rng.choice((-1, 1))
        self._sky = self._draw_sky(rng)
        self._clouds = self._draw_clouds(rng)
        self._ridges = [self._draw_ridge(rng, row) for row in _RIDGES]
        self._foreground = self._draw_foreground(rng)
        self._water = self._draw_water(rng)

    def frame(self, number: int) -> Image.Image:
        """The background (RGB) of a frame."""
        picture = self._shifted(self._sky, number, 2 * self._unit)
        for layer in (self._clouds, *self._ridges):
            self._paste(picture, layer, number)
        self._reflect(picture, number)
        self._paste(picture, self._foreground, number)
        return picture

    def _shift(self, number: int, speed: float) -> float:
        """How far a layer of `speed` (pixels per second) has moved by a frame, in pixels; never negative."""
        if self.spec.loop:
            reach = speed * self._seconds / math.tau
            return reach * (1 + math.sin(math.tau * number / self.spec.frames))
        way = speed * number / FPS
        return way if self._direction > 0 else speed * self._seconds - way

    def _layer_width(self, speed: float) -> int:
        """The width of a layer of that speed, in pixels: it covers the picture in every frame."""
        return self.size[0] + math.ceil(speed * self._seconds) + 2

    def _shifted(self, tile: Image.Image, number: int, speed: float) -> Image.Image:
        whole, part = divmod(self._shift(number, speed), 1)
        left, width, height = int(whole), self.size[0], tile.height
        here = tile.crop((left, 0, left + width, height))
        return Image.blend(here, tile.crop((left + 1, 0, left + 1 + width, height)), part)

    def _paste(self, picture: Image.Image, layer: _Layer, number: int) -> None:
        mask = self._shifted(layer.mask, number, layer.speed)
        box = (0, layer.top, self.size[0], layer.top + layer.mask.height)
        picture.paste(layer.fill, box, mask)

    def _draw_sky(self, rng: random.Random) -> Image.Image:
        light = self._palette
        size = self._layer_width(2 * self._unit), self.size[1]
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
        grain = tone_mapped(grain, lambda value: value / 64)
        return ImageChops.add(sky, Image.merge("RGB", (grain, grain, grain)), offset=-2)

    def _glow(self, sky: Image.Image, centre: tuple[int, int], radius: int, strength: float) -> None:
        disc = tone_mapped(Image.radial_gradient("L"), lambda value: strength * max(0, 1 - value / _RIM) ** 1.8)
        mask = resized(disc, (2 * radius, 2 * radius))
        sky.paste(self._palette.sun, (centre[0] - radius, centre[1] - radius), mask)

    def _disc(self, sky: Image.Image, centre: tuple[int, int], radius: float) -> None:
        side = math.ceil(radius) * 2 + 4
        mask = Image.new("L", (side * 4, side * 4))
        ImageDraw.Draw(mask).circle((side * 2, side * 2), radius * 4, fill=245)
        sky.paste(self._palette.sun, (centre[0] - side // 2, centre[1] - side // 2), mask.reduce(4))

    def _draw_clouds(self, rng: random.Random) -> _Layer:
        speed = 9 * self._unit
        size = self._layer_width(speed), round(self.size[1] * 0.5)
        grain = noise(rng, size, (self._scale * 0.55, self._scale * 0.09), 5)
        fade = gradient(
            size, [(0, (0, 0, 0)), (0.25, (110, 110, 110)), (0.6, (150, 150, 150)), (1, (0, 0, 0))]
        ).convert("L")
        shapes = tone_mapped(grain, lambda value: 0.82 * min(1, max(0, (value - 0.46) * 2.8)))
        tint = mixed(self._palette.horizon, self._palette.sun, 0.5)
        return _Layer(ImageChops.multiply(shapes, fade), tint, round(self.size[1] * 0.06), speed)

    def _draw_ridge(self, rng: random.Random, row: _Ridge) -> _Layer:
        speed = 44 * self._unit * row.depth**1.4
        height = round(self.size[1] * row.tall * 0.62 + self._scale * row.tall * 0.38)
        size = self._layer_width(speed), height
        mask = ridge(rng, size, self._scale * row.wide, sharp=row.sharp, trees=self._scale * row.trees)
        body = mixed(self._palette.haze, self._palette.near, row.depth**0.9)
        foot = mixed(body, self._palette.haze, 0.55)
        fill = gradient((self.size[0], height), [(0, body), (0.35, body), (1, foot)])
        return _Layer(mask, fill, self._horizon - height, speed)

    def _draw_foreground(self, rng: random.Random) -> _Layer:
        speed = 44 * self._unit
        height = round(self.size[1] * 0.20 + self._scale * 0.06)
        mask = ridge(rng, (self._layer_width(speed), height), self._scale * 0.9, sharp=False, trees=self._scale * 0.115)
        return _Layer(mask, self._palette.near, self.size[1] - round(height * 0.86), speed)

    def _draw_water(self, rng: random.Random) -> tuple[Image.Image, Image.Image, Image.Image]:
        """Two layers of ripples that move against each other, and the mask (L) of the sun's reflection."""
        size = self._layer_width(16 * self._unit), self.size[1] - self._horizon
        cell = self._scale * 0.10, max(3.0, self._scale * 0.008)
        one, other = (noise(rng, size, cell, 2) for _ in range(2))
        path = Image.new("L", (self.size[0], size[1]))
        half = self._scale * 0.075
        left, right, spread = self._sun - half, self._sun + half, 1.2 * half
        corners = [(left, 0), (right, 0), (right + spread, size[1]), (left - spread, size[1])]
        ImageDraw.Draw(path).polygon(corners, fill=255)
        blur = ImageFilter.GaussianBlur(self._scale * 0.05 / 8)
        soft = resized(resized(path, (path.width // 8, path.height // 8)).filter(blur), path.size)
        return one, other, tone_mapped(soft, lambda value: 0.16 + 0.84 * value)

    def _reflect(self, picture: Image.Image, number: int) -> None:
        one, other, path = self._water
        width, height = path.size
        top = max(0, self._horizon - round(height * 1.6))
        shore = picture.crop((0, top, width, self._horizon)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        small = resized(shore, (width // 4, height // 2))
        mirror = resized(small, (width, height), Image.Resampling.BILINEAR)
        water = Image.blend(mirror, Image.new("RGB", path.size, self._palette.near), 0.30)
        ripples = ImageChops.multiply(
            self._shifted(one, number, 16 * self._unit),
            self._shifted(other.transpose(Image.Transpose.FLIP_LEFT_RIGHT), number, 7 * self._unit),
        )
        sparkle = ImageChops.multiply(tone_mapped(ripples, lambda value: 0.92 * (value - 0.26) * 4.2), path)
        water.paste(self._palette.sun, (0, 0), sparkle)
        picture.paste(water, (0, self._horizon))

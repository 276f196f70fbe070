"""The scene of a film: hills and a low sun behind water, and what the prompt is about, drawn on planes.

Planes are drawn once, as large as the camera sees of them, and then shown from where it is in each frame. All
randomness is seeded by the prompt, so that one prompt always gives the same scene. A film that goes on from another is
shown in that one's scene, in which what its camera sees besides is mirrored.
"""

import math
import random
from typing import NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from gmi_video.simulator.films.camera import SUBJECT_DEPTH, Camera
from gmi_video.simulator.films.pillow_helpers import (
    Colour,
    gradient,
    mirrored,
    mixed,
    noise,
    resized,
    ridge,
    tone_mapped,
)
from gmi_video.simulator.films.plane import Plane
from gmi_video.simulator.films.spec import FilmSpec
from gmi_video.simulator.films.subject import draw_subject

_HORIZON = 0.74
"""Position of the water's far edge, as a share of the height from the top."""
_OVERLAP = 0.1
"""The share of the height by which planes go on below the horizon: far ones rise above it when the camera goes up."""
_CLOUDS = 0.06
"""The depth of the clouds."""
_RIM = 0.7
"""The value of Pillow's radial gradient at the middle of each edge of its square."""


_SPARKLE = [round(255 * min(1.0, max(0.0, 0.92 * (value / 255 - 0.26) * 4.2))) for value in range(256)]
"""How bright the water is where ripples of that value meet."""


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


class Scene:
    """The background for a film spec; `frame` draws it at any frame number."""

    def __init__(self, spec: FilmSpec) -> None:
        self.spec = spec
        self.size = spec.width, spec.height
        self._scale = math.sqrt(spec.width * spec.height)
        self._unit = min(self.size) / 540
        self._first = spec.films[0]
        rng = random.Random(self._first.prompt.encode("utf-8", "replace"))
        self._palette = rng.choice(_PALETTES)
        self._horizon = round(spec.height * _HORIZON)
        self._sun = round(spec.width * rng.uniform(0.28, 0.72))
        self._camera = Camera.of(spec, rng)
        self._drawn_for = self._camera.first
        self._sky = self._draw_sky(rng)
        self._clouds = self._draw_clouds(rng)
        self._ridges = [self._draw_ridge(rng, row) for row in _RIDGES]
        self._foreground = self._draw_foreground(rng)
        self._water = self._draw_water(rng)
        self._subject = self._draw_subject()

    def frame(self, number: int) -> Image.Image:
        """The background (RGB) of a frame."""
        picture = Image.new("RGB", self.size, None)
        horizon = self._horizon_at(number, self._camera)
        for plane in (self._sky, self._clouds, *self._ridges):
            plane.paste(picture, number, horizon)
        self._reflect(picture, number, horizon)
        if self._subject:
            self._subject.paste(picture, number)
        self._foreground.paste(picture, number)
        return picture

    def _draw_sky(self, rng: random.Random) -> Plane:
        light = self._palette
        left, top, right, bottom = self._reach(0, self._drawn_for)
        size = right - left, bottom - top
        full = self.size[1]
        stops = [(0.0, light.zenith), (0.42, light.middle), (_HORIZON, light.horizon)]
        share = [((y * full - top) / size[1], colour) for y, colour in stops]
        sky = gradient(size, [(0, light.zenith), *share[top >= 0 :], (1, light.horizon)])
        if light.stars:
            pen = ImageDraw.Draw(sky)
            for _ in range(220):
                x, y = rng.uniform(0, size[0]), full * 0.62 * rng.random() ** 1.4
                r = self._unit * rng.choice((0.4, 0.4, 0.6, 1.0))
                glow = mixed(light.zenith, (255, 255, 255), rng.uniform(0.35, 0.95))
                pen.ellipse((x - r, y - r, x + r, y + r), fill=glow)
        grain = Image.frombytes("L", size, rng.randbytes(size[0] * size[1]))
        grain = tone_mapped(grain, lambda value: value / 64)
        # Before the sun is drawn, of which there is one.
        seen = self._reach(0, self._camera)
        more = {"left": left - seen[0], "top": top - seen[1], "right": seen[2] - right, "bottom": seen[3] - bottom}
        sky, grain, left, top = mirrored(sky, **more), mirrored(grain, **more), min(left, seen[0]), min(top, seen[1])
        sun = self._sun - left, round(full * (0.30 if light.stars else 0.42)) - top
        for radius, strength in ((0.85, 0.55), (0.30, 0.6)):
            self._glow(sky, sun, round(self._scale * radius), strength)
        self._disc(sky, sun, self._scale * 0.048)
        sky = ImageChops.add(sky, Image.merge("RGB", (grain, grain, grain)), offset=-2)
        return Plane(self._camera, sky, None, (left, top), depth=0, soft=True)

    def _reach(self, depth: float, camera: Camera, speed: float = 0) -> tuple[int, int, int, int]:
        """What a camera sees in its whole film of a plane that moves by itself at that speed, in whole pixels."""
        left, top, right, bottom = camera.reach(depth)
        way = camera.way(speed)
        return math.floor(left) - 1, math.floor(top) - 1, math.ceil(right + way) + 2, math.ceil(bottom) + 2

    def _widened(self, mask: Image.Image, left: int, depth: float, speed: float = 0) -> tuple[Image.Image, int]:
        """A mask that was drawn for the first film's camera, as wide as this film's sees; and its left edge."""
        seen = self._reach(depth, self._camera, speed)
        wider = mirrored(mask, left=left - seen[0], right=seen[2] - (left + mask.width))
        return wider, min(left, seen[0])

    def _glow(self, sky: Image.Image, centre: tuple[int, int], radius: int, strength: float) -> None:
        disc = tone_mapped(Image.radial_gradient("L"), lambda value: strength * max(0, 1 - value / _RIM) ** 1.8)
        mask = resized(disc, (2 * radius, 2 * radius))
        sky.paste(self._palette.sun, (centre[0] - radius, centre[1] - radius), mask)

    def _disc(self, sky: Image.Image, centre: tuple[int, int], radius: float) -> None:
        side = math.ceil(radius) * 2 + 4
        mask = Image.new("L", (side * 4, side * 4))
        ImageDraw.Draw(mask).circle((side * 2, side * 2), radius * 4, fill=245)
        sky.paste(self._palette.sun, (centre[0] - side // 2, centre[1] - side // 2), mask.reduce(4))

    def _draw_clouds(self, rng: random.Random) -> Plane:
        speed = 9 * self._unit
        left, _, right, _ = self._reach(_CLOUDS, self._drawn_for, speed)
        size = right - left, round(self.size[1] * 0.5)
        grain = noise(rng, size, (self._scale * 0.55, self._scale * 0.09), 5)
        fade = gradient(
            size, [(0, (0, 0, 0)), (0.25, (110, 110, 110)), (0.6, (150, 150, 150)), (1, (0, 0, 0))]
        ).convert("L")
        shapes = tone_mapped(grain, lambda value: 0.82 * min(1, max(0, (value - 0.46) * 2.8)))
        tint = mixed(self._palette.horizon, self._palette.sun, 0.5)
        mask, left = self._widened(ImageChops.multiply(shapes, fade), left, _CLOUDS, speed)
        return Plane(
            self._camera, mask, tint, (left, round(self.size[1] * 0.06)), depth=_CLOUDS, speed=speed, soft=True
        )

    def _draw_ridge(self, rng: random.Random, row: _Ridge) -> Plane:
        height = round(self.size[1] * row.tall * 0.62 + self._scale * row.tall * 0.38)
        left, _, right, _ = self._reach(row.depth, self._drawn_for)
        mask = Image.new("L", (right - left, height + round(self.size[1] * _OVERLAP)), 255)
        drawn = ridge(rng, (mask.width, height), self._scale * row.wide, sharp=row.sharp, trees=self._scale * row.trees)
        mask.paste(drawn)
        mask, left = self._widened(mask, left, row.depth)
        body = mixed(self._palette.haze, self._palette.near, row.depth**0.9)
        foot = mixed(body, self._palette.haze, 0.55)
        # As wide as the picture and as high as the plane is seen when the camera is nearest.
        lower, full = (self._nearest(mask.height, row.depth, camera) for camera in (self._drawn_for, self._camera))
        fill = Image.new("RGB", (self.size[0], max(lower, full)), body)
        fill.paste(gradient((self.size[0], lower), [(0, body), (0.35, body), (1, foot)]), (0, fill.height - lower))
        return Plane(self._camera, mask, fill, (left, self._horizon - height), depth=row.depth)

    @staticmethod
    def _nearest(height: int, depth: float, camera: Camera) -> int:
        """How high a plane is seen when the camera is nearest, in whole pixels."""
        return math.ceil(height * max(camera.view(number, depth).zoom for number in camera.numbers)) + 1

    def _draw_foreground(self, rng: random.Random) -> Plane:
        height = round(self.size[1] * 0.20 + self._scale * 0.06)
        left, _, right, _ = self._reach(1, self._drawn_for)
        bottom = max(self._reach(1, camera)[3] for camera in (self._drawn_for, self._camera))
        top = self.size[1] - round(height * 0.86)
        mask = Image.new("L", (right - left, max(height, bottom - top)), 255)
        mask.paste(ridge(rng, (mask.width, height), self._scale * 0.9, sharp=False, trees=self._scale * 0.115))
        mask, left = self._widened(mask, left, 1)
        return Plane(self._camera, mask, self._palette.near, (left, top), depth=1)

    def _draw_subject(self) -> Plane | None:
        side = round(min(self.size[1] * 0.44, self.size[0] * 0.62))
        sprite = draw_subject(self._first.prompt, side, self._palette.near)
        if sprite is None:
            return None
        foot = {"ground": 0.80, "water": 0.79, "air": 0.70}[sprite.place]
        corner = (self.size[0] - side) // 2, round(self.size[1] * foot) - side
        bob = 0 if sprite.place == "ground" else side * (0.015 if sprite.place == "water" else 0.035)
        return Plane(self._camera, sprite.image.convert("RGBa"), None, corner, depth=SUBJECT_DEPTH, bob=bob)

    def _draw_water(self, rng: random.Random) -> tuple[Image.Image, Image.Image, Image.Image]:
        """Two layers of ripples that move against each other, and the mask (L) of the sun's reflection."""
        size, seen = self._water_size(self._drawn_for), self._water_size(self._camera)
        cell = self._scale * 0.10, max(3.0, self._scale * 0.008)
        more = {"right": seen[0] - size[0], "bottom": seen[1] - size[1]}
        one, other = (mirrored(noise(rng, size, cell, 2), **more) for _ in range(2))
        size = max(size[0], seen[0]), max(size[1], seen[1])
        # Twice as wide as the picture, with the sun's reflection in the middle.
        path = Image.new("L", (2 * self.size[0], size[1]))
        half = self._scale * 0.075
        left, right, spread = self.size[0] - half, self.size[0] + half, 1.2 * half
        corners = [(left, 0), (right, 0), (right + spread, size[1]), (left - spread, size[1])]
        ImageDraw.Draw(path).polygon(corners, fill=255)
        blur = ImageFilter.GaussianBlur(self._scale * 0.05 / 8)
        soft = resized(resized(path, (path.width // 8, path.height // 8)).filter(blur), path.size)
        return one, other.transpose(Image.Transpose.FLIP_LEFT_RIGHT), tone_mapped(soft, lambda v: 0.16 + 0.84 * v)

    def _water_size(self, camera: Camera) -> tuple[int, int]:
        """The width of the ripples that a camera's film shows, and the greatest height of its water."""
        highest = min(self._horizon_at(number, camera) for number in camera.numbers)
        return self.size[0] + math.ceil(camera.way(16 * self._unit)) + 2, max(1, self.size[1] - highest)

    def _horizon_at(self, number: int, camera: Camera) -> int:
        """The picture's row at which the water begins in a frame."""
        _, y = camera.to_picture(0, self._horizon, number, _RIDGES[-1].depth)
        return min(self.size[1] - 1, max(1, round(y)))

    def _reflect(self, picture: Image.Image, number: int, horizon: int) -> None:
        one, other, path = self._water
        width, height = self.size[0], self.size[1] - horizon
        top = max(0, horizon - round(height * 1.6))
        shore = picture.crop((0, top, width, horizon)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        small = shore.reduce((4, 3))
        small = Image.blend(small, Image.new("RGB", small.size, self._palette.near), 0.30)
        water = resized(small, (width, height), Image.Resampling.BILINEAR)
        ripples = ImageChops.multiply(
            self._rippled(one, height, self._camera.drift(number, 16 * self._unit)),
            self._rippled(other, height, self._camera.drift(number, 7 * self._unit)),
        )
        sun, _ = self._camera.to_picture(self._sun, 0, number, 0)
        left = min(width, max(0, width - round(sun)))
        sparkle = ImageChops.multiply(
            ripples.point(_SPARKLE),  # pyright: ignore[reportUnknownMemberType] - its stub names numpy, not installed
            path.crop((left, 0, left + width, height)),
        )
        water.paste(self._palette.sun, (0, 0), sparkle)
        picture.paste(water, (0, horizon))

    def _rippled(self, ripples: Image.Image, height: int, moved: float) -> Image.Image:
        left, part = divmod(moved, 1)
        here, next_to_it = (ripples.crop((x, 0, x + self.size[0], height)) for x in (int(left), int(left) + 1))
        return Image.blend(here, next_to_it, part)

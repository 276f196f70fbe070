"""What the landscape is made of: palettes, noise, ridges with their trees, each drawn once per film.

Everything is Pillow; every number comes from the film's own seed, so one prompt is always the same place.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from PIL import Image, ImageDraw

from gmi_video.simulator.films.darkroom import scaled

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

Colour: TypeAlias = tuple[int, int, int]


class Palette(NamedTuple):
    """The light of one hour and place, from the top of the sky down to what stands nearest."""

    zenith: Colour
    middle: Colour
    horizon: Colour
    sun: Colour
    haze: Colour
    near: Colour
    stars: bool = False


PALETTES = (
    Palette((43, 38, 92), (170, 84, 122), (255, 178, 120), (255, 236, 190), (232, 146, 126), (24, 18, 40)),
    Palette((92, 138, 190), (186, 190, 208), (255, 216, 178), (255, 246, 220), (208, 188, 192), (26, 42, 58)),
    Palette((6, 10, 32), (18, 34, 74), (58, 94, 130), (236, 240, 255), (50, 80, 116), (4, 8, 18), stars=True),
    Palette((36, 70, 120), (216, 150, 116), (255, 206, 140), (255, 240, 206), (226, 150, 108), (58, 24, 22)),
    Palette((96, 146, 150), (164, 198, 182), (232, 238, 208), (255, 255, 232), (166, 196, 178), (10, 34, 28)),
    Palette((24, 16, 60), (98, 52, 132), (240, 140, 170), (255, 222, 232), (168, 94, 150), (18, 8, 34), stars=True),
    Palette((10, 40, 70), (60, 130, 150), (204, 236, 226), (255, 255, 245), (146, 198, 200), (8, 30, 46)),
    Palette((70, 60, 76), (210, 138, 74), (255, 220, 144), (255, 246, 204), (230, 170, 100), (42, 24, 16)),
)


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """`one`, with that share (0 to 1) of `other`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def gradient(size: tuple[int, int], stops: Sequence[tuple[float, Colour]]) -> Image.Image:
    """Colours from top to bottom; `stops` are (0 to 1, colour), the first at 0 and the last at 1."""
    width, height = size
    column = Image.new("RGB", (1, height))
    for y in range(height):
        at = y / max(1, height - 1)
        low = max(i for i, stop in enumerate(stops) if stop[0] <= at)
        high = min(low + 1, len(stops) - 1)
        span = (stops[high][0] - stops[low][0]) or 1
        share = (at - stops[low][0]) / span
        column.putpixel((0, y), mixed(stops[low][1], stops[high][1], share * share * (3 - 2 * share)))
    return scaled(column, (width, height), Image.Resampling.NEAREST)


def noise(rng: random.Random, size: tuple[int, int], cell: tuple[float, float], octaves: int = 4) -> Image.Image:
    """Soft noise (L) whose largest grain is `cell` pixels; each octave is half as large and half as strong."""
    total: Image.Image | None = None
    for octave in range(octaves):
        across = max(2, math.ceil(size[0] / cell[0] * 2**octave) + 2)
        down = max(2, math.ceil(size[1] / cell[1] * 2**octave) + 2)
        grains = Image.frombytes("L", (across, down), rng.randbytes(across * down))
        layer = scaled(grains, size)
        total = layer if total is None else Image.blend(total, layer, 0.5 ** (octave + 1))
    if total is None:
        raise ValueError("noise has at least one octave")
    return total


def profile(rng: random.Random, length: int, feature: float, *, sharp: bool) -> list[float]:
    """The heights (0 to 1) of a skyline of that many points, its hills about `feature` points wide."""
    heights = [0.0] * length
    strength, total, wide = 1.0, 0.0, feature
    while strength > (0.03 if sharp else 0.2) and wide > 2:
        knots = [rng.random() for _ in range(int(length / wide) + 3)]
        shift = rng.random()
        for x in range(length):
            at, part = divmod(x / wide + shift, 1)
            part = part * part * (3 - 2 * part)
            height = knots[int(at)] + (knots[int(at) + 1] - knots[int(at)]) * part
            heights[x] += strength * (1 - abs(2 * height - 1) if sharp else height)
        total += strength
        strength, wide = strength * 0.5, wide / 2
    return [height / total for height in heights]


def ridge(rng: random.Random, size: tuple[int, int], feature: float, *, sharp: bool, trees: float = 0) -> Image.Image:
    """A mask (L) of land: a skyline whose peaks reach the top, solid down to the bottom.

    `feature` is the width of its hills in pixels, `trees` the height of the conifers on it (0: bare).
    """
    width, height = size
    fine = 2
    step = max(1, round(feature / 200))
    heights = profile(rng, width // step + 2, feature / step, sharp=sharp)
    low, high = min(heights), max(heights)
    room = height - trees * 1.3
    tops = [(height - room * (0.12 + 0.88 * (h - low) / (high - low or 1))) for h in heights]
    mask = Image.new("L", (width * fine, height * fine))
    pen = ImageDraw.Draw(mask)
    line = [(i * step * fine, top * fine) for i, top in enumerate(tops)]
    pen.polygon([(0, height * fine), *line, (line[-1][0], height * fine)], fill=255)
    x = 0.0
    while trees and x < width:
        tall = trees * rng.uniform(0.45, 1.25)
        if rng.random() < 0.62 + 0.3 * math.sin(x / (trees * 6)):
            _conifer(pen, x * fine, (tops[int(x / step)] + trees * 0.12) * fine, tall * fine, rng)
        x += trees * rng.uniform(0.12, 0.42)
    return mask.reduce(fine)


def _conifer(pen: ImageDraw.ImageDraw, x: float, foot: float, tall: float, rng: random.Random) -> None:
    wide = tall * rng.uniform(0.17, 0.24)
    tiers = 5
    for tier in range(tiers):
        top = foot - tall + tall * 0.86 * tier / tiers * 0.9
        bottom = foot - tall * 0.1 - tall * 0.9 * (tiers - 1 - tier) / tiers * 0.8
        half = wide * (0.25 + 0.75 * (tier + 1) / tiers)
        pen.polygon([(x, top), (x - half, bottom), (x + half, bottom)], fill=255)
    pen.rectangle((x - tall * 0.02, foot - tall * 0.15, x + tall * 0.02, foot + tall * 0.1), fill=255)

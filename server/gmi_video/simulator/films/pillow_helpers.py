"""Drawing helpers on top of Pillow: resizing, tone curves, gradients, noise, and the outline of hills with trees."""

import io
import math
import random
from collections.abc import Callable, Sequence
from typing import TypeAlias

from PIL import Image, ImageDraw

Colour: TypeAlias = tuple[int, int, int]


def is_image(data: bytes) -> bool:
    """Whether the bytes are a complete image in a format that Pillow reads."""
    try:
        with Image.open(io.BytesIO(data)) as opened:
            opened.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False
    return True


def resized(image: Image.Image, size: tuple[int, int], how: Image.Resampling = Image.Resampling.BICUBIC) -> Image.Image:
    """The image in another size in pixels, at least 1 by 1."""
    whole = max(1, size[0]), max(1, size[1])
    return image.resize(whole, how)  # pyright: ignore[reportUnknownMemberType] - its stub names numpy, not installed


def mirrored(image: Image.Image, *, left: int = 0, top: int = 0, right: int = 0, bottom: int = 0) -> Image.Image:
    """The image, continued by its mirror image on each side by so many pixels; those below 0 count as 0."""
    left, top, right, bottom = (max(0, side) for side in (left, top, right, bottom))
    if not any((left, top, right, bottom)):
        return image
    width, height = image.size
    larger = Image.new(image.mode, (width + left + right, height + top + bottom))
    for row in range(-math.ceil(top / height), math.ceil(bottom / height) + 1):
        for column in range(-math.ceil(left / width), math.ceil(right / width) + 1):
            tile = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if column % 2 else image
            tile = tile.transpose(Image.Transpose.FLIP_TOP_BOTTOM) if row % 2 else tile
            larger.paste(tile, (left + column * width, top + row * height))
    return larger


def tone_mapped(image: Image.Image, curve: Callable[[float], float]) -> Image.Image:
    """A grey image (L) with `curve` applied to its values, 0 to 1 on both sides; results are clamped to that range."""
    table = [round(255 * min(1.0, max(0.0, curve(value / 255)))) for value in range(256)]
    return image.point(table)  # pyright: ignore[reportUnknownMemberType] - its stub names numpy, not installed


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """`one` blended with a share (0 to 1) of `other`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def gradient(size: tuple[int, int], stops: Sequence[tuple[float, Colour]]) -> Image.Image:
    """A vertical gradient (RGB). `stops` are (position 0 to 1, colour) from top to bottom, the first 0, the last 1."""
    width, height = size
    column = Image.new("RGB", (1, height))
    for y in range(height):
        at = y / max(1, height - 1)
        low = max(i for i, stop in enumerate(stops) if stop[0] <= at)
        high = min(low + 1, len(stops) - 1)
        span = (stops[high][0] - stops[low][0]) or 1
        share = (at - stops[low][0]) / span
        column.putpixel((0, y), mixed(stops[low][1], stops[high][1], share * share * (3 - 2 * share)))
    return resized(column, (width, height), Image.Resampling.NEAREST)


def noise(rng: random.Random, size: tuple[int, int], cell: tuple[float, float], octaves: int = 4) -> Image.Image:
    """Smooth noise (L). The first octave's grain is `cell` pixels; each further one has half the size and strength.

    Raises:
        ValueError: fewer than one octave.
    """
    total: Image.Image | None = None
    for octave in range(octaves):
        across = max(2, math.ceil(size[0] / cell[0] * 2**octave) + 2)
        down = max(2, math.ceil(size[1] / cell[1] * 2**octave) + 2)
        grains = Image.frombytes("L", (across, down), rng.randbytes(across * down))
        layer = resized(grains, size)
        total = layer if total is None else Image.blend(total, layer, 0.5 ** (octave + 1))
    if total is None:
        raise ValueError("noise has at least one octave")
    return total


def profile(rng: random.Random, length: int, feature: float, *, sharp: bool) -> list[float]:
    """The heights (0 to 1) of `length` points of a skyline with hills about `feature` points wide."""
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
    """A mask (L) of hills: filled below a skyline whose highest points are near the top.

    `feature` is the width of a hill in pixels, `trees` the height of the conifers in pixels (0: none).
    """
    width, height = size
    fine = 2  # drawn at twice the size and reduced, to smooth the edges
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

"""Small things done with Pillow: whether a picture is one, and two operations whose own types need numpy to be read."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable


def scaled(image: Image.Image, size: tuple[int, int], how: Image.Resampling = Image.Resampling.BICUBIC) -> Image.Image:
    """The image in another size, in pixels; never smaller than one by one."""
    whole = max(1, size[0]), max(1, size[1])
    return image.resize(whole, how)  # pyright: ignore[reportUnknownMemberType] - its stub names numpy, which is not here


def curved(image: Image.Image, curve: Callable[[float], float]) -> Image.Image:
    """A grey image (L) through a curve; both sides of it 0 to 1, and what leaves that range is cut off."""
    table = [round(255 * min(1.0, max(0.0, curve(value / 255)))) for value in range(256)]
    return image.point(table)  # pyright: ignore[reportUnknownMemberType] - its stub names numpy, which is not here


def is_picture(data: bytes) -> bool:
    """Whether the bytes are an image, whole and in a form that Pillow reads."""
    try:
        with Image.open(io.BytesIO(data)) as opened:
            opened.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False
    return True

"""The words on a film: its prompt, wrapped to fit any shape of frame, and a small line that says what it is."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from gmi_video.simulator.films.darkroom import curved, scaled

if TYPE_CHECKING:
    from gmi_video.simulator.films.spec import Order

    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_MOST = 0.38
"""The most of the picture's height that a prompt may take."""


_LONGEST = 700
"""Characters of a prompt that are written out; nobody reads more in five seconds."""


def lettering(order: Order) -> Image.Image:
    """The words (RGBA, as large as the film), on a soft shade that keeps them legible over any picture."""
    short = min(order.width, order.height)
    margin = round(short * 0.055)
    room = order.width - 2 * margin
    font, lines, line_height = _fitted(_printable(order.prompt), room, order.height * _MOST, short)
    small = ImageFont.load_default(max(9, short * 0.026))
    caption_lines = _wrapped(order.caption, small, room)
    caption_height = round(short * 0.036)
    bottom = order.height - margin - caption_height * len(caption_lines)
    top = bottom - round(line_height * len(lines)) - round(short * 0.012)
    ink = Image.new("L", (order.width, order.height))
    pen = ImageDraw.Draw(ink)
    for number, line in enumerate(lines):
        pen.text((margin, top + number * line_height), line, font=font, fill=255)
    for number, line in enumerate(caption_lines):
        pen.text((margin, bottom + number * caption_height), line, font=small, fill=190)
    return _shaded(ink, top, short)


def _shaded(ink: Image.Image, top: int, short: int) -> Image.Image:
    """White ink over a shadow of itself, over a shade that deepens towards the bottom."""
    width, height = ink.size
    start = max(0, top - round(short * 0.16))
    shade = Image.new("L", ink.size)
    ramp = curved(Image.linear_gradient("L"), lambda value: 0.59 * value**0.8)
    shade.paste(scaled(ramp, (width, height - start)), (0, start))
    halo = scaled(ink.reduce(2).filter(ImageFilter.GaussianBlur(short * 0.004)), ink.size)
    shade.paste(215, (0, 0), curved(halo, lambda value: 2 * value))
    words = Image.merge("RGBA", (Image.new("L", ink.size), Image.new("L", ink.size), Image.new("L", ink.size), shade))
    white = Image.new("RGBA", ink.size, (255, 255, 255, 255))
    white.putalpha(ink)
    words.alpha_composite(white)
    return words


def _printable(text: str) -> str:
    """Any Unicode as something a font can be asked for: a lone surrogate or a control character becomes a blank."""
    words = " ".join("".join(char if char.isprintable() else " " for char in text[: 2 * _LONGEST]).split())
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"


def _fitted(text: str, room: float, tallest: float, short: int) -> tuple[Font, list[str], float]:
    """The largest lettering that fits, and its lines; a prompt too long for the smallest ends in an ellipsis."""
    size = short * 0.062
    smallest = max(9.0, short * 0.024)
    while True:
        font = ImageFont.load_default(size)
        lines, line_height = _wrapped(text, font, room), size * 1.3
        most = max(1, int(tallest / line_height))
        if len(lines) <= most:
            return font, lines, line_height
        if size <= smallest:
            return font, [*lines[: most - 1], lines[most - 1][:-1] + "…"], line_height
        size = max(smallest, size * 0.86)


def _wrapped(text: str, font: Font, room: float) -> list[str]:
    """Lines no wider than `room` pixels, broken between words, or within one that is too long by itself."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if font.getlength(joined) <= room:
            line = joined
            continue
        if line:
            lines.append(line)
        line = word
        while font.getlength(line) > room and len(line) > 1:
            cut = max(1, bisect_right(range(len(line)), room, key=lambda end: font.getlength(line[:end])) - 1)
            lines.append(line[:cut])
            line = line[cut:]
    return [*lines, line] if line else lines

"""The text on a film: its prompt, wrapped to fit any aspect ratio, and a small line with model, size and length."""

from bisect import bisect_right
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from gmi_video.simulator.films.pillow_helpers import resized, tone_mapped
from gmi_video.simulator.films.spec import FilmSpec

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

_MAX_SHARE = 0.38
"""The largest share of the picture's height that a prompt may take."""
_MAX_CHARACTERS = 700
"""Characters of a prompt that are drawn; the rest is cut off with an ellipsis."""


def draw_caption(spec: FilmSpec) -> Image.Image:
    """The text (RGBA, as large as the film) on a soft dark shade that keeps it legible over any background."""
    short = min(spec.width, spec.height)
    margin = round(short * 0.055)
    max_width = spec.width - 2 * margin
    font, lines, line_height = _fitted(_printable(spec.prompt), max_width, spec.height * _MAX_SHARE, short)
    small = ImageFont.load_default(max(9, short * 0.026))
    small_lines = _wrapped(spec.caption, small, max_width)
    small_height = round(short * 0.036)
    bottom = spec.height - margin - small_height * len(small_lines)
    top = bottom - round(line_height * len(lines)) - round(short * 0.012)
    text = Image.new("L", (spec.width, spec.height))
    pen = ImageDraw.Draw(text)
    for number, line in enumerate(lines):
        pen.text((margin, top + number * line_height), line, font=font, fill=255)
    for number, line in enumerate(small_lines):
        pen.text((margin, bottom + number * small_height), line, font=small, fill=190)
    return _shaded(text, top, short)


def _shaded(text: Image.Image, top: int, short: int) -> Image.Image:
    """The text mask (L) in white, over a blurred shadow of itself, over a shade that gets darker towards the bottom."""
    width, height = text.size
    start = max(0, top - round(short * 0.16))
    shade = Image.new("L", text.size)
    ramp = tone_mapped(Image.linear_gradient("L"), lambda value: 0.59 * value**0.8)
    shade.paste(resized(ramp, (width, height - start)), (0, start))
    shadow = resized(text.reduce(2).filter(ImageFilter.GaussianBlur(short * 0.004)), text.size)
    shade.paste(215, (0, 0), tone_mapped(shadow, lambda value: 2 * value))
    black = Image.new("L", text.size)
    caption = Image.merge("RGBA", (black, black, black, shade))
    white = Image.new("RGBA", text.size, (255, 255, 255, 255))
    white.putalpha(text)
    caption.alpha_composite(white)
    return caption


def _printable(text: str) -> str:
    """The text without what a font can't draw: lone surrogates and control characters become spaces."""
    words = " ".join("".join(char if char.isprintable() else " " for char in text[: 2 * _MAX_CHARACTERS]).split())
    return words if len(words) <= _MAX_CHARACTERS else words[: _MAX_CHARACTERS - 1] + "…"


def _fitted(text: str, max_width: float, max_height: float, short: int) -> tuple[Font, list[str], float]:
    """The largest font that fits, the wrapped lines and the line height; too long a text ends in an ellipsis."""
    size = short * 0.062
    smallest = max(9.0, short * 0.024)
    while True:
        font = ImageFont.load_default(size)
        lines, line_height = _wrapped(text, font, max_width), size * 1.3
        most = max(1, int(max_height / line_height))
        if len(lines) <= most:
            return font, lines, line_height
        if size <= smallest:
            return font, [*lines[: most - 1], lines[most - 1][:-1] + "…"], line_height
        size = max(smallest, size * 0.86)


def _wrapped(text: str, font: Font, max_width: float) -> list[str]:
    """Lines of at most `max_width` pixels, broken between words, and within a word that is too long for a line."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if font.getlength(joined) <= max_width:
            line = joined
            continue
        if line:
            lines.append(line)
        line = word
        while font.getlength(line) > max_width and len(line) > 1:
            cut = max(1, bisect_right(range(len(line)), max_width, key=lambda end: font.getlength(line[:end])) - 1)
            lines.append(line[:cut])
            line = line[cut:]
    return [*lines, line] if line else lines

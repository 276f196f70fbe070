"""The bundle's icon: a film frame with a play sign. `python -m bundles.icon FILE` draws it alone."""

import sys
from pathlib import Path

from PIL import Image, ImageDraw

SIZE = 512
"""Pixels along an edge."""

_FINE = 4
"""Drawn this many times larger, and made smaller: that smooths the edges."""

_NIGHT, _DUSK, _LIGHT = (20, 24, 58), (108, 60, 150), (255, 244, 225)


def draw(path: Path) -> None:
    """Write the icon to `path`, as a PNG."""
    edge = SIZE * _FINE
    icon = Image.new("RGB", (edge, edge))
    pen = ImageDraw.Draw(icon)
    for row in range(edge):
        red, green, blue = (round(a + (b - a) * row / edge) for a, b in zip(_NIGHT, _DUSK, strict=True))
        pen.line((0, row, edge, row), (red, green, blue))
    unit = edge / 16
    for band in (1.6, 13.2):
        for column in range(5):
            left, top = (1.75 + 2.7 * column) * unit, band * unit
            pen.rounded_rectangle((left, top, left + 1.7 * unit, top + 1.2 * unit), 0.3 * unit, _LIGHT)
    pen.polygon([(5.9 * unit, 4.4 * unit), (5.9 * unit, 11.6 * unit), (11.7 * unit, 8 * unit)], _LIGHT)
    outline = Image.new("L", (edge, edge))
    ImageDraw.Draw(outline).rounded_rectangle((0, 0, edge - 1, edge - 1), 3 * unit, 255)
    icon.putalpha(outline)
    icon.reduce(_FINE).save(path, optimize=True)


if __name__ == "__main__":
    draw(Path(sys.argv[1]))

"""`python -m tests.pictures [options of the demo]` writes docs/images."""

import sys

import anyio

from tests.structure import ROOT

from . import player, terminal

IMAGES = ROOT / "docs" / "images"

if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    anyio.run(player.write, IMAGES / "player.webp")
    terminal.write(IMAGES / "terminal.svg", sys.argv[1:] or terminal.OPTIONS)

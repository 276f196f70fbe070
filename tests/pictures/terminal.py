"""A picture of a terminal in which the demo has run: what it really wrote, as SVG."""

import os
import pty
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from io import StringIO
from itertools import groupby
from pathlib import Path

import pyte
from pyte.screens import Char
from rich.console import Console
from rich.style import Style
from rich.text import Text

OPTIONS = ("--shots", "3")
"""What the demo is asked for."""

COLUMNS = 100
ROWS = 100
"""Of the terminal; the picture ends with the last row that is written on."""

SECONDS = 300
"""The demo takes about 20."""

SVG = """<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font: {char_height}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  line-height: {line_height}px;
}}
.{unique_id}-title {{ font: bold 18px system-ui, "DejaVu Sans", sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""Rich's format without its fonts, which would be loaded from the internet."""

_FAINT = re.compile(rb"\x1b\[2m")


def write(path: Path, options: Sequence[str] = OPTIONS) -> None:
    """Run `gmi-video-mcp demo` with the options, and write the picture of what is on the terminal then.

    Raises:
        RuntimeError: the demo ended with an error, or did not end.
    """
    command = Text.assemble(("$ ", "bright_black"), shlex.join(["gmi-video-mcp", "demo", *options]))
    console = Console(record=True, width=COLUMNS, file=StringIO(), color_system="truecolor", highlight=False)
    for line in [command, *lines(screen_after(options))]:
        console.print(line, no_wrap=True, crop=False, overflow="ignore")
    svg = console.export_svg(title="gmi-video-mcp demo", code_format=SVG, unique_id="demo")
    path.write_text("\n".join(line.strip() for line in svg.splitlines() if line.strip()) + "\n", encoding="utf-8")


def screen_after(options: Sequence[str]) -> pyte.Screen:
    """The terminal after the demo, which ran in a home folder of its own."""
    screen = pyte.Screen(COLUMNS, ROWS)
    with tempfile.TemporaryDirectory() as folder:
        home = str(Path(folder).resolve())
        written = run([sys.executable, "-m", "gmi_video", "demo", *options], home)
    # Pyte knows no faint text, and a shell shows the home folder so.
    pyte.ByteStream(screen).feed(_FAINT.sub(b"\x1b[90m", written).replace(home.encode(), b"~"))
    return screen


def run(command: Sequence[str], home: str) -> bytes:
    """What a command writes to a terminal of our size."""
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GMI_")}
    environment |= {"HOME": home, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    environment |= {"COLUMNS": str(COLUMNS), "LINES": str(ROWS)}
    written = b""
    with subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command, cwd=home, env=environment, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
    ) as child:
        os.close(theirs)
        try:
            while piece := _read(ours):
                written += piece
            if child.wait(SECONDS):
                raise RuntimeError(f"The demo ended with {child.returncode}: {written.decode(errors='replace')}")
        finally:
            child.kill()
            os.close(ours)
    return written


def _read(terminal: int) -> bytes:
    """The next piece; empty at the end, which Linux tells as an error."""
    try:
        return os.read(terminal, 65_536)
    except OSError:
        return b""


def lines(screen: pyte.Screen) -> list[Text]:
    """The screen's rows with their colours, up to the last one that is written on."""
    last = max((number for number, row in enumerate(screen.display) if row.strip()), default=-1)
    return [_line([screen.buffer[row][column] for column in range(COLUMNS)]) for row in range(last + 1)]


def _line(row: Sequence[Char]) -> Text:
    line = Text()
    for style, chars in groupby(row, lambda char: (char.fg, char.bg, char.bold)):
        text = "".join(char.data for char in chars)
        line.append(text, Style(color=_colour(style[0]), bgcolor=_colour(style[1]), bold=style[2]))
    line.rstrip()
    return line


def _colour(name: str) -> str:
    """A colour of pyte by rich's name."""
    if re.fullmatch("[0-9a-f]{6}", name):
        return f"#{name}"
    bright, name = ("bright_", name.removeprefix("bright")) if name.startswith("bright") else ("", name)
    return f"{bright}{ {'brown': 'yellow'}.get(name, name) }"

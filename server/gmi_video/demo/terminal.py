"""What the demo's person sees: colours and a moving bar on a terminal, plain lines in a pipe or a file."""

import re
import textwrap
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

_NAMES = 8
"""Columns that the longest name of a fact takes."""


class Screen:
    """The terminal, or whatever stdout is instead."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, markup=False, soft_wrap=True)

    def title(self, text: str) -> None:
        """The first line."""
        self._console.print(text, style="bold")

    def fact(self, name: str, value: str) -> None:
        """A name, and what it is; broken between words where the terminal is too narrow."""
        lines = [value]
        if self._console.is_terminal:
            room = max(self._console.width - _NAMES - 3, 20)
            lines = textwrap.wrap(value, room, break_long_words=False, break_on_hyphens=False)
        for number, line in enumerate(lines):
            self._console.print(Text.assemble((f"  {'' if number else name:{_NAMES}} ", "dim"), line))

    def done(self, text: str) -> None:
        """A step that succeeded."""
        self._console.print(f"\n{text}", style="bold green")

    def say(self, text: str) -> None:
        """To stderr: what ended the demo."""
        Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(text)

    @contextmanager
    def waiting(self, what: str) -> Generator[None]:
        """A spinner and a clock, while something goes on that tells nothing of itself."""
        with self._live(what, SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()):
            yield

    @contextmanager
    def progress(self, what: str) -> Generator["Told"]:
        """A bar, called `what` until the first notification comes."""
        columns = (SpinnerColumn(), BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"))
        with self._live(what, *columns) as live:
            yield Told(self, live)

    @contextmanager
    def _live(self, what: str, *columns: ProgressColumn) -> Generator[Progress | None]:
        if not self._console.is_terminal:
            self._console.print(f"\n{what} ...")
            yield None
            return
        self._console.print()
        with Progress(*columns, console=self._console, transient=True) as live:
            live.add_task(what, total=None)
            yield live


class Told:
    """Shows the server's progress notifications, as `Client.call_tool` hands them over."""

    def __init__(self, screen: Screen, live: Progress | None) -> None:
        self._screen = screen
        self._live = live

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        """One notification."""
        # The first one names the request, which is worth a line that stays.
        named = re.fullmatch(r"request (\S+): (.*)", message or "")
        if named:
            self._screen.fact("request", named[1])
        text = named[2] if named else message or ""
        if self._live is None:
            self._screen.fact("", text)
        else:
            self._live.update(self._live.task_ids[0], completed=progress, total=total, description=text)

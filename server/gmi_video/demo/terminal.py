"""The demo's output: colours and progress bars on a terminal, plain lines in a pipe or a file."""

import textwrap
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column
from rich.text import Text

from gmi_video.text import paragraphs

_FIRST = TaskID(0)
_NAME_WIDTH = 8
"""Width of a fact's name (columns)."""


def _printable(text: str) -> str:
    """What the server says, without characters that a terminal obeys; its own answers hold none."""
    return paragraphs(text, 20_000)


class Terminal:
    """Writes to stdout, whether that is a terminal or not."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, markup=False, soft_wrap=True)

    def title(self, text: str) -> None:
        """Print the heading."""
        self._console.print(text, style="bold")

    def fact(self, name: str, value: str) -> None:
        """Print a name and its value, wrapped between words on a terminal."""
        lines = [_printable(value)]
        if self._console.is_terminal:
            width = max(self._console.width - _NAME_WIDTH - 3, 20)
            lines = textwrap.wrap(lines[0], width, break_long_words=False, break_on_hyphens=False)
        for number, line in enumerate(lines):
            self._console.print(Text.assemble((f"  {'' if number else name:{_NAME_WIDTH}} ", "dim"), line))

    def done(self, text: str) -> None:
        """Print that a step succeeded."""
        self._console.print(f"\n{_printable(text)}", style="bold green")

    def error(self, text: str) -> None:
        """Print to stderr why the demo ends."""
        Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(_printable(text))

    @contextmanager
    def waiting(self, what: str) -> Generator[None]:
        """Show a spinner and the elapsed time while the block runs."""
        with self._display(what, SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()):
            yield

    @contextmanager
    def progress(self, what: str) -> Generator["ProgressDisplay"]:
        """Show a progress bar while the block runs, described as `what` until the server reports progress."""
        columns = (SpinnerColumn(), BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"))
        with self._display(what, *columns) as bar:
            yield ProgressDisplay(self, bar)

    @contextmanager
    def bars(self, names: Sequence[str]) -> Generator[list["Bar"]]:
        """Show a bar for each of several jobs, which stay when the block has run; outside a terminal, lines."""
        if not self._console.is_terminal:
            yield [Bar(self, name) for name in names]
            return
        text = TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis"))
        columns = (TextColumn("  {task.fields[name]}"), BarColumn(bar_width=24), TaskProgressColumn(), text)
        with Progress(*columns, console=self._console) as display:
            yield [Bar(self, name, display, display.add_task("", total=1, name=name)) for name in names]

    @contextmanager
    def _display(self, what: str, *columns: ProgressColumn) -> Generator[Progress | None]:
        """A display that is removed afterwards; outside a terminal one line and None."""
        if not self._console.is_terminal:
            self._console.print(f"\n{what} ...")
            yield None
            return
        self._console.print()
        with Progress(*columns, console=self._console, transient=True) as display:
            display.add_task(what, total=None)
            yield display


class ProgressDisplay:
    """Shows the server's progress notifications; a `progress_callback` of `Client.call_tool`."""

    def __init__(self, terminal: Terminal, bar: Progress | None) -> None:
        self._terminal = terminal
        self._bar = bar
        self._has_first = False

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        """Show one notification."""
        text = _printable(message or "")
        if not self._has_first:
            # The first message names the request. It stays on the terminal, so that the job can be found again.
            self._has_first = True
            self._terminal.fact("job", text)
        elif self._bar is None:
            self._terminal.fact("", text)
        else:
            self._bar.update(self._bar.task_ids[0], completed=progress, total=total, description=text)


class Bar:
    """Shows how one of several jobs goes: a `progress_callback` of `Client.call_tool`, and what else is said of it."""

    def __init__(self, terminal: Terminal, name: str, display: Progress | None = None, task: TaskID = _FIRST) -> None:
        self._terminal = terminal
        self._name = name
        self._display = display
        self._task = task

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        """Show one progress notification."""
        self.say(message or "")
        if self._display is not None:
            self._display.update(self._task, completed=progress, total=total)

    def say(self, text: str) -> None:
        """Say what the job does now."""
        if self._display is None:
            self._terminal.fact(self._name, text)
        else:
            self._display.update(self._task, description=_printable(text))

    def end(self, text: str, *, done: bool = True) -> None:
        """Say how the job ended; the bar is full if it is `done`."""
        self.say(text)
        if done and self._display is not None:
            self._display.update(self._task, completed=1, total=1)

"""The checks as text for a terminal and as an object for programs. What looks like a key is never in either."""

import os
import re
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any

from gmi_video import __version__
from gmi_video.doctor.checks import STATES, Check, State, worst
from gmi_video.doctor.examination import Group
from gmi_video.doctor.hosts import HOSTS, KEY, Host
from gmi_video.text import one_line
from gmi_video.upstream.wire import fields_of, items_of

FORMAT = 1
"""The version of the JSON object; it changes when a name in it is removed or means something else."""

WIDTH = 80
"""Columns of the text. Paths and blocks are not broken."""

_STYLES: Mapping[str, str] = {"ok": "green", "warning": "yellow", "problem": "bold red", "title": "bold"}

_JWT = re.compile(r"eyJ[\w-]{8,}(\.[\w-]*){0,2}")

_SHORTEST_SECRET = 8
"""Characters; a shorter text can't be a key, and may be part of any word."""


class Secrets:
    """Texts that may not be shown.

    Args:
        environment: whose key it is; a message may hold only its beginning.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        key = environment.get("GMI_API_KEY", "").strip().removeprefix("Bearer ").strip()
        self._key = key if len(key) >= _SHORTEST_SECRET and key != KEY else ""

    def removed(self, value: Any) -> Any:
        """A JSON value whose texts are without the key, its beginning, or any JWT."""
        if isinstance(value, str):
            return self.text(value)
        if fields := fields_of(value):
            return {name: self.removed(item) for name, item in fields.items()}
        if items := items_of(value):
            return [self.removed(item) for item in items]
        return value

    def text(self, text: str) -> str:
        """A text without the key, its beginning, or any JWT."""
        start = self._key[:_SHORTEST_SECRET]
        while start and start in text:
            before, _, rest = text.partition(start)
            same = takewhile(lambda pair: pair[0] == pair[1], zip(rest, self._key[len(start) :], strict=False))
            text = f"{before}[API key]{rest[len(list(same)) :]}"
        return _JWT.sub("[API key]", text)


def as_object(groups: Sequence[Group], hosts: Sequence[Check], blocks: Mapping[str, str]) -> dict[str, Any]:
    """The report as one JSON object; docs/doctor.md describes it.

    Args:
        groups: the checks.
        hosts: what the hosts' files have.
        blocks: the hosts' blocks, by the hosts' names.
    """
    checks = [check for group in groups for check in group.checks]
    return {
        "format": FORMAT,
        "version": __version__,
        "state": worst(check.state for check in [*checks, *hosts]),
        "counts": {state: sum(check.state == state for check in [*checks, *hosts]) for state in STATES},
        "checks": [{"group": group.name, **_object(check)} for group in groups for check in group.checks],
        "hosts": [{**_object(check), "block": blocks[check.name]} for check in hosts],
    }


def _object(check: Check) -> dict[str, Any]:
    return {
        "name": check.name,
        "state": check.state,
        "message": check.message,
        "remedy": check.remedy,
        "details": check.details,
    }


class TextReport:
    """Writes the report to stdout, with colours on a terminal where rich is installed and NO_COLOR is not set."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._print = _printer()

    def title(self) -> None:
        """Write the heading."""
        self._print(f"gmi-video-mcp {__version__}: what works, and what to do about the rest", "title")

    def group(self, group: Group) -> None:
        """Write a group of checks; nothing where it has none."""
        if group.checks:
            self._print(f"\n{group.title}", "title")
        for check in group.checks:
            self._lines(check.state, check.message, check.state)
            if check.remedy:
                self._lines("", f"To do: {check.remedy}", "")

    def blocks(self, blocks: Mapping[str, str]) -> None:
        """Write the hosts' blocks, equal ones once."""
        self._print(f"\nThe entry for each host, with your key in place of {KEY}", "title")
        by_block: dict[str, list[Host]] = {}
        for host in HOSTS:
            by_block.setdefault(blocks[host.name], []).append(host)
        for block, hosts in by_block.items():
            what = " (a command)" if hosts[0].block == "command" else ""
            self._print(f"\n{', '.join(host.title for host in hosts)}{what}:", "")
            self._print(self._secrets.text(block), "")

    def end(self, counts: Mapping[State, int]) -> None:
        """Write how many problems and warnings there are."""
        problems, warnings = counts["problem"], counts["warning"]
        said = f"{_number(problems, 'problem')}, {_number(warnings, 'warning')}."
        self._print(f"\n{said}", "problem" if problems else "warning" if warnings else "ok")

    def _lines(self, mark: str, sentence: str, style: str) -> None:
        text = self._secrets.text(one_line(sentence, 2000))
        lines = textwrap.wrap(text, WIDTH - 11, break_long_words=False, break_on_hyphens=False)
        for number, line in enumerate(lines):
            self._print(f"  {'' if number else mark:8} {line}", "" if number else style, len(mark) + 2)


def _number(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


def _printer() -> Callable[..., None]:
    """A function that prints a text; a style colours as many characters of it as are named, or all."""

    def plain(text: str, style: str = "", length: int | None = None) -> None:  # noqa: ARG001 - as the one below
        print(text, flush=True)  # noqa: T201 - a command's output

    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return plain
    try:
        from rich.console import Console  # noqa: PLC0415 - of the extra `demo`
        from rich.text import Text  # noqa: PLC0415
    except ImportError:
        return plain
    console = Console(highlight=False, markup=False, soft_wrap=True)

    def coloured(text: str, style: str = "", length: int | None = None) -> None:
        shown = Text(text)
        if style:
            shown.stylize(_STYLES[style], 0, length if length is not None else len(text))
        console.print(shown)

    return coloured

"""The figures that README.md quotes from bench/results.md."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from bench.__main__ import RESULTS, sections

NOT_MEASURED = "not measured"


class Cell(NamedTuple):
    """A cell of a bench's tables: the row by how it begins, the column by its heading."""

    bench: str
    row: str
    column: str


RATIO = "ratio of the medians (quartiles of the pairs' ratios)"

QUOTES: tuple[tuple[str, str, tuple[Cell, ...]], ...] = (
    (
        "start, until a host has the tools",
        "{}, {} times that of a bare server of the same SDK",
        (
            Cell("start", "| bare, 2025-11-25: tools/list |", "this server"),
            Cell("start", "| bare, 2025-11-25: tools/list |", RATIO),
        ),
    ),
    (
        "`generate_video` with `wait: false`, until its answer",
        "{}, {} times that of a tool that sends the same requests and checks and records nothing",
        (
            Cell("calls", "| generate_video, 2026-07-28, answer |", "this server"),
            Cell("calls", "| generate_video, 2026-07-28, answer |", RATIO),
        ),
    ),
    (
        "from a job's end to the answer, jobs of a minute",
        "{} on average with earlier jobs to learn from, for {} the requests of a loop of 5 s",
        (
            Cell("polling", "| median 60 s, sigma 0.5 | a history of 20 |", "delay, mean"),
            Cell("polling", "| median 60 s, sigma 0.5 | a history of 20 |", "looks, by the loop's"),
        ),
    ),
    (
        "the same with 3,000 jobs at once",
        "{} on average and {} at worst, for {} requests a second",
        (
            Cell("growth", "| 3,000 | 0 |", "delay, mean"),
            Cell("growth", "| 3,000 | 0 |", "worst"),
            Cell("growth", "| 3,000 | 0 |", "a second"),
        ),
    ),
    (
        "memory of the process",
        "{} with one call that waits, {} with a thousand",
        (Cell("growth", "| 1 | 0 |", "memory"), Cell("growth", "| 1,000 | 0 |", "memory")),
    ),
)
"""The five lines: what, the words with a place for each figure, and the figures."""


def lines() -> list[list[str]]:
    """The five lines, each as what was measured and what came out."""
    measured = sections(RESULTS.read_text(encoding="utf-8"))
    found = [(what, words, [value(measured, cell) for cell in cells]) for what, words, cells in QUOTES]
    return [[what, NOT_MEASURED if None in values else words.format(*values)] for what, words, values in found]


def value(measured: Mapping[str, str], cell: Cell) -> str | None:
    """What a cell holds, without the spread in parentheses; None where the bench could not be run.

    Raises:
        ValueError: the bench was run, and has no such cell.
    """
    text = measured[cell.bench]
    for columns, row in _rows(text):
        if row.startswith(cell.row) and cell.column in columns:
            return _cells(row)[columns.index(cell.column)].partition(" (")[0]
    if "\nNot measured: " in text:
        return None
    raise ValueError(f"bench/results.md has no such figure: {cell}")


def _rows(text: str) -> Iterator[tuple[list[str], str]]:
    """Each row of the tables of a section, with the headings of its columns."""
    columns: list[str] = []
    before = ""
    for line in text.splitlines():
        if line.startswith("|---"):
            columns = _cells(before)
        elif line.startswith("|") and columns:
            yield columns, line
        elif not line.startswith("|"):
            columns = []
        before = line


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]

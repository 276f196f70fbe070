"""Pairs of measurements, made in turn, as a row of a table: both medians, and the ratio of the two with its spread."""

import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Pairs(NamedTuple):
    """Measurements of two sides, made in turn (one, other, one, other, ...)."""

    values: Sequence[tuple[float, float]]

    @property
    def ratio(self) -> float:
        """The median of the one over the median of the other."""
        one, other = (statistics.median(column) for column in zip(*self.values, strict=True))
        return one / other

    def row(self, name: str, unit: str = "ms") -> str:
        """A row of the table below `header`; `unit` is written after each median.

        In parentheses are the quartiles, and for the ratio those of the pairs' own ratios.
        """
        columns = [list(column) for column in zip(*self.values, strict=True)]
        texts = [f"{statistics.median(column):.1f} {unit} {_quartiles(column, 1)}" for column in columns]
        spread = _quartiles([one / other for one, other in self.values], 2)
        return f"| {name} | {texts[0]} | {texts[1]} | {self.ratio:.2f} {spread} |"


def _quartiles(values: Sequence[float], digits: int) -> str:
    low, _, high = statistics.quantiles(values, n=4)
    return f"({low:.{digits}f} to {high:.{digits}f})"


def header(one: str, other: str, what: str = "") -> str:
    """The head of a Markdown table of such rows."""
    return f"| {what} | {one} | {other} | ratio of the medians (quartiles of the pairs' ratios) |\n|---|---|---|---|"


def in_turn(one: Callable[[], float], other: Callable[[], float], pairs: int) -> Pairs:
    """Measure both sides in turn; each function makes one measurement and returns it."""
    return Pairs([(one(), other()) for _ in range(pairs)])

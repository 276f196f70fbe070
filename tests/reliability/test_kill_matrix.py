"""SIGKILL at every await of a call, then the same call in a new process: one job, and its id.

Here one kill for each line of docs/kill-matrix.md runs from the claim on, with a list that does not lag. `FULL=1` runs
all of them, compares the whole page, and does the same with PostgreSQL.
"""

import difflib
from pathlib import Path

import pytest

from tests.full import FULL
from tests.postgres import Postgres

from . import kills
from .kills import JOB_LATER, LAGS, MADE, Cells, Point

pytestmark = pytest.mark.slow


class OneOfEach:
    """Wants the first point of each row from the claim on, with no lag."""

    def __init__(self) -> None:
        self._chosen: dict[str, Point] = {}

    def __call__(self, point: Point, lag: float) -> bool:
        if kills.CLAIM not in {point.row, *self._chosen}:
            return False
        return self._chosen.setdefault(point.row, point) == point and lag == 0.0


def on_the_page() -> dict[str, list[str]]:
    """The outcomes by row, as the page has them."""
    lines = kills.PAGE.read_text(encoding="utf-8").partition(kills.MARK)[2].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return {row: outcomes for row, _, *outcomes in cells[1:]}


def is_one_job_each(cells: Cells) -> None:
    assert {cell.jobs for cell in cells.values()} == {1}
    made = {point.row for (point, _), cell in cells.items() if cell.outcome == MADE}
    assert not [row for row in made if row.startswith(("the submit", "ledger: record the job", "the answer"))]


def test_after_a_kill_the_same_call_has_the_job_and_pays_once() -> None:
    if FULL:
        pytest.skip("the whole matrix runs")
    cells = kills.matrix(wanted=OneOfEach())
    is_one_job_each(cells)
    page = on_the_page()
    rows = list(page)
    assert {point.row for point, _ in cells} == {*rows[rows.index(kills.CLAIM) :]}
    for (point, lag), cell in cells.items():
        assert page[point.row][LAGS.index(lag)] == cell.outcome, (point, lag)
    assert JOB_LATER in {cell.outcome for cell in cells.values()}


@pytest.mark.skipif(not FULL, reason="FULL=1 runs the whole matrix")
def test_the_page_shows_what_runs_now() -> None:
    # Sorted: the record and the lists are asked for side by side, and arrive in any order.
    written, runs = [sorted(text.splitlines()) for text in (kills.PAGE.read_text(encoding="utf-8"), kills.page())]
    if written != runs:
        lines = difflib.unified_diff(written, runs, "page", "now", lineterm="")
        pytest.fail("docs/kill-matrix.md is not what runs now. To accept it: make kills\n" + "\n".join(lines))


@pytest.mark.skipif(not FULL, reason="FULL=1 runs it with PostgreSQL too")
def test_with_postgresql_as_the_ledger_too(postgres: Postgres) -> None:
    def new(_: Path) -> str:
        return postgres.url(postgres.new_database())

    is_one_job_each(kills.matrix(new, lambda _, lag: lag == 5.0))

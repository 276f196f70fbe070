"""SIGKILL at every await of a call, then the same call in a new process: one job, and its id.

All kills of docs/kill-matrix.md run in `make full`, with SQLite and with PostgreSQL.
"""

import difflib
from pathlib import Path

import pytest

from tests.full import in_full
from tests.postgres import Postgres

from . import kills
from .kills import MADE, Cells

pytestmark = [pytest.mark.slow, in_full]


def is_one_job_each(cells: Cells) -> None:
    assert {cell.jobs for cell in cells.values()} == {1}
    made = {point.row for (point, _), cell in cells.items() if cell.outcome == MADE}
    assert not [row for row in made if row.startswith(("the submit", "ledger: record the job", "the answer"))]


def test_the_page_shows_what_runs_now() -> None:
    # Sorted: the record and the lists are asked for side by side, and arrive in any order.
    written, runs = [sorted(text.splitlines()) for text in (kills.PAGE.read_text(encoding="utf-8"), kills.page())]
    if written != runs:
        lines = difflib.unified_diff(written, runs, "page", "now", lineterm="")
        pytest.fail("docs/kill-matrix.md is not what runs now. To accept it: make kills\n" + "\n".join(lines))


def test_with_postgresql_as_the_ledger_too(postgres: Postgres) -> None:
    def new(_: Path) -> str:
        return postgres.url(postgres.new_database())

    is_one_job_each(kills.matrix(new, lambda _, lag: lag == 5.0))

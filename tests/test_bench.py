"""The benchmarks run, so that anyone can measure their figures again."""

import subprocess
import sys
from pathlib import Path

import pytest

from .full import in_full
from .postgres import is_installed

NEEDS_POSTGRES = pytest.mark.skipif(not is_installed(), reason="PostgreSQL is not installed")
ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@in_full
@pytest.mark.parametrize(
    ("bench", "options", "says"),
    [
        ("polling", ["--quick"], "× the polls"),
        ("submits", ["--quick"], "| later |"),
        ("first_byte", ["--quick"], "| later, 2026-07-28 |"),
        ("pings", ["--quick"], "max "),
        ("waits", ["--quick"], "| bare tool | 10 |"),
        pytest.param("copies", ["--quick"], "claims a second", marks=NEEDS_POSTGRES),
    ],
)
def test_a_bench_runs_and_prints_its_figures(bench: str, options: list[str], says: str) -> None:
    command = [sys.executable, "-m", f"bench.{bench}", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=ROOT)  # noqa: S603 - our own script
    assert done.returncode == 0, done.stderr
    assert says in done.stdout

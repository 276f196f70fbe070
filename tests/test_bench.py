"""The benchmarks run, so that anyone can measure their figures again."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench"


@pytest.mark.slow
@pytest.mark.parametrize(("script", "options", "says"), [("polling.py", ["--quick"], "× the polls")])
def test_a_bench_runs_and_prints_its_figures(script: str, options: list[str], says: str) -> None:
    command = [sys.executable, str(BENCH / script), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603 - our own script
    assert done.returncode == 0, done.stderr
    assert says in done.stdout

"""The benches run, so that anyone can measure their figures again, and what was measured is in bench/results.md."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from bench import plots
from bench.__main__ import BENCHES, RESULTS, section, sections, write

from . import figures
from .full import in_full
from .postgres import is_installed

NEEDS = {"copies": pytest.mark.skipif(not is_installed(), reason="PostgreSQL is not installed")}


@pytest.mark.slow
@in_full
@pytest.mark.parametrize("bench", [pytest.param(name, marks=NEEDS.get(name, ())) for name in BENCHES])
def test_a_bench_prints_one_section_with_a_paragraph_and_a_table(bench: str) -> None:
    text, good = section(bench, quick=True)
    assert good, text
    assert [*sections(f"\n{text}")] == [bench]
    title, measured, paragraph, table = text.split("\n\n")[:4] if "\n\n|" in text else [text, "", "", ""]
    assert title.endswith(f": `python -m bench.{bench}`")
    assert measured.startswith("*20")
    assert paragraph[0] not in "|#*"
    assert "\n|---|" in table


def test_the_results_have_a_section_for_each_bench() -> None:
    assert [*sections(RESULTS.read_text(encoding="utf-8"))] == [*BENCHES]


def test_a_bench_that_does_not_run_has_the_reason_in_its_section() -> None:
    text, good = section("nonsense", quick=True)
    assert not good
    assert text.startswith("## `python -m bench.nonsense`\n\nNot measured: ")
    assert text.endswith(": No module named bench.nonsense\n")


def test_the_other_sections_stay_where_the_machine_is_the_same(tmp_path: Path) -> None:
    results = tmp_path / "results.md"
    assert write(results, [], quick=False)
    head = results.read_text(encoding="utf-8")
    kept = "## What the ledger costs: `python -m bench.submits`\n\nKept.\n"
    results.write_text(head + kept, encoding="utf-8")
    assert write(results, [], quick=False)
    assert results.read_text(encoding="utf-8") == head + kept
    results.write_text(head.replace("GiB", "TiB") + kept, encoding="utf-8")
    assert write(results, [], quick=False)
    assert results.read_text(encoding="utf-8") == head


@in_full
def test_the_picture_of_growth_has_a_curve_for_each_group_in_each_chart() -> None:
    rows = [{"jobs": jobs, "old": old, "delay": jobs / 2} for jobs in (1, 10) for old in ("0", "10")]
    svg = plots.picture(rows, "jobs", "old", [plots.Chart("One", ["delay"]), plots.Chart("Two", ["delay", "jobs"])])
    drawn = ET.fromstring(svg)  # noqa: S314 - our own
    lines = [path for path in drawn.iter("{http://www.w3.org/2000/svg}path") if path.get("stroke-width") == "3"]
    assert len(lines) == 2 + 4


def test_a_quoted_figure_that_the_results_do_not_have_is_an_error_and_one_that_could_not_be_measured_is_not() -> None:
    text = "## Title: `python -m bench.waits`\n\nWords.\n\n| calls | memory |\n|---|---|\n| 10 | 61 KB (60 to 62) |\n"
    results = {"waits": text, "start": "## `python -m bench.start`\n\nNot measured: no disk\n"}
    assert figures.value(results, figures.Cell("waits", "| 10 |", "memory")) == "61 KB"
    assert figures.value(results, figures.Cell("start", "| 10 |", "memory")) is None
    for row, column in (("| 100 |", "memory"), ("| 10 |", "delay")):
        with pytest.raises(ValueError, match="has no such figure"):
            figures.value(results, figures.Cell("waits", row, column))

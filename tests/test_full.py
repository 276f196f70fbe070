"""`make full` runs every test that `make test` leaves out."""

import re
from pathlib import Path

from .structure import ROOT


def test_every_file_that_does_more_in_full_is_run_by_make_full() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (recipe,) = re.findall(r"^full:.*\n((?:\t.*\n| {4}.*\n)+)", makefile, re.MULTILINE)
    run = {ROOT / name for name in recipe.split() if name.startswith("tests/")}
    more = [path for path in Path(__file__).parent.rglob("test_*.py") if _does_more_in_full(path)]
    assert len(more) > 10
    assert not [path for path in more if not run & {path, path.parent}]


def _does_more_in_full(path: Path) -> bool:
    return re.search(r"^from (\.|tests\.)full import", path.read_text(encoding="utf-8"), re.MULTILINE) is not None

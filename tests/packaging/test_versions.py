"""One version everywhere, and a release only of what has one."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from bundles import manifest, project, registry, tag

from gmi_video import __version__

from .floors import PROJECT, ROOT


def test_the_version_is_the_same_everywhere(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.mcpb"
    bundle.touch()
    entry = registry.entry("someone/gmi-video-mcp", bundle)
    said = subprocess.run(
        [sys.executable, "-m", "gmi_video", "--version"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    changelog = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert changelog is not None
    found = {
        "the manifest": json.loads(manifest.MANIFEST.read_text(encoding="utf-8"))["version"],
        "what the bundle installs": tomllib.loads(project.text())["project"]["version"],
        "server.json": entry["version"],
        "its package": entry["packages"][0]["version"],
        "its bundle": entry["packages"][1]["identifier"].split("/")[-2].removeprefix("v"),
        "the command": said.split()[-1],
        "CHANGELOG.md": changelog[1],
    }
    assert found == dict.fromkeys(found, __version__)
    assert "version" in PROJECT["dynamic"], "hatchling reads it from gmi_video/__init__.py"


OLDER = "\n## [0.0.9] - 2026-01-01\n\n- An older line.\n"


def test_the_notes_are_the_newest_section() -> None:
    assert tag.notes(f"# Changelog\n\n## [1.2.3] - 2026-12-24\n\n### Added\n\n- A line.\n{OLDER}", "1.2.3") == (
        "### Added\n\n- A line.\n"
    )


@pytest.mark.parametrize(
    "heading", ["## [1.2.3] - unreleased", "## [1.2.4] - 2026-12-24", "## 1.2.3", "## [1.2] - 2026-12-24"]
)
def test_without_a_dated_section_of_its_own_a_version_is_not_released(heading: str) -> None:
    with pytest.raises(ValueError, match=r"CHANGELOG\.md"):
        tag.notes(f"{heading}\n\n- A line.\n{OLDER}", "1.2.3")


def test_a_tag_that_is_not_the_version_releases_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tag.main(["v99.0.0", "--notes", str(tmp_path / "notes.md")]) == 1
    assert __version__ in capsys.readouterr().err
    assert not (tmp_path / "notes.md").exists()

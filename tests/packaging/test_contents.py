"""What the wheel and the source distribution hold."""

import shutil
import subprocess
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.structure import PACKAGE, ROOT

from .floors import PROJECT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(built: Path) -> dict[str, bytes]:
    """The wheel's files by name."""
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_holds_the_package_and_nothing_beside_it(wheel: dict[str, bytes]) -> None:
    ours = {
        f"gmi_video/{path.relative_to(PACKAGE).as_posix()}": path.read_bytes()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    believed = {
        f"gmi_video/live/schemas/{path.name}": path.read_bytes() for path in (ROOT / "schemas" / "upstream").iterdir()
    }
    held = {name: content for name, content in wheel.items() if ".dist-info/" not in name}
    assert held == ours | believed
    assert "gmi_video/py.typed" in held


def test_the_wheel_says_what_it_needs(wheel: dict[str, bytes]) -> None:
    (name,) = (name for name in wheel if name.endswith(".dist-info/METADATA"))
    metadata = message_from_bytes(wheel[name])
    assert metadata["Requires-Python"] == PROJECT["requires-python"]
    base = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert len(base) == len(PROJECT["dependencies"])
    assert metadata.get_all("Provides-Extra") == sorted(PROJECT["optional-dependencies"])


def test_the_source_distribution_holds_every_file_of_the_repository(built: Path) -> None:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git repository")
    listed = subprocess.run([git, "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)  # noqa: S603 - git
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    missing = {name for name in listed.stdout.splitlines() if (ROOT / name).exists()} - held
    assert not missing, "pyproject.toml lists what the sdist includes"

"""The wheel and the source distribution, built once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.structure import ROOT


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution: the one in `BUILT_DIST`, or else they are built."""
    if given := os.environ.get("BUILT_DIST"):
        return Path(given)
    folder = tmp_path_factory.mktemp("built")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", str(folder)], cwd=ROOT, check=True, timeout=120)  # noqa: S603 - our own interpreter
    return folder

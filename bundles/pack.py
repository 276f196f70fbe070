"""Pack the wheel that was built into a bundle: `python -m bundles.pack dist` (or `make bundle`; needs npm).

The bundle holds the wheel's own files, so what was tested as a wheel is what runs from the bundle.
"""

# ruff: noqa: T201, S603 - a command that starts a known program and prints its results

import argparse
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from bundles import MCPB, NAME, icon, project
from bundles.manifest import HERE, manifest, text_of
from gmi_video import __version__

_QUICK = {"npm_config_fetch_retries": "1", "npm_config_fetch_retry_mintimeout": "1000"}
"""Without a registry npm tries for minutes otherwise."""


def lay_out(wheel: Path, folder: Path, repository: str = "") -> None:
    """Write what the bundle holds into `folder`, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "server")
    shutil.copyfile(HERE / "main.py", folder / "server" / "main.py")
    shutil.copyfile(HERE.parent / "LICENSE", folder / "LICENSE")
    (folder / "manifest.json").write_text(text_of(manifest(repository)), encoding="utf-8")
    (folder / "pyproject.toml").write_text(project.text(), encoding="utf-8")
    icon.draw(folder / "icon.png")


def pack(mcpb: list[str], folder: Path, bundle: Path) -> bool:
    """Validate the manifest and pack the folder, by the official program. Returns whether both went well."""
    steps = (["validate", str(folder / "manifest.json")], ["pack", str(folder), str(bundle)])
    return all(_runs([*mcpb, *step]) for step in steps)


def _runs(command: list[str]) -> bool:
    return subprocess.run(command, check=False, timeout=300, env=os.environ | _QUICK).returncode == 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Pack. Returns 0, 1 if the bundle was refused, or 2 if the official program can't be had."""
    parser = argparse.ArgumentParser(prog="python -m bundles.pack", description=__doc__)
    parser.add_argument("dist", type=Path, help="the folder with the wheel; the bundle is put beside it")
    parser.add_argument("--repository", default="", help="owner/name on GitHub, for the links in the manifest")
    parser.add_argument("--folder", type=Path, default=Path("build/bundle"), help="where it is laid out (%(default)s)")
    options = parser.parse_args(arguments)
    npx = shutil.which("npx")
    if npx is None:
        print("npm is needed: the bundle is validated and packed by its official program.")
        return 2
    mcpb = [npx, "--yes", f"--package={MCPB}", "--", "mcpb"]
    if not _runs([*mcpb, "--version"]):
        print(f"npm could not fetch {MCPB}, which validates and packs the bundle.")
        return 2
    (wheel,) = options.dist.glob(f"*-{__version__}-*.whl")
    bundle = options.dist / f"{NAME}-{__version__}.mcpb"
    lay_out(wheel, options.folder, options.repository)
    return 0 if pack(mcpb, options.folder, bundle) else 1


if __name__ == "__main__":
    sys.exit(main())

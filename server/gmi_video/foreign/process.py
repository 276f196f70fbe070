"""Run a program of ours that reads foreign bytes, in a process of its own.

Libraries for pictures and films parse foreign bytes in C: some hold the interpreter's lock for a second, which would
stop the event loop, some take gigabytes, and none can be stopped in a thread. A process can be bounded and ended.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from anyio import to_thread

MEMORY = 2 * 1000**3
"""Bytes of memory that a program may use, where the system can bound it."""

_BOUNDS = Path(__file__).with_name("bounds.py")


class NotStarted(Exception):
    """The program can't be started: this server's Python is gone, as after an upgrade, or the system is at a limit."""


class Done(NamedTuple):
    """A program's exit code, and what it has written to its standard output."""

    code: int
    output: bytes


async def run(program: Path, *arguments: object, given: bytes = b"", seconds: float) -> Done:
    """Run a program to its end. A caller that is cancelled ends it.

    Args:
        program: its path; it is one of ours, and writes a bounded amount.
        arguments: its arguments.
        given: its standard input.
        seconds: how long it may take.

    Raises:
        TimeoutError: it was not done by then, and was ended.
        NotStarted: it can't be started.
    """
    bounded = [sys.executable, "-P", str(_BOUNDS), str(MEMORY), str(int(seconds) + 1)]
    try:
        process = subprocess.Popen(  # noqa: ASYNC220, S603 - returns at once; our own program
            [*bounded, str(program), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # It reads foreign bytes, and needs no key for that.
            env={name: value for name, value in os.environ.items() if not name.startswith("GMI_")},
        )
    except OSError as error:
        raise NotStarted from error
    try:
        output = await to_thread.run_sync(_converse, process, given, seconds, abandon_on_cancel=True)
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    finally:
        process.kill()
    return Done(process.returncode, output)


def installs(extra: str) -> str:
    """The command that installs an extra into this environment, when it is run in the folder of the clone."""
    return f'{sys.executable} -m pip install ".[{extra}]"'


def _converse(process: "subprocess.Popen[bytes]", given: bytes, seconds: float) -> bytes:
    """What the process answers. Runs in a thread; only here are its pipes closed, and it is waited for."""
    try:
        return process.communicate(given, timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise

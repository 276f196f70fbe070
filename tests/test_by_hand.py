"""The server, started by a person in a terminal, says what it is; and it serves as it does for a host."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from .stdio import SECONDS

pty = pytest.importorskip("pty", reason="there are no pseudo-terminals on Windows")

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "me", "version": "1"}},
}


_INTERRUPTED_EARLY = """
import os
import signal
from gmi_video.mcp import stdio

class Dropped:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)

read = stdio.load

def load():
    Dropped()
    return read()

stdio.load = load
stdio.serve()
"""
"""The server is interrupted before it can receive signals, while Python runs a callback."""


class Started(NamedTuple):
    """The server as a process; `keyboard` is the person's end of the terminal that is its stdin."""

    process: subprocess.Popen[bytes]
    keyboard: int


@contextmanager
def in_a_terminal(*program: str) -> Generator[Started]:
    """Start the server with a terminal as its stdin, and pipes as its stdout and stderr."""
    keyboard, stdin = pty.openpty()
    try:
        with subprocess.Popen(  # noqa: S603 - our own interpreter and programs
            [sys.executable, *(program or ("-m", "gmi_video"))],
            env={name: value for name, value in os.environ.items() if not name.startswith("GMI_")}
            | {"GMI_API_KEY": "k"},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            try:
                yield Started(process, keyboard)
            finally:
                process.kill()
    finally:
        os.close(stdin)
        os.close(keyboard)


def test_a_person_in_a_terminal_is_told_what_it_is_and_how_to_try_it_and_it_serves_all_the_same() -> None:
    with in_a_terminal() as (process, keyboard):
        os.write(keyboard, json.dumps(INITIALIZE).encode() + b"\n")
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], SECONDS)[0]
        answer = json.loads(process.stdout.readline())
        os.write(keyboard, b"\x04")  # Ctrl-D: the end of input
        rest, said = process.communicate(timeout=SECONDS)
    assert answer["result"]["serverInfo"]["name"] == "gmi-video-mcp"
    assert rest == b"", "what a person reads is not on stdout"
    text = said.decode()
    assert "is an MCP server" in text
    assert "gmi-video-mcp demo" in text or "-m gmi_video demo" in text
    assert "README.md" in text
    assert process.returncode == 0


def test_ctrl_c_in_a_terminal_ends_it_without_a_traceback() -> None:
    with in_a_terminal() as (process, _):
        assert process.stderr is not None
        first = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=SECONDS)
    assert b"is an MCP server" in first
    assert b"Traceback" not in rest
    assert process.returncode == 0


def test_ctrl_c_that_comes_before_the_server_can_receive_one_is_not_lost() -> None:
    """Python drops the exception of an interrupt that comes while a callback runs; the server went on."""
    with in_a_terminal("-c", _INTERRUPTED_EARLY) as (process, _):
        _, said = process.communicate(timeout=SECONDS)
    assert b"Traceback" not in said
    assert process.returncode == 0

"""Runs the server as a process over stdio, with signals and a clean end.

The SDK leaves signals to its caller. Without this a SIGTERM would end the process with no lifespan exit, and a
SIGINT would leave it hanging on the thread that reads stdin (mcp-notes 4.4).
"""

import logging
import os
import shlex
import signal
import sys
import threading
from pathlib import Path
from typing import NoReturn

import anyio

from gmi_video import __version__
from gmi_video.mcp.app import create_server
from gmi_video.mcp.front import Front
from gmi_video.settings import Settings, load

GRACE_SECONDS = 1.5
"""For closing what is open after a signal: below the 2 s after which hosts kill."""

BY_HAND = """\
gmi-video-mcp {version} is an MCP server: it makes videos for an assistant. A host such as Claude Desktop, Cursor or
VS Code starts it and speaks to it over stdin and stdout; started by hand, it waits here for such messages.

  To try it without a key:  {command} demo
  To check it:              {command} doctor
  To use it in a host:      README.md, "Install it in a host"; the command there is {command}
  Its other commands:       {command} --help

Ctrl-C ends it.
"""
"""What a person reads who starts the server in a terminal."""

_log = logging.getLogger(__name__)


def serve(front: Front | None = None) -> NoReturn:
    """Serve MCP over stdio until stdin ends or a signal comes; then end the process: 0, or 1 after a fault of ours.

    Args:
        front: has read the first lines, and answered them in part.
    """
    code = 1
    if os.name != "nt":
        # Until signals can be received, when nothing has begun. The exception that Python raises instead is lost where
        # a callback runs, as in an import.
        signal.signal(signal.SIGINT, _end_at_once)
    try:
        if os.isatty(0):
            # To stderr: stdout belongs to the protocol, also here.
            sys.stderr.write(BY_HAND.format(version=__version__, command=_command()))
        anyio.run(_serve, load(), front or Front())
        code = 0
    except KeyboardInterrupt:
        code = 0  # only where signals can't be received, on Windows
    except Exception:  # noqa: BLE001 - logged in full, and reported by the exit code
        _log.exception("The server stopped.")
    finally:
        # The thread that reads stdin can still be blocked on it, and would keep the interpreter from ending.
        _exit(code)


def _end_at_once(_number: int, _frame: object) -> NoReturn:
    os._exit(0)


def _command() -> str:
    """How this server is started: by the script beside the interpreter, where there is one."""
    script = Path(sys.executable).with_name("gmi-video-mcp.exe" if os.name == "nt" else "gmi-video-mcp")
    return shlex.join([str(script)] if script.exists() else [sys.executable, "-m", "gmi_video"])


async def _serve(settings: Settings, front: Front) -> None:
    server = create_server(settings)
    for problem in settings.problems + settings.warnings:
        _log.warning("%s", problem)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_stop_on_signal, tasks.cancel_scope)
        await server.run_stdio(front)
        tasks.cancel_scope.cancel()


async def _stop_on_signal(scope: anyio.CancelScope) -> None:
    try:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
            async for _ in received:
                # Without a flush of the log: what hangs may be a write to it, which holds the lock that a flush takes.
                timer = threading.Timer(GRACE_SECONDS, os._exit, (0,))
                timer.daemon = True
                timer.start()
                scope.cancel()
                return
    except NotImplementedError:
        # Windows' event loop has no signal handlers; KeyboardInterrupt does the work there.
        return


def _exit(code: int) -> NoReturn:
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)

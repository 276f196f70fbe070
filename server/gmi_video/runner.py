"""The server as a process: stdio, signals, and a clean end.

The SDK leaves signals to its caller. Without this a SIGTERM would end the process with no lifespan exit, and a
SIGINT would leave it hanging on the thread that reads stdin (mcp-notes 4.4).
"""

import logging
import os
import signal
import sys
import threading

import anyio

from gmi_video.app import create_server
from gmi_video.settings import Settings, load

GRACE_SECONDS = 2.0
"""For the lifespan to close what is open after a signal; then the process ends regardless of a blocked stdin."""

_log = logging.getLogger(__name__)


def serve() -> int:
    """Serve MCP over stdio until stdin ends or a signal comes. Returns the exit code."""
    settings = load()
    try:
        anyio.run(_serve, settings)
    except KeyboardInterrupt:
        return 0
    finally:
        # The SDK's reader thread can still be blocked on stdin, and would keep the interpreter from ending.
        _flush_and_exit(0)
    return 0


async def _serve(settings: Settings) -> None:
    server = create_server(settings)
    for problem in settings.problems:
        _log.warning("%s", problem)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_stop_on_signal, tasks.cancel_scope)
        await server.run_stdio_async()
        tasks.cancel_scope.cancel()


async def _stop_on_signal(scope: anyio.CancelScope) -> None:
    signals = [signal.SIGINT, signal.SIGTERM]
    try:
        with anyio.open_signal_receiver(*signals) as received:
            async for _ in received:
                timer = threading.Timer(GRACE_SECONDS, _flush_and_exit, (0,))
                timer.daemon = True
                timer.start()
                scope.cancel()
                return
    except NotImplementedError:
        # Windows' event loop has no signal handlers; KeyboardInterrupt does the work there.
        return


def _flush_and_exit(code: int) -> None:
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)

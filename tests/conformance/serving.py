"""Run a program that serves MCP over HTTP: the server, or the fixture of the task scenarios."""

import socket
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from tests.npm import on_path

SERVER = ("gmi_video", "serve", "--http", "--port")
FIXTURE = ("tests.conformance.fixture",)


@contextmanager
def serving(program: Sequence[str], **environment: str) -> Generator[str]:
    """Run a program on a free port; gives the address of its endpoint.

    Args:
        program: `SERVER` or `FIXTURE`: a module and its arguments, of which the port is the last.
        environment: the server's settings.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", *program, str(port)], env={"PATH": on_path(), **environment}
    )
    try:
        _until_open(port)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait(10)


def _until_open(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("the server did not start")

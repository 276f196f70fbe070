"""Run a module of this package that serves MCP over HTTP."""

import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager

from tests.npm import on_path


@contextmanager
def serving(module: str, **environment: str) -> Generator[str]:
    """Run `fixture` or `served` on a free port; gives the address of its endpoint.

    Args:
        module: which of them.
        environment: the server's settings.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", f"tests.conformance.{module}", str(port)], env={"PATH": on_path(), **environment}
    )
    try:
        _until_open(port)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        program.terminate()
        program.wait(10)


def _until_open(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("the server did not start")

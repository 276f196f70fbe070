"""After a signal the process ends, also where something in it hangs."""

import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from typing import Any

import pytest

SECONDS = 30
"""The limit of every wait in these tests (seconds), far above what any of them takes."""

CLIENT = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "mcp", "version": "1"}}


def send(child: subprocess.Popen[bytes], **message: Any) -> None:
    assert child.stdin is not None
    child.stdin.write(json.dumps({"jsonrpc": "2.0"} | message).encode() + b"\n")
    child.stdin.flush()


def shrink(pipe: int) -> int:
    """Make a pipe as small as can be; the number of bytes that it holds."""
    return fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 1)


def wait_until_full(pipe: int, size: int) -> None:
    """Wait until a pipe holds `size` bytes, so that its writer is blocked."""
    deadline = time.monotonic() + SECONDS
    while struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0] < size:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="sets the size of a pipe, which only Linux offers")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_server_whose_host_reads_neither_its_output_nor_its_log(how: signal.Signals) -> None:
    # With a call in flight the SDK tries to answer it, gives up after a second and logs that: on the full stderr the
    # event loop hangs.
    our_end, stderr = os.pipe()
    os.write(stderr, bytes(shrink(stderr)))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GMI_")}
    with socket.create_server(("127.0.0.1", 0)) as silent_queue:
        environment |= {"GMI_API_KEY": "k", "GMI_BASE_URL": f"http://127.0.0.1:{silent_queue.getsockname()[1]}"}
        child = subprocess.Popen(
            [sys.executable, "-m", "gmi_video"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
        with child:
            try:
                assert child.stdout is not None
                send(child, id=0, method="initialize", params=CLIENT)
                assert b'"result"' in child.stdout.readline()
                send(child, method="notifications/initialized")
                send(child, id=1, method="tools/call", params={"name": "list_models", "arguments": {}})
                with silent_queue.accept()[0] as call:
                    call.recv(1)
                    stdout = child.stdout.fileno()
                    size = shrink(stdout)
                    send(child, id=2, method="tools/list")  # its result is larger than the pipe
                    wait_until_full(stdout, size)
                    child.send_signal(how)
                    assert child.wait(SECONDS) == 0
            finally:
                child.kill()
                os.close(our_end)
                os.close(stderr)

"""The server as a real process over stdio, and a simulator on a loopback port for it."""

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import IO, Any

from anyio.from_thread import BlockingPortal, start_blocking_portal

from gmi_video.simulator import Simulator
from gmi_video.simulator.pauses import Pause
from gmi_video.simulator.serve import running

SECONDS = 60
"""The longest wait for a line or for the end of a process (seconds); none is meant to be near it."""

_CLIENT = {"name": "mcp", "version": "1"}
_ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": _CLIENT,
}


class Server:
    """`python -m gmi_video`, or another program that serves the same, spoken to line by line.

    Args:
        era: `legacy`, or the version of the modern protocol.
        environment: the server's `GMI_` variables.
    """

    program = ("-m", "gmi_video")
    """The arguments of the Python interpreter."""

    def __init__(self, era: str, **environment: str) -> None:
        self._modern = era != "legacy"
        self._child = subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, *self.program],
            env={name: value for name, value in os.environ.items() if not name.startswith("GMI_")} | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._log: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._deaf = threading.Event()
        self._readers = [
            threading.Thread(target=_read, args=[stream, lines, stop], daemon=True)
            for stream, lines, stop in (
                (self._child.stdout, self._lines, self._deaf),
                (self._child.stderr, self._log, threading.Event()),
            )
        ]
        for reader in self._readers:
            reader.start()
        self.stdout = b""
        self.stderr = ""
        self._last_id = 0

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._child.pid

    def open(self, version: str = "2025-11-25") -> dict[str, Any]:
        """Open the session as the era does; returns the server's description of itself.

        Args:
            version: of the legacy protocol.
        """
        if self._modern:
            return self.result(self.ask("server/discover"))
        asked = {"protocolVersion": version, "capabilities": {}, "clientInfo": _CLIENT}
        description = self.result(self.ask("initialize", **asked))
        self._send({"method": "notifications/initialized"})
        return description

    def ask(self, method: str, **params: Any) -> int:
        """Send a request; returns its id."""
        self._last_id += 1
        self.write(self.line(method, self._last_id, **params).encode() + b"\n")
        return self._last_id

    def line(self, method: str, asked: Any, **params: Any) -> str:
        """A request with the id `asked`, as JSON."""
        meta = {"progressToken": self._last_id} | (_ENVELOPE if self._modern else {})
        return json.dumps({"jsonrpc": "2.0", "id": asked, "method": method, "params": params | {"_meta": meta}})

    def message(self) -> dict[str, Any]:
        """The next line of stdout, which must be JSON-RPC."""
        line = self._lines.get(timeout=SECONDS)
        self.stdout += line
        message = json.loads(line)
        assert message["jsonrpc"] == "2.0"
        return message

    def result(self, request: int) -> dict[str, Any]:
        """The result of a request; notifications before it are dropped."""
        while True:
            message = self.message()
            if message.get("id") == request:
                return message["result"]
            assert "id" not in message, "the server asks nothing back"

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool; returns its answer."""
        result = self.result(self.start(tool, **arguments))
        answer = json.loads(result["content"][0]["text"])
        assert result.get("structuredContent", answer) == answer
        return answer

    def start(self, tool: str, **arguments: Any) -> int:
        """Call a tool without waiting for its answer; returns the request's id."""
        return self.ask("tools/call", name=tool, arguments=arguments)

    def started_job(self, prompt: str) -> str:
        """Ask for a video; returns the job's id, as soon as a progress message names it, with the call still open."""
        self.start("generate_video", prompt=prompt)
        message = self.message()
        assert message["method"] == "notifications/progress"
        request_id = re.match(r"request ([\w-]+): ", message["params"]["message"])
        assert request_id is not None
        return request_id[1]

    def logged(self, text: str) -> None:
        """Wait for a line of stderr that contains `text`."""
        while True:
            line = self._log.get(timeout=SECONDS).decode()
            self.stderr += line
            if text in line:
                return

    def end(self, how: signal.Signals | None = None) -> int:
        """End it, by the end of its input or by a signal; returns the exit code. `stderr` is complete then."""
        self.begin_end(how)
        return self.ended()

    def begin_end(self, how: signal.Signals | None = None) -> None:
        """Close its input, or send it a signal."""
        assert self._child.stdin is not None
        if how is not None:
            self._child.send_signal(how)
        else:
            self._child.stdin.close()

    def ended(self) -> int:
        """Wait for its end; returns the exit code. What is left on stdout must be JSON-RPC."""
        try:
            code = self._child.wait(SECONDS)
        finally:
            self.kill()
        while not self._log.empty():
            self.stderr += self._log.get().decode()
        while not self._lines.empty():
            self.message()
        return code

    def kill(self) -> None:
        """End it, with whatever it has yet to say."""
        self._child.kill()
        for reader in self._readers:
            reader.join(SECONDS)
        with self._child:
            pass

    def write(self, line: bytes) -> None:
        """Write to its stdin as it is."""
        assert self._child.stdin is not None
        self._child.stdin.write(line)
        self._child.stdin.flush()

    def stop_reading(self) -> None:
        """Read one more message of its stdout, and no other."""
        self._deaf.set()
        self.ask("tools/list")
        self._readers[0].join(SECONDS)

    def close_output(self) -> None:
        """Close the host's end of its stdout, as a host does that has crashed in part."""
        self.stop_reading()
        assert self._child.stdout is not None
        self._child.stdout.close()

    def _send(self, message: dict[str, Any]) -> None:
        self.write(json.dumps({"jsonrpc": "2.0"} | message).encode() + b"\n")


def _read(stream: IO[bytes] | None, lines: queue.SimpleQueue[bytes], stop: threading.Event) -> None:
    assert stream is not None
    for line in stream:
        lines.put(line)
        if stop.is_set():
            return


class Cloud:
    """A simulator on a loopback port, served by an event loop in a thread of its own. Made by `cloud`."""

    def __init__(self, sim: Simulator, portal: BlockingPortal) -> None:
        self.sim = sim
        self._portal = portal

    def environment(self, **more: str) -> dict[str, str]:
        """The settings of a server that uses it."""
        return {"GMI_API_KEY": self.sim.api_key, "GMI_BASE_URL": self.sim.api_url} | more

    def pause_at(self, point: str) -> Pause:
        """Stop the next call at a point; see `gmi_video.simulator.pauses`."""
        return self._portal.call(self.sim.pause_at, point)

    def reached(self, pause: Pause) -> None:
        """Wait until a call is at the pause."""
        self._portal.start_task_soon(pause.reached).result(SECONDS)

    def release(self, pause: Pause) -> None:
        """Let the call go on."""
        self._portal.call(pause.release)

    def count(self, endpoint: str) -> int:
        """How many calls of an endpoint have arrived."""
        return sum(call.endpoint == endpoint for call in self.sim.calls)


@contextmanager
def cloud(portal: BlockingPortal, **options: Any) -> Generator[Cloud]:
    """Serve a simulator with these options in the portal's event loop."""
    sim = portal.call(partial(Simulator, **options))
    with portal.wrap_async_context_manager(running(sim)):
        yield Cloud(sim, portal)


@contextmanager
def event_loop() -> Generator[BlockingPortal]:
    """An event loop in a thread of its own, for simulators."""
    with start_blocking_portal("asyncio") as portal:
        yield portal

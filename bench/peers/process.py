"""A server as a process that is spoken to over stdio, as a host does that knows nothing of it."""

import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

SECONDS = 180
"""The longest wait for an answer."""


class DiedError(Exception):
    """The server ended, or gave no answer in `SECONDS`."""


class Started(NamedTuple):
    """A start: from the spawn to the answer to tools/list."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds of a processor, the process's own and the system's for it, until it was killed right after."""
    tools: list[dict[str, Any]]
    bytes: int
    """Of the tools as compact JSON."""


class Process:
    """One server, in the protocol version that all of them speak.

    Lines of stdout that are no JSON are dropped, as hosts do: two of the servers print a greeting there.
    """

    def __init__(self, command: list[str], environment: Mapping[str, str]) -> None:
        self._child = subprocess.Popen(  # noqa: S603 - a server of the table
            command,
            env=dict(environment),
            cwd=environment["HOME"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._last_id = 0

    def open(self) -> None:
        """Initialize the session."""
        client = {"name": "bench", "version": "1"}
        self.ask("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=client)
        self._send({"method": "notifications/initialized"})

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a request; returns its result, or its error as the result of a tool.

        Raises:
            DiedError: there was no answer.
        """
        self._last_id += 1
        self._send({"id": self._last_id, "method": method, "params": params})
        while True:
            try:
                message = self._messages.get(timeout=SECONDS)
            except queue.Empty:
                message = None
            if message is None:
                raise DiedError(f"no answer to {method}")
            if message.get("id") == self._last_id and "method" not in message:
                error = message.get("error")
                text = f"JSON-RPC error {error['code']}: {error['message']}" if error else ""
                return {"isError": True, "content": [{"text": text}]} if error else message["result"]

    def kill(self) -> float:
        """End it at once; returns the seconds of a processor that it took."""
        os.killpg(self._child.pid, signal.SIGKILL)
        _, status, used = os.wait4(self._child.pid, 0)
        # Popen must not wait for it again.
        self._child.returncode = os.waitstatus_to_exitcode(status)
        self._reader.join()
        with self._child:
            pass
        return used.ru_utime + used.ru_stime

    def _read(self) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            if line.startswith(b"{"):
                self._messages.put(json.loads(line))
        self._messages.put(None)

    def _send(self, message: dict[str, Any]) -> None:
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(json.dumps({"jsonrpc": "2.0"} | message).encode() + b"\n")
            self._child.stdin.flush()
        except BrokenPipeError as error:
            raise DiedError("it ended") from error


def start(command: list[str], environment: Mapping[str, str]) -> Started:
    """Start a server, ask for its tools, and kill it.

    Raises:
        DiedError: there was no answer.
    """
    began = time.perf_counter()
    process = Process(command, environment)
    try:
        process.open()
        tools = process.ask("tools/list")["tools"]
        wall = time.perf_counter() - began
    finally:
        cpu = process.kill()
    size = len(json.dumps(tools, ensure_ascii=False, separators=(",", ":")).encode())
    return Started(wall, cpu, tools, size)

"""The stdio transport: messages as lines on stdin and stdout.

In place of the SDK's, which reads lines of any length, leaves a line that it can't parse unanswered, and does not end
while it waits for stdin where stdout is closed.
"""

import io
import json
import logging
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, BinaryIO

import anyio
from anyio import to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCResponse
from typing_extensions import Buffer

from gmi_video.mcp import messages
from gmi_video.mcp.front import Front
from gmi_video.mcp.messages import ENDS_BYTES, MAX_LINE_BYTES

FLUSH_SECONDS = 1.0
"""How long the last answers may take to be written when the server ends; a host may have stopped reading."""

_log = logging.getLogger(__name__)

Incoming = MemoryObjectReceiveStream[SessionMessage | Exception]
Outgoing = MemoryObjectSendStream[SessionMessage]


@asynccontextmanager
async def stdio(front: Front) -> AsyncGenerator[tuple[Incoming, Outgoing]]:
    """The process's stdin and stdout as the streams that the SDK's server reads and writes.

    The incoming one begins with what `front` has read, and ends with stdin, or when stdout can't be written to any
    more. The outgoing one drops answers to what `front` has answered. Meanwhile descriptor 1 is stderr and 0 the null
    device, so that nothing else can be in the way.
    """
    # Never closed: a thread can still be blocked on them when the process ends.
    stdin = io.BufferedReader(_Begun(front.read, io.FileIO(_claim(0), closefd=False)))
    stdout = os.fdopen(_claim(1), "wb", closefd=False)
    send_incoming, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, receive_outgoing = anyio.create_memory_object_stream[SessionMessage](0)
    pipes = _Pipes(stdin, stdout, front.answered)
    written = anyio.Event()
    async with anyio.create_task_group() as tasks:

        async def write() -> None:
            await pipes.write(receive_outgoing)
            written.set()

        tasks.start_soon(pipes.read, send_incoming)
        tasks.start_soon(write)
        yield incoming, outgoing
        outgoing.close()
        with anyio.move_on_after(FLUSH_SECONDS):
            await written.wait()
        tasks.cancel_scope.cancel()


def _claim(descriptor: int) -> int:
    """A private duplicate of a standard descriptor, which is diverted."""
    private = os.dup(descriptor)
    diversion = os.open(os.devnull, os.O_RDONLY) if descriptor == 0 else os.dup(2)
    os.dup2(diversion, descriptor)
    os.close(diversion)
    return private


class _Begun(io.RawIOBase):
    """A stream of which the beginning has been read already."""

    def __init__(self, beginning: bytes, rest: io.FileIO) -> None:
        self._beginning = io.BytesIO(beginning)
        self._rest = rest

    def readable(self) -> bool:
        """It is, which a raw stream denies unless told."""
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """Read what there is into the buffer; 0 at the end."""
        return self._beginning.readinto(buffer) or self._rest.readinto(buffer)


class _Pipes:
    """Reads and writes lines in threads that may be left behind, blocked."""

    def __init__(self, stdin: "io.BufferedReader[_Begun]", stdout: BinaryIO, answered: set[int | str]) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._answered = answered
        self._lock = anyio.Lock()
        self._reading = anyio.CancelScope()

    async def read(self, incoming: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        """Pass messages on until stdin ends, or stdout is closed; answer what is none."""
        async with incoming:
            with self._reading:
                while (found := await to_thread.run_sync(self._next, abandon_on_cancel=True)) is not None:
                    if isinstance(found, SessionMessage):
                        await incoming.send(found)
                        continue
                    for error in found:
                        await self._put(json.dumps(error).encode())

    async def write(self, outgoing: MemoryObjectReceiveStream[SessionMessage]) -> None:
        """Write messages until there are no more."""
        # Closed in any case: what is still to be said would wait for its reader.
        async with outgoing:
            async for message in outgoing:
                if isinstance(message.message, JSONRPCResponse | JSONRPCError) and message.message.id in self._answered:
                    self._answered.remove(message.message.id)
                    continue
                await self._put(_as_json(message))

    async def _put(self, line: bytes) -> None:
        async with self._lock:
            if self._reading.cancel_called:
                return
            try:
                await to_thread.run_sync(_write, self._stdout, line + b"\n", abandon_on_cancel=True)
            except (OSError, ValueError):
                _log.warning("stdout is closed, so this server ends.")
                self._reading.cancel()

    def _next(self) -> SessionMessage | list[dict[str, Any]] | None:
        """The next message, or errors; None at the end of stdin."""
        line = self._stdin.readline(MAX_LINE_BYTES + 1)
        if len(line) <= MAX_LINE_BYTES:
            return messages.read(line) if line else None
        size, head, tail = len(line), line[:ENDS_BYTES], line
        while line and not line.endswith(b"\n"):
            line = self._stdin.readline(1024 * 1024)
            size, tail = size + len(line), tail[-ENDS_BYTES:] + line
        return [messages.too_long(size, head, tail[-ENDS_BYTES:])]


def _as_json(message: SessionMessage) -> bytes:
    try:
        return message.message.model_dump_json(by_alias=True, exclude_unset=True).encode()
    except (ValueError, RecursionError):
        # Text that is not valid Unicode, such as a progress token: escaped, it goes back as it came.
        return json.dumps(message.message.model_dump(by_alias=True, exclude_unset=True), default=str).encode()


def _write(stdout: BinaryIO, line: bytes) -> None:
    stdout.write(line)
    stdout.flush()

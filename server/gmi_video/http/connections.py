"""Connections, bounded in number and in the time that they may take to send the head of a request.

uvicorn bounds neither: a connection that never sends anything stays open, and its own limit on concurrency counts such
connections too, so that they would keep everyone else out.
"""

import asyncio
import contextlib
import socket
import sys
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 15.0
"""From a connection, or the first byte of a further request, to the end of the request's head."""

KEEP_ALIVE_SECONDS = 65
"""Between two requests on a connection: longer than the 60 s of proxies, which reuse what they hold open."""

MAX_HEAD_BYTES = 32 * 1024
"""Longest head of a request."""

UNREAD_SECONDS = 60
"""What was sent may stay unread so long; then the system ends the connection (Linux)."""

SPARE_DESCRIPTORS = 256
"""Of the process's file descriptors, those left for the ledger, the queue and everything else."""

MOST = 4096
"""Connections at the same time, where the process may have as many descriptors."""


class Pool:
    """The open connections of a server. `waiting` are those without a request, the longest waiting first."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.open = 0
        self.waiting: dict[BoundedProtocol, None] = {}


class BoundedProtocol(H11Protocol):
    """uvicorn's protocol, with these bounds. Where there are too many, the one that waits longest makes room."""

    def __init__(self, pool: Pool, **options: Any) -> None:
        super().__init__(**options)
        self._pool = pool
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """A client has connected."""
        super().connection_made(transport)
        self._pool.open += 1
        _end_where_unread(transport)
        if self._pool.open > self._pool.most:
            longest = next(iter(self._pool.waiting), self)
            self._pool.waiting.pop(longest, None)
            longest.transport.abort()
        if not transport.is_closing():
            self._pool.waiting[self] = None
            self._begin_head()

    def data_received(self, data: bytes) -> None:
        """Bytes of a request have come in."""
        super().data_received(data)
        if not self._is_waiting():
            self._pool.waiting.pop(self, None)
            self._end_head()
        elif self._timer is None:
            self._begin_head()

    def on_response_complete(self) -> None:
        """A request was answered; the connection may be used for another one."""
        super().on_response_complete()
        if self._is_waiting() and not self.transport.is_closing():
            self._pool.waiting.pop(self, None)
            self._pool.waiting[self] = None

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._pool.open -= 1
        self._pool.waiting.pop(self, None)
        self._end_head()
        # Where the client has reset the connection uvicorn leaves this timer, and with it all that the connection held.
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def _is_waiting(self) -> bool:
        return self.cycle is None or self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison] - None before the first

    def _begin_head(self) -> None:
        self._timer = self.loop.call_later(HEAD_SECONDS, self._late)

    def _end_head(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        self.transport.abort()


def most_connections() -> int:
    """How many connections this process may have; raises its limit of descriptors as far as that is allowed."""
    if sys.platform == "win32":
        return MOST
    import resource  # noqa: PLC0415 - not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST + SPARE_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST if soft == resource.RLIM_INFINITY else max(min(MOST, soft - SPARE_DESCRIPTORS), 16)


def _end_where_unread(transport: asyncio.Transport) -> None:
    """Have the system end a connection whose client does not read: a write that waits for it has no end of its own."""
    found: socket.socket | None = transport.get_extra_info("socket")
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if found is not None and option is not None:
        with contextlib.suppress(OSError):  # not a TCP connection
            found.setsockopt(socket.IPPROTO_TCP, option, UNREAD_SECONDS * 1000)

"""How long a connection's host holds a call, learned from the calls that it gives up on.

Hosts cut a tool call off after limits that the protocol does not name (5 s in some agent frameworks), many of them
without saying so. A host that makes the same call again while the first one still waits has given up on that one; so
has one whose call was cancelled and that makes it again. Such a repeat is answered at once with what is known, and no
later call of that connection waits longer than the host was seen to hold.
"""

from collections.abc import Generator, Hashable
from contextlib import contextmanager

import anyio
from cachetools import LRUCache

PARALLEL_SECONDS = 2.0
"""Two identical calls within this time were made at once, and both wait: no host gives up that soon."""

REPEAT_SECONDS = 120.0
"""A call that was cancelled and is made again within this time was given up by the host, not by its user."""

SILENT_SHARE = 0.5
"""Of the time between a call and its repeat: the assistant's thinking is in it, so the host held for less."""

CANCELLED_SHARE = 0.8
"""Of the time until a call was cancelled, which is how long the host held."""

SHORTEST = 2.0
"""No wait is made shorter than this (seconds)."""

REMEMBERED = 256
"""Cancelled calls that are remembered."""


class Patience:
    """What one connection has shown. `limit`: seconds that a call may wait; infinite until one was given up."""

    def __init__(self) -> None:
        self.limit = float("inf")
        self._waiting: dict[Hashable, float] = {}
        self._cancelled: LRUCache[Hashable, tuple[float, float]] = LRUCache(REMEMBERED)

    @contextmanager
    def waiting(self, key: Hashable) -> Generator[bool]:
        """Note that a call waits for `key`. Gives whether the host has given up on an earlier wait for it."""
        now = anyio.current_time()
        given_up = self._has_given_up(key, now)
        self._waiting[key] = now
        try:
            yield given_up
        except anyio.get_cancelled_exc_class():
            self._cancelled[key] = (anyio.current_time() - now, anyio.current_time())
            raise
        finally:
            if self._waiting.get(key) == now:
                del self._waiting[key]

    def _has_given_up(self, key: Hashable, now: float) -> bool:
        since = self._waiting.get(key)
        if since is not None and now - since >= PARALLEL_SECONDS:
            self._learn((now - since) * SILENT_SHARE)
            return True
        held, at = self._cancelled.pop(key, (0.0, float("-inf")))
        if held >= PARALLEL_SECONDS and now - at <= REPEAT_SECONDS:
            self._learn(held * CANCELLED_SHARE)
            return True
        return False

    def _learn(self, seconds: float) -> None:
        self.limit = max(SHORTEST, min(self.limit, seconds))

"""How long a connection's host holds a call, learned from the calls that it gives up on.

Hosts cut a tool call off after limits that the protocol does not name (5 s in some agent frameworks), many of them
without saying so. A host that makes the same call again while the first one still waits has given up on that one: the
repeat is answered at once with what is known. One that cancels a call and makes it again has shown exactly how long it
holds. No later call of that connection waits longer than that.
"""

from collections.abc import Generator, Hashable
from contextlib import contextmanager
from dataclasses import dataclass

import anyio
from cachetools import LRUCache

PARALLEL_SECONDS = 2.0
"""Two identical calls within this time were made at once, and both wait: no host gives up that soon."""

REPEAT_SECONDS = 120.0
"""A call that was cancelled and is made again within this time was given up by the host, not by its user."""

SHORTEST_LIMIT = 4.5
"""A call that was cancelled sooner was stopped by its user: no host is known to hold for less than 5 s."""

SILENT_SHARE = 0.5
"""Of the time between a call and its repeat: the assistant's thinking is in it, so the host held for less."""

CANCELLED_SHARE = 0.8
"""Of the time until a call was cancelled, which is how long the host held."""

SHORTEST = 2.0
"""No wait is made shorter than this (seconds)."""

REMEMBERED = 256
"""Cancelled calls that are remembered."""


@dataclass(slots=True)
class Wait:
    """A call that waits. `given_up`: its host has given up on an earlier one that still runs. `superseded`: on this."""

    since: float
    given_up: bool = False
    superseded: bool = False


class Patience:
    """What one connection has shown. `limit`: seconds that a call may wait; infinite until one was given up."""

    def __init__(self) -> None:
        self.limit = float("inf")
        self._waiting: dict[Hashable, Wait] = {}
        self._cancelled: LRUCache[Hashable, tuple[float, float]] = LRUCache(REMEMBERED)

    def is_waiting(self, key: Hashable) -> bool:
        """Whether a call waits for `key`, or was cancelled just now and has not ended yet."""
        return key in self._waiting

    @contextmanager
    def waiting(self, key: Hashable) -> Generator[Wait]:
        """Note that a call waits for `key`, for as long as this context is open."""
        now = anyio.current_time()
        wait = Wait(now)
        if (earlier := self._waiting.get(key)) and now - earlier.since >= PARALLEL_SECONDS:
            self._learn((now - earlier.since) * SILENT_SHARE)
            wait.given_up = earlier.superseded = True
        held, at = self._cancelled.pop(key, (0.0, 0.0))
        if held >= SHORTEST_LIMIT and now - at <= REPEAT_SECONDS:
            self._learn(held * CANCELLED_SHARE)
        self._waiting[key] = wait
        try:
            yield wait
        except anyio.get_cancelled_exc_class():
            self._cancelled[key] = (anyio.current_time() - now, anyio.current_time())
            raise
        finally:
            if self._waiting.get(key) is wait:
                del self._waiting[key]

    def _learn(self, seconds: float) -> None:
        self.limit = max(SHORTEST, min(self.limit, seconds))

"""The rate limit: how many calls to the queue may leave in any second, and which of those that wait leaves first."""

import itertools
import math
from collections import deque
from dataclasses import dataclass
from enum import Enum

import anyio

LEAST_EXCHANGE_SECONDS = 1.0
"""A call that would be left with less than this by the calls before it is not put in line."""


class Line(Enum):
    """Where a call waits. `SUBMITS`: what a job is made with. `LOOKS`: everything else, such as a job's state."""

    LOOKS = 0
    SUBMITS = 1


_moments = itertools.count()


def moment() -> float:
    """A number above all that were given before: which of two events came first, however coarse the clock is."""
    return next(_moments)


@dataclass(slots=True)
class Turn:
    """A call's place in line. `left_at` (`anyio.current_time`) and `left` (`moment`) are infinite until it has left."""

    line: Line = Line.LOOKS
    left_at: float = math.inf
    left: float = math.inf


class RateLimiter:
    """At most `per_second` calls in any second, in bursts or spread out.

    Below 1 a second, one call in any `1 / per_second` seconds; the fraction of a larger number is dropped.

    Calls wait in two lines, each in the order in which they ask. Where both have one waiting, the lines take turns: a
    look is never behind more submits than looks, and submits get at least half of the calls.
    """

    def __init__(self, per_second: float) -> None:
        number = max(1, int(per_second))
        self._seconds = max(1.0, 1 / per_second)
        # When the latest calls left. The oldest of them must be this long ago before another leaves.
        self._left = deque([-math.inf] * number, maxlen=number)
        self._last = Line.SUBMITS
        """The line from which the latest call left."""
        self._lines = {line: anyio.Lock(fast_acquire=True) for line in Line}
        self._waiting = dict.fromkeys(Line, 0)
        self._changed = anyio.Event()

    async def acquire(self, turn: Turn) -> None:
        """Wait until the call may leave, and note when it does. Cancelling a waiter does not use up its turn.

        Raises:
            LineTooLong: behind the calls that are in line now, it leaves too late for the caller's deadline.
        """
        before, now = self._before(turn.line), anyio.current_time()
        seconds = self._free_at(before) - now
        if seconds > 0 and now + seconds + LEAST_EXCHANGE_SECONDS > anyio.current_effective_deadline():
            raise LineTooLong(before, seconds)
        self._waiting[turn.line] += 1
        try:
            async with self._lines[turn.line]:
                while (leaves_at := self._leaves_at(turn.line)) > anyio.current_time():
                    with anyio.move_on_at(leaves_at):
                        await self._changed.wait()
                turn.left_at, turn.left = anyio.current_time(), moment()
                self._left.append(turn.left_at)
                self._last = turn.line
        finally:
            self._waiting[turn.line] -= 1
            self._changed.set()
            self._changed = anyio.Event()

    def _leaves_at(self, line: Line) -> float:
        """When the first call of a line leaves, as things are now."""
        free = self._free_at(0)
        is_others_turn = self._last is line and sum(self._waiting.values()) > self._waiting[line]
        return math.inf if is_others_turn and free <= anyio.current_time() else free

    def _free_at(self, before: int) -> float:
        """When a call may leave that has this many before it."""
        rounds, place = divmod(before, len(self._left))
        return max(self._left[place] + self._seconds, anyio.current_time()) + rounds * self._seconds

    def _before(self, line: Line) -> int:
        """How many of the calls that wait now leave before another call of a line would."""
        mine = self._waiting[line]
        others = sum(self._waiting.values()) - mine
        return mine + min(others, mine + (self._last is line))


class LineTooLong(Exception):
    """`calls` are in line already, and the last of them waits for `seconds`."""

    def __init__(self, calls: int, seconds: float) -> None:
        super().__init__(calls, seconds)
        self.calls = calls
        self.seconds = seconds

"""Virtual time: a clock that jumps whenever every task waits, and stands still while a thread works."""

import math
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio
import trio.abc
from trio.testing import MockClock

Result = TypeVar("Result")


class ThreadsHoldTime(trio.abc.Instrument):
    """Keeps the clock from jumping while a thread works, which to trio looks as if every task waited."""

    def __init__(self, clock: MockClock) -> None:
        self._clock = clock

    def after_task_step(self, task: trio.lowlevel.Task) -> None:  # noqa: ARG002 - trio's signature
        busy = trio.to_thread.current_default_thread_limiter().borrowed_tokens
        threshold = math.inf if busy else 0.0
        if self._clock.autojump_threshold != threshold:
            self._clock.autojump_threshold = threshold


def in_virtual_time(function: Callable[[], Awaitable[Result]]) -> Result:
    """Run to the end under a clock that jumps whenever everything waits, but not while a thread works."""
    clock = MockClock(autojump_threshold=0)
    return trio.run(function, clock=clock, instruments=[ThreadsHoldTime(clock)])

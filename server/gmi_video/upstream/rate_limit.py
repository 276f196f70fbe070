"""The rate limit: calls to the queue leave one after another, and one that would come too late is told so at once."""

import anyio

LEAST_EXCHANGE_SECONDS = 1.0
"""A call that would be left with less than this by the calls before it is not put in line."""


class RateLimiter:
    """At most `per_second` calls a second, in the order in which they ask."""

    def __init__(self, per_second: float) -> None:
        self._interval = 1 / per_second
        self._next = 0.0
        self._waiting = 0
        self._line = anyio.Lock()

    async def acquire(self) -> None:
        """Wait for the next slot. Cancelling a waiter does not consume its slot.

        Raises:
            LineTooLong: the slot comes too late for the caller's deadline.
        """
        now = anyio.current_time()
        seconds = max(self._next - now, 0.0) + self._waiting * self._interval
        if seconds and now + seconds + LEAST_EXCHANGE_SECONDS > anyio.current_effective_deadline():
            raise LineTooLong(self._waiting, seconds)
        self._waiting += 1
        try:
            async with self._line:
                await anyio.sleep_until(self._next)
                self._next = anyio.current_time() + self._interval
        finally:
            self._waiting -= 1


class LineTooLong(Exception):
    """`calls` are in line already, and the last of them waits for `seconds`."""

    def __init__(self, calls: int, seconds: float) -> None:
        super().__init__(calls, seconds)
        self.calls = calls
        self.seconds = seconds

"""Waits for jobs, on behalf of any number of callers. No wait ever touches the job, and none ends another."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager

import anyio

from gmi_video.background import Tasks
from gmi_video.jobs.estimates import Estimate, History
from gmi_video.jobs.looks import Looks
from gmi_video.jobs.watched import Watched
from gmi_video.upstream.client import Queue
from gmi_video.upstream.wire import Record

PROGRESS_INTERVAL = 2.0
"""Longest time between two progress messages to a waiting caller (seconds)."""

LAST_LOOK_TIMES, LAST_LOOK_SLACK, LAST_LOOK_SHARE = 1.25, 0.1, 0.5
"""A wait looks once more right before its end, so that a job which has just ended is told as finished: earlier by so
many times what looks take, and by this many seconds; by no more than this share of the wait."""

Notify = Callable[[Watched], Awaitable[None]]


class Poller:
    """Waits for requests.

    Args:
        queue: the queue.
        tasks: the server's task group.
        history: what such jobs took before; learns from the lists that are looked at.

    Attributes:
        waits: how many waits there were.
        waiting: how many there are now.
    """

    def __init__(self, queue: Queue, tasks: Tasks, history: History) -> None:
        self.waits = self.waiting = 0
        self._history = history
        self._looks = Looks(queue, tasks, history)
        self._stopping = False

    def end_waits(self) -> None:
        """Have every wait return what is known, because the server is about to stop."""
        self._stopping = True
        self._looks.wake_waits()

    async def look(self, request_id: str) -> Record:
        """Fetch a request; callers that ask for the same one at about the same time share one exchange."""
        return await self._looks.look(request_id)

    async def expect(self, record: Record) -> Estimate:
        """What this account's history tells of a job's length."""
        return await self._history.expect(record)

    async def wait(self, record: Record, expected: Estimate, seconds: float, notify: Notify | None = None) -> Watched:
        """Wait until the job has ended, or for `seconds`.

        Args:
            record: the job as it was last seen.
            expected: what is known of its length.
            seconds: how long; the answer comes a moment before that is over. At 0 the job is not looked at.
            notify: called at once, whenever the status changes, and at least every `PROGRESS_INTERVAL`.
        """
        if record.is_final or seconds <= 0:
            return self._looks.known(record, expected)
        deadline = anyio.current_time() + seconds
        with self._counted(), self._looks.watching(record, expected) as watched:
            while not watched.is_over and not self._stopping:
                if anyio.current_time() < (last_look := self._last_look(deadline, seconds)):
                    if notify is not None:
                        await notify(watched)
                    with anyio.move_on_at(min(anyio.current_time() + PROGRESS_INTERVAL, last_look)):
                        await watched.changed.wait()
                    continue
                with anyio.move_on_at(deadline):
                    await self._looks.look_now(watched)
                # Where it took less than was to be expected, there is time for another one.
                if anyio.current_time() >= self._last_look(deadline, seconds):
                    break
        return watched

    async def follow(self, record: Record, notify: Callable[[Record], Awaitable[None]]) -> None:
        """Report every change of a job's status, until it has ended.

        Args:
            record: the job as its follower knows it.
            notify: called with the job as it is after the change.
        """
        known = record.status
        with self._looks.watching(record, await self.expect(record)) as watched:
            while True:
                if watched.record.status != known:
                    known = watched.record.status
                    await notify(watched.record)
                elif watched.is_over:
                    return
                else:
                    await watched.changed.wait()

    @contextmanager
    def _counted(self) -> Generator[None]:
        self.waits += 1
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1

    def _last_look(self, deadline: float, seconds: float) -> float:
        return deadline - min(LAST_LOOK_TIMES * self._looks.took + LAST_LOOK_SLACK, LAST_LOOK_SHARE * seconds)

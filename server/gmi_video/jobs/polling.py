"""Waiting: the only loop, the only patience.

However many calls wait for a request, it is looked at once, by one loop that runs while anybody waits and looks at
nothing that nobody waits for. A waiter that leaves takes nothing with it, and no wait ever touches the job.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup

from gmi_video.errors import UpstreamError
from gmi_video.jobs.estimates import NO_HISTORY, Estimate
from gmi_video.jobs.histories import Histories
from gmi_video.upstream.client import Queue
from gmi_video.upstream.wire import Record

PROGRESS_INTERVAL = 2.0
"""Seconds between two signs of life to a waiting caller, at most: few enough that a host's progress bar moves."""

LAST_LOOK = 3.0
"""Seconds before its end that a wait looks once more, so that what it answers is fresh."""

GIVE_UP_AFTER = 3
"""So many refusals in a row that won't pass end a wait early; faults that may pass never do."""

LIST_FROM = 8
"""From so many pending requests of a model on, one list call stands for many status calls…"""

LIST_EVERY = 2.0
"""…at most every so many seconds…"""

LIST_BYTES = 1024 * 1024
"""…while the list, whose length is not documented, stays smaller than this…"""

LIST_PAUSE = 300.0
"""…else not again for so many seconds…"""

LIST_FAULT_PAUSE = 20.0
"""…or so many where it could not be had."""

Tell = Callable[["PollState"], Awaitable[None]]


@dataclass(eq=False, slots=True)
class PollState:
    """A request that somebody waits for. `problem` is why the last look failed; None where it did not."""

    record: Record
    estimate: Estimate
    age_at_start: float
    started: float
    next_look: float
    problem: UpstreamError | None = None
    faults: int = 0
    refusals: int = 0
    waiters: int = 0
    look: anyio.CancelScope | None = None
    looked: anyio.Event = field(default_factory=anyio.Event)
    changed: anyio.Event = field(default_factory=anyio.Event)

    @property
    def age(self) -> float:
        """Seconds since the job was made."""
        return self.age_at_start + anyio.current_time() - self.started

    @property
    def is_over(self) -> bool:
        """Whether waiting on can't help: the job has ended, or the queue refuses to speak of it."""
        return self.record.is_final or self.refusals >= GIVE_UP_AFTER

    @property
    def looking(self) -> bool:
        """Whether a look at it is under way."""
        return self.look is not None

    def seen(self, record: Record) -> None:
        """Take in what a look has found."""
        now = anyio.current_time()
        news = record.status != self.record.status or self.problem is not None
        self.record, self.problem, self.faults, self.refusals = record, None, 0, 0
        self.next_look = now + self.estimate.pause(self.age)
        self._announce(changed=news or record.is_final)

    def missed(self, error: UpstreamError) -> None:
        """Take in that a look has failed."""
        self.problem, self.faults = error, self.faults + 1
        self.refusals = 0 if error.passing else self.refusals + 1
        self.next_look = anyio.current_time() + max(min(2.0**self.faults, 15.0), min(error.retry_after or 0, 120.0))
        self._announce(changed=self.is_over)

    def _announce(self, *, changed: bool) -> None:
        self.looked.set()
        self.looked = anyio.Event()
        if changed:
            self.changed.set()
            self.changed = anyio.Event()


class Poller:
    """Waits for requests, on behalf of any number of callers.

    Args:
        queue: the queue.
        tasks: the server's own task group; the loop runs in it while somebody waits.
    """

    def __init__(self, queue: Queue, tasks: TaskGroup) -> None:
        self._queue = queue
        self._tasks = tasks
        self._watches: dict[str, PollState] = {}
        self._running = False
        self._wake = anyio.Event()
        self._histories = Histories(queue)
        self._next_list: dict[str, float] = {}

    # -- for callers ---------------------------------------------------------------------------------------------

    def learn(self, model: str, history: Iterable[Record]) -> None:
        """Take in a model's requests as they were just listed."""
        self._histories.learn(model, history)

    async def expect(self, record: Record) -> Estimate:
        """What this account's history tells of a job's length."""
        return NO_HISTORY if record.is_final else await self._histories.expect(record)

    async def wait(self, record: Record, expected: Estimate, seconds: float, tell: Tell | None = None) -> PollState:
        """Wait until the job has ended, or for `seconds`.

        Args:
            record: the job as it was last seen.
            expected: what is known of its length.
            seconds: how long; the answer comes a moment before that is over. At 0 nothing is looked at.
            tell: called at once, whenever the status changes, and every few seconds between.
        """
        if record.is_final and (watch := self._watches.get(record.request_id)):
            watch.seen(record)
        if record.is_final or seconds <= 0:
            return self._new(record, expected)
        deadline = anyio.current_time() + seconds
        async with self.watching(record, expected) as watch:
            while not watch.is_over and anyio.current_time() < deadline - LAST_LOOK:
                if tell is not None:
                    await tell(watch)
                with anyio.move_on_at(min(anyio.current_time() + PROGRESS_INTERVAL, deadline - LAST_LOOK)):
                    await watch.changed.wait()
            if not watch.is_over:
                self.hurry(watch)
                with anyio.move_on_at(deadline):
                    await watch.looked.wait()
        return watch

    async def follow(self, record: Record, expected: Estimate, tell: Callable[[Record], Awaitable[None]]) -> None:
        """Tell of every change of a job's status, until it has ended.

        Args:
            record: the job as its follower knows it.
            expected: what is known of its length.
            tell: called with the job as it is after the change.
        """
        known = record.status
        async with self.watching(record, expected) as watch:
            while True:
                if watch.record.status != known:
                    known = watch.record.status
                    await tell(watch.record)
                elif watch.is_over:
                    return
                else:
                    await watch.changed.wait()

    @asynccontextmanager
    async def watching(self, record: Record, expected: Estimate) -> AsyncGenerator[PollState]:
        """Have the job looked at for as long as this context is open."""
        watch = self._watches.get(record.request_id)
        if watch is None:
            watch = self._watches[record.request_id] = self._new(record, expected)
        watch.waiters += 1
        if not self._running:
            self._running = True
            self._tasks.start_soon(self._run)
        self._wake.set()
        try:
            yield watch
        finally:
            watch.waiters -= 1
            if watch.waiters == 0 and self._watches.get(record.request_id) is watch:
                del self._watches[record.request_id]
                if watch.look is not None:
                    self._leave(watch.look)
                self._wake.set()

    def hurry(self, watch: PollState) -> None:
        """Look at the job now, unless that is being done."""
        watch.next_look = anyio.current_time()
        self._wake.set()

    # -- the loop ------------------------------------------------------------------------------------------------

    def _new(self, record: Record, expected: Estimate) -> PollState:
        now = anyio.current_time()
        age = max(self._queue.now() - record.created_at, 0.0) if record.created_at is not None else 0.0
        return PollState(record, expected, age, now, next_look=now + expected.pause(age))

    def _leave(self, look: anyio.CancelScope) -> None:
        """A watch of this look is gone: end the look, unless it is a list that others wait for too."""
        if all(watch.look is not look for watch in self._watches.values()):
            look.cancel()

    async def _run(self) -> None:
        try:
            while pending := [watch for watch in self._watches.values() if not watch.is_over]:
                self._start_looks([w for w in pending if not w.looking and w.next_look <= anyio.current_time()])
                self._wake = anyio.Event()
                with anyio.move_on_at(min((w.next_look for w in pending if not w.looking), default=float("inf"))):
                    await self._wake.wait()
        finally:
            self._running = False

    def _start_looks(self, due: list[PollState]) -> None:
        for model in {watch.record.model for watch in due}:
            alike = [w for w in self._watches.values() if w.record.model == model and not w.is_over]
            if model and len(alike) >= LIST_FROM:
                self._list_or_put_off(model, [w for w in alike if not w.looking], due)
        for watch in due:
            if not watch.looking and watch.next_look <= anyio.current_time():
                watch.look = anyio.CancelScope()
                self._tasks.start_soon(self._look, watch, watch.look)

    def _list_or_put_off(self, model: str, alike: list[PollState], due: list[PollState]) -> None:
        """Cover `due` by one list call, now or at the next moment one is allowed; or by none, if lists are no good."""
        now = anyio.current_time()
        allowed = self._next_list.get(model, 0.0)
        if allowed - now > LIST_EVERY:
            return
        if allowed > now:
            for watch in due:
                if watch.record.model == model:
                    watch.next_look = allowed
            return
        self._next_list[model] = now + LIST_EVERY
        look = anyio.CancelScope()
        for watch in alike:
            watch.look = look
        self._tasks.start_soon(self._look_at_list, model, alike, look)

    async def _look(self, watch: PollState, look: anyio.CancelScope) -> None:
        with look:
            try:
                watch.seen(await self._queue.get_request(watch.record.request_id))
            except UpstreamError as error:
                watch.missed(error)
        self._looked([watch])

    async def _look_at_list(self, model: str, watches: list[PollState], look: anyio.CancelScope) -> None:
        with look:
            try:
                listing = await self._queue.list_requests(model, patience=0)
            except UpstreamError:
                # It is the list that can't be had: each job is asked for itself before anything is said of it.
                self._next_list[model] = anyio.current_time() + LIST_FAULT_PAUSE
            else:
                self.learn(model, listing.requests)
                records = {record.request_id: record for record in listing.requests}
                missing = [watch for watch in watches if watch.record.request_id not in records]
                if listing.size > LIST_BYTES or missing:
                    self._next_list[model] = anyio.current_time() + LIST_PAUSE
                for watch in watches:
                    if watch.record.request_id in records:
                        watch.seen(records[watch.record.request_id])
        self._looked(watches)

    def _looked(self, watches: list[PollState]) -> None:
        for watch in watches:
            watch.look = None
        self._wake.set()

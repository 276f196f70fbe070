"""Polls pending requests: one shared loop, any number of waiters.

The loop runs while someone waits and polls only what someone waits for. A waiter that leaves ends no other wait, and
no wait ever touches the job.
"""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from gmi_video.background import Tasks
from gmi_video.errors import Unavailable, UpstreamError
from gmi_video.jobs.estimates import Estimate, History
from gmi_video.single_flight import Interrupted, SingleFlight
from gmi_video.upstream.client import Queue
from gmi_video.upstream.wire import Record

PROGRESS_INTERVAL = 2.0
"""Longest time between two progress messages to a waiting caller (seconds)."""

LAST_POLL, LAST_POLL_SHARE = 3.0, 0.2
"""A wait polls once more this long before its end (seconds), or this share of a short one, so its answer is fresh."""

GIVE_UP_AFTER = 3
"""Refusals in a row that end a wait early, where repeating can't help. Faults that may pass never end it."""

LIST_FROM = 8
"""From this many pending requests of a model on, one list call replaces their status calls."""

LIST_INTERVAL = 2.0
"""Shortest time between two list calls for a model (seconds)."""

LIST_BYTES = 1024 * 1024
"""A list larger than this is not polled again for `LIST_PAUSE`; its length is not documented."""

LIST_PAUSE = 300.0
"""Pause list polling this long where the list is too large or misses a job (seconds)."""

LIST_FAULT_PAUSE = 20.0
"""Pause list polling this long where the list is unavailable (seconds)."""

_log = logging.getLogger(__name__)

Notify = Callable[["PollState"], Awaitable[None]]


@dataclass(eq=False, slots=True)
class PollState:
    """A request that is waited for. `problem` is why the last poll failed; None where it did not."""

    record: Record
    estimate: Estimate
    age_at_start: float
    started: float
    next_poll: float
    problem: UpstreamError | None = None
    faults: int = 0
    refusals: int = 0
    waiters: int = 0
    polling: anyio.CancelScope | None = None
    """The poll that is running for it."""
    polled: anyio.Event = field(default_factory=anyio.Event)
    changed: anyio.Event = field(default_factory=anyio.Event)

    @property
    def age(self) -> float:
        """Seconds since the job was made."""
        return self.age_at_start + anyio.current_time() - self.started

    @property
    def is_over(self) -> bool:
        """Whether waiting on can't help: the job has ended, or the queue refuses to answer for it."""
        return self.record.is_final or self.refusals >= GIVE_UP_AFTER

    @property
    def is_due(self) -> bool:
        """Whether it is to be polled now."""
        return self.polling is None and self.next_poll <= anyio.current_time()

    def succeeded(self, record: Record) -> None:
        """Take in what a poll has found."""
        news = record.status != self.record.status or self.problem is not None
        self.record, self.problem, self.faults, self.refusals = record, None, 0, 0
        self.next_poll = anyio.current_time() + self.estimate.pause(self.age)
        self._announce(changed=news or record.is_final)

    def failed(self, error: UpstreamError) -> None:
        """Take in that a poll has failed."""
        self.problem, self.faults = error, self.faults + 1
        self.refusals = 0 if error.passing else self.refusals + 1
        self.next_poll = anyio.current_time() + max(min(2.0**self.faults, 15.0), min(error.retry_after or 0, 120.0))
        self._announce(changed=self.is_over)

    def _announce(self, *, changed: bool) -> None:
        self.polled.set()
        self.polled = anyio.Event()
        if changed:
            self.changed.set()
            self.changed = anyio.Event()


class Poller:
    """Waits for requests, on behalf of any number of callers.

    Args:
        queue: the queue.
        tasks: the server's task group; the loop runs in it while someone waits.
        history: what such jobs took before; learns from the lists that are polled.
    """

    def __init__(self, queue: Queue, tasks: Tasks, history: History) -> None:
        self._queue = queue
        self._tasks = tasks
        self._history = history
        self._states: dict[str, PollState] = {}
        self._running = False
        self._wake = anyio.Event()
        self._next_list: dict[str, float] = {}
        self._looks: SingleFlight[str, Record] = SingleFlight(tasks, for_callers=True)

    # -- for callers ---------------------------------------------------------------------------------------------

    async def look(self, request_id: str) -> Record:
        """Fetch a request; callers that ask for the same one at the same time share one exchange."""
        try:
            return await self._looks.run(request_id, lambda: self._queue.get_request(request_id))
        except Interrupted:
            raise Unavailable("The server was stopped meanwhile.", "Make the same call again.") from None

    async def expect(self, record: Record) -> Estimate:
        """What this account's history tells of a job's length."""
        return await self._history.expect(record)

    async def wait(self, record: Record, expected: Estimate, seconds: float, notify: Notify | None = None) -> PollState:
        """Wait until the job has ended, or for `seconds`.

        Args:
            record: the job as it was last seen.
            expected: what is known of its length.
            seconds: how long; the answer comes a moment before that is over. At 0 nothing is polled.
            notify: called at once, whenever the status changes, and at least every `PROGRESS_INTERVAL`.
        """
        if record.is_final and (state := self._states.get(record.request_id)):
            state.succeeded(record)
        if record.is_final or seconds <= 0:
            return self._new(record, expected)
        deadline = anyio.current_time() + seconds
        last_poll = deadline - min(LAST_POLL, LAST_POLL_SHARE * seconds)
        async with self.polling(record, expected) as state:
            while not state.is_over and anyio.current_time() < last_poll:
                if notify is not None:
                    await notify(state)
                with anyio.move_on_at(min(anyio.current_time() + PROGRESS_INTERVAL, last_poll)):
                    await state.changed.wait()
            if not state.is_over:
                self._poll_now(state)
                with anyio.move_on_at(deadline):
                    await state.polled.wait()
        return state

    async def follow(self, record: Record, notify: Callable[[Record], Awaitable[None]]) -> None:
        """Report every change of a job's status, until it has ended.

        Args:
            record: the job as its follower knows it.
            notify: called with the job as it is after the change.
        """
        known = record.status
        async with self.polling(record, await self.expect(record)) as state:
            while True:
                if state.record.status != known:
                    known = state.record.status
                    await notify(state.record)
                elif state.is_over:
                    return
                else:
                    await state.changed.wait()

    @asynccontextmanager
    async def polling(self, record: Record, expected: Estimate) -> AsyncGenerator[PollState]:
        """Have the job polled for as long as this context is open."""
        state = self._states.get(record.request_id)
        if state is None:
            state = self._states[record.request_id] = self._new(record, expected)
        state.waiters += 1
        if not self._running:
            self._running = True
            self._tasks.start_soon(self._run)
        self._wake.set()
        try:
            yield state
        finally:
            state.waiters -= 1
            if state.waiters == 0 and self._states.get(record.request_id) is state:
                del self._states[record.request_id]
                self._cancel_unless_shared(state.polling)
                self._wake.set()

    # -- the loop ------------------------------------------------------------------------------------------------

    def _new(self, record: Record, expected: Estimate) -> PollState:
        now = anyio.current_time()
        age = max(self._queue.now() - record.created_at, 0.0) if record.created_at is not None else 0.0
        return PollState(record, expected, age, now, next_poll=now + expected.pause(age))

    def _poll_now(self, state: PollState) -> None:
        state.next_poll = anyio.current_time()
        self._wake.set()

    def _cancel_unless_shared(self, poll: anyio.CancelScope | None) -> None:
        """End a poll whose last waiter has left; a list call may be shared by others."""
        if poll is not None and all(state.polling is not poll for state in self._states.values()):
            poll.cancel()

    async def _run(self) -> None:
        try:
            while pending := [state for state in self._states.values() if not state.is_over]:
                for model in {state.record.model for state in pending if state.is_due}:
                    self._start_polls(model, [state for state in pending if state.record.model == model])
                self._wake = anyio.Event()
                idle = (state.next_poll for state in pending if state.polling is None)
                with anyio.move_on_at(min(idle, default=float("inf"))):
                    await self._wake.wait()
        finally:
            self._running = False

    def _start_polls(self, model: str, pending: list[PollState]) -> None:
        """Poll what is due of a model: by one list call where many are pending, else one by one."""
        now = anyio.current_time()
        due = [state for state in pending if state.is_due]
        list_at = max(self._next_list.get(model, 0.0), now)
        if model and len(pending) >= LIST_FROM and list_at <= now + LIST_INTERVAL:
            if list_at > now:
                for state in due:
                    state.next_poll = list_at
                return
            self._next_list[model] = now + LIST_INTERVAL
            self._start(self._poll_list, [state for state in pending if state.polling is None])
            return
        for state in due:
            self._start(self._poll, [state])

    def _start(self, poll: Callable[[list[PollState]], Awaitable[None]], states: list[PollState]) -> None:
        scope = anyio.CancelScope()
        for state in states:
            state.polling = scope

        async def run() -> None:
            try:
                with scope:
                    await poll(states)
            except Exception as error:  # noqa: BLE001 - told to all who wait
                _log.exception("A poll failed unexpectedly.")
                for state in states:
                    state.failed(_fault(error))
            finally:
                for state in states:
                    state.polling = None
                self._wake.set()

        self._tasks.start_soon(run)

    async def _poll(self, states: list[PollState]) -> None:
        (state,) = states
        try:
            state.succeeded(await self.look(state.record.request_id))
        except UpstreamError as error:
            state.failed(error)

    async def _poll_list(self, states: list[PollState]) -> None:
        model = states[0].record.model
        try:
            listing = await self._queue.list_requests(model, patience=0)
        except UpstreamError:
            # Only the list is known to be unavailable: each job is polled by itself before it counts as a fault.
            self._next_list[model] = anyio.current_time() + LIST_FAULT_PAUSE
            return
        self._history.learn(model, listing.requests)
        records = {record.request_id: record for record in listing.requests}
        found = [state for state in states if state.record.request_id in records]
        if listing.size > LIST_BYTES or len(found) < len(states):
            self._next_list[model] = anyio.current_time() + LIST_PAUSE
        for state in found:
            state.succeeded(records[state.record.request_id])


def _fault(error: Exception) -> UpstreamError:
    """The error for a poll that this server itself failed at."""
    return UpstreamError(
        f"This server has a fault of its own ({type(error).__name__}); its log on stderr has the details.",
        "Tell the user; the job itself goes on.",
    )

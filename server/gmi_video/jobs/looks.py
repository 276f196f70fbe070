"""Looks at the jobs that someone waits for: one loop, with one list in place of many single looks where that is less.

The loop runs while a job is watched. A job is looked at when its own schedule says so; a list that serves several jobs
counts as a look at each. Lists that were asked for elsewhere are taken in too.
"""

import logging
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager

import anyio

from gmi_video.background import Tasks
from gmi_video.errors import Unavailable, UpstreamError
from gmi_video.jobs.ages import Ages
from gmi_video.jobs.estimates import Estimate, History
from gmi_video.jobs.watched import Watched
from gmi_video.single_flight import Interrupted, SingleFlight
from gmi_video.upstream.client import Queue
from gmi_video.upstream.wire import Record

LOOK_BYTES = 50_000
"""One list replaces the looks at a model's jobs where it has at most so many bytes for each of them."""

MANY_JOBS, MANY_LOOK_BYTES = 20, 200_000
"""From so many jobs on it may have more: single looks, of which five a second may leave, would take longer than the
pauses that they are meant for, and longer than lists of this size are apart."""

LIST_PAUSE, LIST_BYTES_PER_SECOND = 1.0, 1_000_000
"""The shortest time between two lists of a model (seconds), and how much of a longer list is worth one second."""

MANY_PAUSE = 2.0
"""Where a list serves so many, the next one follows after this (seconds) or as its size allows: what a look costs is
shared by them, so it pays to look sooner than each one's own schedule says."""

LIST_FAULT_PAUSE = 20.0
"""Where the list is unavailable, its jobs are looked at one by one for this long (seconds)."""

UNLISTED_PAUSE = 300.0
"""A job that its model's list does not show is looked at by itself for this long (seconds)."""

FRESH_SECONDS = 0.25
"""A look that began at most this long ago needs no other one."""

AT_ONCE = 5
"""As many jobs are looked at one by one right before their callers' time is over, where a list must wait."""

FIRST_TOOK, TOOK_DECAY = 0.3, 0.7
"""How long a look is thought to take before there was one (seconds), and how fast a slow one is forgotten."""

_log = logging.getLogger(__name__)


class Looks:
    """Watches jobs.

    Args:
        queue: the queue.
        tasks: the server's task group; the loop runs in it while a job is watched.
        history: tells of every list, and learns from those that are asked for here.
    """

    def __init__(self, queue: Queue, tasks: Tasks, history: History) -> None:
        self._queue = queue
        self._tasks = tasks
        self._history = history
        self._ages = Ages(queue)
        self._watched: dict[str, Watched] = {}
        self._single: SingleFlight[str, Record] = SingleFlight(tasks, for_callers=True)
        self._latest: dict[str, tuple[float, Record]] = {}
        self._running = False
        self._wake = anyio.Event()
        self._next_list: dict[str, float] = {}
        self._no_list_until: dict[str, float] = {}
        self._took: float | None = None
        history.listen(self._take_in)

    @property
    def took(self) -> float:
        """What a look must be expected to take, with its time in line (seconds)."""
        return FIRST_TOOK if self._took is None else self._took

    # -- for callers ---------------------------------------------------------------------------------------------

    async def look(self, request_id: str) -> Record:
        """Fetch a request. Callers that ask for the same one at about the same time share one exchange."""
        began, record = self._latest.get(request_id, (float("-inf"), None))
        if record is not None and anyio.current_time() - began <= FRESH_SECONDS:
            return record
        try:
            return await self._single.run(request_id, lambda: self._fetch(request_id))
        except Interrupted:
            raise Unavailable("The server was stopped meanwhile.", "Make the same call again.") from None

    async def look_now(self, watched: Watched) -> None:
        """Look at a watched job now, unless that was just done or is being done; return when it is done."""
        now = anyio.current_time()
        if watched.problem is None and now - watched.looked_at <= FRESH_SECONDS:
            return
        watched.next_look, watched.urgent = now, True
        self._wake.set()
        await watched.looked.wait()

    def known(self, record: Record, expected: Estimate) -> Watched:
        """A job as it is known, without watching it. Where it has ended, those who watch it are told."""
        if record.is_final and (watched := self._watched.get(record.request_id)):
            watched.succeeded(record)
        return Watched(record, expected, self._ages.made_at(record))

    @contextmanager
    def watching(self, record: Record, expected: Estimate) -> Generator[Watched]:
        """Have a job looked at for as long as this context is open."""
        watched = self._watched.get(record.request_id)
        if watched is None:
            watched = self._watched[record.request_id] = self.known(record, expected)
            watched.next_look = anyio.current_time() + expected.pause(watched.age)
        watched.watchers += 1
        if not self._running:
            self._running = True
            self._tasks.start_soon(self._run)
        self._wake.set()
        try:
            yield watched
        finally:
            watched.watchers -= 1
            if watched.watchers == 0 and self._watched.get(record.request_id) is watched:
                del self._watched[record.request_id]
                self._cancel_unless_shared(watched.looking)
                self._wake.set()

    def wake_waits(self) -> None:
        """Let all who wait for a change look for themselves whether they go on."""
        for watched in self._watched.values():
            watched.wake()

    # -- the loop ------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while pending := [watched for watched in self._watched.values() if not watched.is_over]:
                now = anyio.current_time()
                for model in {watched.record.model for watched in pending if watched.is_due(now)}:
                    self._start_due(model, [watched for watched in pending if watched.record.model == model], now)
                self._wake = anyio.Event()
                idle = (watched.next_look for watched in pending if watched.looking is None)
                with anyio.move_on_at(min(idle, default=float("inf"))):
                    await self._wake.wait()
        finally:
            self._running = False

    def _start_due(self, model: str, pending: list[Watched], now: float) -> None:
        """Look at what is due of a model: by one list where that is less than the looks that it replaces."""
        due = [watched for watched in pending if watched.is_due(now)]
        listed = [watched for watched in pending if watched.unlisted_until <= now]
        size = self._history.list_size(model)
        if model and _is_worth_it(size, len(listed)) and self._no_list_until.get(model, 0.0) <= now:
            by_list = [watched for watched in due if watched.unlisted_until <= now]
            due = [watched for watched in due if watched.unlisted_until > now]
            urgent = [watched for watched in by_list if watched.urgent]
            next_list = self._next_list.get(model, 0.0)
            if by_list and (next_list <= now or (urgent and _list_pause(size) <= LIST_PAUSE)):
                self._next_list[model] = now + _list_pause(size)
                self._start(self._look_by_list, [watched for watched in listed if watched.looking is None])
            elif urgent and len(urgent) <= AT_ONCE:
                due += urgent
            else:
                # Also those that would be due before that: for each of them the loop would come here again.
                for watched in listed:
                    watched.next_look = max(watched.next_look, next_list)
        for watched in due:
            self._start(self._look_singly, [watched])

    def _start(self, look: Callable[[list[Watched]], Awaitable[None]], jobs: list[Watched]) -> None:
        scope = anyio.CancelScope()
        for watched in jobs:
            watched.looking = scope

        async def run() -> None:
            try:
                with scope:
                    await look(jobs)
            except Exception as error:  # noqa: BLE001 - told to all who wait
                _log.exception("A look failed unexpectedly.")
                for watched in jobs:
                    watched.failed(_fault(error))
            finally:
                for watched in jobs:
                    watched.looking = None
                self._wake.set()

        self._tasks.start_soon(run)

    def _cancel_unless_shared(self, look: anyio.CancelScope | None) -> None:
        """End a look whose last watcher has left; a list may be shared by others."""
        if look is not None and all(watched.looking is not look for watched in self._watched.values()):
            look.cancel()

    async def _look_singly(self, jobs: list[Watched]) -> None:
        (watched,) = jobs
        began = anyio.current_time()
        try:
            record = await self.look(watched.record.request_id)
        except UpstreamError as error:
            watched.failed(error)
        else:
            watched.looked_at = began
            watched.succeeded(record)

    async def _look_by_list(self, jobs: list[Watched]) -> None:
        model, began = jobs[0].record.model, anyio.current_time()
        try:
            listing = await self._queue.list_requests(model, patience=0)
        except UpstreamError:
            # Only the list is known to be unavailable: each job is looked at by itself before it counts as a fault.
            self._no_list_until[model] = anyio.current_time() + LIST_FAULT_PAUSE
            return
        self._note_time(began)
        shown = {record.request_id for record in listing.requests}
        for watched in jobs:
            if watched.record.request_id in shown:
                watched.looked_at = began
            else:
                watched.unlisted_until = anyio.current_time() + UNLISTED_PAUSE
        self._history.learn(model, listing.requests, listing.size)
        self._next_list[model] = max(began + _list_pause(listing.size), anyio.current_time())
        if len(jobs) >= MANY_JOBS:
            sooner = max(began + MANY_PAUSE, self._next_list[model])
            for watched in jobs:
                watched.next_look = min(watched.next_look, sooner)

    def _take_in(self, _model: str, records: tuple[Record, ...]) -> None:
        """Take in a list, whoever asked for it."""
        for record in records if self._watched else ():
            watched = self._watched.get(record.request_id)
            if watched is not None and not watched.record.is_final:
                watched.succeeded(record)

    async def _fetch(self, request_id: str) -> Record:
        began = anyio.current_time()
        record = await self._queue.get_request(request_id)
        self._note_time(began)
        self._latest = {key: known for key, known in self._latest.items() if began - known[0] <= FRESH_SECONDS}
        self._latest[request_id] = began, record
        return record

    def _note_time(self, began: float) -> None:
        self._took = max(anyio.current_time() - began, TOOK_DECAY * (self._took or 0.0))


def _is_worth_it(size: int, jobs: int) -> bool:
    """Whether one list of that many bytes is less than looks at so many jobs."""
    return jobs > 1 and size <= jobs * (LOOK_BYTES if jobs < MANY_JOBS else MANY_LOOK_BYTES)


def _list_pause(size: int) -> float:
    """The least time between two lists of that many bytes (seconds)."""
    return max(LIST_PAUSE, size / LIST_BYTES_PER_SECOND)


def _fault(error: Exception) -> UpstreamError:
    """The error for a look that this server itself failed at."""
    return UpstreamError(
        f"This server has a fault of its own ({type(error).__name__}); its log on stderr has the details.",
        "Tell the user; the job itself goes on.",
    )

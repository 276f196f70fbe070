"""How long this account's jobs take, by its request list.

Learned from the stamps of finished requests; nothing is stored. `schedule` says when to look at a job by it.
"""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import islice

import anyio
from cachetools import LRUCache, TTLCache

from gmi_video.background import Tasks
from gmi_video.errors import UpstreamError
from gmi_video.jobs import schedule
from gmi_video.jobs.matching import same_kind
from gmi_video.single_flight import Interrupted, SingleFlight
from gmi_video.upstream.client import Queue
from gmi_video.upstream.wire import Record, SubmitRequest

MIN_HISTORY = 3
"""Finished requests needed for an estimate."""

MAX_HISTORY = 50
"""Newest finished requests used for an estimate: a queue's speed changes."""

STUCK_FACTOR = 4.0
"""A job this many times older than the median is reported as far longer than usual."""

STUCK_SECONDS = 900.0
"""Where there is no history, a job older than this is reported as far longer than usual."""

HISTORY_SECONDS = 600.0
"""How long a model's history, once listed, is used for estimates."""

HISTORY_PAUSE = 30.0
"""How long a history that could not be listed is not asked for again (seconds)."""

HISTORY_PATIENCE = 3.0
"""Seconds that a caller waits for an estimate before it goes on without one."""

MODELS = 500
"""Models whose history is kept."""

ROW_BYTES = 700
"""What a request takes in a list, where the list's own size is not known."""

Listener = Callable[[str, tuple[Record, ...]], None]
"""Is told of every list as it comes in, whoever asked for it: the model, and its requests."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is known of a job's length before it ends. `lengths`: seconds that jobs of its kind took, ascending."""

    lengths: tuple[float, ...] = ()

    @property
    def expected_seconds(self) -> float | None:
        """The usual length; None without history."""
        return statistics.median(self.lengths) if self.lengths else None

    def is_long_past(self, age: float) -> bool:
        """Whether a job of this age (seconds) is far beyond what is usual."""
        usual = self.expected_seconds
        return age > (STUCK_SECONDS if usual is None else max(STUCK_FACTOR * usual, 120.0))

    def pause(self, age: float) -> float:
        """Seconds to wait before the next look at a job that is `age` seconds old."""
        return schedule.pause(self.lengths, age)


NO_HISTORY = Estimate()


def estimate(request: SubmitRequest, history: Iterable[Record]) -> Estimate:
    """What finished requests tell of this one: those of the same kind where there are enough, else the model's."""
    done = [r for r in history if r.succeeded and r.took is not None and r.model in {"", request.model}]
    done.sort(key=lambda record: record.created_at or 0, reverse=True)
    alike = list(islice(filter(partial(same_kind, request), done), MAX_HISTORY))
    chosen = alike if len(alike) >= MIN_HISTORY else done[:MAX_HISTORY]
    lengths = tuple(sorted(record.took or 0 for record in chosen))
    return Estimate(lengths) if len(lengths) >= MIN_HISTORY else NO_HISTORY


class History:
    """What this account's requests took, by model; listed when needed and cached.

    Args:
        queue: the queue.
        tasks: the server's task group; lists are fetched in it, shared by all callers.
    """

    def __init__(self, queue: Queue, tasks: Tasks) -> None:
        self._queue = queue
        self._records: TTLCache[str, tuple[Record, ...]] = TTLCache(MODELS, HISTORY_SECONDS, timer=anyio.current_time)
        self._sizes: LRUCache[str, int] = LRUCache(MODELS)
        self._listeners: list[Listener] = []
        self._failed: TTLCache[str, None] = TTLCache(MODELS, HISTORY_PAUSE, timer=anyio.current_time)
        self._fetches: SingleFlight[str, None] = SingleFlight(tasks)

    def learn(self, model: str, listed: Iterable[Record], size: int = 0) -> None:
        """Take in a model's requests as they were just listed, also where there are none.

        Args:
            model: the model's id.
            listed: its requests.
            size: the list's length in bytes; 0 where it is not known.
        """
        records = tuple(listed)
        self._records[model] = tuple(record for record in records if record.succeeded)
        self._sizes[model] = size or ROW_BYTES * len(records)
        for listener in self._listeners:
            listener(model, records)

    def listen(self, listener: Listener) -> None:
        """Have a listener told of every list."""
        self._listeners.append(listener)

    def list_size(self, model: str) -> int:
        """How long a model's list was when it was last seen (bytes); 0 where it was not."""
        return self._sizes.get(model, 0)

    async def expect(self, record: Record) -> Estimate:
        """What is known of a job's length; lists the model's requests where that is needed."""
        if record.is_final:
            return NO_HISTORY
        model = record.model
        if model and model not in self._records and model not in self._failed:
            with anyio.move_on_after(HISTORY_PATIENCE):
                try:
                    await self._fetches.run(model, lambda: self._fetch(model))
                except Interrupted:
                    return NO_HISTORY
        return estimate(SubmitRequest(model=model, payload=record.payload), self._records.get(model, ()))

    async def _fetch(self, model: str) -> None:
        try:
            listing = await self._queue.list_requests(model, patience=0)
        except UpstreamError:
            self._failed[model] = None
        else:
            self.learn(model, listing.requests, listing.size)

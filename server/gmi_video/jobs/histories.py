"""What this account's requests of a model took, as its list tells it, kept for a while."""

from collections.abc import Iterable

import anyio

from gmi_video.errors import UpstreamError
from gmi_video.jobs.estimates import NO_HISTORY, Estimate, estimate
from gmi_video.upstream.client import Queue
from gmi_video.upstream.wire import Record, SubmitRequest

HISTORY_SECONDS = 600.0
"""How long a model's history, once listed, is good enough for an estimate."""

HISTORY_PAUSE = 30.0
"""How long nobody asks for a history again that could not be had."""

HISTORY_PATIENCE = 3.0
"""Seconds that a caller may be kept waiting for an estimate; it goes without one after."""


class Histories:
    """The histories of models, by their ids.

    Args:
        queue: the queue.
    """

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._known: dict[str, tuple[float, tuple[Record, ...]]] = {}  # until when it is good, and what it is
        self._listing: dict[str, anyio.Lock] = {}

    def learn(self, model: str, history: Iterable[Record]) -> None:
        """Take in a model's requests as they were just listed. Only what has ended tells how long a job takes."""
        ended = tuple(record for record in history if record.succeeded)
        self._known[model] = (anyio.current_time() + HISTORY_SECONDS, ended)

    async def expect(self, record: Record) -> Estimate:
        """What is known of a job's length; listed anew where it is not known or no longer fresh."""
        try:
            with anyio.fail_after(HISTORY_PATIENCE):
                async with self._listing.setdefault(record.model, anyio.Lock()):
                    history = await self._of(record.model)
        except TimeoutError:
            return NO_HISTORY
        return estimate(SubmitRequest(model=record.model, payload=record.payload), history)

    async def _of(self, model: str) -> tuple[Record, ...]:
        good_until, history = self._known.get(model, (-1.0, ()))
        if anyio.current_time() < good_until or not model:
            return history
        # Where it can't be had, an older one is better than asking again for every call.
        self._known[model] = (anyio.current_time() + HISTORY_PAUSE, history)
        try:
            listing = await self._queue.list_requests(model, patience=0)
        except UpstreamError:
            return history
        self.learn(model, listing.requests)
        return self._known[model][1]

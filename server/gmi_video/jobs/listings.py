"""Request lists for submits: what a list tells is needed by each of them, and one list serves all that may use it.

A list tells a submit of the jobs that the ledger does not have: made by another program, or before this ledger. It may
be used where it left for the queue after the call came in, and after an earlier submit of the same video was last
looked for. Then it shows all that a list of the submit's own would have shown. What other copies do after it has
left is the ledger's to know: the claim, which comes later, is atomic.
"""

from dataclasses import dataclass, field

import anyio

from gmi_video.background import Tasks
from gmi_video.jobs.estimates import History
from gmi_video.single_flight import Interrupted
from gmi_video.upstream.client import Queue
from gmi_video.upstream.lists import RecordList
from gmi_video.upstream.rate_limit import Line, Turn

PATIENCE = 8.0
"""Seconds of retries for each list before a submit."""

FRESH_SECONDS = 3.0
"""A list that left longer ago serves no other submit: programs without this ledger may have made a job since."""

GATHER_SECONDS = 1.0
"""A list waits for the one before it until that has been under way for so long: all that come in meanwhile share it."""


@dataclass(eq=False, slots=True)
class _Listing:
    """One list, from its place in line to its result."""

    turn: Turn = field(default_factory=lambda: Turn(Line.SUBMITS))
    done: anyio.Event = field(default_factory=anyio.Event)
    result: RecordList | Exception | None = None

    def serves(self, since: float) -> bool:
        """Whether it shows whatever was there at `since`, as a list of the caller's own would."""
        old = anyio.current_time() - self.turn.left_at > FRESH_SECONDS
        return self.turn.left > since and not old


class Listings:
    """The lists that submits ask for, by model; the empty name is that of all models.

    Args:
        queue: the queue.
        tasks: the server's task group.
        history: learns from every list of a model.
    """

    def __init__(self, queue: Queue, tasks: Tasks, history: History) -> None:
        self._queue = queue
        self._tasks = tasks
        self._history = history
        self._latest: dict[str, _Listing] = {}

    async def get(self, model: str, since: float) -> RecordList:
        """A list that has left, or will leave, after `since` (`moment`).

        Raises:
            UpstreamError: it is not available.
            Interrupted: the server is stopping.
        """
        listing = self._asked(model, since)
        await listing.done.wait()
        if listing.result is None:
            raise Interrupted
        if isinstance(listing.result, Exception):
            raise listing.result
        return listing.result

    def ask_ahead(self, model: str, since: float) -> None:
        """Have a list asked for that `get` will be called for soon, beside what comes before that."""
        self._asked(model, since)

    def _asked(self, model: str, since: float) -> _Listing:
        before = self._latest.get(model)
        if before is not None and before.serves(since):
            return before
        listing = self._latest[model] = _Listing()
        self._tasks.start_soon(self._fetch, model, listing, before)
        return listing

    async def _fetch(self, model: str, listing: _Listing, before: _Listing | None) -> None:
        try:
            if before is not None:
                with anyio.move_on_at(before.turn.left_at + GATHER_SECONDS):
                    await before.done.wait()
            listing.result = await self._queue.list_requests(model, patience=PATIENCE, turn=listing.turn)
        except Exception as error:  # noqa: BLE001 - raised again in every caller
            listing.result = error
        else:
            if model:
                self._history.learn(model, listing.result.requests, listing.result.size)
        finally:
            listing.done.set()
        await anyio.sleep(FRESH_SECONDS)
        if self._latest.get(model) is listing:
            del self._latest[model]

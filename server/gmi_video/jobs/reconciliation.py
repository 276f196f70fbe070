"""Finds the job of an intent whose submit got no answer: in the queue's request list, never by submitting again."""

from dataclasses import dataclass, replace

import anyio

from gmi_video.errors import NotFound, SubmissionUnknown, UpstreamError
from gmi_video.jobs.ledger import Existing, Intent, Ledger
from gmi_video.jobs.matching import JobIdentity
from gmi_video.text import as_json_literal, duration
from gmi_video.upstream.client import Queue
from gmi_video.upstream.lists import NOTHING_SHOWN, Snapshot
from gmi_video.upstream.wire import Record

PAUSES = (1.0, 2.0, 4.0, 8.0)
"""Seconds before each look at the list. It may not be up to date, so one look settles nothing."""

PAUSES_AFTER_REFUSAL = (4.0,)
"""Where the queue said that it took nothing, one look a moment later confirms it (seconds)."""

PAUSES_LATER = (0.0, 2.0)
"""For a submit that is older than a minute: the list has had time to show it (seconds)."""

LATER_SECONDS = 60.0
"""An unanswered submit older than this is looked for with `PAUSES_LATER`."""

CLOCK_MARGIN = 60.0
"""Tolerance between the queue's stamps and its `Date` header (seconds)."""

LOOK_PATIENCE = 4.0
"""Seconds of retries within one look."""

UNCONFIRMED_SECONDS = 900.0
"""For this long an identical call pays nothing while an unanswered submit is unresolved."""

BUSY_POLL = (0.1, 1.0)
"""Pauses between looks at an intent that another process has: the first and the longest (seconds)."""


@dataclass(frozen=True, slots=True)
class UnconfirmedSubmit:
    """A submit that may have arrived.

    Attributes:
        identity: what was submitted.
        sent_at: when, by this process's clock (`anyio.current_time`): the queue's may become known only later.
        recorded: ids of other intents' jobs; those in `before` may be left out.
        before: the model's requests right before, as far as they were available. The submits that one list served
            share it: with a set of ids for each, memory would grow with the square of their number.
        why: what came instead of an answer, as a sentence.
    """

    identity: JobIdentity
    sent_at: float
    recorded: frozenset[str]
    before: Snapshot = NOTHING_SHOWN
    why: str = ""

    def known(self) -> frozenset[str]:
        """Ids of requests that existed before, or are other intents' jobs."""
        return self.recorded | self.before.ids

    @property
    def age(self) -> float:
        """Seconds since it was sent."""
        return anyio.current_time() - self.sent_at

    def could_be(self, record: Record, now: float) -> bool:
        """Whether a record that is not `known` was made after the submit. `now`: the queue's clock."""
        if self.before.complete:
            return True
        return record.created_at is None or record.created_at >= now - self.age - CLOCK_MARGIN


@dataclass(frozen=True, slots=True)
class Search:
    """What was found: the job, or ids of records that could be it, or nothing.

    `looks` counts the lists received, `complete` tells whether the last one showed every request.
    """

    record: Record | None = None
    candidates: tuple[str, ...] = ()
    looks: int = 0
    complete: bool = False
    seconds: float = 0.0

    @property
    def found_nothing(self) -> bool:
        """Whether the job is not there: a complete list shows neither it nor anything that could be it."""
        return self.complete and not self.record and not self.candidates


class Reconciliation:
    """Looks for jobs, and settles what the ledger has of them.

    Args:
        queue: the queue.
        ledger: where intents are recorded.
    """

    def __init__(self, queue: Queue, ledger: Ledger) -> None:
        self._queue = queue
        self._ledger = ledger

    async def search(self, sent: UnconfirmedSubmit, pauses: tuple[float, ...] = PAUSES) -> Search:
        """Look for the job a few times, with growing pauses. An unavailable list counts as no look."""
        started = anyio.current_time()
        known = sent.known()
        found = Search()
        for pause in pauses:
            await anyio.sleep(pause)
            try:
                listing = await self._queue.list_requests(sent.identity.model, patience=LOOK_PATIENCE)
            except UpstreamError:
                continue
            taken = known | await self._ledger.request_ids()
            new = [
                record
                for record in listing.newest_first()
                if record.request_id not in taken and sent.could_be(record, self._queue.now())
            ]
            found = Search(
                record=next((record for record in new if sent.identity.is_of(record)), None),
                candidates=tuple(r.request_id for r in new if sent.identity.may_be_hidden_in(r)),
                looks=found.looks + 1,
                complete=listing.complete,
            )
            if found.record:
                break
        return replace(found, seconds=anyio.current_time() - started)

    async def after(self, error: UpstreamError, intent: Intent, sent: UnconfirmedSubmit) -> Record:
        """The job that a submit which ended in `error` has made.

        Raises:
            UpstreamError: `error` itself; no job was made.
            SubmissionUnknown: the job may or may not exist.
        """
        sent = replace(sent, why=error.reason)
        named = await self._named_job(error, sent)
        refused = error.refused or not error.maybe_arrived
        pauses = PAUSES_AFTER_REFUSAL if refused else PAUSES
        found = named if named.record else await self.search(sent, pauses)
        found = await self._settle(intent, sent, found, pauses)
        if found.record:
            return found.record
        found = replace(found, candidates=named.candidates or found.candidates)
        if refused and found.found_nothing:
            # The queue said that it took nothing, and the list does not say otherwise.
            await self._ledger.refused(intent)
            raise error
        await self._ledger.unknown(intent)
        raise _unknown(sent, found) from error

    async def resume(self, existing: Existing, identity: JobIdentity) -> Record | None:
        """The job of an intent that was found in the ledger; None where it has none, so that one may be made.

        Raises:
            SubmissionUnknown: the job may or may not exist.
        """
        pause = BUSY_POLL[0]
        found: Existing | None = existing
        while found is not None:
            intent = found.intent
            if intent.state == "made":
                return await self.current(intent.request_id, identity)
            if intent.state == "refused":
                return None
            if not found.busy and (adopted := await self._ledger.adopt(intent)):
                async with self._ledger.renewing(adopted):
                    return await self._look_again(adopted, identity)
            # Another process submits it, or looks for it.
            await anyio.sleep(pause)
            pause = min(pause * 2, BUSY_POLL[1])
            found = await self._ledger.get(intent.id)
        return None

    async def current(self, request_id: str, identity: JobIdentity) -> Record:
        """A job of ours as it is now, or as far as it is known while the queue does not show it."""
        try:
            return await self._queue.get_request(request_id)
        except UpstreamError:
            # A 404 too: the queue named this job when it made it, so better the old one than a second payment.
            return Record(request_id=request_id, model=identity.model, status="queued")

    async def _look_again(self, intent: Intent, identity: JobIdentity) -> Record | None:
        sent = UnconfirmedSubmit(
            identity,
            anyio.current_time() - max(self._ledger.time() - intent.created_at, 0.0),
            await self._ledger.request_ids(),
            why="An earlier submit of this video got no answer.",
        )
        pauses = PAUSES if sent.age < LATER_SECONDS else PAUSES_LATER
        found = await self._settle(intent, sent, await self.search(sent, pauses), pauses)
        if found.record:
            return found.record
        if found.found_nothing and sent.age > UNCONFIRMED_SECONDS:
            await self._ledger.refused(intent)
            return None
        await self._ledger.unknown(intent)
        raise _unknown(sent, found)

    async def _settle(
        self, intent: Intent, sent: UnconfirmedSubmit, found: Search, pauses: tuple[float, ...]
    ) -> Search:
        """Record the job that was found. Look again where another intent has it, which looked in the same moment."""
        while found.record and not await self._ledger.found(intent, found.record.request_id):
            found = await self.search(sent, pauses)
        return found

    async def _named_job(self, error: UpstreamError, sent: UnconfirmedSubmit) -> Search:
        """The request that the error response named, if it exists (gmi-api: a 503 comes "with a `request_id`").

        Where that request can't be fetched just now, it is a candidate.
        """
        if not error.request_id or error.request_id in sent.known():
            return Search()
        try:
            return Search(await self._queue.get_request(error.request_id))
        except NotFound:
            return Search()
        except UpstreamError:
            return Search(candidates=(error.request_id,))


_TELL = "Tell the user that it is not certain yet."


def _unknown(sent: UnconfirmedSubmit, found: Search) -> SubmissionUnknown:
    """The error for a submit that was neither answered nor found."""
    look = f'Call list_requests with {{"model": {as_json_literal(sent.identity.model, 200)}, "limit": 5}} in a minute'
    anyway = 'call generate_video again with "allow_duplicate": true'
    if found.candidates:
        ids = ", ".join(found.candidates[:5])
        return SubmissionUnknown(
            f"{sent.why} So the job may or may not have been made. These requests could be it, but do not show what "
            f"they were made from: {ids}.",
            f'{_TELL} Call get_status with {{"request_id": "{found.candidates[0]}"}} and see whether it is this video. '
            f"Only if none of them is, {anyway}: that pays a second time if the first submit did arrive.",
        )
    checked = "the queue's request list was not available either"
    if found.looks:
        cut = "" if found.complete else ", which does not show all requests,"
        checked = (
            f"{found.looks} {'look' if found.looks == 1 else 'looks'} at the queue's request list{cut} over "
            f"{duration(found.seconds)} did not show it"
        )
    return SubmissionUnknown(
        f"{sent.why} So the job may or may not have been made: {checked}.",
        f"{_TELL} {look} and look for this prompt. If it is there, follow it with get_status. Only if it is not, "
        f"{anyway}: that pays a second time if the first submit did arrive. The same call without it looks again and "
        "pays nothing.",
    )

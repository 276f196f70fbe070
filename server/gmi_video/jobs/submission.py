"""Spending: find the same job, or submit it once, and find it again where the answer was lost.

The queue has no idempotency key and a submit can't be recalled, so the account's request list is the memory: it is
asked for the same job before a submit, and after one that got no answer. `memory` is the fallback without a list.

A submit runs in the server's own task group, not in the call that asked for it: a caller that is cut off in the
middle takes nothing with it, and the next identical call joins what is under way.
"""

from dataclasses import dataclass, field, replace

import anyio
from anyio.abc import TaskGroup

from gmi_video.errors import (
    InsufficientCredits,
    SpendingRefused,
    SubmissionUnknown,
    Unauthorized,
    UpstreamError,
)
from gmi_video.jobs import reconciliation
from gmi_video.jobs.budget import Budget
from gmi_video.jobs.matching import Contents, fingerprint, hides_its_payload, is_same_job, may_be_same_but_for_uploads
from gmi_video.jobs.memory import Memory
from gmi_video.jobs.reconciliation import UnconfirmedSubmit
from gmi_video.upstream import failures
from gmi_video.upstream.client import RETRY_SECONDS, Queue
from gmi_video.upstream.failures import Operation
from gmi_video.upstream.wire import Record, RecordList, SubmitRequest

FRESH_SECONDS = 300.0
"""How long after its end a job whose outcome we did not deliver still answers for the same call."""

LIST_PATIENCE = 8.0
"""Seconds of retries for the list call that a person is waiting behind."""

DOUBT_SECONDS = 900.0
"""How long a submit of unknown fate stands in the way of the same call: well past any lag of the list."""

_NO_LIST = (
    "The queue's request list could not be had, so an identical request made elsewhere in the last minutes can't be "
    "ruled out."
)
_NO_PAYLOADS = (
    "The queue's list does not show what its running requests were made from, so an identical one can't be ruled out."
)


@dataclass(frozen=True, slots=True)
class Submitted:
    """A job that exists.

    `reused`: it was found instead of paid again. `note`: what the person should know. `history`: the model's
    requests as they were listed before the submit.
    """

    record: Record
    reused: bool = False
    note: str = ""
    history: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class _Intent:
    """What one call of `Submission.submit` asks for."""

    key: str
    request: SubmitRequest
    allow_duplicate: bool
    patience: float
    usd: float | None


@dataclass(slots=True)
class _Flight:
    """A submit under way, and its end."""

    landed: anyio.Event = field(default_factory=anyio.Event)
    result: Submitted | None = None
    error: Exception | None = None


class Submission:
    """Makes jobs, one for each intent.

    Args:
        queue: the queue.
        tasks: the server's own task group, which outlives any one call.
        budget: what may be spent; asked last before anything is.
        contents: what this process has uploaded, so that one image at two addresses is one.
    """

    def __init__(self, queue: Queue, tasks: TaskGroup, budget: Budget, contents: Contents) -> None:
        self._contents = contents
        self._queue = queue
        self._budget = budget
        self._tasks = tasks
        self._memory = Memory()
        self._flights: dict[str, _Flight] = {}
        self._turns: dict[str, anyio.Lock] = {}

    async def submit(
        self,
        request: SubmitRequest,
        *,
        usd: float | None,
        allow_duplicate: bool = False,
        patience: float = RETRY_SECONDS,
    ) -> Submitted:
        """Find this very job, or make it.

        Args:
            request: what to make.
            usd: its price, for the spending limit; None where it is not known.
            allow_duplicate: make it even if the same job runs already.
            patience: seconds that may be spent waiting for a rate limit to pass.

        Raises:
            SpendingRefused: above the spending limit; nothing was sent.
            UpstreamError: refused; no job was made.
            SubmissionUnknown: the job may or may not exist.
        """
        intent = _Intent(fingerprint(request, self._contents), request, allow_duplicate, patience, usd)
        flight = self._flights.get(intent.key)
        joined = flight is not None and not allow_duplicate
        if flight is None or allow_duplicate:
            flight = _Flight()
            if not allow_duplicate:
                self._flights[intent.key] = flight
            self._tasks.start_soon(self._fly, flight, intent)
        await flight.landed.wait()
        if flight.error is not None:
            raise flight.error
        if flight.result is None:
            raise SubmissionUnknown(
                "The server was stopped while it was submitting: the job may or may not have been made.",
                "Make the same call again: it looks for the job before it submits anything.",
            )
        return replace(flight.result, reused=True) if joined else flight.result

    async def find(self, request: SubmitRequest) -> Record | None:
        """The job that `submit` would return instead of paying for another; None where it would pay."""
        return await self._same_job(fingerprint(request, self._contents), request, await self._list(request.model))

    def delivered(self, record: Record) -> None:
        """The caller has this job's outcome: the same call again means another video."""
        if record.is_final:
            self._memory.keep(self._memory.delivered, record.request_id)

    async def _fly(self, flight: _Flight, intent: _Intent) -> None:
        turn = self._turns.setdefault(intent.key, anyio.Lock())
        try:
            async with turn:
                flight.result = await self._find_or_make(intent)
        except Exception as error:  # noqa: BLE001 - raised again in every call that waits for this flight
            flight.error = error
        finally:
            flight.landed.set()
            if self._flights.get(intent.key) is flight:
                del self._flights[intent.key]
            if not turn.locked():
                self._turns.pop(intent.key, None)

    async def _find_or_make(self, intent: _Intent) -> Submitted:
        key, request = intent.key, intent.request
        if not intent.allow_duplicate and (found := await self._settle_doubt(key)):
            return Submitted(found, reused=True)
        listing = await self._list(request.model)
        history = tuple(listing.requests) if listing else ()
        note = "" if listing else _NO_LIST
        if not intent.allow_duplicate:
            if found := await self._same_job(key, request, listing):
                self._remember(key, found)
                return Submitted(found, reused=True, note=note, history=history)
            self._refuse_lookalike(request, history)
            if self._may_hide_the_same(request, history):
                note = _NO_PAYLOADS
        known = frozenset({record.request_id for record in history} | self._memory.own.keys())
        hold = await self._budget.hold(intent.usd)
        doubt = UnconfirmedSubmit(request, anyio.current_time(), known, listed_before=listing is not None)
        try:
            try:
                record = await self._queue.submit(request, patience=intent.patience)
                if record.request_id in known:
                    raise failures.garbled(Operation("submit", request.model), "names a request that was there before")
            except UpstreamError as error:
                if not error.maybe_arrived:
                    raise
                record = await self._reconcile(key, doubt, error)
        except UpstreamError:
            hold.release()
            raise
        hold.made(record.request_id)
        self._remember(key, record)
        return Submitted(record, note=note, history=history)

    async def _list(self, model: str) -> RecordList | None:
        """The model's requests. None where they can't be had for a reason that need not stop a submit."""
        try:
            return await self._queue.list_requests(model, patience=LIST_PATIENCE)
        except (Unauthorized, InsufficientCredits):
            raise
        except UpstreamError:
            return None

    def _remember(self, key: str, record: Record) -> None:
        self._memory.keep(self._memory.latest, key, record.request_id)
        self._memory.keep(self._memory.own, record.request_id)
        self._memory.doubts.pop(key, None)

    # -- the same job again --------------------------------------------------------------------------------------

    async def _same_job(self, key: str, request: SubmitRequest, listing: RecordList | None) -> Record | None:
        """The same job, if it runs, or ended a moment ago without its outcome having been delivered."""
        ours = self._memory.latest.get(key, "")
        listed = listing.newest_first() if listing else []
        same = [
            record for record in listed if record.request_id == ours or is_same_job(request, record, self._contents)
        ]
        if ours and ours not in self._memory.delivered and all(record.request_id != ours for record in same):
            same += await self._unlisted(ours, request)
        running = [record for record in same if not record.is_final]
        fresh = [record for record in same if self._is_fresh(record)]
        return next(iter(running + fresh), None)

    async def _unlisted(self, request_id: str, request: SubmitRequest) -> list[Record]:
        """A job of ours that the list does not show: it lags, or can't be had. So ask for the job itself."""
        try:
            return [await self._queue.get_request(request_id)]
        except UpstreamError:
            # A 404 too: the queue named this job when it made it, so better the old one than a second payment.
            return [Record(request_id=request_id, model=request.model, status="queued")]

    def _is_fresh(self, record: Record) -> bool:
        ended = record.updated_at or record.created_at
        if not record.is_final or record.request_id in self._memory.delivered:
            return False
        if ended is None:
            # Nobody can tell how long ago: better one of our own, once, than a second payment.
            return record.request_id in self._memory.own
        return self._queue.now() - ended <= FRESH_SECONDS

    def _refuse_lookalike(self, request: SubmitRequest, history: tuple[Record, ...]) -> None:
        """After a restart nobody knows which image an older upload was, so the user is asked before paying twice."""
        for record in history:
            if record.request_id in self._memory.own or (record.is_final and not self._is_fresh(record)):
                continue
            if may_be_same_but_for_uploads(request, record, self._contents):
                raise SpendingRefused(
                    f"Request {record.request_id} ({record.status}) was made from the same prompt and settings and an "
                    "uploaded image that can't be compared with this one: it may be this very video. Nothing was "
                    "submitted and nothing was charged.",
                    f'Call get_status with {{"request_id": "{record.request_id}", "wait": true}} to follow it; if the '
                    'image is another one, call generate_video again with "allow_duplicate": true.',
                )

    def _may_hide_the_same(self, request: SubmitRequest, history: tuple[Record, ...]) -> bool:
        return any(
            hides_its_payload(request, record) and not record.is_final and record.request_id not in self._memory.own
            for record in history
        )

    # -- a submit whose answer was lost --------------------------------------------------------------------------

    async def _reconcile(self, key: str, doubt: UnconfirmedSubmit, error: UpstreamError) -> Record:
        """The job that a submit without an answer has made; else the refusal, or `SubmissionUnknown`."""
        doubt = replace(doubt, why=error.message.removesuffix(failures.NOTHING_LOST))
        self._memory.keep(self._memory.doubts, key, doubt)
        named = await reconciliation.named_job(self._queue, error, doubt)
        if named.record is not None:
            return named.record
        pauses = reconciliation.PAUSES_AFTER_REFUSAL if error.refused else reconciliation.PAUSES
        found = await reconciliation.search(self._queue, doubt, pauses)
        if found.record is not None:
            return found.record
        found = replace(found, candidates=named.candidates or found.candidates)
        if error.refused and found.looks and not named.candidates:
            # It said in known words that it took nothing, and the list does not say otherwise.
            del self._memory.doubts[key]
            raise error
        raise reconciliation.unknown(doubt, found) from error

    async def _settle_doubt(self, key: str) -> Record | None:
        """Look again for an earlier submit of the same job whose fate is unknown, before anything new is paid."""
        doubt = self._memory.doubts.get(key)
        if doubt is None:
            return None
        doubt = replace(doubt, known=doubt.known | self._memory.own.keys())
        found = await reconciliation.search(self._queue, doubt, reconciliation.PAUSES[:2])
        if found.record is not None:
            self._remember(key, found.record)
            return found.record
        if not found.looks or found.candidates or anyio.current_time() - doubt.sent_at < DOUBT_SECONDS:
            raise reconciliation.unknown(doubt, found)
        del self._memory.doubts[key]
        return None

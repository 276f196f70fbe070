"""Spending: find the same job, or submit it once, and find it again where the answer was lost.

The queue has no idempotency key and a submit can't be recalled, so the account's request list is the record: it is
searched for the same job before a submit, and for the new one after a submit that got no answer. What this process
remembers of its own submits is the fallback for when the list is unavailable or not up to date.

A submit runs in the server's task group, not in the call that asked for it: it goes on when the caller is cut off,
and the next identical call joins it.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import anyio
from anyio.abc import TaskGroup
from cachetools import LRUCache

from gmi_video.errors import InsufficientCredits, SpendingRefused, SubmissionUnknown, Unauthorized, UpstreamError
from gmi_video.jobs import reconciliation
from gmi_video.jobs.budget import LIST_PATIENCE, Budget
from gmi_video.jobs.estimates import History
from gmi_video.jobs.matching import DigestOf, fingerprint, hides_its_payload, is_same_job, may_be_same_but_for_uploads
from gmi_video.jobs.reconciliation import UnconfirmedSubmit
from gmi_video.single_flight import Interrupted, SingleFlight
from gmi_video.upstream import failures
from gmi_video.upstream.client import Queue
from gmi_video.upstream.wire import Record, RecordList, SubmitRequest

FRESH_SECONDS = 300.0
"""For this long after its end a job whose outcome was not delivered still answers the same call."""

UNCONFIRMED_SECONDS = 900.0
"""For this long an identical call is refused while an unanswered submit is unresolved."""

REMEMBERED = 4096
"""Submits that this process remembers, of each kind."""

_NO_LIST = (
    "The queue's request list was not available, so an identical request made elsewhere in the last minutes can't "
    "be ruled out."
)
_NO_PAYLOADS = (
    "The queue's list does not show what its running requests were made from, so an identical one can't be ruled out."
)


@dataclass(frozen=True, slots=True)
class Submitted:
    """A job that exists. `reused`: it was found and not paid again. `note`: a sentence for the user."""

    record: Record
    reused: bool = False
    note: str = ""


class Submission:
    """Makes jobs, one for each intent.

    Args:
        queue: the queue.
        tasks: the server's task group, which outlives any one call.
        budget: what may be spent; asked last before anything is.
        history: learns from every list that is fetched here.
        digest_of: the digest of what this process uploaded to a URL.
    """

    def __init__(self, queue: Queue, tasks: TaskGroup, budget: Budget, history: History, digest_of: DigestOf) -> None:
        self._queue = queue
        self._budget = budget
        self._history = history
        self._digest_of = digest_of
        self._running: SingleFlight[Any, Submitted] = SingleFlight(tasks)
        self._latest: LRUCache[str, str] = LRUCache(REMEMBERED)
        """The id of the job last made or found, by fingerprint."""
        self._own: LRUCache[str, None] = LRUCache(REMEMBERED)
        """Ids of all jobs made or found by this process."""
        self._made: LRUCache[str, None] = LRUCache(REMEMBERED)
        """Ids of the jobs that submits of this process have made: none of them is the job of another submit."""
        self._delivered: LRUCache[str, None] = LRUCache(REMEMBERED)
        """Ids of jobs whose outcome a caller has been given."""
        self._unconfirmed: LRUCache[str, UnconfirmedSubmit] = LRUCache(REMEMBERED)
        """Submits without an answer, by fingerprint."""

    async def submit(self, request: SubmitRequest, *, usd: float | None, allow_duplicate: bool = False) -> Submitted:
        """Find this very job, or make it.

        Args:
            request: what to make.
            usd: its price, for the spending limit; None where it is unknown.
            allow_duplicate: make it even if the same job is running already.

        Raises:
            SpendingRefused: above the spending limit; nothing was sent.
            UpstreamError: refused; no job was made.
            SubmissionUnknown: the job may or may not exist.
        """
        key = fingerprint(request, self._digest_of)
        # A plain call joins whatever submit of this key is running; with allow_duplicate it is one more submit.
        call = object() if allow_duplicate and key in self._running else key
        joined = call in self._running

        find_or_make = partial(self._find_or_make, key, request, usd, allow_duplicate=allow_duplicate)
        try:
            submitted = await self._running.run(call, find_or_make)
        except Interrupted:
            raise SubmissionUnknown(
                "The server was stopped while it was submitting: the job may or may not have been made.",
                "Make the same call again: it looks for the job before it submits anything.",
            ) from None
        return replace(submitted, reused=True) if joined else submitted

    async def find(self, request: SubmitRequest) -> Record | None:
        """The job that `submit` would return instead of paying for another; None where it would pay."""
        key = fingerprint(request, self._digest_of)
        return await self._same_job(key, request, await self._list(request.model))

    def delivered(self, record: Record) -> None:
        """Take in that a caller has this job's outcome: the same call again means another video."""
        if record.is_final:
            self._delivered[record.request_id] = None

    async def _find_or_make(
        self, key: str, request: SubmitRequest, usd: float | None, *, allow_duplicate: bool
    ) -> Submitted:
        sent = self._unconfirmed.get(key)
        if sent and not allow_duplicate and (found := await self._resolve_unconfirmed(key, sent)):
            return Submitted(found, reused=True)
        listing = await self._list(request.model)
        note = "" if listing else _NO_LIST
        if not allow_duplicate:
            if found := await self._same_job(key, request, listing):
                self._remember(key, found)
                return Submitted(found, reused=True, note=note)
            others = [record for record in listing.requests if record.request_id not in self._own] if listing else []
            self._refuse_lookalike(request, others)
            if any(hides_its_payload(request, record) and not record.is_final for record in others):
                note = _NO_PAYLOADS
        with await self._budget.reserve(usd) as reservation:
            record = await self._make(key, request, listing)
            reservation.made(record.request_id)
        self._made[record.request_id] = None
        self._remember(key, record)
        return Submitted(record, note=note)

    async def _make(self, key: str, request: SubmitRequest, listing: RecordList | None) -> Record:
        """Submit, and look for the job where no usable answer comes."""
        listed = {record.request_id for record in listing.requests} if listing else set[str]()
        known = frozenset(listed | self._own.keys())
        sent = UnconfirmedSubmit(request, anyio.current_time(), known, listed_before=listing is not None)
        try:
            record = await self._queue.submit(request)
            if record.request_id in known:
                operation = failures.Operation("submit", request.model)
                raise failures.garbled(operation, "names a request that was there before")
        except UpstreamError as error:
            if not error.maybe_arrived:
                raise
            return await self._reconcile(key, sent, error)
        return record

    async def _list(self, model: str) -> RecordList | None:
        """The model's requests. None where they are unavailable for a reason that need not stop a submit."""
        try:
            listing = await self._queue.list_requests(model, patience=LIST_PATIENCE)
        except (Unauthorized, InsufficientCredits):
            raise
        except UpstreamError:
            return None
        self._history.learn(model, listing.requests)
        return listing

    def _remember(self, key: str, record: Record) -> None:
        self._latest[key] = record.request_id
        self._own[record.request_id] = None
        self._unconfirmed.pop(key, None)

    # -- the same job again --------------------------------------------------------------------------------------

    async def _same_job(self, key: str, request: SubmitRequest, listing: RecordList | None) -> Record | None:
        """The same job, if it is running, or ended a moment ago without its outcome having been delivered."""
        ours = self._latest.get(key, "")
        listed = listing.newest_first() if listing else []
        same = [r for r in listed if r.request_id == ours or is_same_job(request, r, self._digest_of)]
        if ours and ours not in self._delivered and all(record.request_id != ours for record in same):
            same.append(await self._unlisted(ours, request))
        running = [record for record in same if not record.is_final]
        fresh = [record for record in same if self._is_fresh(record)]
        return next(iter(running + fresh), None)

    async def _unlisted(self, request_id: str, request: SubmitRequest) -> Record:
        """A job of ours that the list does not show: it lags, or is unavailable. So ask for the job itself."""
        try:
            return await self._queue.get_request(request_id)
        except UpstreamError:
            # A 404 too: the queue named this job when it made it, so better the old one than a second payment.
            return Record(request_id=request_id, model=request.model, status="queued")

    def _is_fresh(self, record: Record) -> bool:
        ended = record.updated_at or record.created_at
        if not record.is_final or record.request_id in self._delivered:
            return False
        if ended is None:
            # How long ago is unknown: better one of our own, once, than a second payment.
            return record.request_id in self._own
        return self._queue.now() - ended <= FRESH_SECONDS

    def _refuse_lookalike(self, request: SubmitRequest, others: list[Record]) -> None:
        """Ask the user before paying where an earlier job differs only in an image uploaded by another process."""
        for record in others:
            if record.is_final and not self._is_fresh(record):
                continue
            if may_be_same_but_for_uploads(request, record, self._digest_of):
                raise SpendingRefused(
                    f"Request {record.request_id} ({record.status}) was made from the same prompt and settings and an "
                    "uploaded image that can't be compared with this one: it may be this very video. Nothing was "
                    "submitted and nothing was charged.",
                    f'Call get_status with {{"request_id": "{record.request_id}", "wait": true}} to follow it; if the '
                    'image is another one, call generate_video again with "allow_duplicate": true.',
                )

    # -- a submit whose answer was lost --------------------------------------------------------------------------

    async def _reconcile(self, key: str, sent: UnconfirmedSubmit, error: UpstreamError) -> Record:
        """The job that a submit without an answer has made; else the refusal, or `SubmissionUnknown`."""
        sent = replace(sent, why=error.reason)
        self._unconfirmed[key] = sent
        named = await reconciliation.named_job(self._queue, error, sent)
        if named.record is not None:
            return named.record
        pauses = reconciliation.PAUSES_AFTER_REFUSAL if error.refused else reconciliation.PAUSES
        found = await reconciliation.search(self._queue, sent, pauses, taken=self._made)
        if found.record is not None:
            return found.record
        found = replace(found, candidates=named.candidates or found.candidates)
        if error.refused and found.looks and not named.candidates:
            # It said in known words that it took nothing, and the list does not say otherwise.
            del self._unconfirmed[key]
            raise error
        raise reconciliation.unknown(sent, found) from error

    async def _resolve_unconfirmed(self, key: str, sent: UnconfirmedSubmit) -> Record | None:
        """Look again for an earlier, unanswered submit of the same job, before anything new is paid."""
        sent = replace(sent, known=sent.known | self._own.keys())
        found = await reconciliation.search(self._queue, sent, reconciliation.PAUSES[:2], taken=self._made)
        if found.record is not None:
            self._remember(key, found.record)
            return found.record
        if not found.looks or found.candidates or anyio.current_time() - sent.sent_at < UNCONFIRMED_SECONDS:
            raise reconciliation.unknown(sent, found)
        del self._unconfirmed[key]
        return None

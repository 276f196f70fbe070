"""Spending: find the same job, or submit it once, and find it again where the answer was lost.

The queue has no idempotency key and a submit can't be recalled. So an intent is recorded in the ledger before its
submit leaves, in one step that only one process can win; whoever finds it there gets its job, and looks for it before
anything is paid again. The queue's request list is searched for jobs that were made elsewhere.

A submit runs in the server's task group, not in the call that asked for it: it goes on when the caller is cut off,
and the next identical call joins it.
"""

import itertools
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from weakref import WeakValueDictionary

import anyio
from cachetools import LRUCache

from gmi_video.background import Tasks
from gmi_video.catalog.priced import PricedRequest
from gmi_video.errors import (
    InsufficientCredits,
    SpendingRefused,
    SubmissionUnknown,
    Unauthorized,
    Unavailable,
    UpstreamError,
)
from gmi_video.jobs.budget import Budget
from gmi_video.jobs.ledger import Claimed, Existing, Ledger, OverLimit, PaidMeanwhile
from gmi_video.jobs.listings import Listings
from gmi_video.jobs.matching import DigestOf, JobIdentity
from gmi_video.jobs.reconciliation import Reconciliation
from gmi_video.jobs.sending import Sender
from gmi_video.jobs.twins import REUSE_SECONDS, doubts, twin
from gmi_video.single_flight import Interrupted, SingleFlight
from gmi_video.upstream.client import Queue
from gmi_video.upstream.lists import NOTHING_SHOWN, RecordList, Snapshot
from gmi_video.upstream.rate_limit import moment
from gmi_video.upstream.wire import Record

ASKED_ABOUT = 4096
"""Requests of which it is known that the user may have been asked about them."""

UNDECIDED_TRIES = 20
"""Tries to claim an intent while other submits are under way."""

Upload = Callable[[], Awaitable[PricedRequest]]


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
        ledger: where intents are recorded.
        budget: what may be spent.
        listings: what the queue has; shared with other submits.
        digest_of: the digest of what this process uploaded to a URL.

    Attributes:
        made: how many jobs it has made.
        spent_usd: what they cost, as far as their prices were known.
    """

    def __init__(
        self, queue: Queue, tasks: Tasks, *, ledger: Ledger, budget: Budget, listings: Listings, digest_of: DigestOf
    ) -> None:
        self.made = 0
        self.spent_usd = 0.0
        self._queue = queue
        self._ledger = ledger
        self._budget = budget
        self._listings = listings
        self._digest_of = digest_of
        self._reconciliation = Reconciliation(queue, ledger)
        self._sender = Sender(queue, ledger, self._reconciliation)
        self._running: SingleFlight[tuple[str, bool], Submitted] = SingleFlight(tasks)
        self._claims: WeakValueDictionary[str, anyio.Event] = WeakValueDictionary()
        """Set once a plain submit has claimed its intent, or will not; by fingerprint."""
        self._asked_about: LRUCache[str, None] = LRUCache(ASKED_ABOUT)
        """What the user may have been asked about since its call came in, by fingerprint."""

    def ask_ahead(self, model: str) -> None:
        """Have the lists asked for that `submit` needs, for a call that has just come in."""
        since = moment()
        self._listings.ask_ahead(model, since)
        self._budget.ask_ahead(since)

    async def submit(
        self,
        request: PricedRequest,
        upload: Upload | None = None,
        *,
        allow_duplicate: bool = False,
        may_pay: bool = True,
        payments: int | None = None,
    ) -> Submitted:
        """Find this very job, or make it.

        Args:
            request: what to make, with local images as digests.
            upload: gives the same request with its images uploaded; called only where a job is to be made.
            allow_duplicate: another take, made even where the same job exists.
            may_pay: False where the user has not been asked about the price, because `is_made` found the job.
            payments: how many (`payments`) the user knew of when they agreed to this one; None if they were not asked.

        Raises:
            SpendingRefused: above the spending limit, or that consent has paid already; nothing was sent.
            UpstreamError: refused; no job was made.
            SubmissionUnknown: the job may or may not exist.
        """
        identity = self._identity(request)
        plain, take = (identity.fingerprint, False), (identity.fingerprint, True)
        # A plain call joins whatever is being submitted; a take joins the same take, whose host may have hung up.
        key = take if allow_duplicate or take in self._running else plain
        joined = key in self._running
        claim = self._claims.get(identity.fingerprint)
        if key == plain and not joined:
            claim = self._claims[identity.fingerprint] = anyio.Event()
        make = partial(
            self._find_or_make, request, identity, upload, claim, allow_duplicate=allow_duplicate, may_pay=may_pay,
            payments=payments,
        )  # fmt: skip
        try:
            submitted = await self._running.run(key, make)
        except Interrupted:
            raise SubmissionUnknown(
                "The server was stopped while it was submitting: the job may or may not have been made.",
                "Make the same call again: it looks for the job before it submits anything.",
            ) from None
        return replace(submitted, reused=True) if joined else submitted

    async def answered(self, submitted: Submitted) -> None:
        """Record that a caller which asked for another take was given this job: the next take is another one."""
        await self._ledger.answered(submitted.record.request_id)

    async def payments(self, request: PricedRequest) -> int:
        """How often this very video was paid for in the last day, or may have been, by any copy of the server."""
        return await self._ledger.payments(self._identity(request).fingerprint)

    async def is_recorded(self, request: PricedRequest, *, allow_duplicate: bool) -> bool:
        """Whether the ledger has this job, made or being submitted. Then `submit` most likely needs no image of it."""
        fingerprint = self._identity(request).fingerprint
        found = await self._ledger.find(fingerprint, allow_duplicate=allow_duplicate, reuse_seconds=REUSE_SECONDS)
        return found is not None

    async def is_made(self, request: PricedRequest, *, allow_duplicate: bool) -> bool:
        """Whether `submit` would return a job that exists, or is being submitted, instead of paying for another."""
        if await self.is_recorded(request, allow_duplicate=allow_duplicate):
            return True
        identity = self._identity(request)
        self._asked_about[identity.fingerprint] = None
        if allow_duplicate:
            return False
        try:
            return twin(identity, await self._list(identity.model, request.began), self._queue.now()) is not None
        except Interrupted:
            raise Unavailable("The server was stopped meanwhile.", "Make the same call again.") from None

    async def drain(self, seconds: float) -> None:
        """Submit nothing more, and give submits under way up to `seconds` to be answered and recorded."""
        await self._sender.drain(seconds)

    def _identity(self, request: PricedRequest) -> JobIdentity:
        return JobIdentity(request.wire, request.defaults, self._digest_of)

    async def _find_or_make(
        self,
        request: PricedRequest,
        identity: JobIdentity,
        upload: Upload | None,
        plain_claim: anyio.Event | None,
        *,
        allow_duplicate: bool,
        may_pay: bool,
        payments: int | None,
    ) -> Submitted:
        with ExitStack() as order:
            if plain_claim and not allow_duplicate:
                order.callback(plain_claim.set)
            existing = await self._ledger.find(
                identity.fingerprint, allow_duplicate=allow_duplicate, reuse_seconds=REUSE_SECONDS
            )
            # A question takes minutes, in which the same job may be made elsewhere.
            since = moment() if identity.fingerprint in self._asked_about else request.began
            for _ in range(UNDECIDED_TRIES):
                if existing:
                    order.close()
                    if record := await self._reconciliation.resume(existing, identity):
                        return self._submitted(record, reused=True)
                    since = moment()
                if not request.has_images:
                    self._budget.ask_ahead(since)
                found, note, before = await self._look_for_twin(identity, since, allow_duplicate=allow_duplicate)
                if found:
                    return self._submitted(found, reused=True)
                if not may_pay:
                    raise SpendingRefused(
                        "The earlier submit of this video made no job after all. Nothing was submitted.",
                        "Make the same call again: the user is asked about the price.",
                    )
                # Before the claim: an upload may take minutes, and a claim that waits for it would stop other copies.
                whole = await upload() if upload else request
                if whole.wire != request.wire:
                    since = moment()
                if allow_duplicate and plain_claim:
                    # Else the plain call that came before would find this take, and no second video would be made.
                    await plain_claim.wait()
                claim = await self._claim(request, identity, since, allow_duplicate=allow_duplicate, payments=payments)
                if isinstance(claim, Claimed):
                    order.close()
                    record = await self._sender.send(claim.intent, whole.wire, identity, before)
                    self.made += 1
                    self.spent_usd += request.usd or 0.0
                    return self._submitted(record, note)
                existing = claim
            raise Unavailable(
                "Other copies of this server are submitting this very video, and none of them came to an end. Nothing "
                "was submitted by this one.",
                "Make the same call again in a minute.",
            )

    async def _look_for_twin(
        self, identity: JobIdentity, since: float, *, allow_duplicate: bool
    ) -> tuple[Record | None, str, Snapshot]:
        """The same video in the queue's list, if it may be returned; else what is doubtful; and what the list shows."""
        listing = await self._list(identity.model, since)
        before = listing.snapshot if listing else NOTHING_SHOWN
        if allow_duplicate:
            return None, "", before
        if found := twin(identity, listing, self._queue.now()):
            return found, "", before
        return None, doubts(identity, listing, await self._ledger.request_ids(), self._queue.now()), before

    async def _claim(
        self,
        request: PricedRequest,
        identity: JobIdentity,
        since: float,
        *,
        allow_duplicate: bool,
        payments: int | None,
    ) -> Claimed | Existing:
        """Record the intent, within the spending limit, as a list after `since` has it. Raises `SpendingRefused`."""
        for attempt in itertools.count(1):
            claim = await self._ledger.claim(
                identity.fingerprint,
                usd=request.usd,
                allow_duplicate=allow_duplicate,
                reuse_seconds=REUSE_SECONDS,
                limit=await self._budget.limit(request.usd, since),
                payments=payments,
            )
            if isinstance(claim, PaidMeanwhile):
                raise SpendingRefused(
                    "The user's consent to this price was used for a payment already. Nothing was submitted.",
                    "Make the same call again: the user is asked again.",
                )
            if not isinstance(claim, OverLimit):
                return claim
            # A submit under way may be counted twice for a moment: as reserved, and in the list.
            if not claim.undecided or attempt == UNDECIDED_TRIES:
                raise self._budget.refusal(request, claim)
            await anyio.sleep(1.0)
            since = moment()
        raise AssertionError("the loop returns or raises")

    def _submitted(self, record: Record, note: str = "", *, reused: bool = False) -> Submitted:
        return Submitted(record, reused, " ".join(filter(None, [note, self._ledger.report()])))

    async def _list(self, model: str, since: float) -> RecordList | None:
        """The model's requests. None where they are unavailable for a reason that need not stop a submit."""
        try:
            return await self._listings.get(model, since)
        except (Unauthorized, InsufficientCredits):
            raise
        except UpstreamError:
            return None

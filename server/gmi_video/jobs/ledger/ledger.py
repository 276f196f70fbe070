"""The ledger: every submit is recorded here before it is sent, in one atomic step that only one process can win."""

import logging
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeVar

import anyio
from anyio import to_thread

from gmi_video.background import contained
from gmi_video.jobs.ledger import operations
from gmi_video.jobs.ledger.fallback import Fallback, not_guaranteed
from gmi_video.jobs.ledger.intents import HOUR, Account, Claim, Existing, Intent, Limit, State
from gmi_video.jobs.ledger.operations import ClaimRequest
from gmi_video.jobs.ledger.owners import RENEW_SECONDS, new_owner
from gmi_video.jobs.ledger.places import open_stores
from gmi_video.jobs.ledger.store import Session
from gmi_video.settings import Settings

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Ledger:
    """The intents of one account, in a store that copies of the server share.

    The store is opened by the first call. An unavailable store never stops a call: the same operation runs in this
    process's memory, and `trouble` states what is not guaranteed then.

    A cancelled call is carried out completely or not at all. `made`, `found`, `unknown`, `refused`, `answered` and
    `aclose` are always carried out, because what they record can't be obtained again.

    Args:
        url: `GMI_LEDGER_URL`: empty for the file in the platform's state folder, `sqlite:///absolute/path`,
            `postgresql://…`, or `none`.
        account: the account.
        now: this machine's clock, in Unix seconds. A function other than `time.time` is the clock of all copies.
    """

    def __init__(self, url: str, account: Account, now: Callable[[], float] = time.time) -> None:
        self.owner = new_owner()
        self._url = url
        self._account = account
        self._now = now
        # A clock other than `time.time` may be readable in the event loop only.
        self._clock = now if now is time.time else lambda: self._noted
        self._noted = 0.0
        self._stores: Fallback | None = None
        self._notices: list[str] = []
        self._lock = anyio.Lock(fast_acquire=True)

    @classmethod
    def from_settings(cls, settings: Settings, now: Callable[[], float] = time.time) -> "Ledger":
        """The ledger that the settings name."""
        return cls(settings.ledger_url, Account(settings.api_key, settings.base_url, settings.org_id), now)

    # -- its condition -------------------------------------------------------------------------------------------

    @property
    def trouble(self) -> str:
        """What is not guaranteed at present, in one sentence; empty in normal operation and before the first call."""
        if self._stores:
            return self._stores.trouble
        return not_guaranteed("GMI_LEDGER_URL is none") if self._url == "none" else ""

    @property
    def place(self) -> str:
        """Where intents are stored in normal operation, for display; empty before the first call."""
        return self._stores.place if self._stores else ""

    def report(self) -> str:
        """What to add to an answer: the events since the last report, and `trouble`.

        With `GMI_LEDGER_URL=none`, which is the user's choice, `trouble` is left out.
        """
        notices, self._notices = self._notices, []
        return " ".join(filter(None, [*notices, "" if self._url == "none" else self.trouble]))

    def time(self) -> float:
        """The ledger's clock, which sets the times of intents (Unix seconds)."""
        return self._now() + (self._stores.offset if self._stores else 0.0)

    # -- before a submit -----------------------------------------------------------------------------------------

    async def claim(
        self,
        fingerprint: str,
        *,
        usd: float | None,
        allow_duplicate: bool = False,
        reuse_seconds: float = HOUR,
        limit: Limit | None = None,
        payments: int | None = None,
    ) -> Claim:
        """Record an intent as `sending`, unless an equal one exists or the limit might be exceeded.

        Of several concurrent claims of one intent, exactly one is `Claimed`.

        Args:
            fingerprint: equal for equal requests. Only a hash of it is stored.
            usd: its price; None if it is unknown, which is not allowed with a limit.
            allow_duplicate: another take. Only a take whose job no caller was given (`answered`) is `Existing` then.
            reuse_seconds: how long a `made` intent is `Existing`; `sending` and `unknown` ones are for a day.
            limit: the spending limit.
            payments: how many (`payments`) the user knew of when they agreed to this one; None if they were not asked.

        Returns:
            `Claimed`: submit it within `renewing`, then call `made`, `unknown` or `refused`. `Existing`, `OverLimit` or
            `PaidMeanwhile`: nothing was recorded.

        Raises:
            ValueError: a limit, and no price.
            SettingsError: this Python has no sqlite3.
        """
        if limit and usd is None:
            raise ValueError("a price that is not known can't be held to a limit")
        wanted = ClaimRequest(self._new(fingerprint, usd), allow_duplicate, reuse_seconds, limit, payments)
        return await self._run(lambda session: operations.claim(session, wanted))

    async def find(
        self, fingerprint: str, *, allow_duplicate: bool = False, reuse_seconds: float = HOUR
    ) -> Existing | None:
        """The `Existing` that `claim` would return. Records nothing."""
        wanted = ClaimRequest(self._new(fingerprint, None), allow_duplicate, reuse_seconds, None)
        return await self._run(lambda session: operations.find(session, wanted))

    # -- during a submit -----------------------------------------------------------------------------------------

    @asynccontextmanager
    async def renewing(self, intent: Intent) -> AsyncGenerator[None]:
        """Renew the lease of an intent for as long as the body runs."""

        async def renew() -> None:
            ours = True
            while ours:
                await anyio.sleep(RENEW_SECONDS)
                ours = await self.renew(intent) is not None

        error: Exception | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(contained, renew)  # its failure must not cancel the body, which submits
            try:
                yield
            except Exception as raised:  # noqa: BLE001 - raised again, but not as a group of errors
                error = raised
            tasks.cancel_scope.cancel()
        if error is not None:
            raise error

    async def renew(self, intent: Intent) -> Intent | None:
        """Extend this process's lease by `LEASE_SECONDS`. None if it is settled or another process holds it."""
        ours = replace(intent, owner=self.owner)
        return await self._run(lambda session: operations.renew(session, ours))

    async def adopt(self, intent: Intent) -> Intent | None:
        """Take over an intent without a running holder: it becomes `unknown` and busy, held by this process.

        None if another process was first or it is settled; `get` it again.
        """
        return await self._run(lambda session: operations.adopt(session, intent, self.owner))

    # -- the result of a submit ----------------------------------------------------------------------------------

    async def made(self, intent: Intent, request_id: str) -> Intent:
        """Record the job's id from the queue's answer. Final, whatever another process has written."""
        return await self._settle(intent, "made", request_id)

    async def found(self, intent: Intent, request_id: str) -> Intent | None:
        """Record a job that a search has found as the intent's.

        None if it belongs to another intent; nothing was recorded.
        """
        row = replace(intent, state="made", request_id=request_id, owner=self.owner)
        return await self._run_always(lambda session: operations.settle_found(session, row))

    async def unknown(self, intent: Intent) -> Intent:
        """Record that the job may or may not exist, and release the intent. Its price stays reserved.

        Returns the row as it is then; another process may hold it or have recorded the job.
        """
        return await self._settle(intent, "unknown")

    async def refused(self, intent: Intent) -> Intent:
        """Record that no job was made. The price and the request are free again.

        Returns the row as it is then; another process may have recorded the job.
        """
        return await self._settle(intent, "refused")

    async def answered(self, request_id: str) -> None:
        """Record that a caller which asked for another take was given this job."""
        await self._run_always(lambda session: operations.answered(session, self._account.id, request_id))

    # -- reading -------------------------------------------------------------------------------------------------

    async def get(self, intent_id: str) -> Existing | None:
        """The current row of an intent, and whether it is busy. None if it was deleted."""

        def read(session: Session) -> Existing | None:
            intent = operations.get(session, intent_id)
            return Existing(intent, operations.busy(session, intent)) if intent else None

        return await self._run(read)

    async def payments(self, fingerprint: str) -> int:
        """How often this video was paid for in the last day, or may have been."""
        request = self._account.request(fingerprint)
        return await self._run(lambda session: operations.payments(session, self._account.id, request))

    async def request_ids(self, *, priced: bool = False) -> frozenset[str]:
        """The ids of all jobs of the last day's intents. None of them can belong to another intent.

        `priced`: only of intents whose price is known; the limit counts them if the list has no price.
        """
        return await self._run(lambda session: operations.request_ids(session, self._account.id, priced=priced))

    async def recent(self) -> dict[str, int]:
        """The number of the last day's intents in each state, for diagnosis."""
        return await self._run(lambda session: operations.counts(session, self._account.id))

    async def aclose(self) -> None:
        """Release this process's intents, so that the next process need not wait for a lease, and close the store."""
        if self._stores is None:
            return
        try:
            await self._run_always(lambda session: operations.release(session, self._account.id, self.owner))
        finally:
            with anyio.CancelScope(shield=True):
                async with self._lock:
                    await to_thread.run_sync(self._stores.close)
                    self._stores = None

    # -- internals ------------------------------------------------------------------------------------------------

    def _new(self, fingerprint: str, usd: float | None) -> Intent:
        return Intent(
            id=uuid.uuid4().hex,
            account=self._account.id,
            request=self._account.request(fingerprint),
            take=0,
            state="sending",
            request_id="",
            usd=usd,
            created_at=0.0,
            updated_at=0.0,
            owner=self.owner,
            lease_until=0.0,
        )

    async def _settle(self, intent: Intent, state: State, request_id: str = "") -> Intent:
        row = replace(intent, state=state, request_id=request_id, owner=self.owner)
        return await self._run_always(lambda session: operations.settle(session, row))

    async def _run_always(self, work: Callable[[Session], T]) -> T:
        done: list[T] = []
        with anyio.CancelScope(shield=True):
            done.append(await self._run(work))
        return done[0]

    async def _run(self, work: Callable[[Session], T]) -> T:
        # The default limiter, and a lock for the order: with a limiter of our own, virtual time would run on.
        # A started thread is waited for, even by a call that is cancelled meanwhile.
        async with self._lock:
            self._noted = self._now()
            return await to_thread.run_sync(self._in_thread, work)

    def _in_thread(self, work: Callable[[Session], T]) -> T:
        if self._stores is None:
            self._stores = open_stores(self._url, self._account.id, self._clock, self._notify)
        return self._stores.run(work)

    def _notify(self, sentence: str) -> None:
        _log.warning(sentence)
        self._notices.append(sentence)

"""The ledger: what is about to be paid is recorded here first, in one step that only one process can win."""

import logging
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeVar

import anyio
from anyio import to_thread

from gmi_video.jobs.ledger import operations
from gmi_video.jobs.ledger.fallback import Fallback, not_guaranteed
from gmi_video.jobs.ledger.intents import HOUR, Account, Claim, Existing, Intent, Limit, State
from gmi_video.jobs.ledger.operations import Wish
from gmi_video.jobs.ledger.owners import RENEW_SECONDS, new_owner
from gmi_video.jobs.ledger.places import open_stores
from gmi_video.jobs.ledger.store import Session
from gmi_video.settings import Settings

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Ledger:
    """The intents of one account, in a place that copies of the server share.

    Nothing is opened before the first call. A place that can't be used never stops a call: the same is done in this
    process's memory, and `trouble` says what is not guaranteed then.

    A call that is cancelled has either done nothing or does all it was asked for; `made`, `found`, `unknown`,
    `refused` and `aclose` are done in any case, because what they know can't be had again.

    Args:
        url: `GMI_LEDGER_URL`: empty for the file in the platform's state folder, `sqlite:///absolute/path`,
            `postgresql://…`, or `none`.
        account: whose intents.
        now: this machine's clock, in Unix seconds. Another function than `time.time` is the one clock of all that
            share the ledger.
    """

    def __init__(self, url: str, account: Account, now: Callable[[], float] = time.time) -> None:
        self.owner = new_owner()
        self._url = url
        self._account = account
        self._now = now
        # A clock that is not the machine's may be readable in the event loop only.
        self._clock = now if now is time.time else lambda: self._noted
        self._noted = 0.0
        self._stores: Fallback | None = None
        self._notices: list[str] = []
        self._turn = anyio.Lock()

    @classmethod
    def from_settings(cls, settings: Settings, now: Callable[[], float] = time.time) -> "Ledger":
        """The ledger that the environment asks for."""
        return cls(settings.ledger_url, Account(settings.api_key, settings.base_url, settings.org_id), now)

    # -- what it says about itself -------------------------------------------------------------------------------

    @property
    def trouble(self) -> str:
        """What is not guaranteed just now, in one sentence; empty where all is well, or nothing was done yet."""
        if self._stores:
            return self._stores.trouble
        return not_guaranteed("GMI_LEDGER_URL is none") if self._url == "none" else ""

    @property
    def place(self) -> str:
        """Where intents are kept when nothing is wrong, for a person; empty before the first call."""
        return self._stores.place if self._stores else ""

    def tell(self) -> str:
        """What to say with an answer: `trouble`, and once each thing that has happened since the last call.

        Whoever has set `none` has chosen so, and is not told with every answer.
        """
        notices, self._notices = self._notices, []
        return " ".join(filter(None, [*notices, "" if self._url == "none" else self.trouble]))

    def time(self) -> float:
        """The ledger's clock, by which the times of an intent are written: Unix seconds."""
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
    ) -> Claim:
        """Record an intent as `sending`, unless there is one like it or it may go above the limit; one wins.

        Args:
            fingerprint: equal for equal requests. Only a hash of it is kept.
            usd: its price; None where it is not known, which a limit does not allow.
            allow_duplicate: another take. Only a take that is still `sending` or `unknown` is `Existing` then.
            reuse_seconds: so long after its making a job is `Existing`; `sending` and `unknown` ones are for a day.
            limit: what may be spent.

        Returns:
            `Claimed`: submit it, within `renewing`, then tell `made`, `unknown` or `refused`. Or `Existing`, or
            `OverLimit`; nothing was recorded.

        Raises:
            ValueError: a limit, and no price.
            SettingsError: this Python has no sqlite3.
        """
        if limit and usd is None:
            raise ValueError("a price that is not known can't be held to a limit")
        wish = Wish(self._new(fingerprint, usd), allow_duplicate, reuse_seconds, limit)
        return await self._run(lambda session: operations.claim(session, wish))

    async def find(
        self, fingerprint: str, *, allow_duplicate: bool = False, reuse_seconds: float = HOUR
    ) -> Existing | None:
        """What `claim` would return as `Existing`; records nothing."""
        wish = Wish(self._new(fingerprint, None), allow_duplicate, reuse_seconds, None)
        return await self._run(lambda session: operations.find(session, wish))

    # -- while it is under way -----------------------------------------------------------------------------------

    @asynccontextmanager
    async def renewing(self, intent: Intent) -> AsyncGenerator[None]:
        """Keep an intent that is ours for as long as the body runs."""

        async def keep() -> None:
            ours = True
            while ours:
                await anyio.sleep(RENEW_SECONDS)
                ours = await self.renew(intent) is not None

        error: Exception | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keep)
            try:
                yield
            except Exception as raised:  # noqa: BLE001 - raised again, but not as a group of errors
                error = raised
            tasks.cancel_scope.cancel()
        if error is not None:
            raise error

    async def renew(self, intent: Intent) -> Intent | None:
        """Extend our lease by 15 s. None where the intent is settled, or another process has it."""
        ours = replace(intent, owner=self.owner)
        return await self._run(lambda session: operations.renew(session, ours))

    async def adopt(self, intent: Intent) -> Intent | None:
        """Take over an intent that nobody has any more: it becomes `unknown`, ours, and everybody else waits.

        None where another process was first, or it is settled: `get` it again.
        """
        return await self._run(lambda session: operations.adopt(session, intent, self.owner))

    # -- what became of it ---------------------------------------------------------------------------------------

    async def made(self, intent: Intent, request_id: str) -> Intent:
        """The queue answered with this id. Final, whatever another process wrote meanwhile."""
        return await self._settle(intent, "made", request_id)

    async def found(self, intent: Intent, request_id: str) -> Intent | None:
        """This job was found by looking, and is taken to be the intent's.

        None where it is the job of another intent: nothing was written; look for another one.
        """
        row = replace(intent, state="made", request_id=request_id, owner=self.owner)
        return await self._run_in_any_case(lambda session: operations.settle_found(session, row))

    async def unknown(self, intent: Intent) -> Intent:
        """The job may or may not exist, and nobody looks for it now. Its price stays reserved.

        Returns the intent as it stands, which another process may have `made`, or have.
        """
        return await self._settle(intent, "unknown")

    async def refused(self, intent: Intent) -> Intent:
        """No job was made: its price is free again, and so is the request.

        Returns the intent as it stands, which another process may have `made`.
        """
        return await self._settle(intent, "refused")

    # -- looking -------------------------------------------------------------------------------------------------

    async def get(self, intent_id: str) -> Existing | None:
        """An intent as it is now, and whether it is busy. None: no longer known."""

        def look(session: Session) -> Existing | None:
            intent = operations.get(session, intent_id)
            return Existing(intent, operations.busy(session, intent)) if intent else None

        return await self._run(look)

    async def request_ids(self, *, priced: bool = False) -> frozenset[str]:
        """The ids of all jobs of the last day that an intent has come to: none of them can be another intent's.

        `priced`: of those only whose price is known, which a limit counts where the list has no price.
        """
        return await self._run(lambda session: operations.request_ids(session, self._account.id, priced=priced))

    async def recent(self) -> dict[str, int]:
        """How many intents of the last day there are in each state, for diagnosis."""
        return await self._run(lambda session: operations.counts(session, self._account.id))

    async def aclose(self) -> None:
        """Make what we have `unknown`, so that the next process need not wait for a lease, and close the store."""
        if self._stores is None:
            return
        await self._run_in_any_case(lambda session: operations.release(session, self._account.id, self.owner))
        with anyio.CancelScope(shield=True):
            async with self._turn:
                await to_thread.run_sync(self._stores.close)
                self._stores = None

    # -- how -----------------------------------------------------------------------------------------------------

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
        return await self._run_in_any_case(lambda session: operations.settle(session, row))

    async def _run_in_any_case(self, work: Callable[[Session], T]) -> T:
        done: list[T] = []
        with anyio.CancelScope(shield=True):
            done.append(await self._run(work))
        return done[0]

    async def _run(self, work: Callable[[Session], T]) -> T:
        # The default limiter, and a lock for the order: a limiter of our own would count as idle to virtual time.
        # A thread that has begun is waited for, also by a call that is cancelled meanwhile.
        async with self._turn:
            self._noted = self._now()
            return await to_thread.run_sync(self._in_thread, work)

    def _in_thread(self, work: Callable[[Session], T]) -> T:
        if self._stores is None:
            self._stores = open_stores(self._url, self._account.id, self._clock, self._say)
        return self._stores.run(work)

    def _say(self, sentence: str) -> None:
        _log.warning(sentence)
        self._notices.append(sentence)

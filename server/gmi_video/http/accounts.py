"""A whole server for each API key: its services, caches, polls, ledger rows, sessions and subscriptions.

Nothing that one key has seen is within reach of another, because there is nothing that both have but the connections to
the queue, which carry the key in each request. Where the server has a key of its own, there is one account.
"""

import hashlib
import hmac
import logging
import secrets
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from gmi_video.http.bodies import MAX_BYTES
from gmi_video.mcp.sdk import StrictServer
from gmi_video.services import Services
from gmi_video.settings import KEY_HEADER, Settings

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

MAX_ACCOUNTS = 100
"""Accounts that are open at the same time."""

EVICT_SECONDS = 60.0
"""Where there are too many, the one that was used least recently makes room, if that is so long ago."""

IDLE_SECONDS = 2100.0
"""An account without a request for so long is closed; its sessions have ended before."""

REAP_SECONDS = 30.0
"""Between two looks for accounts that are idle."""

MAX_SESSIONS = 2000
"""Sessions of the handshake era, of all accounts together."""

MAX_CALLS, MAX_CALLS_EACH = 2000, 1000
"""Requests that are being answered, of all accounts together, and of one."""

Create = Callable[[Settings, Callable[[Services], None]], StrictServer]
"""Makes the server of an account; the function is given its services."""

_log = logging.getLogger(__name__)


class NotServed(Exception):
    """A request that has no account to go to: an HTTP status, and a sentence for the caller."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(slots=True)
class Totals:
    """What accounts did: jobs made, dollars, waits, and waits that go on now."""

    made: int = 0
    usd: float = 0.0
    waits: int = 0
    waiting: int = 0

    def add(self, services: Services | None) -> None:
        """Add what an account has done."""
        if services is not None:
            self.made += services.submission.made
            self.usd += services.submission.spent_usd
            self.waits += services.poller.waits
            self.waiting += services.poller.waiting


class Account:
    """One key's server, for as long as it is used.

    Attributes:
        tag: names it in the log; not computable from the key by anyone else.
        services: None until they are open.
        requests: HTTP requests that go on, open streams too.
        calls: those of them that are calls.
    """

    def __init__(self, tag: str, settings: Settings, create: Create) -> None:
        self.tag = tag
        self.services: Services | None = None
        self.sessions = create(settings, self._take).over_http(max_sessions=MAX_SESSIONS, max_body_bytes=MAX_BYTES)
        self.requests = self.calls = 0
        self.used_at = anyio.current_time()
        self.opened = anyio.Event()
        self.closing = anyio.Event()

    def idle_seconds(self) -> float:
        """How long ago its last request ended; 0 while one goes on."""
        return 0.0 if self.requests else anyio.current_time() - self.used_at

    def _take(self, services: Services) -> None:
        self.services = services


class Accounts:
    """The accounts by key.

    Args:
        settings: the server's settings; where they have a key, it is everyone's.
        create: makes an account's server.
    """

    def __init__(self, settings: Settings, create: Create) -> None:
        self._settings = settings
        self._create = create
        self._secret = secrets.token_bytes(32)
        self._open: dict[str, Account] = {}
        self._tasks: TaskGroup | None = None
        self._closed = Totals()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Accounts can be used while the block runs; then all are closed: submits under way get their time."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            reaping = anyio.CancelScope()
            tasks.start_soon(self._reap, reaping)
            if self._settings.api_key:
                self._account(self._settings)
            try:
                yield
            finally:
                reaping.cancel()
                for account in self._open.values():
                    account.closing.set()

    @asynccontextmanager
    async def using(self, key: str, *, is_call: bool, begins_session: bool) -> AsyncGenerator[Account]:
        """The account of a request with this `X-GMI-API-Key`, for as long as the request goes on.

        Args:
            key: empty for none.
            is_call: whether it is a call, which is counted, and not a stream for notifications.
            begins_session: whether it may begin a session.

        Raises:
            NotServed: the key is not wanted here, or there is no room.
        """
        account = self._account(self._settings_for(key))
        with self._counted(account, is_call=is_call, begins_session=begins_session):
            await account.opened.wait()
            if account.services is None:
                raise NotServed(503, "This account could not be opened; the server's log says why.")
            yield account

    def end_waits(self) -> None:
        """Have every wait answer with what is known, because the server is about to stop."""
        for account in self._open.values():
            if account.services is not None:
                account.services.poller.end_waits()

    # -- for operators -------------------------------------------------------------------------------------------

    @property
    def number(self) -> int:
        """How many accounts are open."""
        return len(self._open)

    @property
    def sessions(self) -> int:
        """How many sessions are open."""
        return sum(account.sessions.number for account in self._open.values())

    def totals(self) -> Totals:
        """What all accounts did since the start, also those that were closed."""
        totals = Totals(self._closed.made, self._closed.usd, self._closed.waits)
        for account in self._open.values():
            totals.add(account.services)
        return totals

    # -- internals -----------------------------------------------------------------------------------------------

    def _settings_for(self, key: str) -> Settings:
        if not self._settings.api_key:
            return self._settings.for_caller(key)
        if key:
            raise NotServed(400, f"This server has a key of its own: leave out {KEY_HEADER}, or use a server without.")
        return self._settings

    @contextmanager
    def _counted(self, account: Account, *, is_call: bool, begins_session: bool) -> Generator[None]:
        if begins_session and self.sessions >= MAX_SESSIONS:
            raise NotServed(503, "Too many sessions are open at this server. Try again later.")
        calls = sum(other.calls for other in self._open.values()) if is_call else 0
        if is_call and (calls >= MAX_CALLS or account.calls >= MAX_CALLS_EACH):
            raise NotServed(503, "Too many calls are open at this server. Make the same call again in a moment.")
        account.requests += 1
        account.calls += is_call
        try:
            yield
        finally:
            account.requests -= 1
            account.calls -= is_call
            account.used_at = anyio.current_time()

    def _account(self, settings: Settings) -> Account:
        # Without a key by its problem, of which there are three: nothing is asked of the queue for those.
        what = settings.api_key or " ".join(settings.problems)
        name = hmac.new(self._secret, what.encode(), hashlib.sha256).hexdigest()
        account = self._open.get(name)
        if account is None:
            self._make_room()
            account = self._open[name] = Account(name[:8], settings, self._create)
            assert self._tasks is not None  # noqa: S101 - `running` is entered
            self._tasks.start_soon(self._run, name, account)
        return account

    def _make_room(self) -> None:
        if len(self._open) < MAX_ACCOUNTS:
            return
        name, account = max(self._open.items(), key=lambda item: item[1].idle_seconds())
        if account.idle_seconds() < EVICT_SECONDS:
            raise NotServed(503, "Too many API keys are in use at this server. Try again in a minute.")
        self._close(name, account)

    def _close(self, name: str, account: Account) -> None:
        # At once, so that the next request with this key gets a new one; what both do the ledger keeps in order.
        del self._open[name]
        self._closed.add(account.services)
        account.closing.set()

    async def _run(self, name: str, account: Account) -> None:
        try:
            async with account.sessions.run():
                account.opened.set()
                await account.closing.wait()
        except Exception:  # noqa: BLE001 - logged in full; the next request opens it anew
            _log.exception("An account ended unexpectedly.")
            if self._open.get(name) is account:
                del self._open[name]
        finally:
            account.opened.set()

    async def _reap(self, scope: anyio.CancelScope) -> None:
        with scope:
            while True:
                await anyio.sleep(REAP_SECONDS)
                for name, account in list(self._open.items()):
                    if account.idle_seconds() >= IDLE_SECONDS and not self._settings.api_key:
                        self._close(name, account)

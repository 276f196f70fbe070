"""Combines the durable store with one in memory, which is used while the durable store is unavailable.

Memory always has a copy of this process's intents. While the durable store can't be used, the same operations run on
that copy, and the first transaction that succeeds again copies the changes to the durable store.
"""

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from gmi_video.jobs.ledger import operations
from gmi_video.jobs.ledger.intents import Claimed, Existing, Intent
from gmi_video.jobs.ledger.store import Session, Store, StoreError

T = TypeVar("T")

_log = logging.getLogger(__name__)


def not_guaranteed(why: str) -> str:
    """The consequence of a ledger in memory, in one sentence."""
    return (
        f"What is paid is recorded in this process only ({why}): after a restart, or in another copy of this server, a "
        "repeat can't be recognised, and a payment counts against the spending limit only once the queue lists it."
    )


class Fallback:
    """Runs operations on the durable store or in memory. Blocking; call it in a worker thread.

    Args:
        account: the account's hash.
        durable: the durable store; None if there is none, for the reason in `why`.
        memory: the store in memory.
        clock: Unix seconds.
        why: the reason why there is no durable store.
    """

    def __init__(
        self, account: str, durable: Store | None, memory: Store, clock: Callable[[], float], why: str = ""
    ) -> None:
        self.trouble = not_guaranteed(why) if why else ""
        self._account = account
        self._durable = durable
        self._memory = memory
        self._clock = clock
        self._retry_at = float("-inf")
        self._opened = 0
        self._own: set[str] = set()  # ids of all rows that this process has written
        self._behind: set[str] = set()  # those of them whose latest state the durable store may not have
        # A task that is cancelled in spite of anyio's shield leaves its thread running; the next one waits for it.
        self._lock = threading.Lock()

    @property
    def place(self) -> str:
        """Where intents are stored in normal operation."""
        return (self._durable or self._memory).place

    @property
    def offset(self) -> float:
        """How far the ledger's clock is ahead of this process's (seconds)."""
        return self._durable.offset if self._durable else 0.0

    def run(self, work: Callable[[Session], T]) -> T:
        """Run an operation as one transaction, on the durable store or else in memory. Never raises `StoreError`."""
        with self._lock:
            if self._durable and self._clock() >= self._retry_at:
                try:
                    return self._on_durable(self._durable, work)
                except StoreError as error:
                    self._failed(error)
            return self._in_memory(work)

    def close(self) -> None:
        """Copy outstanding changes to the durable store, if it is available, and close both."""
        with self._lock:
            if self._durable:
                if self._behind:
                    try:
                        self._on_durable(self._durable, lambda _: None)
                    except StoreError as error:
                        self._failed(error)
                self._durable.close()
            self._memory.close()

    def _on_durable(self, durable: Store, work: Callable[[Session], T]) -> T:
        result = self._try(durable, work)
        self._retry_at = float("-inf")
        self._behind.clear()
        if self.trouble:
            self.trouble = ""
            _log.warning("The ledger can be used again.")
        written = _intents(result)
        if written:
            self._note(result)
            with self._memory.transaction(self._account) as session:
                operations.forget_old(session)
                for intent in written:
                    operations.put(session, intent)
        return result

    def _try(self, durable: Store, work: Callable[[Session], T]) -> T:
        try:
            return self._once(durable, work)
        except StoreError as error:
            if not error.again:
                raise
        return self._once(durable, work)

    def _once(self, durable: Store, work: Callable[[Session], T]) -> T:
        with durable.transaction(self._account) as session:
            if durable.opened != self._opened:
                # It may be another file or database now.
                self._behind |= self._own
            self._copy_outstanding(session)
            result = work(session)
        self._opened = durable.opened
        return result

    def _copy_outstanding(self, session: Session) -> None:
        if not self._behind:
            return
        with self._memory.transaction(self._account) as memory:
            intents = operations.copies(memory, self._behind)
        for intent in intents:
            operations.save(session, intent)

    def _in_memory(self, work: Callable[[Session], T]) -> T:
        with self._memory.transaction(self._account) as session:
            result = work(session)
        self._behind |= self._note(result)
        return result

    def _note(self, result: object) -> set[str]:
        ids = set[str]() if isinstance(result, Existing) else {intent.id for intent in _intents(result)}
        self._own |= ids
        return ids

    def _failed(self, error: StoreError) -> None:
        self._retry_at = self._clock() + error.pause
        sentence = not_guaranteed(f"the ledger can't be used: {error.why}")
        if sentence != self.trouble:
            _log.warning(sentence)
        self.trouble = sentence


def _intents(result: object) -> list[Intent]:
    """The rows in an operation's result."""
    if isinstance(result, Claimed | Existing):
        return [result.intent]
    if isinstance(result, list):
        return [entry for entry in result if isinstance(entry, Intent)]  # pyright: ignore[reportUnknownVariableType]
    return [result] if isinstance(result, Intent) else []

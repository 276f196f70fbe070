"""The interface of a store: transactions, one at a time for each account, and one error type for every failure."""

from contextlib import AbstractContextManager
from typing import Any, Protocol

LOCKED_SECONDS = 5
"""How long another transaction is waited for (seconds)."""

PAUSE_SECONDS = 30.0
"""How long an unavailable store is not retried (seconds)."""


class StoreError(Exception):
    """The store can't be used. `why` is shown to users: no address, no password, no text from the database.

    Args:
        why: what is wrong, as a phrase that fits in parentheses.
        again: reopening it may help at once: the connection was lost, or the file was replaced.
        pause: seconds until the next attempt.
    """

    def __init__(self, why: str, *, again: bool = False, pause: float = PAUSE_SECONDS) -> None:
        super().__init__(why)
        self.why = why
        self.again = again
        self.pause = pause


def locked() -> StoreError:
    """The error for a store that another process has locked for too long."""
    return StoreError(f"it was locked for more than {LOCKED_SECONDS} seconds", pause=LOCKED_SECONDS)


class Session(Protocol):
    """An open transaction. Statements have `?` as placeholders and work in every store."""

    now: float
    """The start of the transaction by the store's clock (Unix seconds)."""

    def rows(self, sql: str, *values: str | float | None) -> list[tuple[Any, ...]]:
        """The rows of a SELECT."""
        ...

    def change(self, sql: str, *values: str | float | None) -> int:
        """Run any other statement; returns the number of changed rows."""
        ...

    def has_table(self, name: str) -> bool:
        """Whether a table exists."""
        ...


class Store(Protocol):
    """Stores intents. Used by one thread at a time."""

    place: str
    """Its kind and location, for display; without user and password."""

    opened: int
    """How often it was opened. Earlier rows may be missing after it was opened again."""

    offset: float
    """How far the store's clock is ahead of this process's, as last measured (seconds)."""

    def transaction(self, account: str) -> AbstractContextManager[Session]:
        """A transaction on an account's rows: committed at the end, rolled back after an error.

        Opens the store if necessary.

        Raises:
            StoreError: on entry, inside, or on exit. On exit with `again`, it is unknown whether it was committed.
        """
        ...

    def close(self) -> None:
        """Close it. The next transaction opens it again. Never raises."""
        ...

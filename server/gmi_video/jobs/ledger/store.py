"""What a store of intents is: transactions, one at a time for an account, and one error for all that can go wrong."""

from contextlib import AbstractContextManager
from typing import Any, Protocol

LOCKED_SECONDS = 5
"""So long another transaction is waited for."""

PAUSE_SECONDS = 30.0
"""So long a store that can't be used is left alone before it is tried again."""


class StoreError(Exception):
    """The store can't be used. `why` is for the reader: no address, no password, no words of the database's.

    Args:
        why: what is wrong, as words that fit in parentheses.
        again: opening it anew may help at once: the connection was lost, or the file is another one.
        pause: seconds before it is worth another try.
    """

    def __init__(self, why: str, *, again: bool = False, pause: float = PAUSE_SECONDS) -> None:
        super().__init__(why)
        self.why = why
        self.again = again
        self.pause = pause


def locked() -> StoreError:
    """Another program or copy has had the store for too long."""
    return StoreError(f"it was locked for more than {LOCKED_SECONDS} seconds", pause=LOCKED_SECONDS)


class Session(Protocol):
    """A transaction under way. Statements have `?` for values and mean the same in every store."""

    now: float
    """Unix seconds by the store's clock, when the transaction began."""

    def rows(self, sql: str, *values: str | float | None) -> list[tuple[Any, ...]]:
        """The rows that a SELECT finds."""
        ...

    def change(self, sql: str, *values: str | float | None) -> int:
        """Run any other statement; how many rows it changed."""
        ...

    def has_table(self, name: str) -> bool:
        """Whether a table is there."""
        ...


class Store(Protocol):
    """A place for intents. Used by one thread at a time."""

    place: str
    """What and where it is, for a person; without user and password."""

    opened: int
    """How many times it was opened; what was there before may be gone then."""

    offset: float
    """Seconds that the store's clock is ahead of this process's, as last seen."""

    def transaction(self, account: str) -> AbstractContextManager[Session]:
        """A transaction on an account's rows: commits at its end, and leaves nothing behind after an error.

        It opens the store where that is needed.

        Raises:
            StoreError: on entering, inside, or on leaving. On leaving with `again`, whether it was committed is not
                known.
        """
        ...

    def close(self) -> None:
        """Close it; the next transaction opens it again. Never raises."""
        ...

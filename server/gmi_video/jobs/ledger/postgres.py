"""The PostgreSQL store, for copies of the server on several machines.

Imported when a ledger with such an address is first used; needs the extra `postgres`. Every transaction sets its own
options and no statement is prepared, so it works through a connection pooler.
"""

import contextlib
from collections.abc import Callable, Generator
from typing import Any

import psycopg
from psycopg import conninfo

from gmi_video.jobs.ledger import schema
from gmi_video.jobs.ledger.store import LOCKED_SECONDS, StoreError, locked

_BEGIN = (
    f"BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = '{LOCKED_SECONDS}s'; "
    f"SET LOCAL idle_in_transaction_session_timeout = '{3 * LOCKED_SECONDS}s'"
)

_DEFAULTS: dict[str, Any] = {
    "application_name": "gmi-video-mcp",
    "connect_timeout": LOCKED_SECONDS,
    # Without these a statement waits for hours when the database's machine disappears from the network.
    "keepalives_idle": LOCKED_SECONDS,
    "keepalives_interval": 1,
    "keepalives_count": LOCKED_SECONDS,
    "tcp_user_timeout": 1000 * LOCKED_SECONDS,
}

_MIGRATING = 0x676D69
"""The id of the lock for migrations: two concurrent CREATE TABLE IF NOT EXISTS can fail."""

_WHY = {
    "28": "its database refused the login",
    "3D": "its database does not exist",
    "25006": "its database can't be written: it is read-only",
    "42501": "its user may not use or make the tables",
    "53100": "its database's disk is full",
    "53": "its database has no room for another connection",
}
"""By SQLSTATE or its first two characters. The database's own message is not shown; it may contain private data."""

_LOST = ("08", "57P", "40", "25P03")
"""The connection was lost, the database restarts, or the transaction had a conflict: retried once (SQLSTATE)."""

_TOO_LONG = ("57014", "55P03")


class PostgresSession:
    """A transaction in PostgreSQL."""

    def __init__(self, connection: psycopg.Connection, now: float) -> None:
        self._connection = connection
        self.now = now

    def rows(self, sql: str, *values: str | float | None) -> list[tuple[Any, ...]]:
        """The rows of a SELECT."""
        return self._run(sql, values).fetchall()

    def change(self, sql: str, *values: str | float | None) -> int:
        """Run any other statement; returns the number of changed rows."""
        return self._run(sql, values).rowcount

    def has_table(self, name: str) -> bool:
        """Whether a table exists."""
        return bool(self.rows("SELECT 1 WHERE to_regclass(?) IS NOT NULL", name))

    def _run(self, sql: str, values: tuple[str | float | None, ...]) -> psycopg.Cursor:
        return self._connection.execute(sql.replace("?", "%s").encode(), values)


class PostgresStore:
    """A store in a database.

    Args:
        url: `postgresql://…`, as libpq reads it.
        clock: Unix seconds.
        shared_clock: use the database's clock for all times, so that machines with different clocks agree on leases.
            False if `clock` is not this machine's.
        migrations: the migrations of the tables.
    """

    def __init__(
        self,
        url: str,
        clock: Callable[[], float],
        *,
        shared_clock: bool,
        migrations: tuple[schema.Migration, ...] = schema.MIGRATIONS,
    ) -> None:
        self.place = "PostgreSQL"
        self.opened = 0
        self.offset = 0.0
        self._url = url
        self._clock = clock
        self._shared_clock = shared_clock
        self._migrations = migrations
        self._connection: psycopg.Connection | None = None

    @contextlib.contextmanager
    def transaction(self, account: str) -> Generator[PostgresSession]:
        """A transaction; see `Store`. Other transactions of the same account wait for its end."""
        try:
            connection = self._connection or self._open()
            with _begun(connection):
                session = PostgresSession(connection, 0.0)
                # The first 64 bits of the account's hash, as a signed integer.
                session.rows("SELECT pg_advisory_xact_lock(?)", int(account[:16], 16) - 2**63)
                # The time is read after the lock, which may have been waited for.
                ((version, database_now),) = session.rows(
                    "SELECT version, EXTRACT(EPOCH FROM clock_timestamp())::float8 FROM gmi_video_ledger"
                )
                schema.check(version, len(self._migrations))
                if self._shared_clock:
                    self.offset = database_now - self._clock()
                session.now = self._clock() + self.offset
                yield session
        except psycopg.Error as error:
            self.close()
            raise _error(error) from error

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection:
            with contextlib.suppress(psycopg.Error):
                connection.close()

    def _open(self) -> psycopg.Connection:
        try:
            wanted = conninfo.conninfo_to_dict(self._url)
        except psycopg.Error:
            # `from None`: libpq quotes the address, and a password may be in it.
            raise StoreError("GMI_LEDGER_URL can't be read as the address of a PostgreSQL database") from None
        settings = conninfo.make_conninfo("", **(_DEFAULTS | wanted))
        try:
            connection = psycopg.connect(settings, autocommit=True, prepare_threshold=None)
        except psycopg.Error as error:
            raise _connect_error(error) from None
        try:
            with _begun(connection):
                session = PostgresSession(connection, 0.0)
                session.rows("SELECT pg_advisory_xact_lock(?)", _MIGRATING)
                schema.migrate(session, self._migrations)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self.opened += 1
        return connection


@contextlib.contextmanager
def _begun(connection: psycopg.Connection) -> Generator[None]:
    # Several statements in one text take one round trip; psycopg's own transactions would take three more.
    connection.execute(_BEGIN.encode())
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(psycopg.Error):
            connection.execute("ROLLBACK")
        raise


def _connect_error(error: psycopg.Error) -> StoreError:
    """The error for a failed connection. libpq has no SQLSTATE for it, so common causes are detected by its text."""
    text = str(error)
    if "authentication failed" in text or "no password supplied" in text:
        return StoreError(_WHY["28"])
    if "database" in text and "does not exist" in text:
        return StoreError(_WHY["3D"])
    return StoreError("its database can't be reached")


def _error(error: psycopg.Error) -> StoreError:
    state = error.sqlstate or ""
    if state in _TOO_LONG:
        return locked()
    if state.startswith("42P01"):
        return StoreError("its tables are missing", again=True)
    for known in (state, state[:2]):
        if known in _WHY:
            return StoreError(_WHY[known])
    if not state or state.startswith(_LOST):
        return StoreError("its database can't be reached", again=True)
    return StoreError(f"its database reports SQLSTATE {state}")

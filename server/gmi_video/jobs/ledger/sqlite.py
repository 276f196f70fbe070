"""The SQLite store: a file that all copies on one machine share, or this process's memory.

Imported when a ledger is first used, because a server without a submit needs no sqlite3.
"""

import contextlib
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gmi_video.jobs.ledger import schema
from gmi_video.jobs.ledger.store import LOCKED_SECONDS, StoreError, locked

_WHY = {
    sqlite3.SQLITE_FULL: "it can't be written: the disk is full",
    sqlite3.SQLITE_READONLY: "it can't be written: it is read-only",
    sqlite3.SQLITE_CANTOPEN: "it can't be opened",
    sqlite3.SQLITE_IOERR: "it can't be written or read: the disk reports an error",
    sqlite3.SQLITE_PERM: "it can't be opened: permission denied",
    sqlite3.SQLITE_AUTH: "it can't be opened: permission denied",
}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}


class _DamagedError(sqlite3.DatabaseError):
    """The integrity check on opening failed."""


class SqliteSession:
    """A transaction in SQLite. All copies use this machine's clock."""

    def __init__(self, connection: sqlite3.Connection, now: float) -> None:
        self._connection = connection
        self.now = now

    def rows(self, sql: str, *values: str | float | None) -> list[tuple[Any, ...]]:
        """The rows of a SELECT."""
        return self._connection.execute(sql, values).fetchall()

    def change(self, sql: str, *values: str | float | None) -> int:
        """Run any other statement; returns the number of changed rows."""
        return self._connection.execute(sql, values).rowcount

    def has_table(self, name: str) -> bool:
        """Whether a table exists."""
        return bool(self.rows("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", name))


class SqliteStore:
    """A store in a file, or in memory where `path` is None.

    Args:
        path: the file. It and its folder are created if necessary, accessible to this user only.
        clock: Unix seconds.
        notify: is called with one sentence when a damaged file was set aside.
        migrations: the migrations of the tables.
    """

    offset = 0.0

    def __init__(
        self,
        path: Path | None,
        clock: Callable[[], float],
        notify: Callable[[str], None] = lambda _: None,
        migrations: tuple[schema.Migration, ...] = schema.MIGRATIONS,
    ) -> None:
        self.place = f"SQLite, {path}" if path else "this process's memory"
        self.opened = 0
        self._path = path
        self._clock = clock
        self._notify = notify
        self._migrations = migrations
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)

    @contextlib.contextmanager
    def transaction(self, account: str) -> Generator[SqliteSession]:  # noqa: ARG002 - SQLite locks the whole file
        """A transaction; see `Store`."""
        with self._errors():
            if self._connection and self._is_replaced():
                self.close()
            connection = self._connection or self._open()
            with _begun(connection):
                session = SqliteSession(connection, self._clock())
                found = session.rows("SELECT version FROM gmi_video_ledger")
                schema.check(found[0][0], len(self._migrations))
                yield session
            if self._is_replaced():
                # The commit went to a file that was set aside or deleted in the meantime.
                self.close()
                raise StoreError("its file was replaced", again=True)

    def close(self) -> None:
        """Close the file."""
        connection, self._connection = self._connection, None
        if connection:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    # -- opening -------------------------------------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        if self._path:
            _make_private(self._path)
            self._file = _identity(self._path)
        # Threads use it in turn.
        connection = sqlite3.connect(
            self._path or ":memory:", timeout=LOCKED_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._connection = connection
        try:
            self._prepare(connection)
        except BaseException:
            self.close()
            raise
        self.opened += 1
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if self._path:
            _patiently(lambda: connection.execute("PRAGMA journal_mode = WAL").fetchall())
            # With WAL's default the last transactions are lost in a power failure; the ledger exists for those.
            connection.execute("PRAGMA synchronous = FULL")
            if connection.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]:
                raise _DamagedError
        with _begun(connection):
            schema.migrate(SqliteSession(connection, self._clock()), self._migrations)

    def _is_replaced(self) -> bool:
        return self._path is not None and _identity(self._path) != self._file

    # -- errors --------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _errors(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            self.close()
            raise StoreError(f"its file can't be opened or made: {os.strerror(error.errno or 0)}") from error
        except sqlite3.Error as error:
            self.close()
            raise self._error(error) from error

    def _error(self, error: sqlite3.Error) -> StoreError:
        code = getattr(error, "sqlite_errorcode", None)
        primary = code & 0xFF if code is not None else None
        if primary in _LOCKED:
            return locked()
        if primary in _DAMAGED or isinstance(error, _DamagedError):
            return self._set_aside()
        if primary == sqlite3.SQLITE_ERROR:
            # A table is missing: another program changed the file. Reopening it creates missing tables.
            return StoreError("its tables are not as this server makes them", again=True)
        return StoreError(_WHY.get(primary or 0, f"SQLite reports {getattr(error, 'sqlite_errorname', 'an error')}"))

    def _set_aside(self) -> StoreError:
        """Rename a damaged file and its companions. It is not deleted, because it may still be readable by hand."""
        path = self._path
        try:
            if path is None or _identity(path) != self._file:
                # Another copy has set it aside already.
                return StoreError("its file was damaged", again=True)
            aside = _unused(path, datetime.fromtimestamp(self._clock(), UTC).strftime("%Y%m%d-%H%M%S"))
            path.rename(aside)
            for suffix in ("-wal", "-shm"):
                # Otherwise SQLite would read them as part of the new file.
                with contextlib.suppress(FileNotFoundError):
                    path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
        except OSError as error:
            return StoreError(f"its file is damaged and can't be set aside: {os.strerror(error.errno or 0)}")
        self._notify(
            f"The ledger's file was damaged. It was set aside as {aside}, and a new one was begun: what other copies "
            "of this server, or earlier runs, recorded in it is no longer known."
        )
        return StoreError("its file was damaged", again=True)


@contextlib.contextmanager
def _begun(connection: sqlite3.Connection) -> Generator[None]:
    # IMMEDIATE: a transaction that reads before it writes needs the lock from its first statement on.
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise


def _patiently(change: Callable[[], object]) -> None:
    """Run a statement for which SQLite itself does not wait while another process has locked the file."""
    until = time.monotonic() + LOCKED_SECONDS
    while True:
        try:
            change()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _LOCKED or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def _make_private(path: Path) -> None:
    """Create the folder and the file for this user only, or restrict the permissions of an existing file."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        # O_EXCL: opening and closing an existing file would drop SQLite's locks of this process.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            with contextlib.suppress(OSError):
                path.chmod(0o600)


def _unused(path: Path, stamp: str) -> Path:
    """An unused name in the folder of a damaged file."""
    names = [f"{path.name}.corrupt-{stamp}", *(f"{path.name}.corrupt-{stamp}-{number}" for number in range(2, 100))]
    return next((aside for name in names if not (aside := path.with_name(name)).exists()), path.with_name(names[-1]))


def _identity(path: Path) -> tuple[int, int]:
    """The device and inode of a file; zeros if it does not exist."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return (found.st_dev, found.st_ino)

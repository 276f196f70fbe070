"""Opens the store that `GMI_LEDGER_URL` names, when a ledger is first used."""

import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gmi_video.errors import SettingsError
from gmi_video.jobs.ledger.fallback import Fallback
from gmi_video.jobs.ledger.store import Store, StoreError

FILE = "ledger.sqlite3"
"""The name of the default file."""


def open_stores(url: str, account: str, clock: Callable[[], float], notify: Callable[[str], None]) -> Fallback:
    """The durable store of an address, with a store in memory as a fallback.

    Does not connect yet. Importing the database's module takes time, so call it in a worker thread.

    Args:
        url: `GMI_LEDGER_URL`; empty for the default.
        account: the account's hash.
        clock: Unix seconds.
        notify: is called with one sentence when something has happened to the store.

    Raises:
        SettingsError: this Python has no sqlite3, which the store in memory needs too.
    """
    try:
        from gmi_video.jobs.ledger.sqlite import SqliteStore  # noqa: PLC0415 - only a submit needs sqlite3
    except ImportError as error:
        raise SettingsError(
            "The Python that runs this server was built without SQLite (module sqlite3), in which it records what is "
            "about to be paid. Nothing was sent and nothing was charged.",
            "Tell the user to install this server with a Python that has it: those of python.org, of uv and of the "
            "operating system do.",
        ) from error
    durable: Store | None = None
    why = ""
    try:
        durable = _store(url, clock, lambda path: SqliteStore(path, clock, notify))
    except StoreError as error:
        why = error.why
    memory = SqliteStore(None, lambda: clock() + (durable.offset if durable else 0.0))
    return Fallback(account, durable, memory, clock, why)


def _store(url: str, clock: Callable[[], float], sqlite: Callable[[Path], Store]) -> Store:
    if url == "none":
        raise StoreError("GMI_LEDGER_URL is none")
    if not url:
        return sqlite(default_file())
    if url.startswith("sqlite:"):
        return sqlite(file_of(url))
    try:
        from gmi_video.jobs.ledger.postgres import PostgresStore  # noqa: PLC0415 - from an optional extra
    except ImportError as error:
        raise StoreError(
            "the ledger can't be used: psycopg or its libpq is missing, install gmi-video-mcp[postgres]"
        ) from error
    # A clock other than `time.time` is shared by all copies; the database's time is unrelated to it.
    return PostgresStore(url, clock, shared_clock=clock is time.time)


def default_file() -> Path:
    """The file in the platform's folder for application state.

    Raises:
        StoreError: this user has no such folder.
    """
    from platformdirs import user_state_path  # noqa: PLC0415 - as above

    folder = user_state_path("gmi-video-mcp", appauthor=False)
    if not folder.is_absolute():
        raise StoreError("the ledger can't be used: this user has no home folder")
    return folder / FILE


def file_of(url: str) -> Path:
    """The path in `sqlite:///absolute/path`, or in `sqlite:///C:/path`."""
    path = unquote(urlsplit(url).path)
    named = Path(path.removeprefix("/"))
    # Before a drive the slash is only a separator; otherwise it is the root.
    return named if named.drive else Path("/" + path.lstrip("/"))

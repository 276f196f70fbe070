"""A ledger that can't be used: calls still succeed and report what is not guaranteed, and nothing known is lost."""

import json
import os
import resource
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from gmi_video.errors import SettingsError
from gmi_video.jobs.ledger import Account, Ledger, postgres, schema, sqlite
from gmi_video.jobs.ledger.postgres import PostgresStore
from gmi_video.jobs.ledger.sqlite import SqliteStore
from gmi_video.jobs.ledger.store import Store, StoreError
from gmi_video.settings import Settings

from .conftest import EPOCH, KEY
from .ledgers import PROMPT, QUEUE, Copies, claimed, existing
from .postgres import Postgres, running

# pyright: reportPrivateUsage=false
pytestmark = pytest.mark.anyio

NOT_GUARANTEED = "after a restart, or in another copy of this server, a repeat can't be recognised"
PAUSE = 31.0


@pytest.fixture(scope="module")
def server() -> Generator[Postgres]:
    with running() as found:
        yield found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.sqlite3"


@pytest.fixture
async def copies(file: Path) -> AsyncGenerator[Copies]:
    found = Copies(f"sqlite://{file}")
    yield found
    for ledger in found.all:
        await ledger.aclose()


@pytest.fixture
def database(server: Postgres) -> str:
    return server.new_database()


@pytest.fixture
async def in_postgres(server: Postgres, database: str) -> AsyncGenerator[Copies]:
    found = Copies(server.url(database, password="hunter2"))
    yield found
    for ledger in found.all:
        await ledger.aclose()


def opened(ledger: Ledger) -> Any:
    """The store that a ledger has open."""
    assert ledger._stores
    return ledger._stores._durable


async def works(ledger: Ledger) -> None:
    """The ledger works in memory as it does elsewhere."""
    intent = await claimed(ledger)
    assert (await existing(ledger)).busy
    made = await ledger.made(intent, "request-1")
    assert (await existing(ledger)).intent == made


def reports(ledger: Ledger, *phrases: str) -> None:
    """`trouble` is one sentence with these phrases and what is not guaranteed, and shows no address."""
    assert NOT_GUARANTEED in ledger.trouble
    assert ledger.trouble.count(". ") == 0
    for phrase in phrases:
        assert phrase in ledger.trouble
    assert "hunter2" not in ledger.trouble
    assert "tester" not in ledger.trouble


# -- turned off --------------------------------------------------------------------------------------------------


async def test_without_a_ledger_the_same_is_done_in_this_process() -> None:
    ledger = Copies("none").copy()
    reports(ledger, "GMI_LEDGER_URL is none")
    await works(ledger)
    assert ledger.report() == "", "`none` is the user's choice, so it is not reported with every answer"
    await ledger.aclose()


# -- an unavailable file -----------------------------------------------------------------------------------------


async def test_a_folder_that_cannot_be_made(copies: Copies, file: Path) -> None:
    make(file.parent, b"a file of the same name")
    ledger = copies.copy()
    await works(ledger)
    reports(ledger, "its file can't be opened or made: ")


def make(path: Path, content: bytes) -> None:
    path.write_bytes(content)


AS_ANOTHER_USER = """
import json, os, sys
import anyio
from gmi_video.jobs.ledger import Account, Ledger
async def main(url):
    found = Ledger(url, Account("k", "u"))
    claims = [await found.claim("x", usd=1.0) for _ in range(2)]
    print(json.dumps([[type(claim).__name__ for claim in claims], found.report()]))
    await found.aclose()
# Once as ourselves, so that all is imported: the other user may not be allowed to read this Python.
anyio.run(main, "none")
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)
anyio.run(main, sys.argv[1])
"""


@contextmanager
def read_only(mode: int, content: bytes | None = None) -> Generator[str]:
    """The address of a ledger in a folder that another user may only read, with a file of this mode and content."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "folder"
        folder.mkdir()
        path = folder / "ledger.sqlite3"
        if content is not None:
            path.write_bytes(content)
            path.chmod(mode)
            if os.geteuid() == 0:
                os.chown(path, 65534, 65534)
        Path(name).chmod(0o755)
        folder.chmod(0o555)
        yield f"sqlite://{path}"
        folder.chmod(0o755)


@pytest.mark.parametrize(
    ("mode", "content", "phrase"),
    [
        (0, None, "its file can't be opened or made: Permission denied"),
        (0o400, b"", "it can't be "),
        (0o600, b"", "it can't be "),
        (0o600, b"damaged" * 1000, "its file is damaged and can't be set aside: Permission denied"),
    ],
)
def test_a_folder_or_file_that_is_read_only(mode: int, content: bytes | None, phrase: str) -> None:
    with read_only(mode, content) as url:
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", AS_ANOTHER_USER, url], capture_output=True, text=True, timeout=60, check=True
        )
    claims, report = json.loads(done.stdout.splitlines()[-1])
    assert claims == ["Claimed", "Existing"]
    assert NOT_GUARANTEED in report
    assert phrase in report


async def test_a_disk_that_is_full_in_the_middle(copies: Copies) -> None:
    ledger, other = copies.copy(), copies.copy()
    intent = await claimed(ledger)
    connection = opened(ledger)._connection
    connection.execute(f"PRAGMA max_page_count = {connection.execute('PRAGMA page_count').fetchone()[0]}")
    for number in range(60):
        await ledger.refused(await claimed(ledger, f"filler {number}"))
    reports(ledger, "the disk is full")
    await ledger.made(intent, "request-1")
    assert (await other.get(intent.id)) != (await ledger.get(intent.id))
    # The connection was closed with the error, and the new one may write again.
    copies.seconds += PAUSE
    await ledger.recent()
    assert ledger.trouble == ""
    found = await other.get(intent.id)
    assert found
    assert found.intent.request_id == "request-1"
    assert (await other.recent())["refused"] == 60


async def test_a_file_that_may_not_grow(copies: Copies, file: Path) -> None:
    ledger, other = copies.copy(), copies.copy()
    intent = await claimed(ledger)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size(file.with_name(file.name + "-wal")), hard))
    try:
        await ledger.made(intent, "request-1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    reports(ledger, "it can't be written or read")
    found = await other.get(intent.id)
    assert found
    assert found.intent.state == "sending"
    await ledger.aclose()
    found = await other.get(intent.id)
    assert found
    assert found.intent.request_id == "request-1"


def size(path: Path) -> int:
    return path.stat().st_size


async def test_a_file_that_another_program_locks_for_too_long(
    copies: Copies, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "LOCKED_SECONDS", 0.05)
    ledger, other = copies.copy(), copies.copy()
    await claimed(other, "another")
    with closing(sqlite3.connect(file, isolation_level=None)) as program:
        program.execute("BEGIN IMMEDIATE")
        await works(ledger)
        reports(ledger, "it was locked for more than 5 seconds")
        program.execute("ROLLBACK")
    assert await ledger.recent() == {"made": 1}
    copies.seconds += 6
    assert await ledger.recent() == {"made": 1, "sending": 1}
    assert ledger.trouble == ""
    assert (await existing(other)).intent.request_id == "request-1"


async def test_what_is_carried_over_late_does_not_undo_what_another_copy_found(
    copies: Copies, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "LOCKED_SECONDS", 0.05)
    ledger, other = copies.copy(), copies.copy()
    found, given_up = await claimed(ledger), await claimed(ledger, "another")
    with closing(sqlite3.connect(file, isolation_level=None)) as program:
        program.execute("BEGIN IMMEDIATE")
        await ledger.unknown(found)
        await ledger.unknown(given_up)
        program.execute("ROLLBACK")
    copies.seconds += 20
    for intent in (found, given_up):
        assert await other.adopt(intent)
    await other.found(found, "request-1")
    await ledger.recent()
    assert ledger.trouble == ""
    assert (await existing(ledger)).intent.request_id == "request-1"
    held = await ledger.get(given_up.id)
    assert held
    assert (held.intent.owner, held.busy) == (other.owner, True)


# -- a file that is damaged, deleted or another's ----------------------------------------------------------------


async def test_a_damaged_file_is_set_aside_and_reported_once(
    copies: Copies, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = b"this was a ledger once" * 1000
    folder_with(file, damaged)
    ledger = copies.copy()
    await claimed(ledger)
    report = ledger.report()
    assert "was damaged. It was set aside as " in report
    assert ledger.report() == ledger.trouble == ""
    assert [record.getMessage() for record in caplog.records] == [report]
    (aside,) = named(file, "ledger.sqlite3.corrupt-*")
    assert str(aside) in report
    assert aside.name.startswith("ledger.sqlite3.corrupt-20250615-")
    assert aside.read_bytes() == damaged
    assert await copies.copy().recent() == {"sending": 1}


async def test_two_damaged_files_do_not_overwrite_each_other(copies: Copies, file: Path) -> None:
    for number in (1, 2):
        folder_with(file, f"damaged {number}".encode() * 1000)
        ledger = copies.copy()
        await ledger.recent()
        await ledger.aclose()
    assert len(named(file, "ledger.sqlite3.corrupt-*")) == 2


def folder_with(file: Path, content: bytes, mode: int = 0o600) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    file.chmod(mode)


def named(file: Path, pattern: str) -> list[Path]:
    return sorted(file.parent.glob(pattern))


async def test_damage_within_a_file_is_found_when_it_is_opened(copies: Copies, file: Path) -> None:
    ledger = copies.copy()
    for number in range(100):
        await claimed(ledger, f"{number}")
    await ledger.aclose()
    content = bytearray(contents(file))
    content[3 * 4096 : 5 * 4096] = b"\xff" * 2 * 4096
    folder_with(file, bytes(content))
    await claimed(ledger)
    assert "set aside" in ledger.report()


def contents(file: Path) -> bytes:
    return file.read_bytes()


@pytest.mark.parametrize("what", ["deleted", "damaged"])
async def test_a_file_that_is_replaced_in_the_middle_gets_what_each_copy_knows(
    copies: Copies, file: Path, what: str
) -> None:
    one, other = copies.copy(), copies.copy()
    intent = await claimed(one)
    if what == "deleted":
        delete(file)
    else:
        opened(one)._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        folder_with(file, b"damaged" * 10_000)
    theirs = await claimed(other)
    # The first copy's intent is unknown to others until its next write, which restores it.
    await one.renew(intent)
    assert {intent.id, theirs.id} == {row[0] for row in rows(file)}
    await other.made(theirs, "request-1")
    assert one.trouble == other.trouble == ""


def delete(file: Path) -> None:
    file.unlink()


def rows(file: Path) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("SELECT id FROM gmi_video_intents").fetchall()


async def test_a_file_that_is_replaced_during_a_claim_is_claimed_in_anew(copies: Copies, file: Path) -> None:
    one, other = copies.copy(), copies.copy()
    await claimed(one, "another")

    def replaced_at_commit(statement: str) -> None:
        if statement == "COMMIT":
            opened(one)._connection.set_trace_callback(None)
            os.rename(file, file.with_name("moved"))  # noqa: PTH104 - shorter to read beside the next line

    opened(one)._connection.set_trace_callback(replaced_at_commit)
    intent = await claimed(one)
    found = await other.get(intent.id)
    assert found
    assert found.busy


async def test_tables_that_were_dropped_are_made_again(copies: Copies, file: Path) -> None:
    ledger = copies.copy()
    intent = await claimed(ledger)
    with closing(sqlite3.connect(file, isolation_level=None)) as program:
        program.execute("DROP TABLE gmi_video_intents")
        program.execute("DROP TABLE gmi_video_ledger")
    assert (await existing(ledger)).intent == intent
    assert rows(file) == [(intent.id,)]
    assert ledger.trouble == ""


# -- versions ----------------------------------------------------------------------------------------------------


async def test_a_newer_file_is_not_touched(copies: Copies, file: Path) -> None:
    ledger = copies.copy()
    await ledger.recent()
    await ledger.aclose()
    with closing(sqlite3.connect(file, isolation_level=None)) as program:
        program.execute("UPDATE gmi_video_ledger SET version = 99")
        program.execute("PRAGMA journal_mode = DELETE")
    await works(ledger)
    reports(ledger, "it has format 99, made by a newer version of this server")
    assert rows(file) == []


async def test_a_ledger_that_becomes_newer_while_it_is_open_is_not_touched(
    in_postgres: Copies, server: Postgres, database: str
) -> None:
    ledger = in_postgres.copy()
    await ledger.recent()
    server.execute(database, "UPDATE gmi_video_ledger SET version = 99")
    await works(ledger)
    reports(ledger, "it has format 99")
    assert server.execute(database, "SELECT * FROM gmi_video_intents") == []


@pytest.mark.parametrize("kind", ["file", "postgres"])
def test_an_older_ledger_becomes_a_newer_one(file: Path, server: Postgres, kind: str) -> None:
    url = server.url(server.new_database())

    def store(migrations: tuple[schema.Migration, ...]) -> Store:
        if kind == "file":
            return SqliteStore(file, lambda: EPOCH, migrations=migrations)
        return PostgresStore(url, lambda: EPOCH, shared_clock=False, migrations=migrations)

    account = Account(KEY, QUEUE).id
    newer = (*schema.MIGRATIONS, ("ALTER TABLE gmi_video_intents ADD COLUMN color TEXT NOT NULL DEFAULT 'red'",))
    old, new = store(schema.MIGRATIONS), store(newer)
    with old.transaction(account) as session:
        session.change("INSERT INTO gmi_video_intents VALUES ('a', '', '', 0, 'made', '', 1, 2, 3, '', 0, 0)")
    for _ in range(2):
        with new.transaction(account) as session:
            assert session.rows("SELECT id, color FROM gmi_video_intents") == [("a", "red")]
            assert session.rows("SELECT version FROM gmi_video_ledger") == [(2,)]
        new.close()
    with pytest.raises(StoreError, match="format 2"), old.transaction(account):
        pass
    old.close()


# -- an unavailable database -------------------------------------------------------------------------------------


async def test_a_database_that_is_down_in_the_middle(
    in_postgres: Copies, server: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    ledger, other = in_postgres.copy(), in_postgres.copy()
    intent = await claimed(ledger)
    server.stop()
    try:
        await ledger.made(intent, "request-1")
        reports(ledger, "its database can't be reached")
        assert (await existing(ledger)).intent.request_id == "request-1"
        late = in_postgres.copy()
        await works(late)
    finally:
        server.start()
    await ledger.recent()
    assert ledger.trouble
    in_postgres.seconds += PAUSE
    await ledger.recent()
    assert ledger.trouble == ""
    found = await other.get(intent.id)
    assert found
    assert found.intent.request_id == "request-1"
    assert "hunter2" not in caplog.text


async def test_a_connection_that_is_lost_is_made_again_at_once(
    in_postgres: Copies, server: Postgres, database: str
) -> None:
    ledger = in_postgres.copy()
    await claimed(ledger, "another")
    server.execute(
        database,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    await claimed(ledger)
    assert ledger.trouble == ""
    assert server.execute(database, "SELECT state FROM gmi_video_intents") == [("sending",), ("sending",)]


async def test_a_database_that_another_program_locks_for_too_long(
    in_postgres: Copies, server: Postgres, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        postgres, "_BEGIN", postgres._BEGIN.replace("statement_timeout = '5s'", "statement_timeout = 50")
    )
    ledger = in_postgres.copy()
    await ledger.recent()
    with postgres.psycopg.connect(server.url(database)) as program:
        program.execute("LOCK TABLE gmi_video_intents")
        await works(ledger)
    reports(ledger, "it was locked for more than 5 seconds")


async def test_tables_of_a_database_that_were_dropped_are_made_again(
    in_postgres: Copies, server: Postgres, database: str
) -> None:
    ledger = in_postgres.copy()
    intent = await claimed(ledger)
    server.execute(database, "DROP TABLE gmi_video_intents")
    server.execute(database, "DROP TABLE gmi_video_ledger")
    assert (await existing(ledger)).intent == intent
    assert ledger.trouble == ""


async def test_why_a_database_cannot_be_used(server: Postgres, database: str) -> None:
    read_only_one = server.new_database()
    server.execute("postgres", f"ALTER DATABASE {read_only_one} SET default_transaction_read_only = on")
    server.execute("postgres", "CREATE ROLE guest LOGIN")
    server.execute("postgres", "CREATE ROLE locked_out NOLOGIN")
    for url, phrase in (
        (server.url("nowhere", password="hunter2"), "its database does not exist"),
        (server.url(database, user="guest", password="hunter2"), "its user may not use or make the tables"),
        (server.url(read_only_one, password="hunter2"), "it is read-only"),
        (server.url(database, user="locked_out", password="hunter2"), "its database can't be reached"),
        ("postgresql://tester:hunter2@127.0.0.1:1/nowhere", "its database can't be reached"),
        ("postgresql://tester:hunter2@127.0.0.1/db?hunter2=1", "GMI_LEDGER_URL can't be read"),
    ):
        ledger = Copies(url).copy()
        await works(ledger)
        reports(ledger, phrase)
        await ledger.aclose()


async def test_the_clock_of_the_database_is_used_by_all_copies(server: Postgres, database: str) -> None:
    # This machine's clock and the database's are one here, so what is to be seen is that it is asked, not ours.
    ledger = Ledger(server.url(database), Account(KEY, QUEUE))
    intent = await claimed(ledger)
    assert opened(ledger)._shared_clock
    assert abs(intent.created_at - time.time()) < 5
    opened(ledger)._clock = lambda: time.time() - 3600
    fast = await claimed(ledger, "by a clock that is an hour slow")
    assert abs(fast.created_at - time.time()) < 5
    assert abs(ledger.time() - time.time() - 3600) < 5
    await ledger.aclose()


# -- a Python that lacks something -------------------------------------------------------------------------------


async def test_without_psycopg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "gmi_video.jobs.ledger.postgres")
    url = "postgresql://me:hunter2@host/db"
    (problem,) = Settings.from_environment({"GMI_API_KEY": KEY, "GMI_LEDGER_URL": url}).problems
    assert "gmi-video-mcp[postgres]" in problem
    ledger = Copies(url).copy()
    await works(ledger)
    reports(ledger, "gmi-video-mcp[postgres]")
    await ledger.aclose()


async def test_without_sqlite_nothing_is_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlite3", None)
    monkeypatch.delitem(sys.modules, "gmi_video.jobs.ledger.sqlite")
    with pytest.raises(SettingsError, match="built without SQLite"):
        await Copies("none").copy().claim(PROMPT, usd=1.0)


# -- permissions ------------------------------------------------------------------------------------------------


async def test_only_this_user_may_read_it(copies: Copies, file: Path) -> None:
    before = os.umask(0)
    try:
        await claimed(copies.copy())
        assert modes(file) == {
            "ledger.sqlite3": 0o600,
            "ledger.sqlite3-shm": 0o600,
            "ledger.sqlite3-wal": 0o600,
            "state": 0o700,
        }
    finally:
        os.umask(before)


async def test_a_file_that_others_may_read_is_narrowed(copies: Copies, file: Path) -> None:
    folder_with(file, b"", 0o644)
    await claimed(copies.copy())
    assert modes(file)["ledger.sqlite3"] == 0o600


def modes(file: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in [file.parent, *file.parent.iterdir()]}


@pytest.mark.skipif(sys.platform != "linux", reason="the platform's state folder is chosen by a variable on Linux only")
async def test_the_default_is_a_file_in_the_platforms_state_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    ledger = Ledger.from_settings(Settings.from_environment({"GMI_API_KEY": KEY}))
    await claimed(ledger)
    assert ledger.place == f"SQLite, {tmp_path}/gmi-video-mcp/ledger.sqlite3"
    assert rows(tmp_path / "gmi-video-mcp" / "ledger.sqlite3")
    await ledger.aclose()


async def test_an_address_may_hold_spaces_and_more_slashes(tmp_path: Path) -> None:
    for url in (f"sqlite://{tmp_path}/a%20b/l.db", f"sqlite:///{tmp_path}/a%20b/l.db"):
        ledger = Copies(url).copy()
        await ledger.recent()
        assert ledger.place == f"SQLite, {tmp_path}/a b/l.db"
        await ledger.aclose()

"""PostgreSQL for tests: the installed one, started in a temporary folder with a Unix socket there."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest

_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "/usr/local/bin")


class Postgres:
    """A database server for one test module. Made by `running`."""

    def __init__(self, programs: Path, folder: Path, user: dict[str, Any]) -> None:
        self._programs = programs
        self._folder = folder
        self._user = user
        self._numbers = count(1)

    def url(self, database: str, user: str = "tester", password: str = "") -> str:
        """The address of a database, for psycopg."""
        secret = f":{password}" if password else ""
        return f"postgresql://{user}{secret}@/{database}?{urlencode({'host': str(self._folder)})}"

    def new_database(self) -> str:
        """The name of a new, empty database."""
        name = f"test{next(self._numbers)}"
        self.execute("postgres", f"CREATE DATABASE {name}")
        return name

    def execute(self, database: str, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement as the superuser; returns its rows, if any."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def make(self) -> None:
        """Create the server's data folder."""
        self._run("initdb", "--username=tester", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")

    def start(self) -> None:
        """Start it and wait until it is ready. Without fsync, because its data are not kept."""
        options = f"-k {self._folder} -c listen_addresses= -c fsync=off -c max_connections=100"
        self._run("pg_ctl", "start", "-w", "-l", str(self._folder / "log"), "-o", options)

    def stop(self) -> None:
        """Stop it and wait for its end."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(  # noqa: S603 - PostgreSQL's own programs
            [str(self._programs / program), "-D", str(self._folder / "data"), *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            timeout=60,
            **self._user,
        )


def is_installed() -> bool:
    """Whether PostgreSQL's programs are on this machine."""
    return _programs() is not None


@contextlib.contextmanager
def running() -> Generator[Postgres]:
    """A server, stopped and deleted at the end. Skips the test where PostgreSQL is not installed."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    user = _user()
    # Not in pytest's folder: the server's user has no access there, and its path is too long for a socket.
    folder = Path(tempfile.mkdtemp(prefix="gmi-video-postgres-"))
    try:
        if user:
            os.chown(folder, user["user"], user["group"])
        server = Postgres(programs, folder, user)
        server.make()
        server.start()
        try:
            yield server
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):  # a test may have stopped it
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    """The folder with PostgreSQL's programs; the newest complete one."""
    found = [path for pattern in _FOLDERS for path in Path("/").glob(pattern.lstrip("/"))]
    complete = [path for path in found if (path / "initdb").exists() and (path / "pg_ctl").exists()]
    return max(complete, key=lambda path: [int(part) for part in path.parts if part.isdigit()], default=None)


def _user() -> dict[str, Any]:
    """The user to run it as, if we are root: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    import pwd  # noqa: PLC0415 - not on Windows

    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    pytest.skip("PostgreSQL does not run as root, and there is no user `postgres` or `nobody`")

"""The real server, for `kills`: it kills itself before a statement of its ledger, or writes all of them down.

`python -m tests.reliability.victim` serves as `python -m gmi_video` does. `KILL_BEFORE=n` in the environment: SIGKILL
before the n-th SQL statement, counted from 1. `STATEMENTS=path`: each statement is appended to that file as a line of
JSON, with its time. The databases' own interfaces report the statements; nothing of the server is changed.
"""

import itertools
import json
import os
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import psycopg

from gmi_video.mcp.stdio import serve

_numbers = itertools.count(1)
_last = int(os.environ.get("KILL_BEFORE", "0"))
_log = os.environ.get("STATEMENTS", "")


def _before(statement: str) -> None:
    number = next(_numbers)
    if number == _last:
        os.kill(os.getpid(), signal.SIGKILL)
    if _log:
        with Path(_log).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"number": number, "at": time.time(), "sql": statement}) + "\n")


def _trace_sqlite() -> None:
    connect = sqlite3.connect

    def connect_and_trace(database: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(database, **options)
        if database != ":memory:":
            connection.set_trace_callback(_before)
        return connection

    sqlite3.connect = connect_and_trace


class _Traced(psycopg.Connection):
    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        _before(query.decode() if isinstance(query, bytes) else str(query))
        return super().execute(query, params, **options)


if __name__ == "__main__":
    _trace_sqlite()
    psycopg.connect = _Traced.connect
    serve()

"""What grows with jobs and with copies: the ledger's claim in PostgreSQL, which every paid job passes.

Run: python -m bench.copies [--quick]

PostgreSQL is started in a temporary folder, without fsync: on a disk that syncs, each claim takes the time of a sync
more. A claim has a spending limit, so it adds up the account's rows of a day.

- "rows": the time of one claim, where the account has so many jobs of the last day already, and the size of a row;
- "copies": claims a second of so many processes at once, all for one account, and each for an account of its own.
"""

import argparse
import subprocess
import sys
import time
from statistics import median

import anyio
from tests import postgres

from gmi_video.jobs.ledger import Account, Claimed, Ledger, Limit

QUEUE = "https://queue.example"
LIMIT = Limit(1e9)


async def claims(ledger: Ledger, number: int) -> list[float]:
    """Claim so many videos; the time of each, in seconds."""
    times: list[float] = []
    for _ in range(number):
        began = time.perf_counter()
        claim = await ledger.claim(f"{began}", usd=0.71, limit=LIMIT)
        times.append(time.perf_counter() - began)
        assert isinstance(claim, Claimed), claim
    return times


async def with_rows(server: postgres.Postgres, rows: int, number: int) -> tuple[float, float]:
    """The median of a claim with so many rows, in milliseconds, and the bytes of a row."""
    database = server.new_database()
    account = Account("a-key", QUEUE)
    ledger = Ledger(server.url(database), account)
    await claims(ledger, 1)
    server.execute(
        database,
        "INSERT INTO gmi_video_intents SELECT md5(n::text), "  # noqa: S608 - figures and hashes of ours
        f"'{account.id}', repeat(md5(n::text), 2), 0, 'made', gen_random_uuid()::text, 0.71, now - n % 80000, now, "
        f"repeat('x', 42), 0, 0 FROM generate_series(1, {rows}) n, "
        "(SELECT EXTRACT(EPOCH FROM clock_timestamp())::float8 AS now) AS clock",
    )
    server.execute(database, "ANALYZE")
    times = await claims(ledger, number)
    await ledger.aclose()
    ((size,),) = server.execute(database, "SELECT pg_total_relation_size('gmi_video_intents')")
    return 1000 * median(times), size / rows


def with_copies(server: postgres.Postgres, copies: int, number: int, *, together: bool) -> float:
    """Claims a second of so many processes."""
    url = server.url(server.new_database())
    anyio.run(claims, Ledger(url, Account("first", QUEUE)), 1)  # makes the tables
    keys = ["one" if together else f"{copy}" for copy in range(copies)]
    command = [sys.executable, "-m", "bench.copies", "--claim", url, str(number)]
    started = [
        subprocess.Popen([*command, key], stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - this script
        for key in keys
    ]
    for process in started:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
    began = time.perf_counter()
    for process in started:
        process.communicate(b"go\n", timeout=120)
    return copies * number / (time.perf_counter() - began)


async def one_copy(url: str, number: int, key: str) -> None:
    """One process of `with_copies`."""
    ledger = Ledger(url, Account(key, QUEUE))
    await ledger.recent()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    await claims(ledger, number)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few of each, to see that it runs")
    parser.add_argument("--claim", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.claim:
        url, number, key = arguments.claim
        anyio.run(one_copy, url, int(number), key)
        return
    number = 10 if arguments.quick else 200
    if not postgres.is_installed():
        sys.exit("PostgreSQL is not installed (Debian: apt-get install postgresql).")
    print(
        "## Copies and one PostgreSQL: `python -m bench.copies`\n\n"
        "The time of the ledger's claim of a job, with a spending limit, where the account has so many jobs of the "
        "last day; then the claims a second of copies that claim at the same time. Without fsync: on a disk that "
        "syncs, add one sync to each claim. Database and copies share this machine.\n\n"
        "| jobs of the last day | one claim | a row |\n|---|---|---|"
    )
    with postgres.running() as server:
        for rows in (100, 1000) if arguments.quick else (100, 1000, 10_000, 100_000):
            took, size = anyio.run(with_rows, server, rows, number // 5)
            print(f"| {rows:,} | {took:.1f} ms | {size:.0f} bytes |", flush=True)
        print("\n| copies | claims a second, one account | an account for each copy |\n|---|---|---|")
        for copies in (1, 2) if arguments.quick else (1, 2, 3, 6):
            both = [with_copies(server, copies, number, together=together) for together in (True, False)]
            print(f"| {copies} | {both[0]:.0f} | {both[1]:.0f} |", flush=True)


if __name__ == "__main__":
    main()

"""What the ledger costs: the time from tools/call to the arrival of the POST, with the ledger and without.

Run: python -m bench.submits [--pairs 12] [--quick]

Real server processes over stdio, with the simulator on a loopback port as their queue. One call with the ledger (SQLite
in a temporary folder) and one without (`GMI_LEDGER_URL=none`) make a pair, in turn; each call asks for another video.

- "first" is the first call of a new process, which imports the database's module and makes the ledger;
- "later" is any call after it;
- "later, 5 a second" is the same with the default rate limit, which is turned off otherwise, and a pause before each
  call, so that none waits for the limit.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.pairs import Pairs, header
from bench.to_post import alternated
from tests.stdio import Server, cloud, event_loop

ERA = "2026-07-28"

_WITHOUT_LIMIT = """
import anyio
from anyio.lowlevel import checkpoint
from gmi_video.mcp.stdio import serve
from gmi_video.upstream.rate_limit import RateLimiter, moment

async def acquire(_, turn):
    await checkpoint()
    turn.left_at, turn.left = anyio.current_time(), moment()

RateLimiter.acquire = acquire
serve()
"""


class Unlimited(Server):
    """The server without its rate limit."""

    program = ("-c", _WITHOUT_LIMIT)


PAUSE_SECONDS = {Server: 1.1, Unlimited: 0.0}
"""Before each call, in seconds."""


def measured(pairs: int, program: type[Server], *, first: bool) -> Pairs:
    """The times with the ledger and without, in ms: of the first calls of new processes, or of later calls."""
    found: list[tuple[float, float]] = []
    with TemporaryDirectory() as folder, event_loop() as portal, cloud(portal) as queue:
        for process in range(pairs if first else 1):
            urls = (f"sqlite://{Path(folder, f'{process}.sqlite3')}", "none")
            servers = [program(ERA, **queue.environment(GMI_LEDGER_URL=url)) for url in urls]
            for server in servers:
                server.open()
            times = alternated(queue, servers, process, 1 if first else pairs + 1, PAUSE_SECONDS[program])
            found += times if first else times[1:]
    return Pairs(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--quick", action="store_true", help="three pairs, to see that it runs")
    arguments = parser.parse_args()
    pairs = 3 if arguments.quick else arguments.pairs
    print(
        "## What the ledger costs: `python -m bench.submits`\n\n"
        "From the writing of tools/call over stdio to the arrival of the POST at a queue on a loopback port, with the "
        f"ledger (SQLite, the default) and without (`GMI_LEDGER_URL=none`), {pairs} pairs in turn. The first two rows "
        "are without rate limit.\n"
    )
    print(header("with the ledger", "without", "from call to POST"))
    print(measured(pairs, Unlimited, first=True).row("first"))
    print(measured(pairs, Unlimited, first=False).row("later"))
    print(measured(pairs, Server, first=False).row("later, 5 a second"))


if __name__ == "__main__":
    main()

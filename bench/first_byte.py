"""From tools/call to the POST: this server beside a bare tool of the SDK that makes the same requests.

Run: python -m bench.first_byte [--pairs 12] [--latency 0.15] [--quick]

Two processes over stdio, with the simulator on a loopback port as the queue of both. The bare tool checks nothing and
records nothing: it sends the requests that this server needs, as soon as it can (the model's record and the list side
by side, then the POST). A call of each makes a pair, in turn; the ratio is of the same run. The pause between calls is
what the rate limit asks for.

- "first" is the first call of a new process, a second after tools/list;
- "right behind" is the same with the call sent as soon as tools/list is answered;
- "later" is any call after it, with the model's record known.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.bare import Bare
from bench.pairs import Pairs, header
from bench.to_post import alternated
from tests.stdio import Server, cloud, event_loop

ERAS = ("legacy", "2026-07-28")
PAUSE_SECONDS = 1.1
"""Between two calls, so that neither waits for the rate limit."""


def measured(pairs: int, era: str, latency: float, pause: float, *, first: bool) -> list[tuple[float, float]]:
    """The times of this server and of the bare tool, in ms."""
    found: list[tuple[float, float]] = []
    with TemporaryDirectory() as folder, event_loop() as portal, cloud(portal) as queue:
        queue.sim.behave(latency=latency)
        for process in range(pairs if first else 1):
            environment = queue.environment(GMI_LEDGER_URL=f"sqlite://{Path(folder, f'{process}.sqlite3')}")
            servers = [Server(era, **environment), Bare(era, **environment)]
            for server in servers:
                server.open()
                server.result(server.ask("tools/list"))
            times = alternated(queue, servers, process, 1 if first else pairs + 1, pause)
            found += times if first else times[1:]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--latency", type=float, default=0.0, help="of the queue, in seconds")
    parser.add_argument("--quick", action="store_true", help="three pairs, to see that it runs")
    arguments = parser.parse_args()
    pairs = 3 if arguments.quick else arguments.pairs
    print(
        "## From call to POST: `python -m bench.first_byte`\n\n"
        "From the writing of tools/call over stdio to the arrival of the POST at a queue on a loopback port, which "
        f"answers after {1000 * arguments.latency:g} ms, beside a bare tool of the SDK that sends the same requests "
        f"and checks and records nothing, {pairs} pairs in turn.\n"
    )
    print(header("this server", "bare tool", "from call to POST"))
    for era in ERAS[-1:] if arguments.quick else ERAS:
        for name, pause in (("first", PAUSE_SECONDS), ("right behind", 0.0), ("later", PAUSE_SECONDS)):
            pair = Pairs(measured(pairs, era, arguments.latency, pause, first=name != "later"))
            print(pair.row(f"{name}, {era}"), flush=True)


if __name__ == "__main__":
    main()

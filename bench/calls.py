"""What a call costs over a bare tool of the SDK that sends the same requests: time to the answer, and processor time.

Run: python -m bench.calls [--pairs 20]

Two processes over stdio, with the simulator on a loopback port as the queue of both; calls alternate. The processor
time is that of the whole server process during the call. In the account is one finished job; get_status asks for it
with one GET. list_models answers from what it has kept, without a request.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.bare import Bare, processor_ms
from bench.pairs import Pairs, header
from tests.stdio import Server, cloud, event_loop

ERAS = ("2025-11-25", "2026-07-28")
PAUSE_SECONDS = 0.5
"""Between two calls, so that neither waits for the rate limit."""

Arguments = Callable[[int], dict[str, Any]]


def measured(server: Server, tool: str, arguments: dict[str, Any]) -> tuple[float, float]:
    """One call: its time and its processor time, in ms."""
    time.sleep(PAUSE_SECONDS)
    began, worked = time.perf_counter(), processor_ms(server.pid)
    answer = server.result(server.start(tool, **arguments))
    found = 1000 * (time.perf_counter() - began), processor_ms(server.pid) - worked
    assert not answer.get("isError"), answer
    return found


def rows(era: str, pairs: int) -> list[str]:
    """The rows of one era."""
    found: list[str] = []
    with TemporaryDirectory() as folder, event_loop() as portal, cloud(portal) as queue:
        done = queue.sim.add_history(
            "Luma-Ray2", payload={"prompt": "a fox"}, created_at=time.time() - 7200, took_seconds=60
        )
        environment = queue.environment(GMI_LEDGER_URL=f"sqlite://{Path(folder, 'ledger.sqlite3')}")
        version = "legacy" if era == ERAS[0] else era
        ours, bare = Server(version, **environment), Bare(version, **environment)
        for server in (ours, bare):
            server.open()
            server.result(server.ask("tools/list"))
        tools: dict[str, Arguments] = {
            "get_status": lambda _: {"request_id": done.request_id},
            "list_models": lambda _: {},
            "generate_video": lambda number: {"prompt": f"call {number}", "wait": False},
        }
        for tool, arguments in tools.items():
            values = [
                (measured(ours, tool, arguments(2 * number)), measured(bare, tool, arguments(2 * number + 1)))
                for number in range(pairs + 1)
            ][1:]
            for kind, name in enumerate(("answer", "processor")):
                pair = Pairs([(one[kind], other[kind]) for one, other in values])
                found.append(pair.row(f"{tool}, {era}, {name}"))
        for server in (ours, bare):
            server.end()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="three pairs, to see that it runs")
    arguments = parser.parse_args()
    pairs = 3 if arguments.quick else arguments.pairs
    print("## What a call costs: `python -m bench.calls`\n")
    print(
        f"{pairs} pairs of calls in turn, of this server and of a bare tool of the SDK that sends the same requests, "
        "over stdio, to a queue on a loopback port that answers at once.\n"
    )
    print(header("this server", "bare tool", "call"))
    for era in ERAS[-1:] if arguments.quick else ERAS:
        print("\n".join(rows(era, pairs)), flush=True)


if __name__ == "__main__":
    main()

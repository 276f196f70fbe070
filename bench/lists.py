"""What a long request list costs: list_requests and generate_video over `json.loads` of the list that they read.

Run: python -m bench.lists [--pairs 20]

Real server processes over stdio, with a queue on a loopback port that answers with prepared bytes. A call of this
server, one of a bare tool of the SDK and one `json.loads` of the same bytes in the bench's own process alternate. The
processor time of a call is that of the whole server process from the writing of `tools/call` to its answer. The bare
tool fetches the same list and does no more than parse it: what it takes beyond `json.loads` is the SDK's and the HTTP
library's.
"""

import argparse
import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.bare import Bare, processor_ms
from bench.pairs import Pairs, header
from tests.stdio import Cloud, Server, cloud, event_loop

from gmi_video.simulator import Simulator
from gmi_video.simulator.lists import list_response

ERA = "2026-07-28"
ROWS = (1_000, 10_000, 30_000)

Measure = Callable[[], tuple[float, float]]
"""One call: its processor time and its time, in ms."""


def prepared(rows: int) -> bytes:
    """A list of so many finished requests, each of another prompt."""
    sim = Simulator(seed=1)
    for number in range(rows):
        prompt = f"A red fox trots through fresh snow at dawn, camera pans right, take {number}"
        payload = {"prompt": prompt, "resolution": "720p", "duration": "5s", "aspect_ratio": "16:9"}
        made = time.time() - 7200 - 60 * number
        sim.add_history("Luma-Ray2", payload=payload, created_at=made, took_seconds=50 + number % 40)
    return bytes(list_response(sim, None).body)


def calls(server: Server, tool: str) -> Measure:
    """Calls of a tool of a server that is open."""
    numbers = itertools.count()

    def measure() -> tuple[float, float]:
        arguments = {"prompt": f"call {next(numbers)}", "wait": False} if tool == "generate_video" else {}
        began, worked = time.perf_counter(), processor_ms(server.pid)
        answer = server.result(server.start(tool, **arguments))
        found = processor_ms(server.pid) - worked, 1000 * (time.perf_counter() - began)
        assert not answer.get("isError"), answer
        return found

    return measure


def parsing(body: bytes) -> Measure:
    """`json.loads` of the list."""

    def measure() -> tuple[float, float]:
        began, worked = time.perf_counter(), time.thread_time()
        json.loads(body)
        return 1000 * (time.thread_time() - worked), 1000 * (time.perf_counter() - began)

    return measure


def rows(queue: Cloud, number: int, pairs: int, folder: Path) -> list[str]:
    """The rows for a list of so many requests."""
    body = prepared(number)
    queue.sim.clear_faults()
    queue.sim.answer("list", body, times=None)
    ledger = f"sqlite://{folder / f'{number}.sqlite3'}"
    environment = queue.environment(GMI_LEDGER_URL=ledger, GMI_MAX_REQUESTS_PER_SECOND="100")
    ours, bare = Server(ERA, **environment), Bare(ERA, **environment)
    for server in (ours, bare):
        server.open()
    lists, submits, fetches, parses = (
        calls(ours, "list_requests"), calls(ours, "generate_video"), calls(bare, "list_requests"), parsing(body)
    )  # fmt: skip
    rounds = [(lists(), submits(), fetches(), parses()) for _ in range(pairs + 1)][1:]
    worked, took = ([tuple(side[kind] for side in sides) for sides in rounds] for kind in (0, 1))
    name = f"{number:,} requests ({len(body) / 1e6:.1f} MB)"
    found = [
        Pairs([(listed, parsed) for listed, _, _, parsed in worked]).row(f"{name}: list_requests, processor"),
        Pairs([(listed - fetched + parsed, parsed) for listed, _, fetched, parsed in worked]).row(
            "the same without the SDK's and the HTTP library's part"
        ),
        Pairs([(fetched, parsed) for _, _, fetched, parsed in worked]).row("bare tool, processor"),
        Pairs([(submitted, parsed) for _, submitted, _, parsed in worked]).row("generate_video, processor"),
        Pairs([(listed, fetched) for listed, _, fetched, _ in took]).row("list_requests over the bare tool, time"),
        Pairs([(submitted, fetched) for _, submitted, fetched, _ in took]).row(
            "generate_video over the bare tool, time"
        ),
    ]
    most = [peak_mib(server.pid) for server in (ours, bare)]
    found.append(f"| most resident memory | {most[0]:.0f} MiB | {most[1]:.0f} MiB | {most[0] / most[1]:.2f} |")
    for server in (ours, bare):
        server.end()
    return found


def peak_mib(pid: int) -> float:
    """The most memory that a process had resident."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="three pairs of 1,000 requests, to see that it runs")
    arguments = parser.parse_args()
    pairs = 3 if arguments.quick else arguments.pairs
    print("## Long lists: `python -m bench.lists`\n")
    print(
        f"{pairs} rounds over stdio, to a queue on a loopback port: a call of this server, one of a bare tool of the "
        "SDK that fetches and parses the same list, and one `json.loads` of the same bytes. Processor time is that of "
        "the whole server process during the call, beside that of `json.loads`.\n"
    )
    print(header("this server", "`json.loads`, or the bare tool"))
    with TemporaryDirectory() as folder, event_loop() as portal, cloud(portal) as queue:
        for number in ROWS[:1] if arguments.quick else ROWS:
            print("\n".join(rows(queue, number, pairs, Path(folder))), flush=True)


if __name__ == "__main__":
    main()

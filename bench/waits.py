"""Memory, processor time and delay of thousands of generate_video calls that wait at the same time.

Run: python -m bench.waits [--calls 10 100 1000 3000] [--quick]

In real time: the server is a process over stdio, as a host runs it, and all figures but the times are its alone. The
simulator on a loopback port and a client that only counts lines are in the bench's own process. Beside the server runs
a bare tool of the SDK, which submits, reports progress as often, asks for one list a second for all its calls, and
checks and records nothing: what it costs is the share of the SDK and the HTTP library. The rate limit is 100 a second,
because the submits of thousands would take minutes with the default.

- "resident" is how much the process has grown for each call, "alive" what of that Python still uses (tracemalloc, in a
  run of its own, which tracing slows down);
- "ms of processor" are the server's for a submit, with the first seconds of its wait, and for an outcome where all
  jobs end in the same moment: unlike the times they do not depend on what else the machine does;
- "core" and "calls to the queue" are counted while all wait;
- "last outcome" is the time from the end of the last job to the last result, where all jobs end in the same moment, and
  where they end over 20 s, with the mean of all;
- "peak" is the largest resident size of the process.
"""

import argparse
import json
import os
import random
import signal
import statistics
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.stdio import SECONDS, Cloud, Server, cloud, event_loop

from gmi_video.simulator import Script, Simulator
from gmi_video.upstream.luma_ray2 import LUMA_RAY2

ERA = "2026-07-28"


@dataclass(frozen=True)
class Times:
    """Seconds from the last submit to the first figure, in which figures are counted, and over which jobs end."""

    settling: float = 5.0
    window: float = 10.0
    spread: float = 20.0


TRACED_CALLS = 1000
"""As many calls are traced; more would take minutes."""

_TRACED = """
import gc, signal, sys, tracemalloc
from gmi_video.mcp.stdio import serve

def tell(*_):
    gc.collect()
    if tracemalloc.is_tracing():
        print("alive:", tracemalloc.get_traced_memory()[0], file=sys.stderr, flush=True)
    else:
        tracemalloc.start()
        print("tracing", file=sys.stderr, flush=True)

signal.signal(signal.SIGUSR1, tell)
serve()
"""

_BARE = """
import os
from contextlib import asynccontextmanager
import anyio
import httpx
from mcp.server.mcpserver import Context, MCPServer

url = os.environ["GMI_BASE_URL"]
http = httpx.AsyncClient(headers={"Authorization": "Bearer " + os.environ["GMI_API_KEY"]}, timeout=60)
waiting = {}

async def look():
    while True:
        await anyio.sleep(1.0)
        if waiting:
            listed = (await http.get(url + "/requests?model_id=Luma-Ray2")).json()["requests"]
            for record in listed:
                if record["status"] == "success" and record["request_id"] in waiting:
                    waiting.pop(record["request_id"]).set()

@asynccontextmanager
async def lifespan(_):
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(look)
        yield
        tasks.cancel_scope.cancel()

server = MCPServer("bare", lifespan=lifespan)

@server.tool()
async def generate_video(prompt: str, ctx: Context, wait: bool = True) -> dict[str, str]:
    body = {"model": "Luma-Ray2", "payload": {"prompt": prompt, "resolution": "720p"}}
    request_id = (await http.post(url + "/requests", json=body)).json()["request_id"]
    ended = waiting[request_id] = anyio.Event()
    seconds = 0
    while wait and not ended.is_set():
        await ctx.report_progress(seconds, None, f"request {request_id}: processing")
        seconds += 2
        with anyio.move_on_after(2):
            await ended.wait()
    return {"request_id": request_id}

server.run("stdio")
"""


class Ours(Server):
    """The server."""

    def next_result(self) -> dict[str, Any]:
        """The next result; the messages before it are not even parsed, which would slow the others down."""
        while b'"notifications/' in (line := self._lines.get(timeout=SECONDS)):
            pass
        return json.loads(line)["result"]


class Traced(Ours):
    """The server; at the first SIGUSR1 it begins to trace its memory, at each later one it says how much is in use."""

    program = ("-c", _TRACED)


class Bare(Ours):
    """A tool of the SDK that waits as well."""

    program = ("-c", _BARE)


class Waits:
    """Calls that wait at one server.

    Args:
        queue: the simulator.
        program: the server.
        calls: how many.
    """

    def __init__(self, queue: Cloud, program: type[Ours], calls: int) -> None:
        self.queue, self.calls = queue, calls
        settings = {
            "GMI_MAX_REQUESTS_PER_SECOND": "100",
            "GMI_MAX_WAIT_SECONDS": "3600",
            "GMI_LOG_LEVEL": "ERROR",
            "GMI_LEDGER_URL": "none",
        }
        self.server = program(ERA, **queue.environment(**settings))
        self.server.open()
        self.server.result(self.server.ask("tools/list"))
        self.server.result(self.server.start("generate_video", prompt="to warm up", wait=False))
        self.ends: dict[str, float] = {}
        self.submitted_in = 0.0

    def submit(self, settling: float) -> None:
        """Make the calls; returns so many seconds after the queue has all jobs."""
        began = time.monotonic()
        for number in range(self.calls):
            self.server.start("generate_video", prompt=f"take {number}")
        while len(self.queue.sim.jobs) < self.calls + 1:
            time.sleep(0.1)
        self.submitted_in = time.monotonic() - began
        time.sleep(settling)

    def end_jobs(self, over: float) -> None:
        """Let every job end: now, or at random within so many seconds."""
        rng, now, jobs = random.Random(1), time.time(), self.queue.sim.jobs
        for index, job in enumerate(jobs):
            end = now + rng.uniform(0.0, over)
            script = Script.takes(max(end - job.created_at, 1.0), first="processing")
            jobs[index] = type(job)(job.request_id, job.model, job.payload, job.created_at, job.org_id, script)
            self.ends[job.request_id] = end

    def delays(self) -> list[float]:
        """From each job's end to its result (seconds)."""
        found: list[float] = []
        while len(found) < self.calls:
            result = self.server.next_result()["structuredContent"]
            found.append(time.time() - self.ends[result["request_id"]])
        return found

    def alive(self) -> int:
        """The memory in use (bytes), of `Traced`. The first time it is 0."""
        os.kill(self.server.pid, signal.SIGUSR1)
        self.server.logged("\n")
        _, _, number = self.server.stderr.splitlines()[-1].partition("alive: ")
        return int(number or 0)


@dataclass
class Sizes:
    """What the system says of a process: resident and peak bytes, and processor seconds."""

    resident: int
    peak: int
    seconds: float

    @classmethod
    def of(cls, pid: int) -> "Sizes":
        """The sizes of a process now."""
        lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        kilobytes = {name: int(lines[name].split()[0]) for name in ("VmRSS", "VmHWM")}
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        return cls(1024 * kilobytes["VmRSS"], 1024 * kilobytes["VmHWM"], ticks / os.sysconf("SC_CLK_TCK"))


@contextmanager
def waits(program: type[Ours], calls: int) -> Generator[Waits]:
    """Calls at a new server of a new queue, not made yet."""
    with event_loop() as portal, cloud(portal, seed=1) as queue:
        _never_end(queue.sim)
        found = Waits(queue, program, calls)
        try:
            yield found
        finally:
            found.server.kill()


def _never_end(sim: Simulator) -> None:
    sim.script(LUMA_RAY2, lambda _: Script.takes(3600.0, first="processing"))


def row(name: str, program: type[Ours], calls: int, times: Times) -> str:
    """Measure, and return a row of the table."""
    with waits(program, calls) as one:
        before = Sizes.of(one.server.pid)
        one.submit(times.settling)
        submitted = Sizes.of(one.server.pid)
        asked = len(one.queue.sim.calls)
        time.sleep(times.window)
        waited = Sizes.of(one.server.pid)
        asked = len(one.queue.sim.calls) - asked
        one.end_jobs(0.0)
        at_once = one.delays()
        ended = Sizes.of(one.server.pid)
    with waits(program, calls) as other:
        other.submit(times.settling)
        other.end_jobs(times.spread)
        over_time = other.delays()
    submit = 1000 * (submitted.seconds - before.seconds) / calls
    outcome = 1000 * (ended.seconds - waited.seconds) / calls
    figures = (
        name,
        f"{calls:,}",
        f"{one.submitted_in:.0f} s",
        f"{(submitted.resident - before.resident) / calls / 1024:.0f}",
        f"{alive(calls, times) / calls / 1024:.0f}" if program is Ours and calls <= TRACED_CALLS else "–",
        f"{submit:.1f}, {outcome:.1f}",
        f"{(waited.seconds - submitted.seconds) / times.window:.2f}",
        f"{asked / times.window:.1f}",
        f"{max(at_once):.1f} s",
        f"{statistics.mean(over_time):.1f}, {max(over_time):.1f} s",
        f"{ended.peak / 1024 / 1024:.0f} MiB",
    )
    return f"| {' | '.join(figures)} |"


def alive(calls: int, times: Times) -> int:
    """The memory in use while they wait (bytes)."""
    with waits(Traced, calls) as traced:
        traced.alive()
        traced.submit(times.settling)
        return traced.alive()


HEADER = """\
| | calls | submitted in | resident KB a call | alive KB a call | ms of processor a submit, an outcome | core | \
calls to the queue a second | last outcome, all at once | over {spread:g} s: mean, last | peak |
|---|---|---|---|---|---|---|---|---|---|---|"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, nargs="+", default=[10, 100, 1000, 3000])
    parser.add_argument("--quick", action="store_true", help="ten calls for a moment, to see that it runs")
    arguments = parser.parse_args()
    times, counts = (Times(1.0, 1.0, 1.0), [10]) if arguments.quick else (Times(), arguments.calls)
    print("## Calls that wait: `python -m bench.waits`\n")
    print(
        "`generate_video` calls that wait at the same time at one server over stdio, with progress. All figures are of "
        "the server's process alone; the client and the simulator are in another one. Below each row the same for a "
        "bare tool of the SDK that submits, reports progress as often, asks for one list a second for all its calls, "
        "and checks and records nothing.\n"
    )
    print(HEADER.format(spread=times.spread))
    for calls in counts:
        print(row("this server", Ours, calls, times), flush=True)
        print(row("bare tool", Bare, calls, times), flush=True)


if __name__ == "__main__":
    main()

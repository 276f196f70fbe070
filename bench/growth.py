"""What grows with open jobs and with old records: requests, delay, processor time and memory.

Run: python -m bench.growth [--quick] [--plot FILE]

So many jobs are open at the same moment, and as many calls wait for them. Their lengths are drawn (median 60 s, sigma
0.5). Of the old records, 50 have lengths of the same distribution, and the others are 30 days old; they make the
account's list long.

- Requests and delay: submission aside, the server's own polling, HTTP client and default rate limit, in virtual time.
  Computing takes no time there.
- Processor and memory: a real server over stdio, which is measured alone; client and queue are other processes. Its
  calls are generate_video with progress every 2 s, and its jobs do not end. The rate limit is 100 a second, because the
  submits alone would take 10 minutes with the default.
"""

import argparse
import itertools
import os
import random
import re
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import trio
from bench import plots
from tests.stdio import SECONDS, Server, cloud, event_loop
from tests.virtual_time import in_virtual_time

from gmi_video.services import Services, open_services
from gmi_video.settings import Settings
from gmi_video.simulator import Script, SimulatedTransport, Simulator
from gmi_video.upstream.luma_ray2 import LUMA_RAY2, LumaRay2Payload
from gmi_video.upstream.wire import Record

EPOCH = 1_750_000_000
MEDIAN, SIGMA = 60.0, 0.5
"""Of the lengths, which are lognormal (seconds)."""

RECENT = 50
"""Old records with lengths of that distribution."""

OLD = (0, 10_000)
ROUNDS = {1: 100, 10: 20, 100: 2, 1000: 1, 3000: 1}
"""How often so many open jobs are waited for, in virtual time."""

SETTLING, WINDOW, LONG_WINDOW = 3.0, 10.0, 30.0
"""From the first message of the last call to the first figure, and how long processor time is counted (seconds): the
longer one where lists are so long that they are many seconds apart."""

X, GROUP = "open jobs", "old records in the account"
CHARTS = (
    plots.Chart("Requests a second", ["requests"]),
    plots.Chart("Delay, s (worst: dashed)", ["mean", "worst"]),
    plots.Chart("Processor, % of a core", ["processor"]),
    plots.Chart("Memory of the process, MiB", ["memory"]),
)

TICKS, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


@dataclass
class Row:
    """A row of the table. Times in seconds, `processor` as a share of one core, `memory` in MiB."""

    jobs: int
    old: int
    delays: list[float]
    requests_a_job: float
    requests_a_second: float
    processor: float
    memory: float

    def plotted(self) -> dict[str, float | str]:
        """The row for the picture."""
        shown = (self.requests_a_second, statistics.fmean(self.delays), max(self.delays))
        values = (*shown, 100 * self.processor, self.memory)
        columns = (column for chart in CHARTS for column in chart.columns)
        return {X: self.jobs, GROUP: f"{self.old:,}", **dict(zip(columns, values, strict=True))}

    def __str__(self) -> str:
        mean, p90 = statistics.fmean(self.delays), statistics.quantiles(self.delays, n=10, method="inclusive")[-1]
        return (
            f"| {self.jobs:,} | {self.old:,} | {self.requests_a_job:.2f} | {self.requests_a_second:.2f} | "
            f"{mean:.1f} s | {p90:.1f} s | {max(self.delays):.1f} s | {self.processor:.1%} | {self.memory:.0f} MiB |"
        )


def lengths(rng: random.Random) -> Iterator[float]:
    """Endless lengths of jobs."""
    return iter(lambda: MEDIAN * rng.lognormvariate(0, SIGMA), None)


def payload(number: int) -> dict[str, Any]:
    return LumaRay2Payload(prompt=f"take {number}").wire()


def add_old_records(sim: Simulator, old: int, rng: random.Random) -> None:
    """Give the account so many finished requests."""
    for number, length in enumerate(itertools.islice(lengths(rng), min(old, RECENT))):
        created_at = sim.clock() - 3600 * (number + 2)
        sim.add_history(LUMA_RAY2, payload=payload(-number), created_at=created_at, took_seconds=length)
    sim.behave(list_filler=max(0, old - RECENT))


async def virtual(jobs: int, old: int, rounds: int) -> tuple[list[float], float, float]:
    """The delays, the requests a job, and the requests a second until the last outcome."""
    rng = random.Random(1)
    sim = Simulator(clock=_now, seed=1)
    add_old_records(sim, old, rng)
    variables = {"GMI_API_KEY": sim.api_key, "GMI_BASE_URL": sim.api_url, "GMI_LEDGER_URL": "none"}
    delays: list[float] = []
    requests, seconds = 0, 0.0
    settings = Settings.from_environment(variables)
    # Without old records each round has a server of its own, because it learns from the jobs of the round before.
    for _ in range(1 if old else rounds):
        async with open_services(settings, SimulatedTransport(sim), _now) as services:
            for _ in range(rounds if old else 1):
                before, began = len(sim.calls), _now()
                async with anyio.create_task_group() as tasks:
                    for number, length in zip(range(jobs), lengths(rng), strict=False):
                        job = sim.make_job(LUMA_RAY2, payload(number), "org", script=Script.takes(length))
                        record = Record.model_validate(sim.record(job))
                        tasks.start_soon(_waited_for, services, record, job.created_at + length, delays)
                requests, seconds = requests + len(sim.calls) - before, seconds + _now() - began
                sim.jobs.clear()
    assert len(delays) == jobs * rounds, "every wait had its outcome"
    return delays, requests / len(delays), requests / seconds


async def _waited_for(services: Services, record: Record, end: float, delays: list[float]) -> None:
    watch = await services.poller.wait(record, await services.poller.expect(record), 24 * 3600)
    assert watch.record.succeeded, watch.record
    delays.append(_now() - end)


def _now() -> float:
    return EPOCH + trio.current_time()


class Process(Server):
    """The server; what it says is not parsed, which would slow it down."""

    def wait_until_all_wait(self, calls: int) -> None:
        """Return when so many calls have reported progress, which they do when their job is made."""
        reported: set[bytes] = set()
        while len(reported) < calls:
            if found := re.search(rb'"progressToken":(\d+)', self._lines.get(timeout=SECONDS)):
                reported.add(found[1])


def real(jobs: int, old: int, window: float) -> tuple[float, float]:
    """The share of a core while so many calls wait, and the resident memory then (MiB); of the server alone."""
    with event_loop() as portal, cloud(portal, seed=1) as queue:
        add_old_records(queue.sim, old, random.Random(1))
        queue.sim.script(LUMA_RAY2, Script.takes(24 * 3600.0, first="processing"))
        limits = {"GMI_MAX_REQUESTS_PER_SECOND": "100", "GMI_MAX_WAIT_SECONDS": "3600"}
        server = Process("2026-07-28", **queue.environment(GMI_LEDGER_URL="none", GMI_LOG_LEVEL="ERROR", **limits))
        try:
            server.open()
            for number in range(jobs):
                server.start("generate_video", prompt=f"take {number}")
            server.wait_until_all_wait(jobs)
            time.sleep(SETTLING)
            used, began = _processor_seconds(server.pid), time.monotonic()
            time.sleep(window)
            share = (_processor_seconds(server.pid) - used) / (time.monotonic() - began)
            return share, int(Path(f"/proc/{server.pid}/statm").read_text().split()[1]) * PAGE / 2**20
        finally:
            server.kill()


def _processor_seconds(pid: int) -> float:
    """Processor time of a process, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def measured(jobs: Sequence[int], old: Sequence[int], *, quick: bool) -> Iterator[Row]:
    """The rows of the table."""
    # In virtual time nothing is slower for what runs beside it, so these run together, and before the real ones.
    with ProcessPoolExecutor() as pool:
        rounds = dict.fromkeys(jobs, 2) if quick else ROUNDS
        cases = [*itertools.product(jobs, old)]
        # The longest ones first, so that no processor is idle at the end.
        asked = {case: pool.submit(in_virtual_time, partial(virtual, *case, rounds[case[0]])) for case in cases[::-1]}
        done = {case: future.result() for case, future in asked.items()}
    for number, records in cases:
        waited, a_job, a_second = done[number, records]
        window = LONG_WINDOW if number >= 100 and records else WINDOW
        yield Row(number, records, waited, a_job, a_second, *real(number, records, 2.0 if quick else window))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1 and 10 jobs, 0 and 100 old records, 2 s each")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw an SVG picture of it, too")
    arguments = parser.parse_args()
    jobs, old = ((1, 10), (0, 100)) if arguments.quick else (tuple(ROUNDS), OLD)
    print(
        "## Growth: `python -m bench.growth`\n\n"
        "So many jobs are open at the same moment, and as many calls wait for them (lengths: median 60 s, sigma 0.5). "
        "Requests and delay in virtual time with the default rate limit; a job's POST and its share of a list before "
        "it come on top. Delay: from the job's end to its outcome. Processor (of one core, with progress every 2 s to "
        "every call) and resident memory: of the server process alone, over stdio.\n\n"
        "| open jobs | old records | requests a job | a second | delay, mean | p90 | worst | processor | memory |\n"
        "|---|---|---|---|---|---|---|---|---|"
    )
    rows: list[Row] = []
    for row in measured(jobs, old, quick=arguments.quick):
        rows.append(row)
        print(row, flush=True)
    if arguments.plot:
        arguments.plot.write_text(plots.picture([row.plotted() for row in rows], X, GROUP, CHARTS), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Polls per job, and the delay until a job's end is seen: this server compared with a fixed loop of 5 s.

Run: python -m bench.polling [--quick]

Submission, polling, HTTP client and rate limit are the server's own. The queue is the simulator in this process,
without latency, and the clock is virtual: it jumps whenever every task waits. A job's length is drawn when it is
submitted. With history, the account has 20 finished requests with lengths of the same distribution, drawn again for
every block of jobs; each finished job of a block is removed from the account before the next one starts.
"""

import argparse
import itertools
import math
import random
import statistics
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import anyio
import trio
from tests.virtual_time import in_virtual_time

from gmi_video.catalog.priced import PricedRequest
from gmi_video.services import Services, open_services
from gmi_video.settings import Settings
from gmi_video.simulator import Script, SimulatedTransport, Simulator
from gmi_video.upstream.luma_ray2 import LUMA_RAY2, LumaRay2Payload
from gmi_video.upstream.wire import SubmitRequest

EPOCH = 1_750_000_000
HISTORY = 20
"""Finished requests of the account, in the runs with history."""

BLOCK = 20
"""Jobs that are measured with the same history."""

FIXED_SECONDS = 5.0
"""Pause of the fixed loop (seconds)."""

MAX_WAIT = 4 * 3600.0
"""Longest wait for a job (seconds), far above the longest job: a host's limit is not what is measured."""

Draw = Callable[[random.Random], float]


@dataclass(frozen=True)
class Lengths:
    """A mixture of lognormal distributions of lengths: (weight, median in seconds, sigma) each."""

    parts: tuple[tuple[float, float, float], ...]

    def draw(self, rng: random.Random) -> float:
        _, median, sigma = rng.choices(self.parts, [weight for weight, _, _ in self.parts])[0]
        return rng.lognormvariate(math.log(median), sigma)

    def fewest_polls(self, delay: float) -> float:
        """The least mean number of polls a job with which any schedule reaches a mean delay of `delay` seconds.

        A schedule with pauses d(t) makes ∫ running(t) / d(t) polls, and its mean delay is ∫ ending(t) × d(t) / 2. By
        the Cauchy-Schwarz inequality their product is at least (∫ sqrt(running × ending))² / 2.
        """
        step = 0.002
        xs = [index * step for index in range(int(12 / step))]  # ln of 1 s to 45 h
        total = sum(math.sqrt(self._running(x) * self._ending(x)) * math.exp(x / 2) * step for x in xs)
        return total**2 / 2 / delay

    def _running(self, x: float) -> float:
        return sum(w * math.erfc((x - math.log(m)) / s / math.sqrt(2)) / 2 for w, m, s in self.parts)

    def _ending(self, x: float) -> float:
        """The density of ln t; the density of t is this divided by t."""
        return sum(
            w * math.exp(-(((x - math.log(m)) / s) ** 2) / 2) / (s * math.sqrt(2 * math.pi)) for w, m, s in self.parts
        )


LENGTHS = {
    "median 8 s, sigma 0.3": Lengths(((1.0, 8.0, 0.3),)),
    "median 20 s, sigma 0.3": Lengths(((1.0, 20.0, 0.3),)),
    "median 60 s, sigma 0.5": Lengths(((1.0, 60.0, 0.5),)),
    "median 240 s, sigma 0.5": Lengths(((1.0, 240.0, 0.5),)),
    "45 s (70 %) or 300 s (30 %), sigma 0.25 each": Lengths(((0.7, 45.0, 0.25), (0.3, 300.0, 0.25))),
}

BURSTS = (
    (10, 20, "median 8 s, sigma 0.3"),
    (10, 20, "median 20 s, sigma 0.3"),
    (3, 20, "median 60 s, sigma 0.5"),
    (10, 20, "median 60 s, sigma 0.5"),
    (100, 2, "median 60 s, sigma 0.5"),
)
"""Jobs at once, how many times, and their lengths."""


@dataclass
class Tally:
    """The measurements of a run: each job's length and the delay until its end was seen (seconds), and the polls."""

    lengths: list[float] = field(default_factory=list[float])
    delays: list[float] = field(default_factory=list[float])
    gets: int = 0
    lists: int = 0

    @property
    def polls_per_job(self) -> float:
        return (self.gets + self.lists) / len(self.lengths)

    @property
    def share(self) -> float:
        """Mean delay as a share of the mean length."""
        return statistics.fmean(self.delays) / statistics.fmean(self.lengths)

    @property
    def mean_share(self) -> float:
        """Mean of each job's delay as a share of its own length."""
        return statistics.fmean(d / n for d, n in zip(self.delays, self.lengths, strict=True))

    def row(self, lengths: str, name: str, fixed: "Tally | None" = None) -> str:
        jobs, delays = len(self.lengths), self.delays
        p90 = statistics.quantiles(delays, n=10)[-1]
        more = f"{self.polls_per_job / fixed.polls_per_job:.2f} ×" if fixed else ""
        return (
            f"| {lengths} | {name} | {self.gets / jobs:.1f} | {self.lists / jobs:.1f} | {more} | "
            f"{statistics.fmean(delays):.2f} s | {statistics.median(delays):.2f} s | {p90:.2f} s | {self.share:.2%} | "
            f"{self.mean_share:.2%} |"
        )


class Bench:
    """A simulator whose jobs have random lengths, and settings for the server's services to use it."""

    def __init__(self, draw: Draw, seed: int) -> None:
        self.rng = random.Random(seed)
        self.draw = draw
        self.sim = Simulator(clock=_now, seed=seed)
        self.sim.script(LUMA_RAY2, lambda _number: Script.takes(draw(self.rng)))
        self.settings = Settings.from_environment(
            {"GMI_API_KEY": "simulated-key", "GMI_BASE_URL": self.sim.api_url, "GMI_LEDGER_URL": "none"}
        )
        self.numbers = itertools.count(1)

    def request(self) -> PricedRequest:
        payload = LumaRay2Payload(prompt=f"take {next(self.numbers)}").wire()
        return PricedRequest(SubmitRequest(model=LUMA_RAY2, payload=payload))

    def new_history(self, count: int) -> None:
        self.sim.history.clear()
        for number in range(count):
            self.sim.add_history(
                LUMA_RAY2,
                payload=self.request().wire.payload,
                created_at=_now() - 3600 * (number + 2),
                took_seconds=self.draw(self.rng),
            )

    async def one(self, services: Services, tally: Tally) -> None:
        """Submit one job, wait for it, add it to the tally, and remove it from the account."""
        submitted = await services.submission.submit(self.request())
        job = next(job for job in self.sim.jobs if job.request_id == submitted.record.request_id)
        before = len(self.sim.calls)
        expected = await services.poller.expect(submitted.record)
        watch = await services.poller.wait(submitted.record, expected, MAX_WAIT)
        assert watch.record.succeeded
        length = job.script.stages[-1][0]
        tally.lengths.append(length)
        tally.delays.append(_now() - job.created_at - length)
        tally.gets += sum(call.endpoint == "get" for call in self.sim.calls[before:])
        tally.lists += sum(call.endpoint == "list" for call in self.sim.calls[before:])
        self.sim.jobs.remove(job)


async def one_after_another(draw: Draw, *, jobs: int, history: int) -> Tally:
    """`jobs` jobs, each submitted when the one before it has ended."""
    tally = Tally()
    for block in range(jobs // BLOCK):
        bench = Bench(draw, seed=block)
        bench.new_history(history)
        async with open_services(bench.settings, SimulatedTransport(bench.sim), _now) as services:
            for _ in range(BLOCK):
                await bench.one(services, tally)
    return tally


def fixed_loop(lengths: list[float]) -> Tally:
    """The fixed loop over jobs of the same lengths, computed instead of run."""
    polls = [math.ceil(length / FIXED_SECONDS) for length in lengths]
    delays = [n * FIXED_SECONDS - length for n, length in zip(polls, lengths, strict=True)]
    return Tally(lengths, delays, gets=sum(polls))


@dataclass
class Burst:
    """The measurements of jobs at once: lengths and delays (seconds), the polls, and the most calls in one second."""

    lengths: list[float] = field(default_factory=list[float])
    delays: list[float] = field(default_factory=list[float])
    worst_second: int = 0
    polls: int = 0

    def row(self, jobs: str, name: str) -> str:
        mean = statistics.fmean(self.delays)
        return (
            f"| {jobs} | {name} | {self.polls / len(self.delays):.2f} | {mean:.2f} s | "
            f"{statistics.median(self.delays):.2f} s | {statistics.quantiles(self.delays, n=10)[-1]:.2f} s | "
            f"{max(self.delays):.2f} s | {mean / statistics.fmean(self.lengths):.2%} | {self.worst_second} |"
        )


async def all_at_once(draw: Draw, *, jobs: int, rounds: int, history: int) -> Burst:
    """`rounds` times `jobs` jobs, submitted at the same moment and waited for."""
    burst = Burst()
    for number in range(rounds):
        bench = Bench(draw, seed=number)
        bench.new_history(history)
        async with open_services(bench.settings, SimulatedTransport(bench.sim), _now) as services:
            await _at_once(bench, services, burst, jobs)
        calls = bench.sim.calls
        burst.worst_second = max(burst.worst_second, worst_second([call.at for call in calls]))
        # Up to the last submit, lists are the submits' own searches for the same job; after it they are polls.
        last_submit = max(call.at for call in calls if call.endpoint == "submit")
        lists = (call for call in calls if call.endpoint == "list" and call.at > last_submit)
        burst.polls += sum(1 for _ in lists) + sum(call.endpoint == "get" for call in calls)
    return burst


async def _at_once(bench: Bench, services: Services, burst: Burst, jobs: int) -> None:
    async def one() -> None:
        submitted = await services.submission.submit(bench.request())
        expected = await services.poller.expect(submitted.record)
        await services.poller.wait(submitted.record, expected, MAX_WAIT)
        job = bench.sim.job(submitted.record.request_id)
        assert job is not None
        length = job.script.stages[-1][0]
        burst.lengths.append(length)
        burst.delays.append(_now() - job.created_at - length)

    async with anyio.create_task_group() as tasks:
        for _ in range(jobs):
            tasks.start_soon(one)


def worst_second(times: list[float]) -> int:
    """The most calls within one second."""
    ordered = sorted(times)
    return max(
        (sum(start <= t < start + 0.9999 for t in ordered[i : i + 200]) for i, start in enumerate(ordered)), default=0
    )


def _now() -> float:
    return EPOCH + trio.current_time()


def virtually(measure: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Run an async function under a virtual clock, which jumps whenever every task waits."""

    async def run() -> Any:
        return await measure(*arguments, **options)

    return in_virtual_time(run)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="40 jobs of each kind instead of 2,000: a smoke test")
    quick = parser.parse_args().quick
    jobs = 40 if quick else 2000
    print(
        "## Polling: `python -m bench.polling`\n\n"
        f"Looks at a job, and the delay from its end to the answer, in virtual time: {jobs:,} jobs of each kind, one "
        "after another. A get is one `GET /requests/{id}`, a list one `GET /requests`. The last row of each kind is "
        "the least number of looks with which any schedule reaches the delay of the second.\n\n"
        "| lengths | looks by | gets a job | lists | looks, by the loop's | delay, mean | median | p90 | "
        "of the mean length | of each |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    # In virtual time nothing is slower for what runs beside it.
    with ProcessPoolExecutor() as pool:
        _print(pool, jobs, quick=quick)


def _print(pool: ProcessPoolExecutor, jobs: int, *, quick: bool) -> None:
    single = {
        (name, history): pool.submit(virtually, one_after_another, lengths.draw, jobs=jobs, history=history)
        for name, lengths in LENGTHS.items()
        for history in (HISTORY, 0)
    }
    bursts = {
        (count, rounds, name, history): pool.submit(
            virtually, all_at_once, LENGTHS[name].draw, jobs=count, rounds=1 if quick else rounds, history=history
        )
        for count, rounds, name in BURSTS
        for history in (HISTORY, 0)
    }
    for name, lengths in LENGTHS.items():
        known, unknown = single[name, HISTORY].result(), single[name, 0].result()
        fixed = fixed_loop(known.lengths)
        print(fixed.row(name, "a fixed loop of 5 s"))
        print(known.row(name, f"a history of {HISTORY}", fixed))
        print(unknown.row(name, "no history", fixed))
        delay = statistics.fmean(known.delays)
        fewest = lengths.fewest_polls(delay)
        bound = f"{fewest / fixed.polls_per_job:.2f} ×"
        print(f"| {name} | any schedule | at least {fewest:.1f} | | {bound} | {delay:.2f} s | | | | |", flush=True)
    print(
        "\nThe same where all are submitted at the same moment:\n\n"
        "| jobs | looks by | looks a job | delay, mean | median | p90 | worst | of the mean length | "
        "requests in the worst second |\n|---|---|---|---|---|---|---|---|---|"
    )
    for (count, rounds, name, history), burst in bursts.items():
        looks_by = f"a history of {history}" if history else "no history"
        print(burst.result().row(f"{rounds} times {count}, {name}", looks_by))


if __name__ == "__main__":
    main()

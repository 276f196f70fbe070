"""Runs the sixteen requests under virtual time and makes the table of docs/conversations.md."""

import random
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from gmi_video.simulator import Simulator
from gmi_video.simulator.scripts import Job
from tests.conftest import KEY, World, now
from tests.virtual_time import in_virtual_time

from .assistant import Assistant
from .requests import REQUESTS, Request

MODES = ("legacy", "auto")
"""Both protocol eras. A client that pins the modern version would not ask for the instructions."""


class Outcome(NamedTuple):
    """What one conversation came to; `before` are the bytes that a model reads before its first call."""

    calls: int
    bytes_read: int
    submits: int
    usd: float
    before: dict[str, int]
    transcript: tuple[str, ...]


@cache
def outcome(asked: Request, mode: str = MODES[-1]) -> Outcome:
    """Run a request's conversation."""
    random.seed(1)  # the jitter of retries
    with TemporaryDirectory() as folder:
        # Resolved: where the temporary folder is behind a symlink, answers hold what it leads to.
        return in_virtual_time(partial(_converse, asked, mode, Path(folder).resolve()))


async def _converse(asked: Request, mode: str, folder: Path) -> Outcome:
    pictures = folder / "pictures"
    pictures.mkdir()
    sim = Simulator(api_key=KEY, clock=now, seed=1)
    ledger = f"sqlite://{folder / 'ledger.sqlite3'}"
    world = World(sim, {"GMI_API_KEY": KEY, "GMI_BASE_URL": sim.api_url, "GMI_LEDGER_URL": ledger})
    async with Assistant(world, pictures, mode, asked.host).at_work() as assistant:
        await asked.course(assistant)
    return Outcome(
        assistant.calls,
        assistant.bytes_read,
        world.count("submit"),
        round(sum(map(_price, sim.jobs)), 6),
        assistant.before,
        tuple(assistant.transcript),
    )


def _price(job: Job) -> float:
    """Dollars for a job, by the simulator's catalog as it is to be read (gmi-api, `price_info`)."""
    length = job.payload.get("duration") or job.payload.get("durationSeconds")
    seconds = int(str(length).removesuffix("s"))
    return {"Luma-Ray2": 0.142 * seconds, "Veo3": 0.4 * seconds, "wan2.6-t2v": 0.5}[job.model]


def table() -> str:
    """What a model reads before its first call, and a row for each request."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    read = outcome(REQUESTS[0]).before
    first = ", ".join(f"{name} {size:,}" for name, size in read.items())
    yield f"Bytes that a model reads before its first call: {first}.\n"
    yield "| request | points | calls | bytes of answers | submits | dollars |"
    yield "|---|---|---:|---:|---:|---:|"
    for asked in REQUESTS:
        found = outcome(asked)
        yield (
            f"| {asked.kind} | {asked.points} | {found.calls} | {found.bytes_read:,} | {found.submits} "
            f"| {found.usd:.2f} |"
        )

"""Hosts that give up on a call after a time of their own, and the table of what their users go through.

`python -m tests.impatient` prints the table that docs/reliability.md shows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import trio

from gmi_video.simulator import Script, Simulator

from .conftest import KEY, Host, World, now
from .virtual_time import in_virtual_time

THINKING = 3.0
"""What an assistant takes between an answer, or a time-out, and its next call (seconds)."""

LIMITS = (5, 30, 60, 240)
"""Seconds after which the hosts give up."""

MAX_CALLS = 60


@dataclass(frozen=True)
class Course:
    """What came of one request: jobs made, calls, calls that were cut off, and when the link was there."""

    jobs: int
    calls: int
    cut: int
    seconds: float


async def make_video(host: Host, sim: Simulator, limit: float, *, silent: bool, **options: Any) -> Course:
    """Have a video made as an assistant does: repeat a call that was cut off, and follow `get_status` until the link.

    Args:
        host: its connection.
        sim: the queue.
        limit: seconds after which the host gives up on a call.
        silent: whether it tells the server so, by cancelling the call.
        options: arguments of generate_video, besides the prompt.
    """
    began, calls, cut = now(), 0, 0
    request_id = ""
    async with trio.open_nursery() as abandoned:
        while calls < MAX_CALLS:
            calls += 1
            answer = await _call(host, abandoned, limit, request_id, options, silent=silent)
            if answer is None:
                cut += 1
            elif answer.get("video_url"):
                break
            else:
                request_id = answer.get("request_id", request_id)
            await trio.sleep(THINKING)
        seconds = now() - began
        abandoned.cancel_scope.cancel()
    return Course(len(sim.jobs), calls, cut, seconds)


async def _call(
    host: Host, abandoned: trio.Nursery, limit: float, request_id: str, options: dict[str, Any], *, silent: bool
) -> dict[str, Any] | None:
    """One call; None where the host has given up on it."""
    answers: list[dict[str, Any]] = []
    done = trio.Event()

    async def call() -> None:
        if request_id:
            answers.append(await host.call("get_status", request_id=request_id, wait=True))
        else:
            answers.append(await host.call("generate_video", prompt="a fox", **options))
        done.set()

    if silent:
        abandoned.start_soon(call)
        with trio.move_on_after(limit):
            await done.wait()
    else:
        with trio.move_on_after(limit):
            await call()
    return answers[0] if answers else None


async def course(limit: float, takes: float, *, silent: bool, name: str = "mcp") -> Course:
    """One request from a host that is not known, with a job of that length (seconds)."""
    sim = Simulator(api_key=KEY, clock=now, seed=1, scripts={"*": Script.takes(takes)})
    world = World(sim, {"GMI_API_KEY": KEY, "GMI_BASE_URL": sim.api_url})
    async with world.host(name=name) as host:
        return await make_video(host, sim, limit, silent=silent)


def table() -> Iterator[str]:
    """The table: a row a host, its columns for jobs of a minute and of four."""
    yield "| host gives up after | job takes | jobs paid | calls | calls cut off | link after |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for limit in LIMITS:
        for silent in (True, False):
            for takes in (60, 240):
                done = in_virtual_time(partial(course, limit, takes, silent=silent))
                how = "silently" if silent else "and cancels"
                figures = f"{done.jobs} | {done.calls} | {done.cut} | {done.seconds:.0f} s"
                yield f"| {limit} s, {how} | {takes} s | {figures} |"


if __name__ == "__main__":
    print("\n".join(table()))  # noqa: T201 - a command's output

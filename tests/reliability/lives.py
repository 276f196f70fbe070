"""Lives: random histories of a server and its queue. A life is a list of actions; this runs it and keeps a log."""

import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import trio

from gmi_video.simulator import Behavior, Endpoint, Fault, Job, Script, Simulator
from tests.conftest import EPOCH, KEY, Host, World, now
from tests.virtual_time import in_virtual_time

FRESH = 300.0 - 3
"""Five minutes, less what is lost by timestamps in whole seconds."""

FOREVER = 1e6

SETTLING = 150.0
"""Longer than a call that was cut off can go on looking, or wait for a rate limit, before it submits."""


@dataclass(frozen=True)
class Generate:
    """generate_video, `together` identical calls at once; the host gives up after `time_limit` seconds."""

    prompt: str
    time_limit: float
    copy: int = 0
    wait: bool = True
    together: int = 1


@dataclass(frozen=True)
class GetStatus:
    """get_status of the newest request that an answer has named."""

    copy: int = 0
    wait: bool = False


@dataclass(frozen=True)
class ListRequests:
    """list_requests."""

    copy: int = 0


@dataclass(frozen=True)
class Wait:
    """Nothing happens for a while."""

    seconds: float


@dataclass(frozen=True)
class Fail:
    """An endpoint has a fault for the next `times` calls; None: until `ClearFaults`."""

    endpoint: Endpoint
    fault: Fault
    times: int | None = 1
    instead: bool = False
    """Whether it replaces the faults that are still queued."""


@dataclass(frozen=True)
class ClearFaults:
    """No endpoint has a fault any more."""


@dataclass(frozen=True)
class Restart:
    """The server is stopped, whatever it is doing, and started again at the next call."""

    copy: int = 0


Action = Generate | GetStatus | ListRequests | Wait | Fail | ClearFaults | Restart


@dataclass(frozen=True)
class Received:
    """An answer that the caller has received."""

    at: float
    action: Action
    answer: dict[str, Any]


@dataclass
class Life:
    """One life: its queue, the copies of the server, and the answers that the caller has received."""

    sim: Simulator
    received: list[Received] = field(default_factory=list[Received])
    log: list[str] = field(default_factory=list[str])
    delivered: dict[str, float] = field(default_factory=dict[str, float])
    """When the caller received a request's outcome."""

    def __post_init__(self) -> None:
        self._world = World(
            self.sim, {"GMI_API_KEY": KEY, "GMI_BASE_URL": self.sim.api_url, "GMI_MAX_WAIT_SECONDS": "45"}
        )
        self._open: dict[int, tuple[Host, trio.Event, trio.Event]] = {}
        self.last_copy = 0

    @property
    def named(self) -> list[str]:
        """Ids that answers have named, oldest first."""
        return [found.answer["request_id"] for found in self.received if "request_id" in found.answer]

    @asynccontextmanager
    async def running(self) -> AsyncGenerator["Life"]:
        """Let `act` be called; at the end every server is stopped."""
        async with trio.open_nursery() as self._servers:
            yield self
            for copy in list(self._open):
                await self._stop(copy)

    async def act(self, action: Action) -> None:
        """Carry out one action."""
        made = len(self.sim.jobs)
        match action:
            case Generate():
                await self._host(action.copy)
                async with anyio.create_task_group() as calls:
                    for _ in range(action.together):
                        calls.start_soon(self._call, action)
            case GetStatus() if self.named:
                await self._receive(action, 60, "get_status", request_id=self.named[-1], wait=action.wait)
            case GetStatus() | ListRequests():
                await self._receive(action, 60, "list_requests", model="", limit=100)
            case Wait():
                await trio.sleep(action.seconds)
            case Fail():
                if action.instead:
                    self.sim.clear_faults()
                self.sim.fail(action.endpoint, action.fault, times=action.times)
            case ClearFaults():
                self.sim.clear_faults()
            case Restart():
                await self._stop(action.copy)
        new = [job.request_id[:4] for job in self.sim.jobs[made:]]
        self.log.append(f"{now() - EPOCH:8.1f}  {action}" + (f"  made {', '.join(new)}" if new else ""))

    async def _call(self, action: Generate) -> None:
        await self._receive(action, action.time_limit, "generate_video", prompt=action.prompt, wait=action.wait)

    async def _receive(
        self, action: Generate | GetStatus | ListRequests, time_limit: float, tool: str, **arguments: Any
    ) -> None:
        host = await self._host(action.copy)
        with trio.move_on_after(time_limit):
            answer = await host.call(tool, **arguments)
            self.received.append(Received(now(), action, answer))
            if answer.get("is_final"):
                self.delivered.setdefault(answer["request_id"], now())
            what = answer.get("status", ""), answer.get("request_id", "")[:4], answer["summary"][:100]
            self.log.append(f"{now() - EPOCH:8.1f}      answer {' '.join(what)}")

    async def _host(self, copy: int) -> Host:
        if copy != self.last_copy:
            # Two copies that submit the same in the same moment can't see each other: docs/reliability.md, "Limits".
            await trio.sleep(SETTLING)
            self.last_copy = copy
        if copy not in self._open:
            self._open[copy] = await self._servers.start(self._serve)
        return self._open[copy][0]

    async def _serve(self, task_status: trio.TaskStatus[tuple[Host, trio.Event, trio.Event]]) -> None:
        stop, stopped = trio.Event(), trio.Event()
        async with self._world.host() as host:
            task_status.started((host, stop, stopped))
            await stop.wait()
        stopped.set()

    async def _stop(self, copy: int) -> None:
        if copy in self._open:
            _, stop, stopped = self._open.pop(copy)
            stop.set()
            await stopped.wait()

    def ended_at(self, job: Job) -> float | None:
        """When a job ends by its script; None where it never does."""
        return next((job.created_at + at for at, status in job.script.stages if status in FINAL), None)

    def paid_twice(self) -> list[tuple[Job, Job]]:
        """Pairs of jobs made for one intent."""
        return [
            (first, second)
            for number, second in enumerate(self.sim.jobs)
            for first in self.sim.jobs[:number]
            if first.payload == second.payload and not self._is_over(first, second.created_at)
        ]

    def _is_over(self, job: Job, at: float) -> bool:
        """Whether the caller had received the outcome by then, or the job had ended too long ago for the same call."""
        ended = self.ended_at(job)
        return self.delivered.get(job.request_id, at + 1) <= at or (ended is not None and at - ended > FRESH)


FINAL = ("success", "failed", "cancelled")


def run(behavior: Behavior, script: Script, actions: list[Action]) -> Life:
    """Run a life to its end, then list all requests: that list is the last answer in `received`."""

    async def whole() -> Life:
        random.seed(1)  # the jitter of retries
        sim = Simulator(api_key=KEY, clock=now, seed=1, behavior=behavior, scripts={"*": script})
        # If every task waits for ever, the clock jumps to this and the life fails instead of hanging.
        with trio.fail_after(FOREVER):
            return await to_its_end(sim)

    async def to_its_end(sim: Simulator) -> Life:
        async with Life(sim).running() as life:
            for action in actions:
                await life.act(action)
            for last in (ClearFaults(), Wait(behavior.list_lag + SETTLING), ListRequests(life.last_copy)):
                await life.act(last)
        return life

    return in_virtual_time(whole)

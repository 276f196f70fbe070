"""Histories of a queue and the servers at it: what can happen in one, and the runner that records what came of it."""

import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

import trio

from gmi_video.simulator import Behavior, Endpoint, Fault, Job, Script, Simulator
from tests.conftest import EPOCH, KEY, Host, World, now
from tests.virtual_time import in_virtual_time

from .processes import Process, process

REUSE = 3600.0 - 180
"""An hour, less the longest time from the recording of an intent, from which the hour counts, to the making of its
job: retries of a rate limit, and a slow answer."""

FOREVER = 1e6

SETTLING = 150.0
"""Longer than a call that was cut off can go on looking, or wait for a rate limit, before it submits."""

End = Literal["cancel", "silence", "kill"]


@dataclass(frozen=True)
class Call:
    """generate_video, `together` times at once, one at each copy in turn; after `patience` seconds its host gives up.

    `end`: it cancels the call, or says nothing and reads no answer, or the server is killed at that moment. `take`:
    with allow_duplicate.
    """

    prompt: str
    patience: float
    copy: int = 0
    wait: bool = True
    together: int = 1
    end: End = "cancel"
    take: bool = False


@dataclass(frozen=True)
class Look:
    """get_status of the newest request that an answer has named."""

    copy: int = 0
    wait: bool = False


@dataclass(frozen=True)
class Listing:
    """list_requests."""

    copy: int = 0


@dataclass(frozen=True)
class Pass:
    """Time goes by."""

    seconds: float


@dataclass(frozen=True)
class Fail:
    """An endpoint misbehaves for the next calls; None: until all is well again."""

    endpoint: Endpoint
    fault: Fault
    times: int | None = 1


@dataclass(frozen=True)
class Heal:
    """All is well again."""


@dataclass(frozen=True)
class Restart:
    """The server is stopped, wherever it stands, and started anew; `kill`: without any moment to end what it does."""

    copy: int = 0
    kill: bool = False


Action = Call | Look | Listing | Pass | Fail | Heal | Restart


@dataclass(frozen=True)
class Told:
    """An answer that the caller got."""

    at: float
    action: Action
    answer: dict[str, Any]


@dataclass(frozen=True)
class Copy:
    """A running server, its host, and the task that runs them."""

    process: Process
    host: Host
    calls: trio.Nursery
    stop: trio.Event
    stopped: trio.Event


class Waiting(NamedTuple):
    """A call under way: to cancel it, and whether it has ended or its host reads no answer any more."""

    scope: trio.CancelScope
    ended: trio.Event


@dataclass
class Life:
    """One history: its queue, the copies of the server, and what the caller was told."""

    sim: Simulator
    ledger: str
    copies: int = 1
    told: list[Told] = field(default_factory=list[Told])
    log: list[str] = field(default_factory=list[str])
    takes: list[str] = field(default_factory=list[str])
    """The prompts of the calls with allow_duplicate."""

    def __post_init__(self) -> None:
        self._world = World(
            self.sim,
            {
                "GMI_API_KEY": KEY,
                "GMI_BASE_URL": self.sim.api_url,
                "GMI_MAX_WAIT_SECONDS": "45",
                "GMI_LEDGER_URL": self.ledger,
            },
        )
        self._open: dict[int, Copy] = {}

    @property
    def named(self) -> list[str]:
        """Ids that answers have named, oldest first."""
        return [found.answer["request_id"] for found in self.told if "request_id" in found.answer]

    @asynccontextmanager
    async def lived(self) -> AsyncGenerator["Life"]:
        """A history that can be acted in; at its end every server is stopped."""
        async with trio.open_nursery() as self._servers:
            yield self
            for copy in list(self._open):
                await self._stop(copy)

    async def act(self, action: Action) -> None:
        """Let one thing happen."""
        made = len(self.sim.jobs)
        match action:
            case Call():
                await self._calls(action)
            case Look() if self.named:
                await self._in_time(action, "get_status", request_id=self.named[-1], wait=action.wait)
            case Look() | Listing():
                await self._in_time(action, "list_requests", model="", limit=100)
            case Pass():
                await trio.sleep(action.seconds)
            case Fail():
                self.sim.fail(action.endpoint, action.fault, times=action.times)
            case Heal():
                self.sim.clear_faults()
            case Restart():
                await self._stop(action.copy, kill=action.kill)
        new = [job.request_id[:4] for job in self.sim.jobs[made:]]
        self.log.append(f"{now() - EPOCH:8.1f}  {action}" + (f"  made {', '.join(new)}" if new else ""))

    async def _calls(self, action: Call) -> None:
        """Begin a call's copies at one moment, and end them as it says."""
        numbers = [(action.copy + number) % self.copies for number in range(action.together)]
        if action.take:
            # Each copy has a host of its own, and the one may ask right after the other was answered.
            self.takes += [action.prompt] * len({*numbers})
        for number in numbers:
            await self._copy(number)
        more = {"allow_duplicate": True} if action.take else {}
        arguments = {"prompt": action.prompt, "wait": action.wait, **more}
        under_way = [Waiting(trio.CancelScope(), trio.Event()) for _ in numbers]
        for number, waiting in zip(numbers, under_way, strict=True):
            copy = await self._copy(number)
            copy.calls.start_soon(self._call, action, copy.host, waiting, arguments)
        with trio.move_on_after(action.patience):
            for waiting in under_way:
                await waiting.ended.wait()
        match action.end:
            case "cancel":
                for waiting in under_way:
                    waiting.scope.cancel()
                    await waiting.ended.wait()
            case "silence":
                for waiting in under_way:
                    waiting.ended.set()
            case "kill":
                for waiting in under_way:
                    waiting.ended.set()  # nothing that a dying server still says is read
                for number in {*numbers}:
                    await self._stop(number, kill=True)

    async def _call(self, action: Call, host: Host, waiting: Waiting, arguments: dict[str, Any]) -> None:
        try:
            with waiting.scope:
                await self._tell(action, "generate_video", host, waiting.ended, **arguments)
        finally:
            waiting.ended.set()

    async def _in_time(self, action: Look | Listing, tool: str, **arguments: Any) -> None:
        copy = await self._copy(action.copy)
        with trio.move_on_after(60):
            await self._tell(action, tool, copy.host, trio.Event(), **arguments)

    async def _tell(self, action: Action, tool: str, host: Host, ended: trio.Event, **arguments: Any) -> None:
        answer = await host.call(tool, **arguments)
        if ended.is_set():
            return  # its host does not read it any more
        self.told.append(Told(now(), action, answer))
        what = answer.get("status", ""), answer.get("request_id", "")[:4], answer["summary"][:100]
        self.log.append(f"{now() - EPOCH:8.1f}      told {' '.join(what)}")

    async def _copy(self, number: int) -> Copy:
        if number not in self._open:
            self._open[number] = await self._servers.start(self._serve)
        return self._open[number]

    async def _serve(self, task_status: trio.TaskStatus[Copy]) -> None:
        stop, stopped = trio.Event(), trio.Event()
        async with process(self._world) as (server, host), trio.open_nursery() as calls:
            task_status.started(Copy(server, host, calls, stop, stopped))
            await stop.wait()
            calls.cancel_scope.cancel()
        stopped.set()

    async def _stop(self, number: int, *, kill: bool = False) -> None:
        if number in self._open:
            copy = self._open.pop(number)
            if kill:
                copy.process.kill()
            copy.stop.set()
            await copy.stopped.wait()

    def paid_too_often(self) -> list[Job]:
        """Jobs that were made although the same call had made one within the hour, and no other take was asked for."""
        return [
            job
            for number, job in enumerate(self.sim.jobs)
            if sum(
                job.created_at - other.created_at <= REUSE and job.payload == other.payload
                for other in self.sim.jobs[:number]
            )
            > self.takes.count(job.payload["prompt"])
        ]


def live(
    behavior: Behavior, script: Script, actions: list[Action], *, copies: int = 1, shared_ledger: bool = True
) -> Life:
    """Live a history to its end, then find out what the caller can still reach: `told` ends with a list of everything.

    Args:
        behavior: the queue's.
        script: how each job runs.
        actions: what happens.
        copies: how many servers there are.
        shared_ledger: the servers have a ledger in a file; else each keeps its own in memory.
    """

    async def whole(ledger: str) -> Life:
        random.seed(1)  # the jitter of retries
        sim = Simulator(api_key=KEY, clock=now, seed=1, behavior=behavior, scripts={"*": script})
        # If everybody waits for nothing, the clock jumps to this and the history fails instead of hanging.
        with trio.fail_after(FOREVER):
            return await to_its_end(sim, ledger)

    async def to_its_end(sim: Simulator, ledger: str) -> Life:
        async with Life(sim, ledger, copies).lived() as life:
            for action in actions:
                await life.act(action)
            await life.act(Heal())
            sim.behave(list_limit=None)
            await life.act(Pass(behavior.list_lag + SETTLING))
            for prompt in {action.prompt: 0 for action in actions if isinstance(action, Call)}:
                await life.act(Call(prompt, 130.57, wait=False))
            await life.act(Pass(behavior.list_lag))
            await life.act(Listing())
        return life

    if not shared_ledger:
        return in_virtual_time(partial(whole, "none"))
    with TemporaryDirectory() as folder:
        return in_virtual_time(partial(whole, f"sqlite://{Path(folder) / 'ledger.sqlite3'}"))

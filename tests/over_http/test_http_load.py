"""200 clients of 10 accounts at one copy of the server, or at three, while the queue fails."""

import random
import socket
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from gmi_video.http.run import Server
from gmi_video.simulator import Simulator
from gmi_video.simulator.app import create_app
from gmi_video.simulator.faults import Fault
from tests.conftest import ERAS, Host
from tests.full import in_full

from .proxies import NEEDS_NGINX, fleet
from .servers import Process, Served, simulator

pytestmark = [pytest.mark.anyio, pytest.mark.slow, in_full]

CLIENTS, CALLS, ACCOUNTS = 200, 20, 10

PARTS = (0, 1, 2, 2, 2)
"""The calls are made in parts. One that comes again asks for the same videos, which are there."""

SUBMIT_FAULTS: tuple[Fault, ...] = (
    "502_html_after", "500_after", "dropped_after", "truncated_json", "empty_200", "503", "503_after",
)  # fmt: skip
"""Those after which the list tells whether there is a job. A submit that never arrived stays unknown for 15 min."""
LOOK_FAULTS: tuple[Fault, ...] = ("503", "dropped_before", "502_html", "not_json", "500", "truncated_json", "429")


@dataclass
class Told:
    """What the callers of one account were told."""

    jobs: set[str] = field(default_factory=set[str])
    calls: Counter[str] = field(default_factory=Counter[str])
    errors: Counter[str] = field(default_factory=Counter[str])
    videos: dict[str, str] = field(default_factory=dict[str, str])


@asynccontextmanager
async def queue(sims: Mapping[str, Simulator]) -> AsyncGenerator[str]:
    """All accounts behind one address: which one it is the key decides. Yields GMI_BASE_URL."""
    apps = {key: create_app(sim) for key, sim in sims.items()}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        key = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("Bearer ")
        await apps[key](scope, receive, send)

    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        for sim in sims.values():
            sim.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(app, lifespan="off", log_level="critical", access_log=False, date_header=False)
        front = Server(config)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(front.serve, [listener])
            yield next(iter(sims.values())).api_url
            front.should_exit = True


def fails_often(sim: Simulator, rng: random.Random, calls: int) -> None:
    """About every fifth submit and every tenth look fails, each in a way drawn by chance."""
    for _ in range(calls // 5):
        sim.fail("submit", rng.choice(SUBMIT_FAULTS), after=rng.randrange(3, 8))
        for endpoint in ("get", "list", "model"):
            sim.fail(endpoint, rng.choice(LOOK_FAULTS), after=rng.randrange(6, 14))


async def video(host: Host, told: Told, prompt: str) -> None:
    """Ask for a video as an assistant does: again as long as there is an error, and wait until it is done."""
    while (answer := await call(host, told, "generate_video", prompt=prompt)).get("request_id") is None:  # noqa: ASYNC110 - an assistant tries again
        await anyio.sleep(0.5)
    job = answer["request_id"]
    while not answer.get("is_final"):
        answer = await call(host, told, "get_status", request_id=job, wait=True)
    assert answer["status"] == "success", answer
    assert told.videos.setdefault(prompt, job) == job, "one job for one video"


async def call(host: Host, told: Told, tool: str, **arguments: Any) -> dict[str, Any]:
    answer = await host.call(tool, **arguments)
    told.calls[tool] += 1
    if host.results[-1].is_error:
        told.errors[answer["error"]["message"].partition(" (")[0][:60]] += 1
        assert "fault of its own" not in str(answer)
    for found in [answer, *answer.get("requests", [])]:
        if found.get("request_id"):
            told.jobs.add(found["request_id"])
    return answer


async def client(server: Served, era: str, key: str, told: Told, *, number: int, calls: int) -> None:
    async with server.host(era, key=key) as host:
        for at in range(calls):
            what = (number + at) % 5
            if what == 0:
                await video(host, told, f"video {number} of {at}")
            elif what == 1:
                await video(host, told, f"a video that others want too, {at % 10}")
            elif what == 2:
                await call(host, told, "list_requests", limit=5)
            elif what == 3:
                await call(host, told, "list_models", model="Luma-Ray2")
            elif told.jobs:
                await call(host, told, "get_status", request_id=max(told.jobs))
            host.results.clear()


def resident(processes: list[Process]) -> float:
    """MB, of the one that has most."""
    each = [Path(f"/proc/{process.pid}/status").read_text(encoding="ascii") for process in processes]
    return max(int(status.partition("VmRSS:")[2].split()[0]) for status in each) / 1024


@asynccontextmanager
async def serving(copies: int, folder: Path, **environment: str) -> AsyncGenerator[tuple[Served, list[Process]]]:
    """One copy, or three behind nginx; stopped by a signal at the end."""
    async with AsyncExitStack() as stack:
        if copies == 1:
            processes = [Process(log=folder / "log", **environment)]
            server = await processes[0].up()
        else:
            three = await stack.enter_async_context(fleet(folder, **environment))
            server, processes = three.proxy, three.copies
        yield server, processes
        for process in processes:
            process.signal()
        for process in processes:
            assert await process.ended() == 0


@pytest.mark.parametrize("copies", [1, pytest.param(3, marks=NEEDS_NGINX)])
async def test_no_job_is_lost_or_double_nothing_fails_by_us_and_memory_stays(
    tmp_path: Path, request: pytest.FixtureRequest, copies: int
) -> None:
    rng = random.Random(13)
    sims = {
        f"key-of-account-{number:04}": simulator(f"key-of-account-{number:04}", takes=1, seed=number)
        for number in range(ACCOUNTS)
    }
    told = {key: Told() for key in sims}
    memory: list[float] = []
    environment = {"GMI_MAX_REQUESTS_PER_SECOND": "50", "GMI_MAX_WAIT_SECONDS": "20"}
    if copies > 1:
        postgres = request.getfixturevalue("postgres")
        environment["GMI_LEDGER_URL"] = postgres.url(postgres.new_database())
    async with (
        queue(sims) as url,
        serving(copies, tmp_path, **environment, GMI_BASE_URL=url) as (server, processes),
    ):
        for part in PARTS:
            for sim in sims.values():
                fails_often(sim, rng, CLIENTS * CALLS // ACCOUNTS // len(PARTS))
            async with anyio.create_task_group() as tasks:
                for number in range(CLIENTS):
                    key = f"key-of-account-{number % ACCOUNTS:04}"
                    era = ERAS[number // ACCOUNTS % 2]
                    turn = partial(client, number=number + part * CLIENTS, calls=CALLS // len(PARTS))
                    tasks.start_soon(turn, server, era, key, told[key])
            memory.append(resident(processes))
    for key, sim in sims.items():
        made = [job.request_id for job in sim.jobs]
        assert set(made) <= told[key].jobs, "each job was told to a caller"
        assert told[key].jobs <= set(made), "and none of another account"
        prompts = Counter(job.payload["prompt"] for job in sim.jobs)
        assert set(prompts) == set(told[key].videos)
        assert max(prompts.values()) == 1, "no video was paid twice"
    assert not any("Traceback" in process.log for process in processes)
    print("resident after each part:", [f"{mb:.0f} MB" for mb in memory])  # noqa: T201 - shown with -s
    print("calls:", sum((each.calls for each in told.values()), Counter[str]()))  # noqa: T201
    print("errors:", sum((each.errors for each in told.values()), Counter[str]()))  # noqa: T201
    print("jobs:", sum(len(sim.jobs) for sim in sims.values()), "calls:", sum(len(sim.calls) for sim in sims.values()))  # noqa: T201
    # What is known of a job is remembered, up to a bound. The last parts make none, so what they leave would grow on.
    assert memory[-1] < memory[PARTS.index(PARTS[-1])] + 3

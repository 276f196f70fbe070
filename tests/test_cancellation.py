"""Cancelled calls: no wait outlives its caller, no job is affected, and every job is found again.

The client in memory speaks as over stdio, in virtual time. HTTP and the real process run in real time. The server on
HTTP is made to poll several times a second, the real process polls once a second: where the queue is not called for as
long as several polls would take, no call waits any more.
"""

import json
import os
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anyio
import httpx
import pytest
import uvicorn
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import Implementation

from gmi_video.jobs import schedule
from gmi_video.mcp.app import create_server
from gmi_video.settings import Settings
from gmi_video.simulator import Script, SimulatedTransport, Simulator
from gmi_video.simulator.serve import running

from .conftest import ERAS, KEY, World
from .full import in_full

pytestmark = pytest.mark.anyio

CLIENT = {"name": "mcp", "version": "1"}
SECONDS = 20
"""The limit of every wait in real time (seconds), far above what any of them takes."""

ON_HTTP, OF_A_PROCESS = 0.05, 0.125
"""A twentieth of the time without a call that shows that no more polls come (seconds)."""


# -- in memory, under virtual time -------------------------------------------------------------------------------


async def found_again(world: World, era: str) -> None:
    """The one job, by get_status and by the same call, on a server that has never heard of it."""
    (job,) = world.sim.jobs
    async with world.host(era=era) as host:
        assert (await host.call_ok("get_status", request_id=job.request_id))["status"] == "processing"
        again = await host.call_ok("generate_video", prompt="a fox", wait=False)
    assert (again["request_id"], again["reused"]) == (job.request_id, True)
    assert len(world.sim.jobs) == 1


async def quiet_from_now_on(world: World) -> None:
    asked = len(world.sim.calls)
    await anyio.sleep(600)
    assert len(world.sim.calls) == asked


async def test_a_call_that_is_cancelled_stops_the_polling_at_once(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(3000))
    async with world.host(era=era) as host:
        with anyio.move_on_after(60):
            await host.call("generate_video", prompt="a fox")
        assert world.count("get") > 3
        await quiet_from_now_on(world)
    await found_again(world, era)


async def test_a_get_status_that_is_cancelled_stops_the_polling_at_once(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(3000))
    async with world.host(era=era) as host:
        answer = await host.call_ok("generate_video", prompt="a fox", wait=False)
        with anyio.move_on_after(60):
            await host.call("get_status", request_id=answer["request_id"], wait=True)
        await quiet_from_now_on(world)
    await found_again(world, era)


async def test_a_client_that_disconnects_stops_the_polling_at_once(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(3000))
    async with world.host(era=era) as host, anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: host.call("generate_video", prompt="a fox"))
        await anyio.sleep(60)
        tasks.cancel_scope.cancel()
    await quiet_from_now_on(world)
    await found_again(world, era)


async def test_a_call_that_is_cancelled_during_its_submit_makes_one_job(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(3000))
    world.sim.behave(latency=4)
    async with world.host(era=era) as host:
        with anyio.move_on_after(6):  # the list has been answered, the submit is on its way
            await host.call("generate_video", prompt="a fox")
        await anyio.sleep(10)
        world.sim.behave(latency=0)
        assert len(world.sim.jobs) == 1
        await quiet_from_now_on(world)
    await found_again(world, era)


async def test_one_of_two_waiting_calls_may_be_cancelled(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(300))
    ended: list[str] = []
    async with world.host(era=era) as host, anyio.create_task_group() as tasks:

        async def stay() -> None:
            ended.append((await host.call_ok("generate_video", prompt="a fox"))["status"])

        tasks.start_soon(stay)
        with anyio.move_on_after(60):
            await host.call("generate_video", prompt="a fox")
    assert ended == ["success"]
    assert len(world.sim.jobs) == 1


# -- in real time ------------------------------------------------------------------------------------------------


@pytest.fixture
def cloud() -> Simulator:
    """A simulator whose jobs don't end, and whose history makes the server poll as often as it may."""
    sim = Simulator(api_key=KEY, seed=1)
    sim.script("Luma-Ray2", Script(((0, "processing"),)))
    payload = {"prompt": "an owl", "resolution": "720p", "duration": "5s", "aspect_ratio": "16:9", "loop": False}
    for _ in range(5):
        sim.add_history("Luma-Ray2", payload=payload, created_at=time.time() - 900, took_seconds=1)
    return sim


class _Uvicorn(uvicorn.Server):
    """Leaves the signals to pytest."""

    @contextmanager
    def capture_signals(self) -> Any:
        yield


class Http:
    """Our server on a port, and a client that speaks to it by hand: what it does with its streams is the point."""

    def __init__(self, cloud: Simulator, client: httpx.AsyncClient, uvicorn_server: uvicorn.Server) -> None:
        self.cloud = cloud
        self.client = client
        self._uvicorn = uvicorn_server
        self._session: dict[str, str] = {}

    async def open(self, era: str) -> None:
        """Begin as the era has it."""
        self._modern, self._session = era != "legacy", {}
        if self._modern:
            return
        asked = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": CLIENT}
        begun = await self.post({"id": 0, "method": "initialize", "params": asked})
        self._session = {"mcp-session-id": begun.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
        await self.post({"method": "notifications/initialized"})

    def request(self, message: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a POST with this message."""
        headers = {"accept": "application/json, text/event-stream"} | self._session
        params = message.get("params", {})
        if self._modern:
            envelope = {
                "io.modelcontextprotocol/protocolVersion": ERAS[1],
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": CLIENT,
            }
            headers |= {"mcp-protocol-version": ERAS[1], "mcp-method": message["method"]}
            headers |= {"mcp-name": params["name"]} if "name" in params else {}
            params = params | {"_meta": envelope | params.get("_meta", {})}
        return {"headers": headers, "json": {"jsonrpc": "2.0"} | message | {"params": params}}

    async def post(self, message: dict[str, Any]) -> httpx.Response:
        return await self.client.post("/mcp", **self.request(message))

    async def delete(self) -> None:
        await self.client.delete("/mcp", headers=self._session)

    @asynccontextmanager
    async def waiting(self) -> AsyncGenerator[httpx.Response]:
        """An open generate_video call, for whose job the queue has been asked twice."""
        arguments = {"name": "generate_video", "arguments": {"prompt": "a fox"}, "_meta": {"progressToken": 1}}
        call = self.request({"id": 1, "method": "tools/call", "params": arguments})
        async with self.client.stream("POST", "/mcp", **call) as response:
            await until(lambda: self.asked() >= 2)
            yield response

    async def result(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The answer of a call."""
        answer = await self.post({"id": 2, "method": "tools/call", "params": {"name": tool, "arguments": arguments}})
        return answer_in(answer.text)

    def asked(self) -> int:
        return sum(call.endpoint == "get" for call in self.cloud.calls)

    def stop(self) -> None:
        self._uvicorn.should_exit = True


def answer_in(body: str) -> dict[str, Any]:
    """The structured answer in a body that is JSON or a stream of events."""
    lines = [line.removeprefix("data:").strip() for line in body.splitlines()]
    results = [json.loads(line) for line in lines if line.startswith("{") and '"result"' in line]
    return results[-1]["result"]["structuredContent"]


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(SECONDS):
        while not condition():  # noqa: ASYNC110 - another process or port has no event to wait for
            await anyio.sleep(0.05)


@asynccontextmanager
async def over_http(cloud: Simulator, **environment: str) -> AsyncGenerator[Http]:
    """The server on a free port of this machine."""
    environment |= {"GMI_API_KEY": KEY, "GMI_BASE_URL": cloud.api_url, "GMI_MAX_REQUESTS_PER_SECOND": "100"}
    settings = Settings.from_environment(environment)
    app = create_server(settings, transport=SimulatedTransport(cloud)).streamable_http_app()
    server = _Uvicorn(uvicorn.Config(app, port=0, log_level="critical", timeout_graceful_shutdown=1))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve)
        await until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            yield Http(cloud, client, server)
        server.should_exit = True


@pytest.fixture
def polls_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes servers of this process poll so often that it is soon seen when they don't."""
    monkeypatch.setattr(schedule, "MIN_PAUSE", 0.05)
    monkeypatch.setattr(schedule, "looks", schedule.looks.__wrapped__)  # not as they were before


async def no_call_waits(cloud: Simulator, turn: float = ON_HTTP) -> None:
    """Wait until the queue is not called any more. Time is counted in turns, so that a stall of the machine is one."""
    quiet = asked = 0
    with anyio.fail_after(SECONDS):
        while quiet < 20:
            await anyio.sleep(turn)
            quiet = quiet + 1 if len(cloud.calls) == asked else 0
            asked = len(cloud.calls)


Leave = Callable[[Http, httpx.Response], Awaitable[None]]


async def _closes_the_stream(_http: Http, response: httpx.Response) -> None:
    await response.aclose()


async def _says_cancelled(http: Http, _response: httpx.Response) -> None:
    await http.post({"method": "notifications/cancelled", "params": {"requestId": 1}})


async def _ends_its_session(http: Http, _response: httpx.Response) -> None:
    await http.delete()


@pytest.mark.slow
@pytest.mark.usefixtures("polls_often")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize(
    ("era", "leave"),
    [(ERAS[1], _closes_the_stream), (ERAS[0], _says_cancelled), (ERAS[0], _ends_its_session)],
)
async def test_over_http_no_wait_outlives_its_caller(cloud: Simulator, era: str, leave: Leave) -> None:
    async with over_http(cloud) as http:
        await http.open(era)
        async with http.waiting() as response:
            await leave(http, response)
            await no_call_waits(cloud)
        await http.open(era)
        (job,) = cloud.jobs
        assert (await http.result("get_status", request_id=job.request_id))["status"] == "processing"
        again = await http.result("generate_video", prompt="a fox", wait=False)
    assert (again["request_id"], again["reused"]) == (job.request_id, True)
    assert len(cloud.jobs) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("polls_often")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("era", ERAS)
async def test_after_a_server_on_http_is_stopped_no_call_waits(cloud: Simulator, era: str) -> None:
    async with over_http(cloud) as http:
        await http.open(era)
        async with http.waiting():
            http.stop()
            await no_call_waits(cloud)
    assert len(cloud.jobs) == 1


@in_full
@pytest.mark.slow
@pytest.mark.usefixtures("polls_often")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_an_older_clients_closed_stream_lets_the_call_run_to_its_time_limit_and_no_longer(
    cloud: Simulator,
) -> None:
    # The SDK takes a closed stream of the handshake era for a network fault: the client may come back for the rest.
    async with over_http(cloud, GMI_MAX_WAIT_SECONDS="6") as http:
        await http.open(ERAS[0])
        async with http.waiting() as response:
            await response.aclose()
            asked = http.asked()
            await until(lambda: http.asked() > asked)
            await no_call_waits(cloud)
    assert len(cloud.jobs) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("polls_often")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_cancellation_that_a_newer_client_posts_has_no_effect(cloud: Simulator) -> None:
    # The protocol of 2026-07-28 knows one cancellation over HTTP: closing the stream.
    async with over_http(cloud) as http:
        await http.open(ERAS[1])
        async with http.waiting():
            assert (
                await http.post({"method": "notifications/cancelled", "params": {"requestId": 1}})
            ).status_code == 202
            asked = http.asked()
            await until(lambda: http.asked() > asked)
        await no_call_waits(cloud)


@pytest.mark.slow
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("era", ERAS)
async def test_over_stdio_a_cancelled_call_of_the_real_process_stops_the_polling(cloud: Simulator, era: str) -> None:
    async with running(cloud):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GMI_")}
        environment |= {"GMI_API_KEY": KEY, "GMI_BASE_URL": cloud.api_url}
        process = StdioServerParameters(command=sys.executable, args=["-m", "gmi_video"], env=environment)
        async with Client(
            stdio_client(process), mode=era, client_info=Implementation(name="mcp", version="1")
        ) as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.call_tool, "generate_video", {"prompt": "a fox"})
                await until(lambda: sum(call.endpoint == "get" for call in cloud.calls) >= 2)
                tasks.cancel_scope.cancel()
            await no_call_waits(cloud, OF_A_PROCESS)
            (job,) = cloud.jobs
            again = await client.call_tool("generate_video", {"prompt": "a fox", "wait": False})
    assert again.structured_content is not None
    assert (again.structured_content["request_id"], again.structured_content["reused"]) == (job.request_id, True)
    assert len(cloud.jobs) == 1

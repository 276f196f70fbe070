"""Over HTTP, in both eras: what works over stdio works there, also where a caller or the server breaks off."""

from typing import Any

import anyio
import pytest

from gmi_video.simulator import Script
from tests.conftest import ERAS

from .servers import SECONDS, Served, message, served, simulator

pytestmark = pytest.mark.anyio


async def until(condition: Any) -> None:
    with anyio.fail_after(SECONDS):
        while not condition():  # noqa: ASYNC110 - another task has no event to wait for
            await anyio.sleep(0.01)


async def test_all_four_tools_and_progress(era: str) -> None:
    sim = simulator()
    async with served(sim) as server, server.host(era) as host:
        assert len((await host.client.list_tools()).tools) == 4
        made = await host.call_ok("generate_video", prompt="a red fox")
        assert made["status"] == "success"
        assert host.progress[0][2] == f"request {made['request_id']}: queued"
        values = [value for value, _, _ in host.progress]
        assert values == sorted(set(values)), "each value is above the last"
        assert (await host.call_ok("get_status", request_id=made["request_id"]))["video_url"] == made["video_url"]
        assert (await host.call_ok("list_requests"))["total"] == 1
        assert "Luma-Ray2" in str(await host.call_ok("list_models"))
        refused = await host.call_error("generate_video", prompt="a fox", durationSeconds=5)
        assert "duration" in refused["error"]["message"]
    assert len(sim.jobs) == 1


async def test_resources_templates_prompts_and_completion(era: str) -> None:
    async with served(simulator()) as server, server.host(era) as host:
        made = await host.call_ok("generate_video", prompt="a red fox")
        (listed,) = (await host.client.list_resources()).resources
        assert listed.name == made["request_id"]
        read = await host.client.read_resource(listed.uri)
        assert made["video_url"] in str(read.contents[0])
        assert len((await host.client.list_resource_templates()).resource_templates) >= 2
        assert (await host.client.list_prompts()).prompts


async def test_a_caller_who_comes_back_after_a_break_gets_the_same_job(era: str) -> None:
    sim = simulator(takes=SECONDS)
    async with served(sim) as server:
        async with server.host(era) as host, anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: host.call("generate_video", prompt="a fox"))
            await until(lambda: sim.jobs)
            tasks.cancel_scope.cancel()
        async with server.host(era) as host:
            again = await host.call_ok("generate_video", prompt="a fox", wait=False)
    (job,) = sim.jobs
    assert (again["request_id"], again["reused"]) == (job.request_id, True)


async def test_a_call_that_is_cancelled_during_its_submit_makes_one_job(era: str) -> None:
    sim = simulator(takes=SECONDS)
    async with served(sim) as server:
        pause = sim.pause_at("submit:received")
        async with server.host(era) as host, anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: host.call("generate_video", prompt="a fox"))
            await pause.reached()
            tasks.cancel_scope.cancel()
        pause.release()
        await until(lambda: sim.jobs)
        async with server.host(era) as host:
            again = await host.call_ok("generate_video", prompt="a fox", wait=False)
    (job,) = sim.jobs
    assert (again["request_id"], again["reused"]) == (job.request_id, True)


@pytest.mark.parametrize("path", ["", "/", "/other", "/mcp/", "/.well-known/oauth-protected-resource", "/metrics"])
async def test_there_is_nothing_at_another_path(path: str) -> None:
    async with served(simulator()) as server, server.client() as client:
        assert (await client.post(path, **message(ERAS[1], "tools/list"))).status_code == 404


async def test_a_session_that_has_ended_is_told_as_that_so_that_its_client_begins_another() -> None:
    async with served(simulator()) as server, server.client() as client:
        session = await _begin(client)
        listing: dict[str, Any] = message(ERAS[0], "tools/list")
        listing["headers"] |= session
        assert (await client.post("/mcp", **listing)).status_code == 200
        assert (await client.delete("/mcp", headers=session)).status_code == 200
        assert (await client.post("/mcp", **listing)).status_code == 404


async def _begin(client: Any) -> dict[str, str]:
    asked = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "by-hand", "version": "1"}}
    begun = await client.post("/mcp", **message(ERAS[0], "initialize", **asked))
    return {"mcp-session-id": begun.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}


# -- the end of the server -----------------------------------------------------------------------------------------


async def test_a_wait_that_is_open_when_the_server_stops_is_answered_with_what_is_known(era: str) -> None:
    sim = simulator()
    sim.script("Luma-Ray2", Script.stuck())
    async with served(sim) as server:
        answers: list[dict[str, Any]] = []

        async def wait(host: Any) -> None:
            answers.append(await host.call_ok("generate_video", prompt="a fox"))
            answered.set()

        answered = anyio.Event()
        async with anyio.create_task_group() as tasks, server.host(era) as host:
            await host.client.list_tools()  # the client checks the answer by them, and would ask a stopping server
            tasks.start_soon(wait, host)
            await until(lambda: any("queued, " in str(said) for _, _, said in host.progress))
            server.stop()
            await answered.wait()
    (answer,), (job,) = answers, sim.jobs
    assert (answer["request_id"], answer["status"], answer["is_final"]) == (job.request_id, "queued", False)
    assert "get_status" in answer["next_step"]


async def _stopped_in_time(server: Served) -> None:
    with anyio.fail_after(SECONDS):
        server.stop()
        while True:
            try:
                await (await anyio.connect_tcp("127.0.0.1", server.port)).aclose()
            except OSError:
                return
            await anyio.sleep(0.02)


async def test_a_submit_that_is_under_way_when_the_server_stops_is_found_by_the_next_one(era: str) -> None:
    sim = simulator(takes=SECONDS)
    async with anyio.create_task_group() as callers:
        async with served(sim) as server:
            pause = sim.pause_at("submit:made")

            async def call() -> None:
                with pytest.raises(Exception):  # noqa: B017, PT011 - the stream ends, in each era in another way
                    async with server.host(era) as host:
                        await host.call("generate_video", prompt="a fox")

            callers.start_soon(call)
            await pause.reached()
            await _stopped_in_time(server)
        pause.release()
        callers.cancel_scope.cancel()
    async with served(sim) as server, server.host(era) as host:
        again = await host.call_ok("generate_video", prompt="a fox", wait=False)
    (job,) = sim.jobs
    assert again["request_id"] == job.request_id

"""An exception that nobody expected, in whatever runs in the background: it is logged, and the server lives on."""

from typing import Any

import anyio
import httpx
import pytest
from mcp_types import EmptyResult, SubscribeRequest, SubscribeRequestParams

from gmi_video.jobs.ledger.owners import RENEW_SECONDS
from gmi_video.mcp.app import create_server
from gmi_video.mcp.results import OUTCOME_URI
from gmi_video.mcp.sdk import StrictServer
from gmi_video.settings import Settings
from gmi_video.simulator import Script, SimulatedTransport

from .conftest import World, now

pytestmark = pytest.mark.anyio


class Breaking(SimulatedTransport):
    """The simulator behind a transport that raises what no transport should raise, from the moment that `on` is set."""

    on = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.on:
            raise ZeroDivisionError("a broken proxy setting")
        return await super().handle_async_request(request)


def breaking(world: World, **environment: str) -> tuple[Breaking, StrictServer]:
    line = Breaking(world.sim)
    return line, create_server(Settings.from_environment(world.environment | environment), transport=line, now=now)


async def test_a_subscription_whose_polls_break_does_not_end_the_server(
    world: World, era: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.sim.script("Luma-Ray2", Script.takes(60))
    line, server = breaking(world)
    async with world.host(server, era=era) as host:
        job = await host.call_ok("generate_video", prompt="a fox", wait=False)
        uri = OUTCOME_URI.format(request_id=job["request_id"])
        line.on = True
        if era == "legacy":
            request = SubscribeRequest(params=SubscribeRequestParams(uri=uri))
            await host.client.session.send_request(request, EmptyResult)
            await anyio.sleep(30)
        else:
            async with host.client.listen(resource_subscriptions=[uri]):
                await anyio.sleep(30)
        line.on = False
        assert (await host.call_ok("get_status", request_id=job["request_id"], wait=True))["status"] == "success"
    assert "ZeroDivisionError" in caplog.text


async def test_a_subscription_that_breaks_after_it_has_begun_does_not_end_the_server(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(60))
    line, server = breaking(world)
    async with world.host(server, era=era) as host:
        job = await host.call_ok("generate_video", prompt="a fox", wait=False)
        uri = OUTCOME_URI.format(request_id=job["request_id"])
        if era == "legacy":
            request = SubscribeRequest(params=SubscribeRequestParams(uri=uri))
            await host.client.session.send_request(request, EmptyResult)
            await anyio.sleep(3)
            line.on = True
            await anyio.sleep(30)
        else:
            async with host.client.listen(resource_subscriptions=[uri]):
                await anyio.sleep(3)
                line.on = True
                await anyio.sleep(30)
        line.on = False
        assert (await host.call_ok("get_status", request_id=job["request_id"], wait=True))["status"] == "success"


async def test_who_waits_for_a_job_whose_polls_break_is_told(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(600))
    line, server = breaking(world)
    async with world.host(server, era=era) as host:
        job = await host.call_ok("generate_video", prompt="a fox", wait=False)
        answers: list[dict[str, Any]] = []
        with anyio.fail_after(120):
            async with anyio.create_task_group() as tasks:

                async def wait() -> None:
                    answers.append(await host.call_ok("get_status", request_id=job["request_id"], wait=True))

                tasks.start_soon(wait)
                tasks.start_soon(wait)
                await anyio.sleep(5)
                line.on = True
        line.on = False
        await host.call_ok("list_requests")
    assert len(answers) == 2
    for answer in answers:
        assert "ZeroDivisionError" in answer["error"]["message"]
        assert answer["next_step"]


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("list_models", {}),
        ("list_requests", {}),
        ("get_status", {"request_id": "a-request"}),
        ("generate_video", {"prompt": "a fox"}),
    ],
)
async def test_a_call_that_breaks_is_answered_and_the_next_one_works(
    world: World, era: str, tool: str, arguments: dict[str, str]
) -> None:
    line, server = breaking(world)
    async with world.host(server, era=era) as host:
        line.on = True
        answer = await host.call_error(tool, **arguments)
        assert "ZeroDivisionError" in answer["error"]["message"]
        line.on = False
        await host.call_ok("generate_video", prompt="a fox")
    assert len(world.sim.jobs) == 1


async def test_a_submit_goes_on_where_the_renewal_of_its_intent_breaks(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    broken = False

    def clock() -> float:
        if broken:
            raise ZeroDivisionError
        return now()

    settings = Settings.from_environment(world.environment)
    server = create_server(settings, transport=SimulatedTransport(world.sim), now=clock)
    async with world.host(server) as host, anyio.create_task_group() as tasks:
        with world.sim.pause_at("submit:received") as submit:

            async def call() -> None:
                await host.call_ok("generate_video", prompt="a fox", wait=False)

            tasks.start_soon(call)
            await submit.reached()
            broken = True
            await anyio.sleep(RENEW_SECONDS + 1)
            broken = False
    assert len(world.sim.jobs) == 1
    assert "ZeroDivisionError" in caplog.text

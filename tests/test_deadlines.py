"""A queue that drips, a user who never answers, and thousands of calls at once: every request is answered in time."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client, MCPError
from mcp_types import ElicitRequestParams, ElicitResult, ReadResourceResult, ResourceTemplateReference

from gmi_video.mcp.app import create_server
from gmi_video.mcp.consent import QUESTION_SECONDS
from gmi_video.mcp.deadlines import MIN_CALL_SECONDS
from gmi_video.mcp.results import MODEL_URI, OUTCOME_URI
from gmi_video.mcp.sdk import StrictServer
from gmi_video.settings import Settings
from gmi_video.simulator import Script, SimulatedTransport

from .conftest import ERAS, Host, World, answer_of, now
from .full import in_full
from .reliability import ABANDONED_BODIES
from .test_tasks import DeclaresTasks
from .test_tasks import ask as ask_task

pytestmark = [pytest.mark.anyio, *ABANDONED_BODIES]

ID = "00000000-0000-4000-8000-000000000000"


class Drip(httpx.AsyncByteStream):
    """A body of which a byte arrives every few seconds."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for byte in self._body:
            await anyio.sleep(4)
            yield bytes([byte])


class Dripping(SimulatedTransport):
    """The simulator behind a line on which every response drips, from the moment that `on` is set."""

    on = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        if not self.on:
            return response
        return httpx.Response(response.status_code, headers=response.headers, stream=Drip(await response.aread()))


def dripping(world: World, **environment: str) -> tuple[Dripping, StrictServer]:
    line = Dripping(world.sim)
    settings = Settings.from_environment(world.environment | {"GMI_MAX_WAIT_SECONDS": "10"} | environment)
    return line, create_server(settings, transport=line, now=now)


CALLS: list[tuple[str, dict[str, Any]]] = [
    ("get_status", {"request_id": ID}),
    ("get_status", {"request_id": ID, "wait": True}),
    ("list_requests", {}),
    ("list_models", {}),
    ("list_models", {"model": "Veo3"}),
    ("generate_video", {"prompt": "a fox", "model": "Veo3"}),
    ("generate_video", {"prompt": "a fox", "dry_run": True, "model": "Veo3"}),
]


@pytest.mark.parametrize(("tool", "arguments"), CALLS)
async def test_a_tool_on_a_queue_that_drips_says_so_within_the_hosts_ceiling(
    world: World, era: str, tool: str, arguments: dict[str, Any]
) -> None:
    line, server = dripping(world)
    async with world.host(server, era=era) as host:
        line.on = True
        with anyio.fail_after(10.01):
            answer = await host.call_error(tool, **arguments)
    assert "10 s" in answer["error"]["message"]
    assert answer["error"]["charged"] == "no"
    assert world.sim.jobs == []


@pytest.mark.parametrize("threshold", ["0.1", ""])
async def test_a_submit_on_a_queue_that_drips_is_answered_within_the_hosts_ceiling(
    world: World, era: str, threshold: str
) -> None:
    line, server = dripping(world, GMI_CONFIRM_ABOVE_USD=threshold)
    async with world.host(server, era=era) as host:
        line.on = True
        with anyio.fail_after(10.01):
            answer = await host.call("generate_video", prompt="a fox")
    assert answer["next_step"].startswith("Make the same call again")


async def test_a_wait_on_a_queue_that_begins_to_drip_ends_within_the_hosts_ceiling(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(600))
    line, server = dripping(world)
    async with world.host(server, era=era) as host:
        job = await host.call_ok("generate_video", prompt="a fox", wait=False)
        line.on = True
        with anyio.fail_after(10.01):
            answer = await host.call_ok("generate_video", prompt="a fox")
    assert answer.get("request_id", job["request_id"]) == job["request_id"]
    assert len(world.sim.jobs) == 1


Ask = Callable[[Client], Awaitable[Any]]


async def read_outcome(client: Client) -> ReadResourceResult:
    return await client.read_resource(OUTCOME_URI.format(request_id=ID))


async def read_model(client: Client) -> ReadResourceResult:
    return await client.read_resource(MODEL_URI.format(model_id="Veo3"))


@pytest.mark.parametrize("ask", [read_outcome, read_model])
async def test_a_resource_of_a_queue_that_drips_is_refused_in_words_within_the_hosts_ceiling(
    world: World, era: str, ask: Ask
) -> None:
    line, server = dripping(world)
    async with world.host(server, era=era) as host:
        line.on = True
        with anyio.fail_after(10.01), pytest.raises(MCPError, match="10 s"):
            await ask(host.client)


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
async def test_a_task_of_a_queue_that_drips_is_refused_in_words_within_the_hosts_ceiling(
    world: World, method: str
) -> None:
    line, server = dripping(world)
    async with world.host(server, options={"extensions": [DeclaresTasks()]}) as host:
        line.on = True
        with anyio.fail_after(10.01), pytest.raises(MCPError, match="10 s"):
            await ask_task(host, method, ID)


async def test_lists_of_a_queue_that_drips_are_empty_within_the_hosts_ceiling(world: World, era: str) -> None:
    line, server = dripping(world)
    async with world.host(server, era=era) as host:
        line.on = True
        with anyio.fail_after(10.01):
            assert (await host.client.list_resources()).resources == []
        for uri, name in ((OUTCOME_URI, "request_id"), (MODEL_URI, "model_id")):
            with anyio.fail_after(10.01):
                found = await host.client.complete(ResourceTemplateReference(uri=uri), {"name": name, "value": "v"})
            assert found.completion.values == []


async def test_a_subscription_to_a_queue_that_drips_is_answered_at_once(world: World) -> None:
    line, server = dripping(world)
    async with world.host(server) as host:
        line.on = True
        with anyio.fail_after(1):
            async with host.client.listen(resource_subscriptions=[OUTCOME_URI.format(request_id=ID)]):
                pass


async def test_a_limit_below_the_least_that_a_call_needs_counts_as_that(world: World) -> None:
    line, server = dripping(world, GMI_MAX_WAIT_SECONDS="1")
    async with world.host(server) as host:
        line.on = True
        began = now()
        await host.call_error("list_requests")
    assert now() - began == pytest.approx(MIN_CALL_SECONDS)


# -- a question that is not answered -----------------------------------------------------------------------------


class SlowUser:
    """Says yes to every question, after so many seconds; `asked` says when each was asked."""

    def __init__(self, seconds: float) -> None:
        self.asked: list[float] = []
        self.seconds = seconds

    async def __call__(self, context: Any, params: ElicitRequestParams) -> ElicitResult:  # noqa: ARG002 - the SDK passes it by name
        self.asked.append(now())
        await anyio.sleep(self.seconds)
        return ElicitResult(action="accept", content={"go_ahead": True})


@pytest.mark.parametrize("seconds", [QUESTION_SECONDS + 1, 24 * 3600])
async def test_a_yes_that_comes_too_late_pays_nothing(world: World, era: str, seconds: float) -> None:
    user = SlowUser(seconds)
    async with world.host(era=era, options={"elicitation_callback": user}, GMI_CONFIRM_ABOVE_USD="0.1") as host:
        began = now()
        refused = await host.call_error("generate_video", prompt="a fox")
        took = now() - began
        await anyio.sleep(2 * seconds)
    assert f"was not answered within {QUESTION_SECONDS / 60:g} min" in refused["summary"]
    assert refused["error"]["charged"] == "no"
    # In the later era the call has ended with the question, and it is the client that waits for its user.
    assert took == pytest.approx(QUESTION_SECONDS if era == "legacy" else seconds, abs=5)
    assert world.sim.jobs == []
    assert world.count("submit") == 0


async def test_after_a_late_yes_the_same_call_asks_again_and_a_yes_in_time_pays_once(world: World, era: str) -> None:
    user = SlowUser(QUESTION_SECONDS + 1)
    async with world.host(era=era, options={"elicitation_callback": user}, GMI_CONFIRM_ABOVE_USD="0.1") as host:
        await host.call_error("generate_video", prompt="a fox")
        user.seconds = QUESTION_SECONDS - 10
        await host.call_ok("generate_video", prompt="a fox")
    assert len(user.asked) == 2
    assert len(world.sim.jobs) == 1


# -- thousands of calls at once ----------------------------------------------------------------------------------


async def at_once(host: Host, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers of get_status calls that are made in the same moment."""
    answers: list[dict[str, Any]] = []

    async def call(arguments: dict[str, Any]) -> None:
        result = await host.client.call_tool("get_status", arguments)
        answers.append(answer_of(result))

    async with anyio.create_task_group() as tasks:
        for arguments in calls:
            tasks.start_soon(call, arguments)
    return answers


@in_full
@pytest.mark.parametrize("era", ERAS)
async def test_two_thousand_calls_for_one_job_share_one_exchange(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(600))
    async with world.host(era=era, name="claude-ai") as host:
        job = await host.call_ok("generate_video", prompt="a fox", wait=False)
        asked, began = world.count("get"), now()
        answers = await at_once(host, [{"request_id": job["request_id"]}] * 2000)
    assert {answer["request_id"] for answer in answers} == {job["request_id"]}
    assert not any("error" in answer for answer in answers)
    assert world.count("get") - asked <= 5, "a call joins the exchange that is under way"
    assert now() - began < 5


@in_full
@pytest.mark.parametrize("era", ERAS)
async def test_of_two_thousand_calls_for_as_many_jobs_those_that_come_too_late_in_line_are_told_at_once(
    world: World, era: str
) -> None:
    async with world.host(era=era, name="claude-ai") as host:
        began = now()
        told: list[float] = []

        async def call(number: int) -> None:
            result = await host.client.call_tool("get_status", {"request_id": f"no-such-job-{number}"})
            message = answer_of(result)["error"]["message"]
            if "in line" in message:
                told.append(now() - began)
                assert "GMI_MAX_REQUESTS_PER_SECOND" in answer_of(result)["next_step"]
            else:
                assert "has no request" in message

        async with anyio.create_task_group() as tasks:
            for number in range(2000):
                tasks.start_soon(call, number)
    assert 1700 < len(told) < 1800, "five a second for 44 s are answered by the queue"
    assert max(told) < 1
    assert now() - began <= 45


@in_full
async def test_calls_that_nobody_waits_for_any_more_leave_the_line(world: World) -> None:
    async with world.host() as host:
        with anyio.move_on_after(1):
            await at_once(host, [{"request_id": f"no-such-job-{number}"} for number in range(1000)])
        began = now()
        await host.call_error("get_status", request_id="another")
    assert now() - began <= 1, "a window, and not the 200 s that a thousand calls take"

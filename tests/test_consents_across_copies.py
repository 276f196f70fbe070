"""A question about a price that one copy of the server asks and another one gets the answer to."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
import pytest
from mcp_types import CallToolResult, ElicitResult, InputRequiredResult

from gmi_video.mcp.consent import QUESTION_SECONDS
from gmi_video.simulator import Script

from .conftest import Host, World, answer_of

pytestmark = pytest.mark.anyio

MODERN = "2026-07-28"
FOX = {"prompt": "a fox"}
TAKE = {"prompt": "a fox", "allow_duplicate": True}


async def nobody(*_: Any) -> ElicitResult:
    raise AssertionError("these tests answer by hand")


@asynccontextmanager
async def copies(world: World, number: int = 2, *, org: str = "") -> AsyncGenerator[list[Host]]:
    """Hosts of as many copies of the server, with one ledger."""
    async with AsyncExitStack() as stack:
        options = {"elicitation_callback": nobody}
        yield [
            await stack.enter_async_context(
                world.host(era=MODERN, options=options, GMI_CONFIRM_ABOVE_USD="0.1", GMI_ORG_ID=org)
            )
            for _ in range(number)
        ]


async def ask(host: Host, arguments: dict[str, Any]) -> InputRequiredResult:
    """A call that ends with the question."""
    result = await host.client.session.call_tool("generate_video", arguments, allow_input_required=True)
    assert isinstance(result, InputRequiredResult), result
    return result


def text_of(question: InputRequiredResult) -> str:
    (request,) = (question.input_requests or {}).values()
    return getattr(request.params, "message", "")


async def agree(
    host: Host, arguments: dict[str, Any], question: InputRequiredResult
) -> CallToolResult | InputRequiredResult:
    """The same call with the user's yes."""
    yes = ElicitResult(action="accept", content={"go_ahead": True})
    return await host.client.session.call_tool(
        "generate_video",
        arguments,
        input_responses=dict.fromkeys(question.input_requests or {}, yes),
        request_state=question.request_state,
        allow_input_required=True,
    )


async def test_a_question_of_one_copy_is_answered_at_another(world: World) -> None:
    async with copies(world) as (first, second):
        result = await agree(second, FOX, await ask(first, FOX))
    assert isinstance(result, CallToolResult)
    assert not result.is_error
    assert [job.request_id for job in world.sim.jobs] == [answer_of(result)["request_id"]]


async def test_a_yes_that_is_sent_to_every_copy_pays_once(world: World) -> None:
    answers: list[str] = []
    async with copies(world, 3) as hosts, anyio.create_task_group() as calls:
        question = await ask(hosts[0], TAKE)

        async def call(host: Host) -> None:
            result = await agree(host, TAKE, question)
            assert isinstance(result, CallToolResult)
            answers.append(answer_of(result)["request_id"])

        for host in hosts:
            calls.start_soon(call, host)
    (job,) = world.sim.jobs
    assert answers == [job.request_id] * 3


async def test_a_yes_that_has_paid_for_a_take_at_one_copy_is_asked_for_again_at_another(world: World) -> None:
    async with copies(world) as (first, second):
        question = await ask(first, TAKE)
        assert isinstance(await agree(first, TAKE, question), CallToolResult)
        for host in (second, first):
            again = await agree(host, TAKE, question)
            assert isinstance(again, InputRequiredResult)
            assert "It would be payment number 2 for this request." in text_of(again)
        assert len(world.sim.jobs) == 1
        assert isinstance(await agree(first, TAKE, again), CallToolResult)
    assert len(world.sim.jobs) == 2


async def test_a_yes_that_waits_while_another_copy_pays_for_a_take_pays_nothing(world: World) -> None:
    # Its call has seen no payment yet, and gets to the ledger after another one was paid for and answered.
    world.sim.script("Luma-Ray2", Script.takes(1))
    refused: list[dict[str, Any]] = []
    async with copies(world) as (first, second), anyio.create_task_group() as calls:
        question, later = await ask(first, TAKE), await ask(second, TAKE)

        async def call() -> None:
            result = await agree(second, TAKE, later)
            assert isinstance(result, CallToolResult)
            refused.append(answer_of(result))

        with world.sim.pause_at("list:received") as pause:
            calls.start_soon(call)
            await pause.reached()
            assert isinstance(await agree(first, TAKE, question), CallToolResult)
    assert len(world.sim.jobs) == 1
    assert "was used for a payment already" in refused[0]["summary"]
    assert refused[0]["error"]["charged"] == "no"


async def test_a_yes_that_comes_too_late_to_another_copy_pays_nothing(world: World) -> None:
    async with copies(world) as (first, second):
        question = await ask(first, FOX)
        await anyio.sleep(QUESTION_SECONDS + 1)
        result = await agree(second, FOX, question)
    assert isinstance(result, CallToolResult)
    assert "was not answered within 5 min" in answer_of(result)["summary"]
    assert world.sim.jobs == []


async def test_a_yes_to_one_price_is_none_to_another_video_at_another_copy(world: World) -> None:
    async with copies(world) as (first, second):
        question = await ask(first, FOX)
        with pytest.raises(Exception, match="requestState"):
            await agree(second, {"prompt": "another fox"}, question)
    assert world.sim.jobs == []


async def test_a_question_of_one_account_can_not_be_answered_in_another(world: World) -> None:
    async with copies(world) as (first, _):
        question = await ask(first, FOX)
    async with copies(world, org="another") as (host, _):
        with pytest.raises(Exception, match="requestState"):
            await agree(host, FOX, question)
    assert world.sim.jobs == []

"""What a submit asks of the queue, and when: side by side, no list twice, and never a list from before its call."""

from functools import partial
from typing import Any

import anyio
import pytest
from mcp_types import ElicitRequestParams, ElicitResult

from gmi_video.simulator import Script
from gmi_video.upstream.luma_ray2 import LUMA_RAY2, LumaRay2Payload

from .conftest import EPOCH, Host, World, answer_of, now
from .full import in_full

pytestmark = pytest.mark.anyio

FOX = LumaRay2Payload.model_validate({"prompt": "a fox"}).wire()


def asked(world: World) -> list[tuple[str, float]]:
    """What has arrived at the queue, and after how many seconds."""
    return [(call.endpoint, round(call.at - EPOCH, 3)) for call in world.sim.calls]


async def submit(host: Host, prompt: str = "a fox", **arguments: Any) -> dict[str, Any]:
    return await host.call("generate_video", prompt=prompt, wait=False, **arguments)


async def test_the_first_video_of_an_account_is_submitted_after_one_round_trip(world: World, era: str) -> None:
    world.sim.behave(latency=0.5)
    async with world.host(era=era) as host:
        await submit(host)
        assert sorted(asked(world)) == [("list", 0.5), ("model", 0.5), ("submit", 1)]
        world.sim.calls.clear()
        await submit(host, "another fox")
        assert asked(world) == [("list", 1.5), ("submit", 2)], "no list for the estimate, though the first was empty"


async def test_with_a_spending_limit_the_whole_list_is_asked_for_beside_the_models(world: World, era: str) -> None:
    world.sim.behave(latency=0.5)
    async with world.host(era=era, GMI_SPEND_LIMIT_USD="9") as host:
        await submit(host)
        assert sorted(asked(world)) == [("list", 0.5), ("list", 0.5), ("model", 0.5), ("submit", 1)]
        world.sim.calls.clear()
        await submit(host, "another fox")
        # The ids of the models, once in a while: the list may have them in another case.
        assert asked(world) == [("list", 1.5), ("list", 1.5), ("models", 2), ("submit", 2.5)]


@pytest.mark.parametrize(
    "arguments",
    [
        {"dry_run": True},
        {"model_parameters": {"durationSeconds": 5}},
        {"frame0_image": "/no/such/file.png"},
        {"model": "Veo3", "duration": "9s"},
        {"model": "../models"},
    ],
    ids=str,
)
async def test_for_a_call_that_submits_nothing_no_list_is_asked_for(
    world: World, era: str, arguments: dict[str, Any]
) -> None:
    world.sim.behave(latency=0.5)
    async with world.host(era=era) as host:
        await submit(host, **arguments)
    assert {endpoint for endpoint, _ in asked(world)} <= {"model", "models"}


async def test_nothing_is_submitted_before_the_models_record_is_there_however_early_the_list_is(
    world: World, era: str
) -> None:
    record = world.sim.models[LUMA_RAY2]
    record["parameters"] = [each for each in record["parameters"] if each["name"] != "resolution"]
    async with world.host(era=era) as host, anyio.create_task_group() as tasks:
        with world.sim.pause_at("model:received") as pause:
            tasks.start_soon(partial(submit, host, resolution="4k"))
            await pause.reached()
            await anyio.sleep(2)
            assert sorted(asked(world)) == [("list", 0), ("model", 0)]
    assert "resolution" in answer_of(host.results[-1])["error"]["message"]
    assert world.count("submit") == 0


async def test_a_job_made_elsewhere_between_two_calls_is_found_by_the_second(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        await submit(host, "an owl")
        twin = world.sim.make_job(LUMA_RAY2, FOX, "o")
        assert (await submit(host))["request_id"] == twin.request_id
    assert world.count("submit") == 1


async def test_a_job_made_elsewhere_while_the_list_waits_behind_another_is_found(world: World) -> None:
    twins = list[str]()
    async with world.host() as host, anyio.create_task_group() as tasks:
        await host.call_ok("generate_video", prompt="a fox", dry_run=True)  # fetches the model's record
        with world.sim.pause_at("list:made"):
            tasks.start_soon(submit, host, "an owl")
            await anyio.sleep(0.1)
            tasks.start_soon(submit, host)
            await anyio.sleep(0.8)
            assert world.count("list") == 1
            twins.append(world.sim.make_job(LUMA_RAY2, FOX, "o").request_id)
            await anyio.sleep(0.2)
            assert world.count("list") == 2, "it waits for a second and no longer"
    assert twins[0] in {answer_of(result).get("request_id") for result in host.results}
    assert world.count("submit") == 1


@pytest.mark.parametrize("seconds", [1, 60])
async def test_a_job_made_elsewhere_while_the_user_thinks_about_the_price_is_found(
    world: World, era: str, seconds: float
) -> None:
    made = list[str]()

    async def think(_: Any, __: ElicitRequestParams) -> ElicitResult:
        await anyio.sleep(seconds)
        made.append(world.sim.make_job(LUMA_RAY2, FOX, "o").request_id)
        return ElicitResult(action="accept", content={"go_ahead": True})

    options = {"elicitation_callback": think}
    async with world.host(era=era, options=options, GMI_CONFIRM_ABOVE_USD="0.01") as host:
        answer = await submit(host)
    assert [answer["request_id"]] == made
    assert world.count("submit") == 0


async def test_a_list_that_failed_serves_nobody_who_comes_later(world: World) -> None:
    world.sim.fail("list", "401")
    async with world.host() as host:
        await host.call_error("generate_video", prompt="a fox", wait=False)
        twin = world.sim.make_job(LUMA_RAY2, FOX, "o")
        assert (await submit(host))["request_id"] == twin.request_id


@pytest.mark.parametrize("limit", [{}, {"GMI_SPEND_LIMIT_USD": "1000"}], ids=["", "limit"])
async def test_a_hundred_videos_at_once_need_a_few_lists_and_a_second_for_every_five(
    world: World, era: str, limit: dict[str, str]
) -> None:
    world.sim.behave(latency=0.15)
    async with world.host(world.server(**limit), era=era) as host, anyio.create_task_group() as tasks:
        for number in range(100):
            tasks.start_soon(submit, host, f"fox {number}")
    assert world.count("submit") == len(world.sim.jobs) == 100
    assert world.count("list") <= 4 + 2 * len(limit)
    assert now() - EPOCH < 22


@in_full
async def test_the_first_ends_in_a_burst_of_a_hundred_videos_are_seen_while_the_rest_is_submitted(
    world: World, era: str
) -> None:
    world.sim.script(LUMA_RAY2, Script.takes(8))
    delays = list[float]()

    async def make(host: Host, number: int) -> None:
        answer = answer_of(await host.client.call_tool("generate_video", {"prompt": f"fox {number}"}))
        (job,) = [job for job in world.sim.jobs if job.request_id == answer["request_id"]]
        delays.append(now() - job.created_at - 8)

    async with world.host(era=era) as host, anyio.create_task_group() as tasks:
        for number in range(100):
            tasks.start_soon(make, host, number)
    assert len(delays) == 100
    assert max(delays) < 8

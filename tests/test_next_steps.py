"""`next_step` fits the call: what was done, what came of it, and what the user has been told and asked for so far."""

import re
from io import BytesIO

import anyio
import pytest
from PIL import Image

from gmi_video.simulator import Script

from .conftest import Host, World
from .talks.reading import ToolCall, call_in, sentence_with

pytestmark = pytest.mark.anyio

FOX = {"prompt": "a fox in the snow"}


async def started(host: Host, prompt: str = "a fox in the snow") -> str:
    """The id of a video that was started and not waited for."""
    made = await host.call_ok("generate_video", prompt=prompt, wait=False)
    return made["request_id"]


def waits_of(step: str) -> bool:
    """Whether a next step has a call that waits."""
    return '"wait": true' in step


# -- after a submit ----------------------------------------------------------------------------------------------------


async def test_after_wait_false_the_user_gets_the_id_and_no_wait_is_told_to_be_made(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(600))
    async with world.host(era=era) as host:
        made = await host.call_ok("generate_video", **FOX, wait=False)
        step = made["next_step"]
        assert made["request_id"] in made["summary"]
        assert "the id" in step
        assert not waits_of(step)
        await anyio.sleep(700)
        look = call_in(sentence_with(made["request_id"], step), None)
        found = await host.call_ok(look.tool, **look.arguments)
    assert found["status"] == "success"


async def test_after_wait_false_the_other_videos_come_before_any_wait(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(600))
    async with world.host(era=era) as host:
        made = await host.call_ok("generate_video", **FOX, wait=False)
    assert made["next_step"].index("other videos") < made["next_step"].index("get_status")


async def test_a_video_that_is_ready_at_once_has_a_link_to_show_also_after_wait_false(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.synchronous())
    async with world.host(era=era) as host:
        made = await host.call_ok("generate_video", **FOX, wait=False)
    assert made["video_url"] in made["summary"]
    assert "link" in made["next_step"]
    assert "get_status" not in made["next_step"]


async def test_three_videos_are_submitted_first_and_then_waited_for(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(60))
    async with world.host(era=era) as host:
        ids = [await started(host, prompt) for prompt in ("a fox", "an owl", "a deer")]
        began = anyio.current_time()
        for request_id in ids:
            answer = await host.call_ok("get_status", request_id=request_id, wait=True)
            assert answer["video_url"]
    assert anyio.current_time() - began < 90
    assert len(world.sim.jobs) == 3


# -- after a look and after waits --------------------------------------------------------------------------------------


async def test_after_a_look_the_user_is_told_and_a_wait_is_only_offered(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(600))
    async with world.host(era=era) as host:
        looked = await host.call_ok("get_status", request_id=await started(host))
    assert looked["next_step"].startswith("Tell the user")


async def test_after_several_long_waits_the_id_and_the_expected_time_are_handed_over(world: World, era: str) -> None:
    for number in range(3):
        world.sim.add_history("Luma-Ray2", payload=FOX, created_at=world.sim.clock() - 9000 - number, took_seconds=400)
    world.sim.script("Luma-Ray2", Script.takes(390))
    async with world.host(era=era, name="an unknown host") as host:
        answer = await host.call_ok("generate_video", **FOX)
        for _ in range(2):
            assert not answer["next_step"].startswith("Tell the user")
            call = call_in(sentence_with("wait on", answer["next_step"]), None)
            answer = await host.call_ok(call.tool, **call.arguments)
    step = answer["next_step"]
    assert step.startswith("Tell the user")
    assert "its id" in step
    assert answer["request_id"] in answer["summary"]
    left = answer["expected_seconds"] - answer["elapsed_seconds"]
    assert re.search(r"about 4 min( \d+ s)? more", step)
    assert 240 < left < 300
    assert waits_of(sentence_with("want to wait", step))


async def test_short_waits_are_not_counted_as_long_ones(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(600))
    async with world.host(era=era, GMI_MAX_WAIT_SECONDS="5") as host:
        request_id = await started(host)
        steps = [(await host.call_ok("get_status", request_id=request_id, wait=True))["next_step"] for _ in range(10)]
    assert [step.startswith("Tell the user") for step in steps] == [False] * 9 + [True]


async def test_waits_for_one_video_do_not_count_for_another(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(600))
    async with world.host(era=era, name="an unknown host") as host:
        first, second = await started(host), await started(host, "an owl")
        last = [await host.call_ok("get_status", request_id=first, wait=True) for _ in range(3)][-1]
        other = await host.call_ok("get_status", request_id=second, wait=True)
    assert last["next_step"].startswith("Tell the user")
    assert not other["next_step"].startswith("Tell the user")


# -- after a list and a dry run ----------------------------------------------------------------------------------------


async def test_after_a_list_nothing_is_owed_but_an_answer(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        await host.call_ok("generate_video", **FOX)
        finished = await host.call_ok("list_requests")
        world.sim.script("Luma-Ray2", Script.takes(600))
        running = await started(host, "an owl")
        mixed = await host.call_ok("list_requests")
    assert "Answer the user" in finished["next_step"]
    assert "get_status" not in finished["next_step"]
    assert mixed["next_step"].startswith("Answer the user")
    assert running in sentence_with("Only if they want to wait", mixed["next_step"])


async def test_after_a_dry_run_a_user_who_knows_no_price_is_told_it_first(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        dry = await host.call_ok("generate_video", **FOX, dry_run=True)
        step = dry["next_step"]
        assert "agreed to that" in step
        assert "tell them the price" in step
        assert "confirm_cost" not in step
        asked = call_in(sentence_with('without "dry_run"', step), _last({**FOX, "dry_run": True}))
        made = await host.call_ok(asked.tool, **asked.arguments)
    assert made["status"] == "success"
    assert len(world.sim.jobs) == 1


def _last(arguments: dict[str, object]) -> ToolCall:
    return ToolCall("generate_video", dict(arguments))


# -- after a failure ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script", [Script.fails(3), Script.fails(3, "Prompt failed content moderation"), Script.cancelled(5)]
)
async def test_after_a_failure_nothing_is_paid_before_the_user_agrees(world: World, era: str, script: Script) -> None:
    world.sim.script("Luma-Ray2", script)
    async with world.host(era=era) as host:
        failed = await host.call_error("generate_video", **FOX)
        looked = await host.call_ok("get_status", request_id=failed["request_id"])
    for answer in (failed, looked):
        assert "about $0.71" in answer["summary"]
        assert answer["estimated_cost_usd"] == 0.71
        assert answer["error"]["charged"] == "unknown"
        assert answer["next_step"].startswith("Tell the user")
        assert "when they agree" in answer["next_step"].lower()
        assert "image" not in answer["next_step"]
        assert "image" not in answer["summary"]


async def test_a_failed_video_with_an_image_may_have_failed_by_it(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.fails(3, "Image failed content moderation"))
    picture = BytesIO()
    Image.new("RGB", (64, 36), "orange").save(picture, "PNG")
    world.sim.web["https://example.com/a.png"] = picture.getvalue()
    async with world.host(era=era) as host:
        failed = await host.call_error("generate_video", **FOX, frame0_image="https://example.com/a.png")
    assert "another image" in failed["next_step"]


async def test_a_failed_video_that_is_asked_for_again_is_not_paid_again(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", lambda number: Script.fails(3) if number == 1 else Script.takes(20))
    async with world.host(era=era) as host:
        failed = await host.call_error("generate_video", **FOX)
        again = await host.call_error("generate_video", **FOX)
        assert (again["request_id"], again["reused"]) == (failed["request_id"], True)
        assert len(world.sim.jobs) == 1
        retry = call_in(sentence_with("hen they agree", again["next_step"]), _last(dict(FOX)))
        assert retry.arguments == FOX | {"allow_duplicate": True}
        made = await host.call_ok(retry.tool, **retry.arguments)
    assert made["status"] == "success"
    assert len(world.sim.jobs) == 2


async def test_a_video_that_was_found_again_offers_another_take_and_says_that_it_is_paid(
    world: World, era: str
) -> None:
    async with world.host(era=era) as host:
        first = await host.call_ok("generate_video", **FOX)
        again = await host.call_ok("generate_video", **FOX)
    assert "another take" not in first["next_step"]
    assert "not paid again" in again["summary"]
    take = sentence_with("another take", again["next_step"])
    assert "paid again" in take
    assert call_in(take, _last(dict(FOX))).arguments == FOX | {"allow_duplicate": True}


async def test_the_instructions_let_a_request_that_is_answered_end(world: World) -> None:
    async with world.host(era="legacy") as host:
        instructions = host.client.instructions or ""
    assert "unless the user's request is already answered" in instructions
    assert "nothing else" not in instructions

"""generate_video, as an assistant calls it."""

import itertools

import pytest

from gmi_video.simulator import Script

from .conftest import World, now

pytestmark = pytest.mark.anyio


async def test_a_prompt_becomes_a_video_and_the_summary_holds_its_link(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        answer = await host.call_ok("generate_video", prompt="a dragon over a forest")
    assert answer["is_final"]
    assert answer["status"] == "success"
    assert f"]({answer['video_url']})" in answer["summary"]
    assert answer["outcome_uri"] == f"gmi-video://requests/{answer['request_id']}/outcome"
    assert answer["parameters"] == world.sim.jobs[0].payload
    assert len(world.sim.jobs) == 1


async def test_the_payload_carries_the_tables_names_and_no_empty_frame(world: World) -> None:
    async with world.host() as host:
        await host.call_ok(
            "generate_video", prompt="a fox", resolution="540p", duration="9s", aspect_ratio="21:9", loop=True
        )
    assert world.sim.jobs[0].payload == {
        "prompt": "a fox",
        "resolution": "540p",
        "duration": "9s",
        "aspect_ratio": "21:9",
        "loop": True,
    }


async def test_progress_rises_strictly_and_names_the_request_first(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(95))
    async with world.host(era=era) as host:
        answer = await host.call_ok("generate_video", prompt="a fox")
    values = [value for value, _, _ in host.progress]
    assert values == sorted(set(values))
    first = host.progress[0][2]
    assert first is not None
    assert answer["request_id"] in first
    assert max(after - before for before, after in itertools.pairwise(values)) <= 10


async def test_a_wait_that_ends_before_the_job_is_an_ordinary_answer_with_the_call_that_continues_it(
    world: World, era: str
) -> None:
    world.sim.script("Luma-Ray2", Script.takes(100))
    async with world.host(era=era, name="claude-ai") as host:
        answer = await host.call_ok("generate_video", prompt="a fox")
        assert answer["status"] == "processing"
        assert not answer["is_final"]
        assert 40 <= answer["elapsed_seconds"] <= 45
        assert f'get_status with {{"request_id": "{answer["request_id"]}", "wait": true}}' in answer["next_step"]
        again = await host.call_ok("get_status", request_id=answer["request_id"], wait=True)
        assert not again["is_final"]
        last = await host.call_ok("get_status", request_id=answer["request_id"], wait=True)
    assert last["status"] == "success"
    assert len(world.sim.jobs) == 1


async def test_the_end_of_a_short_job_is_noticed_within_seconds(world: World) -> None:
    for took in (1, 2, 2, 2, 3):
        world.sim.add_history("Luma-Ray2", payload={"prompt": "x"}, created_at=now() - 900, took_seconds=took)
    world.sim.script("Luma-Ray2", Script.takes(2))
    async with world.host() as host:
        started = now()
        await host.call_ok("generate_video", prompt="a fox")
    assert now() - started <= 5


async def test_the_first_progress_message_has_the_request_id_before_anything_else_is_asked(
    world: World, era: str
) -> None:
    world.sim.fail("list", "503", times=None)
    async with world.host(era=era) as host:
        answer = await host.call_ok("generate_video", prompt="a fox")
    made = world.sim.jobs[0]
    assert host.progress[0][2] == f"request {made.request_id}: queued"
    assert answer["request_id"] == made.request_id

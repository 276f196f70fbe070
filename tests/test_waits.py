"""How a wait uses its time: up to the host's ceiling, with a look at its very end, from the age that was seen here."""

from typing import Any

import anyio
import pytest

from gmi_video.simulator import Script
from gmi_video.upstream.luma_ray2 import LUMA_RAY2

from .conftest import Host, World, now

pytestmark = pytest.mark.anyio

CEILINGS = [3, 6, 10, 45, 240]


def job(world: World, script: Script) -> str:
    """A job that was made elsewhere, at this moment."""
    return world.sim.make_job(LUMA_RAY2, {"prompt": "an owl"}, "o", script=script).request_id


def history(world: World, seconds: float) -> None:
    payload = {"prompt": "an owl", "resolution": "720p", "duration": "5s", "aspect_ratio": "16:9", "loop": False}
    for number in range(20):
        took = seconds * (0.9 + number / 100)
        world.sim.add_history(LUMA_RAY2, payload=payload, created_at=1.7e9 + number * 900, took_seconds=took)


async def timed(host: Host, tool: str, **arguments: Any) -> tuple[dict[str, Any], float]:
    """A call's answer, and how long it took."""
    began = now()
    answer = await host.call(tool, **arguments)
    return answer, now() - began


# -- the ceiling -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("latency", [0, 0.15])
@pytest.mark.parametrize("ceiling", CEILINGS)
async def test_a_wait_uses_the_ceiling_but_for_a_small_share(
    world: World, era: str, ceiling: float, latency: float
) -> None:
    world.sim.script(LUMA_RAY2, Script.takes(3000))
    world.sim.behave(latency=latency)
    async with world.host(era=era, GMI_MAX_WAIT_SECONDS=str(ceiling)) as host:
        answer, made = await timed(host, "generate_video", prompt="a fox")
        _, waited = await timed(host, "get_status", request_id=answer["request_id"], wait=True)
    for took in (made, waited):
        assert 0.9 * ceiling <= took <= ceiling - min(0.5, 0.02 * ceiling)


@pytest.mark.parametrize("ends_before", [0.4, 0.8, 1.2, 2.0])
@pytest.mark.parametrize("ceiling", [3, 10, 45])
@pytest.mark.parametrize("usual", [0, 20, 600])
async def test_a_job_that_ends_right_before_the_ceiling_is_told_as_finished(
    world: World, ceiling: float, ends_before: float, usual: float
) -> None:
    if usual:
        history(world, usual)
    ends_before += 0.03 * ceiling
    async with world.host(GMI_MAX_WAIT_SECONDS=str(ceiling)) as host:
        request_id = job(world, Script.takes(ceiling - ends_before))
        answer, took = await timed(host, "get_status", request_id=request_id, wait=True)
    assert answer["status"] == "success"
    assert took <= ceiling


@pytest.mark.parametrize("name", ["claude-ai", "google-adk"])
@pytest.mark.parametrize("fault", ["slow", "timeout_before", "503"])
async def test_a_queue_that_is_slow_at_the_very_end_makes_no_answer_late(
    world: World, era: str, name: str, fault: Any
) -> None:
    ceiling = {"claude-ai": 45, "google-adk": 4}[name]
    request_id = job(world, Script.takes(600))
    answer: dict[str, Any] = {}
    took = 0.0
    async with world.host(era=era, name=name) as host, anyio.create_task_group() as tasks:

        async def turn_slow() -> None:
            await anyio.sleep(0.8 * ceiling)
            if fault == "slow":
                world.sim.behave(latency=30)
            else:
                world.sim.fail("get", fault, times=None)

        tasks.start_soon(turn_slow)
        answer, took = await timed(host, "get_status", request_id=request_id, wait=True)
    assert answer["request_id"] == request_id
    assert not answer["is_final"]
    assert took <= ceiling


async def test_where_looks_take_seconds_the_last_one_begins_as_much_earlier(world: World, era: str) -> None:
    world.sim.behave(latency=3)
    async with world.host(era=era, name="claude-ai") as host:
        request_id = job(world, Script.takes(38))
        answer, took = await timed(host, "get_status", request_id=request_id, wait=True)
    assert answer["status"] == "success"
    assert took <= 45


async def test_a_queue_that_was_slow_for_a_while_ends_no_wait_early(world: World, era: str) -> None:
    async with world.host(era=era, name="claude-ai") as host, anyio.create_task_group() as tasks:
        request_id = job(world, Script.takes(42))

        async def be_slow_for_a_while() -> None:
            await anyio.sleep(22)
            world.sim.behave(latency=8)
            await anyio.sleep(6)
            world.sim.behave(latency=0)

        tasks.start_soon(be_slow_for_a_while)
        answer = await host.call_ok("get_status", request_id=request_id, wait=True)
        assert answer["status"] == "success"


# -- one look for all --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("apart", [0.0, 0.002])
async def test_twenty_waits_on_one_job_look_at_it_as_if_there_were_one(world: World, era: str, apart: float) -> None:
    async with world.host(era=era, name="claude-ai") as host:
        request_id = job(world, Script.takes(600))
        await host.call_ok("get_status", request_id=request_id, wait=True)
        alone = world.count("get")
        await anyio.sleep(1)
        began = now()
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(lambda: host.call_ok("get_status", request_id=request_id, wait=True))
                await anyio.sleep(apart)
        first = [call for call in world.sim.calls if call.endpoint == "get" and began <= call.at < began + 0.2]
        last = [call for call in world.sim.calls if call.endpoint == "get" and call.at > began + 43]
    assert len(first) == 1
    assert 1 <= len(last) <= 2
    assert world.count("get") - alone <= alone + 2


async def test_waits_on_many_jobs_that_end_at_once_share_their_last_look(world: World, era: str) -> None:
    async with world.host(era=era, name="claude-ai") as host:
        ids = [job(world, Script.takes(43.5)) for _ in range(20)]
        answers: list[dict[str, Any]] = []

        async def wait(request_id: str) -> None:
            answers.append(await host.call_ok("get_status", request_id=request_id, wait=True))

        async with anyio.create_task_group() as tasks:
            for request_id in ids:
                tasks.start_soon(wait, request_id)
    assert [answer["status"] for answer in answers] == ["success"] * 20


# -- failures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("usual", [0, 60, 90, 600])
async def test_a_failure_after_three_seconds_is_told_soon_also_where_a_video_takes_minutes(
    world: World, era: str, usual: float
) -> None:
    if usual:
        history(world, usual)
    world.sim.script(LUMA_RAY2, Script.fails(3, "content moderation"))
    async with world.host(era=era) as host:
        answer, took = await timed(host, "generate_video", prompt="a fox")
    assert answer["status"] == "failed"
    assert took < 6
    assert world.count("get") <= 3


# -- clocks ------------------------------------------------------------------------------------------------------

SKEWS = [-3600, -300, -31, -12, 12, 31, 300, 3600]


@pytest.mark.parametrize("skew", SKEWS)
@pytest.mark.parametrize("which", ["skew", "stamp_skew"])
@pytest.mark.parametrize("usual", [20, 60])
async def test_an_outcome_is_not_late_because_clocks_differ(
    world: World, which: str, skew: float, usual: float
) -> None:
    history(world, usual)
    world.sim.behave(**{which: skew})
    world.sim.script(LUMA_RAY2, Script.takes(usual))
    async with world.host() as host:
        answer, took = await timed(host, "generate_video", prompt="a fox")
    assert answer["status"] == "success"
    assert took < usual + 4
    assert world.count("get") < 20


@pytest.mark.parametrize("skew", SKEWS)
async def test_a_wait_that_is_continued_knows_the_age_from_the_submit(world: World, era: str, skew: float) -> None:
    history(world, 60)
    world.sim.behave(stamp_skew=skew)
    world.sim.script(LUMA_RAY2, Script.takes(60))
    async with world.host(era=era) as host:
        began = now()
        job = await host.call_ok("generate_video", prompt="a fox", wait=False)
        await anyio.sleep(40)
        answer = await host.call_ok("get_status", request_id=job["request_id"], wait=True)
        assert answer["status"] == "success"
        assert now() - began < 64
        # The submit has shown how far the clocks differ, so a job of another process is seen in time as well.
        other = world.sim.make_job(LUMA_RAY2, {"prompt": "an owl"}, "o").request_id
        await anyio.sleep(40)
        began = now()
        answer = await host.call_ok("get_status", request_id=other, wait=True)
        assert answer["status"] == "success"
        assert now() - began < 24


async def test_a_job_whose_stamps_are_of_the_future_is_at_least_as_old_as_they_show(world: World, era: str) -> None:
    history(world, 60)
    world.sim.behave(stamp_skew=600)
    async with world.host(era=era) as host:
        request_id = job(world, Script(((0, "queued"), (50, "processing"), (60, "success"))))
        await anyio.sleep(50)
        answer, took = await timed(host, "get_status", request_id=request_id, wait=True)
    assert answer["status"] == "success"
    assert took < 14

"""One intent, one job: silent hosts, kills, restarts, copies of the server, and refusals of jobs that were made."""

from functools import partial
from typing import Any

import anyio
import pytest
import trio
from mcp_types import ElicitRequestParams, ElicitResult

from gmi_video.simulator import Fault, Script
from tests.conftest import Host, World

from . import ABANDONED_BODIES
from .processes import process

pytestmark = [pytest.mark.anyio, *ABANDONED_BODIES]

FOX = {"prompt": "a fox in the snow"}


async def ask(host: Host, answers: list[dict[str, Any]], **arguments: Any) -> None:
    answers.append(await host.call_ok("generate_video", **FOX, **arguments))


def is_told(world: World, *answers: dict[str, Any]) -> None:
    """There is one job, and each of the answers names it."""
    assert [job.request_id for job in world.sim.jobs] == [answers[0]["request_id"]]
    assert {answer["request_id"] for answer in answers} == {answers[0]["request_id"]}


# -- hosts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("latency", [0, 12], ids=["during the render", "during a slow submit"])
async def test_a_host_that_calls_eight_times_and_reads_no_answer_pays_once(
    world: World, era: str, latency: float
) -> None:
    world.sim.behave(latency=latency)
    world.sim.script("Luma-Ray2", Script.takes(6))
    unread: list[dict[str, Any]] = []
    answers: list[dict[str, Any]] = []
    async with world.host(era=era) as host, anyio.create_task_group() as calls:
        for _ in range(8):
            calls.start_soon(ask, host, unread)
            await trio.sleep(5)
        await ask(host, answers)
    is_told(world, *answers)


async def test_another_take_that_is_repeated_while_its_submit_takes_12_s_is_one_take(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        first = await host.call_ok("generate_video", **FOX)
        world.sim.behave(latency=12)
        takes: list[dict[str, Any]] = []
        async with anyio.create_task_group() as calls:
            for _ in range(3):
                calls.start_soon(partial(ask, host, takes, allow_duplicate=True))
                await trio.sleep(5)
        while "request_id" not in takes[-1]:
            await ask(host, takes, allow_duplicate=True)
    assert len(world.sim.jobs) == 2
    early = [take for take in takes if "request_id" not in take]
    assert all("the same call again" in take["next_step"] for take in early)
    named = {take["request_id"] for take in takes if take not in early}
    assert named == {world.sim.jobs[1].request_id} != {first["request_id"]}


@pytest.mark.parametrize("end", ["restart", "kill"])
async def test_another_take_whose_server_ends_during_its_render_is_found_by_the_same_call(
    world: World, end: str
) -> None:
    world.sim.script("Luma-Ray2", Script.takes(600))
    async with process(world) as (server, host), anyio.create_task_group() as calls:
        await host.call_ok("generate_video", **FOX, wait=False)
        calls.start_soon(partial(host.call, "generate_video", **FOX, allow_duplicate=True))
        await trio.sleep(30)
        assert len(world.sim.jobs) == 2
        if end == "kill":
            server.kill()
        calls.cancel_scope.cancel()
    async with world.host() as restarted:
        take = await restarted.call_ok("generate_video", **FOX, allow_duplicate=True)
        assert take["request_id"] == world.sim.jobs[1].request_id
        another = await restarted.call_ok("generate_video", **FOX, allow_duplicate=True)
    assert len(world.sim.jobs) == 3
    assert another["request_id"] == world.sim.jobs[2].request_id


async def test_the_user_is_asked_once_about_another_take_that_a_silent_host_repeats(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(600))
    asked: list[str] = []

    async def user(_: object, question: ElicitRequestParams) -> ElicitResult:
        asked.append(question.message)
        return ElicitResult(action="accept", content={"go_ahead": True})

    agrees = {"elicitation_callback": user}
    async with (
        world.host(era=era, options=agrees, GMI_CONFIRM_ABOVE_USD="0.1") as host,
        anyio.create_task_group() as calls,
    ):
        calls.start_soon(partial(host.call, "generate_video", **FOX, allow_duplicate=True))
        await trio.sleep(10)
        assert len(asked) == len(world.sim.jobs) == 1
        take = await host.call_ok("generate_video", **FOX, allow_duplicate=True)
        assert take["request_id"] == world.sim.jobs[0].request_id
        calls.cancel_scope.cancel()
    assert len(asked) == len(world.sim.jobs) == 1


async def test_another_take_whose_call_was_cancelled_in_its_submit_is_one_take(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        await host.call_ok("generate_video", **FOX)
        with world.sim.pause_at("submit:made") as pause, trio.move_on_after(5):
            await host.call("generate_video", **FOX, allow_duplicate=True)
        assert pause.is_released
        take = await host.call_ok("generate_video", **FOX, allow_duplicate=True)
    assert len(world.sim.jobs) == 2
    assert take["request_id"] == world.sim.jobs[1].request_id


async def test_another_take_that_is_made_after_its_call_was_answered_is_the_answer_to_the_same_call(
    world: World, era: str
) -> None:
    async with world.host(era=era, GMI_MAX_WAIT_SECONDS="5") as host:
        first = await host.call_ok("generate_video", **FOX, wait=False)
        world.sim.behave(latency=12)
        early = await host.call_ok("generate_video", **FOX, allow_duplicate=True)
        assert "the same call again" in early["next_step"]
        await trio.sleep(60)
        world.sim.behave(latency=0)
        take = await host.call_ok("generate_video", **FOX, allow_duplicate=True)
        assert take["reused"]
        assert len(world.sim.jobs) == 2
        assert take["request_id"] == world.sim.jobs[1].request_id != first["request_id"]
        third = await host.call_ok("generate_video", **FOX, allow_duplicate=True)
    assert len(world.sim.jobs) == 3
    assert third["request_id"] == world.sim.jobs[2].request_id


async def test_another_take_that_is_made_after_its_call_was_cancelled_is_the_answer_to_the_same_call(
    world: World, era: str
) -> None:
    async with world.host(era=era) as host:
        await host.call_ok("generate_video", **FOX)
        with world.sim.pause_at("submit:made"), trio.move_on_after(5):
            await host.call("generate_video", **FOX, allow_duplicate=True)
        await trio.sleep(60)
        take = await host.call_ok("generate_video", **FOX, allow_duplicate=True)
    assert len(world.sim.jobs) == 2
    assert take["request_id"] == world.sim.jobs[1].request_id


async def test_another_take_that_was_killed_in_its_submit_is_found_by_the_same_call(world: World) -> None:
    async with process(world) as (server, host), anyio.create_task_group() as calls:
        await host.call_ok("generate_video", **FOX)
        with world.sim.pause_at("submit:made") as pause:
            calls.start_soon(partial(host.call, "generate_video", **FOX, allow_duplicate=True))
            await pause.reached()
            server.kill()
            calls.cancel_scope.cancel()
    async with world.host() as restarted:
        take = await restarted.call_ok("generate_video", **FOX, allow_duplicate=True)
    assert len(world.sim.jobs) == 2
    assert take["request_id"] == world.sim.jobs[1].request_id


# -- restarts and kills ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lag", [0, 3, 60])
async def test_a_restart_after_the_answer_pays_once(world: World, era: str, lag: float) -> None:
    world.sim.behave(list_lag=lag)
    async with world.host(era=era) as host:
        first = await host.call_ok("generate_video", **FOX, wait=False)
    async with world.host(era=era) as restarted:
        again = await restarted.call_ok("generate_video", **FOX, wait=False)
    is_told(world, first, again)
    assert again["reused"]


@pytest.mark.parametrize("lag", [0, 5, 60])
@pytest.mark.parametrize(
    "point",
    ["model:received", "list:received", "list:answered", "submit:received", "submit:made", "submit:answered"],
)
async def test_a_kill_at_any_point_of_the_first_call_pays_once(world: World, point: str, lag: float) -> None:
    world.sim.behave(list_lag=lag)
    world.sim.script("Luma-Ray2", Script.takes(200))
    async with process(world) as (server, host), anyio.create_task_group() as calls:
        with world.sim.pause_at(point) as pause:
            calls.start_soon(partial(host.call, "generate_video", **FOX))
            await pause.reached()
            server.kill()
            calls.cancel_scope.cancel()
    async with world.host() as restarted:
        answer = await restarted.call("generate_video", **FOX)
        if answer["status"] == "unknown":
            # Not in the list yet, or never made: both are looked for until the list has had time to show it.
            assert answer["error"]["charged"] == "unknown"
            await trio.sleep(lag + 900)
            answer = await restarted.call_ok("generate_video", **FOX)
    is_told(world, answer)


@pytest.mark.parametrize("point", ["submit:received", "submit:made", "submit:answered"])
async def test_a_restart_in_the_middle_of_a_submit_pays_once(world: World, era: str, point: str) -> None:
    async with world.host(era=era) as host, anyio.create_task_group() as calls:
        with world.sim.pause_at(point) as pause:
            calls.start_soon(partial(host.call, "generate_video", **FOX))
            await pause.reached()
            calls.cancel_scope.cancel()
    async with world.host(era=era) as restarted:
        answer = await restarted.call("generate_video", **FOX)
        if answer["status"] == "unknown":
            await trio.sleep(900)
            answer = await restarted.call_ok("generate_video", **FOX)
    is_told(world, answer)


# -- copies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lag", [0, 60])
@pytest.mark.parametrize("latency", [0, 0.4, 12])
async def test_four_copies_with_the_same_call_at_the_same_moment_pay_once(
    world: World, era: str, lag: float, latency: float
) -> None:
    world.sim.behave(list_lag=lag, latency=latency)
    answers: list[dict[str, Any]] = []
    async with (
        world.host(era=era) as first,
        world.host(era=era) as second,
        world.host(era=era) as third,
        world.host(era=era) as fourth,
        anyio.create_task_group() as calls,
    ):
        for host in (first, second, third, fourth):
            calls.start_soon(ask, host, answers)
    is_told(world, *answers)
    assert sorted(answer.get("reused", False) for answer in answers) == [False, True, True, True]


async def test_a_copy_waits_for_the_submit_of_one_that_is_killed_and_finds_its_job(world: World) -> None:
    answers: list[dict[str, Any]] = []
    async with (
        world.host() as copy,
        anyio.create_task_group() as calls,
        process(world) as (server, host),
        anyio.create_task_group() as killed,
    ):
        with world.sim.pause_at("submit:made") as pause:
            killed.start_soon(partial(host.call, "generate_video", **FOX))
            await pause.reached()
            calls.start_soon(ask, copy, answers)
            await trio.sleep(3)
            server.kill()
            killed.cancel_scope.cancel()
    is_told(world, *answers)


# -- refusals of jobs that were made ---------------------------------------------------------------------------------


@pytest.mark.parametrize("lag", [0, 3])
@pytest.mark.parametrize("fault", ["429_after", "500_credentials_after", "500_refused_value_after", "503_after"])
async def test_a_refusal_of_a_job_that_was_made_pays_once(world: World, era: str, fault: Fault, lag: float) -> None:
    world.sim.behave(list_lag=lag)
    world.sim.fail("submit", fault)
    async with world.host(era=era) as host:
        first = await host.call_ok("generate_video", **FOX)
        again = await host.call_ok("generate_video", **FOX)
    is_told(world, first, again)


@pytest.mark.parametrize("fault", ["429", "500_credentials", "500_refused_value", "503"])
async def test_a_refusal_that_is_true_is_told_as_free(world: World, era: str, fault: Fault) -> None:
    world.sim.fail("submit", fault, times=None)
    async with world.host(era=era) as host:
        answer = await host.call_error("generate_video", **FOX)
        assert answer["error"]["charged"] == "no"
        world.sim.clear_faults()
        made = await host.call_ok("generate_video", **FOX)
    is_told(world, made)


@pytest.mark.parametrize("fault", ["429_after", "500_credentials_after", "500_refused_value_after"])
async def test_a_refusal_is_not_told_as_free_while_the_list_is_cut(world: World, fault: Fault) -> None:
    for number in range(3):
        world.sim.add_history("Luma-Ray2", payload={"prompt": f"old {number}"}, created_at=1000.0, took_seconds=9)
    world.sim.behave(list_limit=3, list_keep="oldest")
    world.sim.fail("submit", fault)
    async with world.host() as host:
        answer = await host.call_error("generate_video", **FOX)
        assert answer["status"] == "unknown"
        assert answer["error"]["charged"] == "unknown"
        assert "does not show all requests" in answer["summary"]
        await host.call_error("generate_video", **FOX)
    assert len(world.sim.jobs) == 1

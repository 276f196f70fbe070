"""The same call made again: in one process, across several, and after a host has ended the call."""

import json
from typing import Any

import anyio
import pytest
import trio

from gmi_video.simulator import Fault, Script
from tests.conftest import Host, World

pytestmark = pytest.mark.anyio

FOX = {"prompt": "a fox in the snow"}


async def test_two_identical_calls_at_the_same_moment_make_one_job(world: World, era: str) -> None:
    answers: list[dict[str, Any]] = []
    world.sim.behave(latency=0.5)
    async with world.host(era=era) as host, anyio.create_task_group() as calls:
        for _ in range(2):

            async def call() -> None:
                answers.append(await host.call_ok("generate_video", **FOX))

            calls.start_soon(call)
    assert len(world.sim.jobs) == 1
    assert {answer["request_id"] for answer in answers} == {world.sim.jobs[0].request_id}
    assert sorted(answer.get("reused", False) for answer in answers) == [False, True]


async def test_a_repeat_after_the_hosts_time_out_returns_the_running_job(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(200))
    async with world.host(era=era) as host:
        with trio.move_on_after(60) as timeout:
            await host.call("generate_video", **FOX)
        assert timeout.cancelled_caught
        answer = await host.call_ok("generate_video", **FOX)
        assert answer["reused"]
        assert "not paid again" in answer["summary"]
        while not answer["is_final"]:
            answer = await host.call_ok("get_status", request_id=answer["request_id"], wait=True)
    assert answer["status"] == "success"
    assert len(world.sim.jobs) == 1


async def test_a_running_job_is_found_after_a_restart_and_by_a_second_copy(world: World) -> None:
    world.sim.script("Luma-Ray2", Script.takes(200))
    async with world.host() as first, world.host() as copy:
        made = await first.call_ok("generate_video", **FOX, wait=False)
        found = await copy.call_ok("generate_video", **FOX, wait=False)
    async with world.host() as restarted:
        again = await restarted.call_ok("generate_video", **FOX)
    assert made["request_id"] == found["request_id"] == again["request_id"]
    assert found["reused"]
    assert again["reused"]
    assert len(world.sim.jobs) == 1


async def test_a_job_of_this_process_is_not_paid_again_when_it_is_answered_404_while_the_list_fails(
    world: World, era: str
) -> None:
    async with world.host(era=era) as host:
        made = await host.call_ok("generate_video", **FOX, wait=False)
        world.sim.fail("list", "refused", times=None)
        world.sim.fail("get", "404")
        again = await host.call_ok("generate_video", **FOX, wait=False)
    assert again["request_id"] == made["request_id"]
    assert len(world.sim.jobs) == 1


@pytest.mark.parametrize(("later", "jobs"), [(60, 1), (3500, 1), (3700, 2)])
async def test_for_an_hour_after_its_making_the_same_call_returns_the_job(
    world: World, era: str, later: float, jobs: int
) -> None:
    async with world.host(era=era) as host:
        first = await host.call_ok("generate_video", **FOX)
        await trio.sleep(later - 20)
        answer = await host.call_ok("generate_video", **FOX)
    assert len(world.sim.jobs) == jobs
    assert (answer["request_id"] == first["request_id"]) == (jobs == 1)
    assert answer.get("reused", False) == (jobs == 1)


async def test_a_reused_answer_says_how_to_get_another_take(world: World) -> None:
    async with world.host() as host:
        await host.call_ok("generate_video", **FOX)
        again = await host.call_ok("generate_video", **FOX)
    assert again["reused"]
    assert '"allow_duplicate": true' in again["next_step"]


async def test_a_running_job_comes_before_a_finished_twin(world: World) -> None:
    world.sim.script("Luma-Ray2", lambda number: Script.takes(30 if number == 1 else 600))
    async with world.host() as host:
        finished = await host.call_ok("generate_video", **FOX, wait=False)
        running = await host.call_ok("generate_video", **FOX, wait=False, allow_duplicate=True)
        await trio.sleep(60)
        again = await host.call_ok("generate_video", **FOX, wait=False)
    assert world.sim.finished(finished["request_id"])
    assert (again["request_id"], again["reused"]) == (running["request_id"], True)
    assert len(world.sim.jobs) == 2


async def test_allow_duplicate_pays_for_a_second_one_while_the_first_runs(world: World) -> None:
    async with world.host() as host:
        await host.call_ok("generate_video", **FOX, wait=False)
        second = await host.call_ok("generate_video", **FOX, wait=False, allow_duplicate=True)
    assert "reused" not in second
    assert len(world.sim.jobs) == 2


async def at_once(host: Host, *calls: dict[str, Any]) -> list[dict[str, Any]]:
    """The answers of generate_video calls that start at the same moment and submit in this order."""
    await host.call_ok("generate_video", **FOX, dry_run=True)  # so that no call has to wait for the model's record
    answers: dict[int, dict[str, Any]] = {}

    async def call(number: int, arguments: dict[str, Any]) -> None:
        answers[number] = await host.call("generate_video", **FOX, wait=False, **arguments)

    async with anyio.create_task_group() as tasks:
        for number, arguments in enumerate(calls):
            tasks.start_soon(call, number, arguments)
            await anyio.wait_all_tasks_blocked()
    return [answers[number] for number in range(len(calls))]


DUPLICATE = {"allow_duplicate": True}


async def test_a_plain_call_joins_a_running_submit_that_was_made_with_allow_duplicate(world: World, era: str) -> None:
    world.sim.behave(latency=2)
    async with world.host(era=era) as host:
        first, second = await at_once(host, DUPLICATE, {})
    assert len(world.sim.jobs) == 1
    assert first["request_id"] == second["request_id"] == world.sim.jobs[0].request_id
    assert ("reused" in first, second["reused"]) == (False, True)


async def test_two_calls_with_allow_duplicate_at_once_are_one_more_take(world: World, era: str) -> None:
    """A host that repeats a call it gave up on can't be told from one that asks for two takes at once."""
    world.sim.behave(latency=2)
    async with world.host(era=era) as host:
        first, second, plain = await at_once(host, DUPLICATE, DUPLICATE, {})
        then = await host.call_ok("generate_video", **FOX, wait=False, allow_duplicate=True)
    assert first["request_id"] == second["request_id"] == plain["request_id"]
    assert ("reused" in first, second["reused"], plain["reused"]) == (False, True, True)
    assert then["request_id"] != first["request_id"]
    assert len(world.sim.jobs) == 2


@pytest.mark.parametrize("fault", ["dropped_after", "503_after", "dropped_before"])
@pytest.mark.parametrize(("before", "lost"), [(0, 1), (1, 1), (0, 2)])
async def test_of_two_submits_at_once_a_lost_answer_is_never_taken_for_the_other_job(
    world: World, fault: Fault, before: int, lost: int
) -> None:
    world.sim.behave(latency=1.2)
    world.sim.fail("submit", fault, times=lost, after=before)
    async with world.host() as host:
        answers = await at_once(host, {}, DUPLICATE)
    named = [answer["request_id"] for answer in answers if answer["status"] != "unknown"]
    assert sorted(named) == sorted(job.request_id for job in world.sim.jobs)


async def test_allow_duplicate_beside_a_running_plain_submit_is_one_more_submit(world: World) -> None:
    world.sim.behave(latency=2)
    async with world.host() as host:
        plain, duplicate = await at_once(host, {}, DUPLICATE)
    assert {plain["request_id"], duplicate["request_id"]} == {job.request_id for job in world.sim.jobs}
    assert len(world.sim.jobs) == 2


async def test_the_list_can_be_in_any_order_and_cut_short(world: World) -> None:
    world.sim.script("Luma-Ray2", Script.takes(400))
    world.sim.behave(list_order="oldest", list_limit=1)
    async with world.host() as host:
        first = await host.call_ok("generate_video", **FOX, wait=False)
        await host.call_ok("generate_video", prompt="another", wait=False)
        again = await host.call_ok("generate_video", **FOX, wait=False)
    assert again["request_id"] == first["request_id"]
    assert len(world.sim.jobs) == 2


async def test_without_the_list_it_submits_and_says_what_could_not_be_ruled_out(world: World) -> None:
    world.sim.fail("list", "500", times=None)
    async with world.host() as host:
        answer = await host.call_ok("generate_video", **FOX, wait=False)
        again = await host.call_ok("generate_video", **FOX, wait=False)
    assert "can't be ruled out" in answer["summary"]
    assert again["request_id"] == answer["request_id"]
    assert len(world.sim.jobs) == 1


async def test_a_job_of_this_process_is_not_paid_again_while_neither_list_nor_record_is_available(world: World) -> None:
    world.sim.script("Luma-Ray2", Script.takes(900))
    world.sim.behave(list_lag=600)
    async with world.host() as host:
        answer = await host.call_ok("generate_video", **FOX, wait=False)
        world.sim.fail("get", "502_html", times=None)
        again = await host.call_ok("generate_video", **FOX, wait=False)
    assert again["request_id"] == answer["request_id"]
    assert len(world.sim.jobs) == 1


@pytest.mark.parametrize("seconds", [0.1, 0.9, 1.5, 2.5, 3.2])
async def test_a_call_cancelled_anywhere_around_the_submit_loses_nothing(
    world: World, era: str, seconds: float
) -> None:
    world.sim.behave(latency=1.0)
    async with world.host(era=era) as host:
        with trio.move_on_after(seconds):
            await host.call("generate_video", **FOX)
        answer = await host.call_ok("generate_video", **FOX)
    assert answer["status"] == "success"
    assert [job.request_id for job in world.sim.jobs] == [answer["request_id"]]


async def test_an_unconfirmed_submit_is_remembered_after_its_call_was_cancelled(world: World) -> None:
    world.sim.behave(list_lag=120)
    world.sim.fail("submit", "timeout_after")
    async with world.host() as host:
        with trio.move_on_after(50):
            await host.call("generate_video", **FOX)
        assert len(world.sim.jobs) == 1
        await trio.sleep(15)
        again = await host.call_error("generate_video", **FOX)
        assert again["status"] == "unknown"
        assert again["error"]["charged"] == "unknown"
        await trio.sleep(60)
        answer = await host.call_ok("generate_video", **FOX)
    assert [job.request_id for job in world.sim.jobs] == [answer["request_id"]]
    assert answer["reused"]


@pytest.mark.parametrize("skew", [-600, 600])
async def test_clocks_ten_minutes_apart_change_nothing(world: World, skew: int) -> None:
    world.sim.script("Luma-Ray2", Script.takes(30))
    world.sim.behave(skew=skew)
    async with world.host() as host:
        await host.call_ok("generate_video", **FOX, wait=False)
        await trio.sleep(300)
        answer = await host.call_ok("generate_video", **FOX)
        assert answer["reused"]
        assert 29 <= answer["elapsed_seconds"] <= 31
    assert len(world.sim.jobs) == 1


async def test_a_job_whose_stamps_can_not_be_read_is_not_paid_again(world: World) -> None:
    world.sim.behave(stamps="unreadable")
    async with world.host() as host:
        made = await host.call_ok("generate_video", **FOX)
    async with world.host(GMI_LEDGER_URL="none") as restarted:
        again = await restarted.call_ok("generate_video", **FOX)
    assert again["request_id"] == made["request_id"]
    assert len(world.sim.jobs) == 1


async def test_keys_that_the_queue_adds_to_a_payload_do_not_hide_the_same_job(world: World) -> None:
    world.sim.script("Luma-Ray2", Script.takes(200))
    async with world.host() as host:
        made = await host.call_ok("generate_video", **FOX, wait=False)
    record = world.sim.record(world.sim.jobs[0])
    record["payload"] = record["payload"] | {"negative_prompt": None, "webhook": "none", "user": {"id": 1}}
    world.sim.answer("list", json.dumps({"requests": [record], "total": 1}).encode(), times=None)
    async with world.host() as host:
        answer = await host.call_ok("generate_video", **FOX, wait=False)
    assert answer["request_id"] == made["request_id"]

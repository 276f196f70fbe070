"""Lost responses: after a submit the job is searched for and never submitted again; what is safe is repeated."""

import json
from typing import Any

import pytest
import trio

from gmi_video.simulator import Fault, Script
from tests.conftest import World

from . import ABANDONED_BODIES

pytestmark = [pytest.mark.anyio, *ABANDONED_BODIES]

FOX = {"prompt": "a fox in the snow"}


@pytest.mark.parametrize(
    "fault",
    ["timeout_after", "dropped_after", "500_after", "502_html_after", "503_after", "truncated_json", "empty_200"],
)
async def test_the_job_behind_a_lost_answer_is_found_and_followed(world: World, fault: Fault) -> None:
    world.sim.fail("submit", fault)
    async with world.host() as host:
        answer = await host.call_ok("generate_video", **FOX)
    assert answer["status"] == "success"
    assert [job.request_id for job in world.sim.jobs] == [answer["request_id"]]
    assert world.count("submit") == 1


async def test_a_submit_whose_job_is_not_found_is_reported_as_unknown_and_not_repeated_by_the_same_call(
    world: World,
) -> None:
    world.sim.fail("submit", "timeout_before")
    async with world.host() as host:
        answer = await host.call_error("generate_video", **FOX)
        assert answer["status"] == "unknown"
        assert answer["error"]["charged"] == "unknown"
        assert world.count("list") == 1 + 4  # before the submit and after it
        assert "list_requests" in answer["next_step"]
        assert '"allow_duplicate": true' in answer["next_step"]
        again = await host.call_error("generate_video", **FOX)
        assert again["status"] == "unknown"
        assert world.count("submit") == 1
        await host.call_ok("generate_video", **FOX, wait=False, allow_duplicate=True)
    assert world.count("submit") == 2
    assert len(world.sim.jobs) == 1


async def test_a_503_that_names_a_request_which_exists_is_that_job(world: World) -> None:
    world.sim.behave(list_lag=300)
    world.sim.fail("submit", "503_after")
    async with world.host() as host:
        answer = await host.call_ok("generate_video", **FOX)
    assert answer["status"] == "success"
    assert [job.request_id for job in world.sim.jobs] == [answer["request_id"]]


async def test_a_503_that_names_a_request_is_not_reported_as_free_while_nothing_can_be_checked(world: World) -> None:
    world.sim.fail("submit", "503_after")
    world.sim.fail("list", "500", times=None)
    world.sim.fail("get", "500", times=None)
    async with world.host() as host:
        answer = await host.call_error("generate_video", **FOX)
        assert answer["error"]["charged"] == "unknown"
        assert world.sim.jobs[0].request_id in str(answer)
        world.sim.clear_faults()
        found = await host.call_ok("generate_video", **FOX)
    assert [job.request_id for job in world.sim.jobs] == [found["request_id"]]


async def test_an_answer_with_an_id_but_no_status_leads_to_the_job_all_the_same(world: World) -> None:
    async with world.host() as host:
        world.sim.behave(list_lag=600)
        world.sim.script("Luma-Ray2", Script.takes(20))
        job = world.sim.make_job("Luma-Ray2", {"prompt": "x"}, "simulated-org")
        world.sim.answer("submit", json.dumps({"request_id": job.request_id, "status": None}).encode())
        answer = await host.call_ok("generate_video", prompt="x")
    assert answer["request_id"] == job.request_id
    assert world.count("submit") == 1


async def test_an_answer_that_names_a_request_from_before_is_not_taken_for_the_new_job(world: World) -> None:
    world.sim.script("Luma-Ray2", Script.takes(600))
    async with world.host() as host:
        old = await host.call_ok("generate_video", prompt="an old one", wait=False)
        stale = json.dumps(world.sim.submit_response(world.sim.jobs[0])).encode()
        world.sim.answer("submit", stale, takes_effect=True)
        answer = await host.call_ok("generate_video", **FOX, wait=False)
    assert answer["request_id"] != old["request_id"]
    assert answer["request_id"] == world.sim.jobs[1].request_id


async def test_a_list_without_payloads_names_candidates_and_nothing_is_submitted_again(world: World) -> None:
    world.sim.behave(echo_payload=False)
    world.sim.fail("submit", "dropped_after")
    async with world.host() as host:
        answer = await host.call_error("generate_video", **FOX)
        assert answer["error"]["charged"] == "unknown"
        assert world.sim.jobs[0].request_id in answer["next_step"]
        again = await host.call_error("generate_video", **FOX)
        assert world.sim.jobs[0].request_id in again["next_step"]
    assert world.count("submit") == 1


async def test_a_job_of_this_process_for_another_prompt_is_no_candidate(world: World) -> None:
    world.sim.behave(echo_payload=False)
    world.sim.fail("submit", "dropped_before")
    async with world.host() as host:
        await host.call_error("generate_video", **FOX)
        other = await host.call_ok("generate_video", prompt="another", wait=False)
        again = await host.call_error("generate_video", **FOX)
    assert other["request_id"] not in str(again)


@pytest.mark.parametrize("skew", [-600, 600])
async def test_clocks_that_differ_do_not_hide_the_job_where_the_list_is_available_only_afterwards(
    world: World, skew: int
) -> None:
    world.sim.behave(skew=skew)
    world.sim.fail("list", "refused", times=8)
    world.sim.fail("submit", "dropped_after")
    async with world.host() as host:
        answer = await host.call_ok("generate_video", **FOX)
    assert [job.request_id for job in world.sim.jobs] == [answer["request_id"]]


@pytest.mark.parametrize(("seconds", "found"), [(55, True), (65, False)])
async def test_a_new_jobs_stamp_may_be_a_minute_before_its_submit_by_the_queues_date_header(
    world: World,
    seconds: int,
    found: bool,  # noqa: FBT001 - a table's column
) -> None:
    world.sim.fail("list", "refused", times=None)
    world.sim.fail("submit", "dropped_after")

    async def stamp_too_early() -> None:
        while not world.sim.jobs:  # noqa: ASYNC110 - the simulator has no event for a new job
            await trio.sleep(0.1)
        record = world.sim.record(world.sim.jobs[0])
        record["created_at"] -= seconds
        world.sim.clear_faults()
        world.sim.answer("list", json.dumps({"requests": [record], "total": 1}).encode(), times=None)

    async with world.host() as host, trio.open_nursery() as nursery:
        nursery.start_soon(stamp_too_early)
        answer = await host.call("generate_video", **FOX, wait=False)
    assert (answer.get("request_id") == world.sim.jobs[0].request_id) is found
    assert (answer["status"] == "unknown") is not found
    assert len(world.sim.jobs) == 1


@pytest.mark.parametrize("fault", ["429_body", "429_header"])
async def test_a_submit_is_repeated_when_the_rate_limit_says(world: World, fault: Fault) -> None:
    world.sim.behave(latency=0.2)
    world.sim.fail("submit", fault)
    async with world.host() as host:
        start = trio.current_time()
        await host.call_ok("generate_video", **FOX, wait=False)
        assert trio.current_time() - start >= 29.9
    assert world.count("submit") == 2
    assert len(world.sim.jobs) == 1


async def test_a_connection_that_was_never_made_is_tried_again(world: World) -> None:
    world.sim.fail("submit", "refused", times=2)
    async with world.host() as host:
        answer = await host.call_ok("generate_video", **FOX)
    assert answer["status"] == "success"
    assert len(world.sim.jobs) == 1


async def test_a_wait_survives_any_number_of_passing_faults(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(300))
    faults: tuple[Fault, ...] = ("500", "502_html", "timeout_before", "dropped_before", "429", "truncated_json", "huge")
    for fault in faults:
        world.sim.fail("get", fault, times=9)
    async with world.host(era=era) as host:
        answer = await host.call_ok("generate_video", **FOX)
    assert answer["status"] == "success"
    assert len(world.sim.jobs) == 1


async def test_a_stuck_job_is_reported_as_such_with_what_to_do(world: World) -> None:
    world.sim.script("Luma-Ray2", Script.stuck())
    async with world.host() as host:
        answer = await host.call_ok("generate_video", **FOX)
    assert "stuck in the queue" in answer["summary"]
    assert answer["request_id"] in answer["next_step"]
    assert "allow_duplicate" in answer["next_step"]


async def test_a_status_that_is_not_a_plain_word_does_not_lose_the_job(world: World) -> None:
    stages: tuple[tuple[float, str], ...] = ((0, "42 % (rendering…)"), (20, "success"))
    world.sim.script("Luma-Ray2", Script(stages))
    async with world.host() as host:
        first = await host.call_ok("generate_video", **FOX, wait=False)
        answer = await host.call_ok("generate_video", **FOX)
    assert first["request_id"] == answer["request_id"] == world.sim.jobs[0].request_id
    assert world.count("submit") == 1


@pytest.mark.parametrize("status", ["SUCCESS", "Success", "success "])
async def test_a_final_status_in_another_case_is_final(world: World, status: str) -> None:
    async with world.host() as host:
        made = await host.call_ok("generate_video", **FOX, wait=False)
        record: dict[str, Any] = world.sim.record(world.sim.jobs[0])
        done = record | {"status": status, "outcome": {"video_url": "https://films.example/a.mp4"}}
        world.sim.answer("get", json.dumps(done).encode(), times=None)
        answer = await host.call_ok("get_status", request_id=made["request_id"], wait=True)
    assert answer["is_final"]
    assert answer["video_url"] == "https://films.example/a.mp4"


async def test_where_the_time_limit_is_short_the_answer_says_to_make_the_same_call_again(world: World) -> None:
    world.sim.fail("submit", "timeout_after")
    async with world.host(GMI_MAX_WAIT_SECONDS="30") as host:
        slow = await host.call_ok("generate_video", **FOX)
        assert "request_id" not in slow
        assert "the same call again" in slow["next_step"]
        answer = await host.call_ok("generate_video", **FOX)
        if not answer.get("is_final"):
            answer = await host.call_ok("generate_video", **FOX)
    assert [job.request_id for job in world.sim.jobs] == [answer["request_id"]]
    assert world.count("submit") == 1

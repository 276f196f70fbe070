"""Waiting for jobs: one poller for all waiters, its rate, and faults during a wait."""

import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from gmi_video.catalog.priced import PricedRequest
from gmi_video.services import Services, open_services
from gmi_video.settings import Settings
from gmi_video.simulator import Script, SimulatedTransport
from gmi_video.upstream.luma_ray2 import LUMA_RAY2, LumaRay2Payload
from gmi_video.upstream.wire import Record, SubmitRequest

from .conftest import Host, World, now

pytestmark = pytest.mark.anyio

GET, LIST = "get", "list"


@asynccontextmanager
async def process(world: World, **environment: str) -> AsyncGenerator[Services]:
    """A server's services, as the tools of all its connections over HTTP share them."""
    settings = Settings.from_environment(world.environment | environment)
    async with open_services(settings, SimulatedTransport(world.sim), now) as services:
        yield services


async def jobs_of(services: Services, world: World, count: int) -> list[Record]:
    """`count` new jobs that are not waited for."""
    made = [world.sim.make_job(LUMA_RAY2, {"prompt": f"take {n}"}, "o") for n in range(count)]
    records = [await services.queue.get_request(job.request_id) for job in made]
    world.sim.calls.clear()
    return records


def priced(prompt: str) -> PricedRequest:
    return PricedRequest(SubmitRequest(model=LUMA_RAY2, payload=LumaRay2Payload(prompt=prompt).wire()))


async def wait(services: Services, record: Record, seconds: float = 3000) -> Record:
    state = await services.poller.wait(record, await services.poller.expect(record), seconds)
    return state.record


async def submitted(host: Host, prompt: str = "a fox") -> str:
    answer = await host.call_ok("generate_video", prompt=prompt, wait=False)
    return str(answer["request_id"])


def times(world: World, endpoint: str) -> list[float]:
    return [call.at for call in world.sim.calls if call.endpoint == endpoint]


# -- one poller --------------------------------------------------------------------------------------------------


async def test_a_request_with_many_waiters_is_polled_as_if_there_were_one(world: World) -> None:
    world.sim.script(LUMA_RAY2, Script.takes(90))
    async with process(world) as services:
        (record,) = await jobs_of(services, world, 1)
        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(wait, services, record)
    polls = times(world, GET)
    assert len(polls) == len(set(polls))
    assert len(polls) <= 30


async def test_a_waiter_that_leaves_ends_no_other_wait(world: World) -> None:
    world.sim.script(LUMA_RAY2, Script.takes(90))
    ended: list[Record] = []
    async with process(world) as services:
        (record,) = await jobs_of(services, world, 1)

        async def stay() -> None:
            ended.append(await wait(services, record))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stay)
            tasks.start_soon(stay)
            for seconds in (1, 7, 30, 61):
                with anyio.move_on_after(seconds):
                    await wait(services, record)
    assert [record.succeeded for record in ended] == [True, True]


async def test_the_last_waiter_that_leaves_stops_the_polling(world: World) -> None:
    world.sim.script(LUMA_RAY2, Script.takes(600))
    async with process(world) as services:
        (record,) = await jobs_of(services, world, 1)
        with anyio.move_on_after(100):
            await wait(services, record)
        asked = len(world.sim.calls)
        assert asked > 5
        await anyio.sleep(500)
        assert len(world.sim.calls) == asked


@pytest.mark.parametrize("count", [1, 20])
async def test_a_poll_in_flight_is_cancelled_when_the_last_waiter_leaves(world: World, count: int) -> None:
    world.sim.script(LUMA_RAY2, Script.takes(600))
    async with process(world) as services:
        records = await jobs_of(services, world, count)
        world.sim.fail("get", "503", times=None)
        world.sim.fail("list", "503", times=None)
        with anyio.move_on_after(20.7):  # not when calls leave, at full and half seconds
            async with anyio.create_task_group() as tasks:
                for record in records:
                    tasks.start_soon(wait, services, record)
        asked = len(world.sim.calls)
        await anyio.sleep(500)
        # Without this, the retries of the last poll would still arrive.
        assert len(world.sim.calls) == asked


async def test_a_wait_of_zero_seconds_polls_nothing(world: World) -> None:
    async with process(world) as services:
        (record,) = await jobs_of(services, world, 1)
        await services.poller.wait(record, await services.poller.expect(record), 0)
        await anyio.sleep(60)
    assert times(world, GET) == []


async def test_a_waiter_that_already_knows_the_end_ends_the_wait_of_all(world: World) -> None:
    world.sim.script(LUMA_RAY2, Script.takes(11))
    ended: list[float] = []
    known_at = 0.0
    async with process(world) as services:
        (record,) = await jobs_of(services, world, 1)

        async def stay() -> None:
            await wait(services, record)
            ended.append(now())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stay)
            await anyio.sleep(1)
            world.sim.fail("get", "500", times=3)
            await anyio.sleep(10.5)
            world.sim.clear_faults()
            last = await services.queue.get_request(record.request_id)
            known_at = now()
            await wait(services, last)
    assert ended[0] <= known_at + 1


# -- one list for many jobs -------------------------------------------------------------------------------------------


async def run(
    world: World, count: int, seconds: float, apart: float = 0, **environment: str
) -> tuple[list[float], list[Record]]:
    """Wait for `count` jobs of that length at once; how late each end was noticed, and the records.

    Each job takes `apart` seconds longer than the one before it.
    """
    world.sim.script(LUMA_RAY2, lambda number: Script.takes(seconds + apart * number))
    late: list[float] = []
    ended: list[Record] = []
    async with process(world, **environment) as services:
        records = await jobs_of(services, world, count)

        async def one(record: Record) -> None:
            ended.append(await wait(services, record))
            job = world.sim.job(record.request_id)
            assert job is not None
            late.append(now() - job.created_at - job.script.stages[-1][0])

        async with anyio.create_task_group() as tasks:
            for record in records:
                tasks.start_soon(one, record)
    assert len(ended) == count
    assert all(record.succeeded for record in ended)
    return late, ended


@pytest.mark.parametrize("count", [2, 7, 100])
async def test_where_the_list_is_short_it_serves_all_open_jobs_of_a_model(world: World, count: int) -> None:
    late, _ = await run(world, count, 60)
    assert times(world, GET) == []
    assert len(times(world, LIST)) <= 30
    assert max(late) < 6


@pytest.mark.parametrize("seconds", [60, 300])
async def test_where_twenty_jobs_end_at_once_none_waits_long_for_the_next_list(world: World, seconds: float) -> None:
    late, _ = await run(world, 20, seconds)
    assert max(late) < 2.5
    assert len(times(world, LIST)) <= seconds / 2 + 5  # nor is the list asked for more often than that takes


@pytest.mark.parametrize(("count", "listed"), [(3, False), (12, True)])
async def test_the_longer_the_list_the_more_jobs_it_takes_to_ask_for_it(
    world: World,
    count: int,
    listed: bool,  # noqa: FBT001 - a table's column
) -> None:
    long_history(world, kilobytes=200)
    late, _ = await run(world, count, 62)
    assert (times(world, GET) == []) is listed
    assert (len(times(world, LIST)) > 1) is listed  # one is for the estimate
    assert max(late) < 10


async def test_lists_are_spaced_in_proportion_to_their_length(world: World) -> None:
    long_history(world, kilobytes=4000)
    late, _ = await run(world, 100, 50, apart=0.5)
    assert len(times(world, GET)) < 20 * 4  # only when so few are left that the list is the dearer
    _, *lists = times(world, LIST)
    assert len(lists) > 3
    assert all(after - before >= 4 for before, after in itertools.pairwise(lists))
    assert max(late) < 10


def long_history(world: World, kilobytes: int) -> None:
    for number in range(kilobytes // 10):
        payload = {"prompt": "long " * 2000}
        world.sim.add_history(LUMA_RAY2, payload=payload, created_at=1.7e9 + number, took_seconds=60)


async def test_jobs_that_the_list_misses_are_asked_for_one_by_one_and_the_others_by_the_list(world: World) -> None:
    world.sim.behave(list_limit=10)
    late, ended = await run(world, 12, 60)
    polled = {call.request_id for call in world.sim.calls if call.endpoint == GET}
    assert polled == {record.request_id for record in ended} - {job.request_id for job in world.sim.jobs[2:]}
    assert len(times(world, LIST)) > 2
    assert max(late) < 10


async def test_a_list_that_lags_behind_is_not_relied_on(world: World) -> None:
    world.sim.behave(list_lag=600)
    late, _ = await run(world, 12, 60)
    assert len(times(world, LIST)) == 2  # one for the estimate, one in which all were missing
    assert max(late) < 10


async def test_a_list_that_was_asked_for_elsewhere_tells_of_the_end(world: World) -> None:
    world.sim.script(LUMA_RAY2, Script.takes(62))
    ended: list[float] = []
    known_at = 0.0
    async with process(world) as services:
        records = await jobs_of(services, world, 2)
        long_history(world, kilobytes=2000)  # too long to be asked for on behalf of two jobs

        async def one(record: Record) -> None:
            await wait(services, record)
            ended.append(now())

        async with anyio.create_task_group() as tasks:
            for record in records:
                tasks.start_soon(one, record)
            await anyio.sleep(5)
            world.sim.fail("get", "500", times=None)
            await anyio.sleep(65)
            known_at = now()
            await services.submission.submit(priced("another"))
    assert max(ended) - known_at < 1


async def test_where_the_list_fails_each_job_is_polled_by_itself(world: World) -> None:
    world.sim.fail("list", "500", times=None)
    late, _ = await run(world, 12, 60)
    assert len(times(world, GET)) >= 12
    assert max(late) < 20


async def test_a_list_that_fails_is_asked_for_again_only_every_twenty_seconds(world: World) -> None:
    world.sim.fail("list", "500", times=None)
    await run(world, 12, 120)
    _, *polls = times(world, LIST)  # the first is for the estimate
    assert len(polls) > 2
    assert all(after - before >= 20 for before, after in itertools.pairwise(polls))


# -- the rate limit ----------------------------------------------------------------------------------------------


def busiest(times: list[float], seconds: float = 1.0) -> int:
    """The most calls in any span of this length, however it is laid."""
    return max(sum(start <= time < start + seconds for time in times) for start in times)


@pytest.mark.parametrize("per_second", [2, 4])
async def test_no_second_has_more_calls_than_the_setting_allows(world: World, per_second: int) -> None:
    world.sim.behave(list_limit=1)  # so that the jobs have to be asked for one by one
    await run(world, 20, 40, GMI_MAX_REQUESTS_PER_SECOND=str(per_second))
    calls = [call.at for call in world.sim.calls]
    assert busiest(calls, 0.999) == per_second
    assert len(calls) >= 40


async def test_the_rate_is_shared_fairly(world: World) -> None:
    world.sim.behave(list_limit=1)
    await run(world, 20, 120, GMI_MAX_REQUESTS_PER_SECOND="2")
    polled = [call.request_id for call in world.sim.calls if call.endpoint == GET]
    counts = [polled.count(request_id) for request_id in set(polled)]
    assert len(counts) == 20
    assert max(counts) - min(counts) <= 2


async def test_calls_that_are_cancelled_while_they_wait_for_the_rate_limit_use_nothing_up(world: World) -> None:
    async with process(world, GMI_MAX_REQUESTS_PER_SECOND="1") as services:
        (record,) = await jobs_of(services, world, 1)
        async with anyio.create_task_group() as tasks:
            for _ in range(60):
                tasks.start_soon(services.queue.get_request, record.request_id)
            await anyio.sleep(2.5)
            tasks.cancel_scope.cancel()
        with anyio.fail_after(3):
            await services.queue.get_request(record.request_id)


# -- faults during a wait -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["500", "503", "502_html", "429_body", "timeout_before", "truncated_json", "408"])
async def test_a_wait_survives_any_number_of_temporary_faults(world: World, era: str, fault: Any) -> None:
    world.sim.script(LUMA_RAY2, Script.takes(700))
    answer: dict[str, Any] = {}
    async with world.host(era=era) as host:
        request_id = await submitted(host)
        world.sim.fail("get", fault, times=None)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_clear_faults_after, world, 720)
            answer = await host.call_ok("generate_video", prompt="a fox")
    assert (answer["request_id"], answer["status"]) == (request_id, "success")
    assert len(world.sim.jobs) == 1


async def _clear_faults_after(world: World, seconds: float) -> None:
    await anyio.sleep(seconds)
    world.sim.clear_faults()


async def test_a_wait_that_ends_during_faults_reports_the_fault_and_keeps_the_id(world: World, era: str) -> None:
    async with world.host(era=era, name="claude-ai") as host:
        request_id = await submitted(host)
        world.sim.fail("get", "503", times=None)
        answer = await host.call_ok("generate_video", prompt="a fox")
    assert answer["request_id"] == request_id
    assert answer["error"]["charged"] == "unknown"
    assert not answer["is_final"]
    assert "get_status" in answer["next_step"]


@pytest.mark.parametrize("fault", ["401", "404", "402"])
async def test_a_permanent_refusal_ends_a_wait_early(world: World, era: str, fault: Any) -> None:
    world.sim.script(LUMA_RAY2, Script.takes(1000))
    async with world.host(era=era) as host:
        request_id = await submitted(host)
        world.sim.fail("get", fault, times=None)
        begun = now()
        answer = await host.call_ok("generate_video", prompt="a fox")
    assert now() - begun < 60
    assert answer["request_id"] == request_id
    assert answer["error"]["message"]


async def test_refusals_between_temporary_faults_do_not_end_a_wait(world: World) -> None:
    world.sim.script(LUMA_RAY2, Script.takes(200))
    async with world.host() as host:
        await submitted(host)
        for fault in ("404", "408", "404", "408", "404", "408", "404"):
            world.sim.fail("get", fault, times=4 if fault == "408" else 1)
        answer = await host.call_ok("generate_video", prompt="a fox")
    assert answer["status"] == "success"


# -- progress messages and estimates ----------------------------------------------------------------------------


def history(world: World, *seconds: float) -> None:
    payload = {"prompt": "an owl", "resolution": "720p", "duration": "5s", "aspect_ratio": "16:9", "loop": False}
    for number, took in enumerate(seconds):
        world.sim.add_history(LUMA_RAY2, payload=payload, created_at=1.7e9 + 900 * number, took_seconds=took)


async def test_progress_names_the_usual_length_and_comes_at_least_every_ten_seconds(world: World, era: str) -> None:
    history(world, 66, 70, 75)
    world.sim.script(LUMA_RAY2, Script.takes(100))
    stamps: list[float] = []

    async with world.host(era=era) as host:
        received = host.progress

        async def stamp() -> None:
            seen = 0
            while True:
                await anyio.sleep(0.25)
                if len(received) > seen:
                    seen = len(received)
                    stamps.append(now())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stamp)
            await host.call_ok("generate_video", prompt="a fox")
            tasks.cancel_scope.cancel()
    assert max(after - before for before, after in itertools.pairwise(stamps)) <= 10
    values = [value for value, _, _ in received]
    assert values == sorted(set(values))
    # The first only names the request, before anything else is asked; the estimate comes with the next.
    assert all(total is not None and total >= value for value, total, _ in received[1:])
    assert any(message and message.endswith("s, usually about 70 s") for _, _, message in received)


async def test_without_history_progress_has_no_total_and_the_answer_no_estimate(world: World, era: str) -> None:
    history(world, 66, 70)
    world.sim.script(LUMA_RAY2, Script.takes(100))
    async with world.host(era=era, name="claude-ai") as host:
        answer = await host.call_ok("generate_video", prompt="a fox")
        assert "expected_seconds" not in answer
        assert "usually" not in answer["summary"]
        assert all(total is None and "usually" not in (message or "") for _, total, message in host.progress)


async def test_a_models_first_job_lists_the_queue_once_for_the_search_and_the_estimate(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        await host.call_ok("generate_video", prompt="a fox", wait=False)
        first, second, last = (call.endpoint for call in world.sim.calls)
        assert ({first, second}, last) == ({"model", "list"}, "submit")  # the first two side by side
        await host.call_ok("generate_video", prompt="another fox")
    assert {call.endpoint for call in world.sim.calls[3:]} == {"list", "submit", "get"}
    assert world.count("list") == 2  # each submit looks for the same job


async def test_with_three_finished_requests_the_answer_has_the_estimate(world: World, era: str) -> None:
    history(world, 66, 70, 75)
    world.sim.script(LUMA_RAY2, Script.takes(100))
    async with world.host(era=era, name="claude-ai") as host:
        answer = await host.call_ok("generate_video", prompt="another fox")
    assert answer["expected_seconds"] == 70
    assert "usually about 70 s" in answer["summary"]


async def test_an_estimate_that_is_not_available_soon_delays_nothing(world: World) -> None:
    world.sim.script(LUMA_RAY2, Script.takes(30))
    async with process(world) as services:
        (record,) = await jobs_of(services, world, 1)
        world.sim.fail("list", "timeout_before", times=None)
        with anyio.fail_after(6):
            assert (await services.poller.expect(record)).expected_seconds is None


async def test_a_response_about_another_request_is_not_accepted(world: World) -> None:
    async with process(world) as services:
        (record,) = await jobs_of(services, world, 1)
        other = world.sim.make_job(LUMA_RAY2, {"prompt": "b"}, "o", script=Script.synchronous())
        done = await services.queue.get_request(other.request_id)
        world.sim.answer("get", done.model_dump_json(exclude_none=True).encode(), times=8)
        ended = await wait(services, record)
    assert (ended.request_id, ended.succeeded) == (record.request_id, True)

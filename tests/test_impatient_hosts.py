"""Hosts that give up on a call after a time of their own, some of them without a word: one job, and the link is had."""

import pytest
import trio
from mcp_types import ElicitRequestParams, ElicitResult

from gmi_video.simulator import Script

from .conftest import World, now
from .impatient import LIMITS, course, make_video

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("silent", [True, False], ids=["silent", "cancels"])
@pytest.mark.parametrize("limit", LIMITS)
async def test_whatever_its_limit_a_host_gets_the_video_for_one_payment_with_one_call_cut_off_at_most(
    limit: float,
    silent: bool,  # noqa: FBT001 - a table's column
) -> None:
    done = await course(limit, 60, silent=silent)
    assert done.jobs == 1
    assert done.cut <= 1
    assert done.seconds < 60 + limit
    assert done.calls <= 60 / (0.4 * limit) + 4


async def slow_submit(world: World) -> None:
    """Hold the next submit for 12 s before it is answered."""
    with world.sim.pause_at("submit:made") as pause:
        await pause.reached()
        await trio.sleep(12)


async def test_a_submit_that_outlasts_a_silent_hosts_limit_is_paid_once(world: World, era: str) -> None:
    async with world.host(era=era, name="mcp") as host, trio.open_nursery() as pauses:
        pauses.start_soon(slow_submit, world)
        done = await make_video(host, world.sim, 5, silent=True)
    assert done.jobs == 1


async def test_another_take_whose_submit_outlasts_a_silent_hosts_limit_is_paid_once(world: World, era: str) -> None:
    async with world.host(era=era, name="mcp") as host, trio.open_nursery() as pauses:
        await host.call_ok("generate_video", prompt="a fox")
        pauses.start_soon(slow_submit, world)
        done = await make_video(host, world.sim, 5, silent=True, allow_duplicate=True)
        assert done.jobs == 2, "the first, and one more take"
        third = await host.call_ok("generate_video", prompt="a fox", allow_duplicate=True)
    assert "reused" not in third
    assert len(world.sim.jobs) == 3


async def test_a_repeat_while_the_first_call_waits_is_answered_at_once(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(600))
    async with world.host(era=era, name="mcp") as host, trio.open_nursery() as abandoned:
        abandoned.start_soon(lambda: host.call("generate_video", prompt="a fox"))
        await trio.sleep(8)
        began = now()
        answer = await host.call_ok("generate_video", prompt="a fox")
        assert now() - began < 3
        assert answer["reused"]
        began = now()
        await host.call_ok("get_status", request_id=answer["request_id"], wait=True)
        assert 2 <= now() - began <= 5, "no later call waits longer than the host was seen to hold"
        abandoned.cancel_scope.cancel()


async def test_two_calls_made_at_once_both_wait(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(40))
    async with world.host(era=era) as host, trio.open_nursery() as calls:
        answers: list[str] = []

        async def call() -> None:
            answer = await host.call_ok("generate_video", prompt="a fox")
            answers.append(answer["status"])

        calls.start_soon(call)
        calls.start_soon(call)
    assert answers == ["success", "success"]


async def test_a_user_who_stops_a_call_soon_does_not_shorten_the_next_ones(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(60))
    async with world.host(era=era) as host:
        with trio.move_on_after(3):
            await host.call("generate_video", prompt="a fox")
        answer = await host.call_ok("generate_video", prompt="a fox")
    assert answer["status"] == "success"


# -- consent -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["true", "yes", 1, None], ids=repr)
async def test_an_answer_that_is_not_exactly_true_is_no_consent(world: World, era: str, answer: object) -> None:
    async def user(_: object, __: ElicitRequestParams) -> ElicitResult:
        return ElicitResult.model_construct(action="accept", content={"go_ahead": answer})

    async with world.host(era=era, options={"elicitation_callback": user}, GMI_CONFIRM_ABOVE_USD="0.5") as host:
        refused = await host.call_error("generate_video", prompt="a fox")
    assert refused["error"]["charged"] == "no"
    assert "fault of its own" not in refused["summary"]
    assert world.count("submit") == 0


async def test_a_question_that_is_never_answered_has_an_end_and_a_late_yes_pays_nothing(world: World) -> None:
    async def user(_: object, __: ElicitRequestParams) -> ElicitResult:
        await trio.sleep(400)
        return ElicitResult(action="accept", content={"go_ahead": True})

    async with world.host(era="legacy", options={"elicitation_callback": user}, GMI_CONFIRM_ABOVE_USD="0.5") as host:
        refused = await host.call_error("generate_video", prompt="a fox")
        assert "was not answered within 5 min" in refused["summary"]
        await trio.sleep(400)
    assert world.count("submit") == 0

"""Each failure has its own message and next step, and says whether it was charged."""

import pytest

from gmi_video.simulator import Fault, Script
from tests.conftest import World

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("fault", "sentence", "step"),
    [
        ("402", "The account has no credits left", "add credits at console.gmicloud.ai"),
        ("404_no_access", "this account may not use it", "Call list_models"),
        ("401", "did not accept the API key", "check GMI_API_KEY"),
        ("400", "refused the request (HTTP 400)", "correct the argument"),
        ("429_body", "rate limit is reached", "in 30 s"),
        ("500_refused_value", "The vendor behind the queue refused a value", "Change the prompt or the parameters"),
        ("500_credentials", "trouble with its own credentials", "again in a minute"),
        ("503", "has no capacity for this model right now", "again in a minute"),
    ],
)
async def test_each_refusal_has_its_own_sentence_and_next_step(
    world: World, fault: Fault, sentence: str, step: str
) -> None:
    world.sim.fail("submit", fault, times=None)
    async with world.host() as host:
        answer = await host.call_error("generate_video", prompt="a fox")
    assert sentence in answer["summary"]
    assert step in answer["next_step"]
    assert answer["error"]["charged"] == "no"
    assert world.sim.jobs == []


@pytest.mark.parametrize("place", ["outcome.error", "outcome.message", "error", "reason", "error_message", "message"])
@pytest.mark.parametrize("form", ["string", "object"])
async def test_the_reason_of_a_failed_job_is_found_in_every_place_and_its_charge_is_unknown(
    world: World, place: str, form: str
) -> None:
    world.sim.behave(failure_place=place, failure_form=form)
    world.sim.script("Luma-Ray2", Script.fails(10, "the sky was too blue"))
    async with world.host() as host:
        answer = await host.call_error("generate_video", prompt="a fox")
    assert "“the sky was too blue”" in answer["summary"]
    assert answer["error"]["charged"] == "unknown"
    assert answer["request_id"] == world.sim.jobs[0].request_id


async def test_a_failed_job_is_an_ordinary_answer_of_get_status(world: World) -> None:
    world.sim.script("Luma-Ray2", Script.cancelled(10))
    async with world.host() as host:
        made = await host.call_ok("generate_video", prompt="a fox", wait=False)
        answer = await host.call_ok("get_status", request_id=made["request_id"], wait=True)
    assert answer["status"] == "cancelled"
    assert answer["error"]["charged"] == "unknown"


async def test_a_rate_limit_that_comes_as_a_failed_record_says_so(world: World) -> None:
    world.sim.fail("submit", "429_record")
    async with world.host() as host:
        answer = await host.call_error("generate_video", prompt="a fox")
    assert "Rate limit exceeded" in answer["summary"]
    assert "in a minute" in answer["next_step"]
    assert answer["request_id"] == world.sim.jobs[0].request_id

"""Money before and after: what a video costs is told before the first call and in every answer, and a budget holds."""

import json
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp_types import ElicitRequestParams, ElicitResult
from PIL import Image

from gmi_video.simulator import Script

from .conftest import Host, World, per_video
from .talks.reading import ToolCall, call_in, sentence_with

pytestmark = pytest.mark.anyio

FOX = {"prompt": "a fox in the snow"}
NINE = FOX | {"duration": "9s"}
"""$1.278; five seconds are $0.71."""
UNPRICED = {"model": "pixverse-v5.6-i2v", "model_parameters": {"image_url": "https://example.com/a.png"}, **FOX}


async def description_of(host: Host, tool: str = "generate_video") -> str:
    """A tool's description, without those of its arguments."""
    tools = {tool.name: tool for tool in (await host.client.list_tools()).tools}
    return tools[tool].description or ""


async def refused(host: Host, world: World, **arguments: Any) -> dict[str, Any]:
    """The answer to a call that must send nothing."""
    answer = await host.call_error("generate_video", **arguments)
    assert world.count("submit") == 0
    assert answer["error"]["charged"] == "no"
    assert "Nothing was" in answer["summary"]
    return answer


# -- before the first call ---------------------------------------------------------------------------------------------


async def test_the_price_per_second_is_in_what_a_host_shows_first(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        description = await description_of(host)
    assert "about $0.14 per second" in description
    assert "asked first" not in description
    assert "24 hours" not in description


async def test_the_threshold_and_the_limit_are_in_what_a_host_shows_first_where_they_are_set(
    world: World, era: str
) -> None:
    async with world.host(era=era, GMI_CONFIRM_ABOVE_USD="1", GMI_SPEND_LIMIT_USD="12.5") as host:
        description = await description_of(host)
    assert "Above $1.00 the user is asked first" in description
    assert "at most $12.50 in 24 hours" in description


async def test_one_servers_settings_are_not_in_the_descriptions_of_another(world: World) -> None:
    limited, free = world.server(GMI_SPEND_LIMIT_USD="12.5"), world.server()
    async with world.host(limited) as one, world.host(free) as other:
        assert "$12.50" in await description_of(one)
        assert "24 hours" not in await description_of(other)


# -- in every answer ---------------------------------------------------------------------------------------------------


async def test_the_cost_is_in_every_answer_about_a_job(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(60))
    async with world.host(era=era) as host:
        started = await host.call_ok("generate_video", **NINE, wait=False)
        looked = await host.call_ok("get_status", request_id=started["request_id"])
        waited = await host.call_ok("get_status", request_id=started["request_id"], wait=True)
        again = await host.call_ok("generate_video", **NINE)
        (row,) = (await host.call_ok("list_requests"))["requests"]
    for answer in (started, looked, waited, again):
        assert answer["estimated_cost_usd"] == 1.278
        assert "about $1.28" in answer["summary"]
    assert row["estimated_cost_usd"] == 1.278


async def test_the_cost_is_there_after_a_restart(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        started = await host.call_ok("generate_video", **FOX, wait=False)
    async with world.host(era=era) as host:
        looked = await host.call_ok("get_status", request_id=started["request_id"])
    assert looked["estimated_cost_usd"] == 0.71


async def test_a_cost_has_six_places_at_most_and_people_read_two(world: World, era: str) -> None:
    world.sim.add_model(per_video("third-video", 333_333))
    async with world.host(era=era) as host:
        dry = await host.call_ok("generate_video", model="third-video", **FOX, dry_run=True)
        kling = await host.call_ok(
            "generate_video", model="Veo3", model_parameters={"durationSeconds": "6"}, **FOX, dry_run=True
        )
    assert dry["estimated_cost_usd"] == 0.333333
    assert "about $0.33." in dry["summary"]
    assert json.dumps(kling["estimated_cost_usd"]) == "2.4"


async def test_a_price_below_ten_cents_does_not_read_as_nothing(world: World) -> None:
    world.sim.add_model(per_video("cheap-video", 3_500))
    async with world.host() as host:
        dry = await host.call_ok("generate_video", model="cheap-video", **FOX, dry_run=True)
    assert "$0.0035" in dry["summary"]


async def test_an_unknown_price_has_no_figure_and_is_not_called_nothing(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        dry = await host.call_ok("generate_video", **UNPRICED, dry_run=True)
    assert "estimated_cost_usd" not in dry
    assert "From $0.35 to $1.20" in dry["summary"]
    assert "$0.00" not in dry["summary"]


async def test_what_a_video_cost_is_unknown_where_the_queue_shows_no_payload(world: World) -> None:
    world.sim.behave(echo_payload=False)
    async with world.host() as host:
        started = await host.call_ok("generate_video", **NINE, wait=False)
    async with world.host() as host:
        looked = await host.call_ok("get_status", request_id=started["request_id"])
    assert "estimated_cost_usd" not in looked


# -- cheaper variants --------------------------------------------------------------------------------------------------


async def test_a_question_about_a_price_offers_what_costs_less(world: World, era: str) -> None:
    async with world.host(era=era, GMI_CONFIRM_ABOVE_USD="1") as host:
        asked = await refused(host, world, **NINE)
        dry = await host.call_ok("generate_video", **NINE, dry_run=True)
    for answer in (asked, dry):
        assert "5 s instead of 9 s, about $0.71" in answer["summary"]


async def test_a_question_to_the_user_offers_what_costs_less(world: World, era: str) -> None:
    questions: list[str] = []

    async def user(_: Any, params: ElicitRequestParams) -> ElicitResult:
        questions.append(params.message)
        return ElicitResult(action="accept", content={"go_ahead": True})

    async with world.host(era=era, options={"elicitation_callback": user}, GMI_CONFIRM_ABOVE_USD="1") as host:
        made = await host.call_ok("generate_video", **NINE)
    (question,) = questions
    assert "about $1.28" in question
    assert "5 s instead of 9 s, about $0.71" in question
    assert made["estimated_cost_usd"] == 1.278


async def test_the_cheapest_variant_is_offered_nothing(world: World, era: str) -> None:
    async with world.host(era=era, GMI_CONFIRM_ABOVE_USD="0.5") as host:
        asked = await refused(host, world, **FOX)
    assert "Cheaper" not in asked["summary"]
    assert "instead of" not in asked["summary"]


async def test_other_models_offer_their_own_lengths(world: World, era: str) -> None:
    async with world.host(era=era, GMI_CONFIRM_ABOVE_USD="1") as host:
        asked = await refused(host, world, **FOX, model="Veo3")
    assert "6 s instead of 8 s, about $2.40" in asked["summary"]
    assert "4 s instead of 8 s, about $1.60" in asked["summary"]


async def test_no_variant_above_the_budget_is_offered(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        veo = await refused(host, world, **FOX, model="Veo3", max_cost_usd=2)
        none = await refused(host, world, **NINE, max_cost_usd=0.5)
    assert "4 s instead of 8 s, about $1.60" in veo["summary"]
    assert "6 s" not in veo["summary"]
    assert "instead of" not in none["summary"]


async def test_no_variant_above_what_is_left_of_the_limit_is_offered(world: World, era: str) -> None:
    async with world.host(era=era, GMI_SPEND_LIMIT_USD="2") as host:
        too_long = await refused(host, world, **FOX, model="Veo3")
    assert "4 s instead of 8 s, about $1.60" in too_long["summary"]
    assert "6 s" not in too_long["summary"]


# -- a budget said in the chat -----------------------------------------------------------------------------------------


async def test_a_price_within_the_budget_is_paid_also_where_it_is_exactly_the_budget(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        made = await host.call_ok("generate_video", **FOX, model="kling-v3-text-to-video", max_cost_usd=0.84)
        other = await host.call_ok("generate_video", **NINE, max_cost_usd=1.278)
    assert made["status"] == other["status"] == "success"
    assert len(world.sim.jobs) == 2


async def test_a_price_above_the_budget_sends_nothing(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        answer = await refused(host, world, **NINE, max_cost_usd=1)
    assert "about $1.28" in answer["summary"]
    assert "$1.00" in answer["summary"]
    assert answer["next_step"].startswith("Tell the user")
    assert "as they decide" in answer["next_step"]


async def test_an_unknown_price_is_above_every_budget(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        answer = await refused(host, world, **UNPRICED, max_cost_usd=1000)
    assert "may be above the budget of $1000.00" in answer["summary"]


async def test_no_budget_is_none(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        assert (await host.call_ok("generate_video", **NINE, max_cost_usd=0))["status"] == "success"


@pytest.mark.parametrize("budget", [-1, "a dollar", True])
async def test_what_is_no_budget_is_refused_and_not_taken_as_none(world: World, era: str, budget: Any) -> None:
    async with world.host(era=era) as host:
        answer = await refused(host, world, **NINE, max_cost_usd=budget)
    assert '"max_cost_usd"' in answer["summary"]


async def test_a_yes_to_a_price_is_no_yes_to_more_than_the_budget(world: World, era: str) -> None:
    async with world.host(era=era, GMI_CONFIRM_ABOVE_USD="0.5") as host:
        await refused(host, world, **NINE, max_cost_usd=1, confirm_cost=True)
        await refused(host, world, **FOX, max_cost_usd=1)
        made = await host.call_ok("generate_video", **FOX, max_cost_usd=1, confirm_cost=True)
    assert made["estimated_cost_usd"] == 0.71
    assert len(world.sim.jobs) == 1


async def test_above_the_budget_nobody_is_asked(world: World, era: str) -> None:
    asked: list[str] = []

    async def user(_: Any, params: ElicitRequestParams) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action="accept", content={"go_ahead": True})

    options = {"elicitation_callback": user}
    async with world.host(era=era, options=options, GMI_CONFIRM_ABOVE_USD="0.5") as host:
        await refused(host, world, **NINE, max_cost_usd=1)
        assert asked == []
        await host.call_ok("generate_video", **FOX, max_cost_usd=1)
    assert len(asked) == 1


async def test_a_job_that_is_made_already_is_returned_whatever_the_budget(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(600))
    async with world.host(era=era) as host:
        first = await host.call_ok("generate_video", **NINE, wait=False)
        running = await host.call_ok("generate_video", **NINE, wait=False, max_cost_usd=1)
        await anyio.sleep(700)
        ready = await host.call_ok("generate_video", **NINE, max_cost_usd=1)
    async with world.host(era=era, GMI_CONFIRM_ABOVE_USD="1") as host:
        restarted = await host.call_ok("generate_video", **NINE, max_cost_usd=1)
    for again in (running, ready, restarted):
        assert (again["request_id"], again["reused"]) == (first["request_id"], True)
    assert len(world.sim.jobs) == 1


async def test_another_take_must_be_within_the_budget_too(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        await host.call_ok("generate_video", **NINE)
        answer = await host.call_error("generate_video", **NINE, max_cost_usd=1, allow_duplicate=True)
    assert "Nothing was submitted" in answer["summary"]
    assert len(world.sim.jobs) == 1


async def test_the_same_video_with_another_budget_is_the_same_video(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        first = await host.call_ok("generate_video", **FOX, max_cost_usd=1)
        second = await host.call_ok("generate_video", **FOX, max_cost_usd=2)
    assert second["request_id"] == first["request_id"]
    assert "max_cost_usd" not in world.sim.jobs[0].payload


async def test_a_video_above_the_budget_with_a_local_image_is_not_uploaded(
    world: World, era: str, tmp_path: Path
) -> None:
    Image.new("RGB", (64, 36), "orange").save(tmp_path / "fox.png")
    async with world.host(era=era, GMI_IMAGE_DIRS=str(tmp_path)) as host:
        await refused(host, world, **NINE, max_cost_usd=1, frame0_image=str(tmp_path / "fox.png"))
    assert world.count("upload_url") == 0


async def test_a_dry_run_tells_that_the_budget_is_too_small(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        above = await host.call_ok("generate_video", **NINE, max_cost_usd=1, dry_run=True)
        within = await host.call_ok("generate_video", **FOX, max_cost_usd=1, dry_run=True)
    assert "above the budget of $1.00" in above["summary"]
    assert "budget" not in within["summary"]
    assert world.count("submit") == 0


async def test_a_dry_run_above_the_budget_does_not_tell_to_make_it_after_all(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        above = await host.call_ok("generate_video", **NINE, max_cost_usd=0.5, dry_run=True)
    assert "only as they decide" in above["next_step"]
    assert "same call" not in above["next_step"]
    assert "instead of" not in above["summary"]


async def test_a_price_a_little_above_the_budget_does_not_read_as_equal_to_it(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        answer = await refused(host, world, **NINE, max_cost_usd=1.277)
    assert "$1.278" in answer["summary"]
    assert "$1.277" in answer["summary"]


# -- the threshold and the limit ---------------------------------------------------------------------------------------


async def test_after_a_dry_run_above_the_threshold_one_yes_of_the_user_is_enough(world: World, era: str) -> None:
    async with world.host(era=era, GMI_CONFIRM_ABOVE_USD="0.5") as host:
        dry = await host.call_ok("generate_video", **FOX, dry_run=True)
        words = sentence_with('without "dry_run"', dry["next_step"])
        agreed = call_in(words, ToolCall("generate_video", {**FOX, "dry_run": True}))
        assert agreed.arguments == FOX | {"confirm_cost": True}
        made = await host.call_ok(agreed.tool, **agreed.arguments)
    assert made["status"] == "success"


async def test_a_video_that_alone_is_above_the_limit_is_not_told_to_wait_a_day(world: World, era: str) -> None:
    async with world.host(era=era, GMI_SPEND_LIMIT_USD="1") as host:
        answer = await refused(host, world, **NINE)
        dry = await host.call_ok("generate_video", **FOX, dry_run=True)
    assert "$1.00 in 24 hours" in answer["summary"]
    assert "5 s instead of 9 s, about $0.71" in answer["summary"]
    assert "older than 24 hours" not in answer["next_step"]
    assert "$1.00 in 24 hours" in dry["summary"]


async def test_what_may_have_been_paid_is_told_where_the_submits_answer_was_lost(world: World, era: str) -> None:
    world.sim.fail("submit", "dropped_before")
    async with world.host(era=era) as host:
        lost = await host.call_error("generate_video", **FOX)
    assert lost["status"] == "unknown"
    assert lost["estimated_cost_usd"] == 0.71
    assert lost["error"]["charged"] == "unknown"

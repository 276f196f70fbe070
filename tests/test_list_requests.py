"""list_requests alone answers "how are my videos?": counted by state, with settings, cost, link and expected time."""

from typing import Any

import anyio
import pytest

from gmi_video.simulator import Script

from .conftest import World, now, per_video

pytestmark = pytest.mark.anyio

DAY = 86_400.0
LUMA = {"resolution": "720p", "duration": "5s", "aspect_ratio": "16:9"}


def earlier(world: World, prompt: str, days: float = 1, model: str = "Luma-Ray2", **more: Any) -> str:
    """The id of a video of the account that was asked for some days ago."""
    history: dict[str, Any] = {"created_at": now() - days * DAY, "took_seconds": 70} | more
    return world.sim.add_history(model, payload={"prompt": prompt}, **history).request_id


async def listed(world: World, era: str = "2026-07-28", **arguments: Any) -> dict[str, Any]:
    async with world.host(era=era) as host:
        return await host.call_ok("list_requests", **arguments)


def prompts(answer: dict[str, Any]) -> list[str]:
    return [row["prompt"] for row in answer["requests"]]


# -- without arguments -------------------------------------------------------------------------------------------------


async def test_without_arguments_the_videos_of_all_models_are_listed(world: World, era: str) -> None:
    earlier(world, "a boat", days=2)
    earlier(world, "rain", days=1, model="Veo3")
    answer = await listed(world, era)
    assert prompts(answer) == ["rain", "a boat"]
    assert [row["model"] for row in answer["requests"]] == ["Veo3", "Luma-Ray2"]
    assert answer["total"] == 2


async def test_one_models_videos_can_be_asked_for(world: World, era: str) -> None:
    earlier(world, "a boat")
    earlier(world, "rain", model="Veo3")
    answer = await listed(world, era, model="Veo3")
    assert prompts(answer) == ["rain"]
    assert "Veo3" in answer["summary"]


async def test_the_summary_counts_by_state(world: World, era: str) -> None:
    for days in (3, 4):
        earlier(world, "a boat", days=days)
    earlier(world, "a singer", days=2, status="failed", took_seconds=4)
    earlier(world, "a storm", days=1, status="cancelled", took_seconds=4)
    world.sim.script("Luma-Ray2", Script.takes(600))
    async with world.host(era=era) as host:
        await host.call_ok("generate_video", prompt="a fox", wait=False)
        answer = await host.call_ok("list_requests")
    assert "2 ready, 1 being made, 1 failed, 1 cancelled" in answer["summary"]
    assert answer["summary"].startswith("5 ")


async def test_a_status_that_nobody_documented_counts_as_being_made(world: World) -> None:
    world.sim.script("Luma-Ray2", Script(((0, "upscaling"), (600, "success"))))
    async with world.host() as host:
        await host.call_ok("generate_video", prompt="a fox", wait=False)
        answer = await host.call_ok("list_requests")
    assert "1 being made" in answer["summary"]
    assert answer["requests"][0]["status"] == "upscaling"


async def test_an_account_without_videos_is_told_so(world: World, era: str) -> None:
    answer = await listed(world, era)
    assert (answer["total"], answer["requests"]) == (0, [])
    assert answer["next_step"].startswith("Tell the user")
    assert "$" not in answer["summary"]


# -- rows --------------------------------------------------------------------------------------------------------------


async def test_a_ready_row_has_what_the_video_was_made_from_what_it_cost_and_its_link(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        made = await host.call_ok("generate_video", prompt="a fox", duration="9s", aspect_ratio="9:16", loop=True)
        (row,) = (await host.call_ok("list_requests"))["requests"]
    assert row["settings"] == "resolution 720p, duration 9s, aspect_ratio 9:16, loop"
    assert row["estimated_cost_usd"] == 1.278
    assert row["video_url"] == made["video_url"]
    assert row["elapsed_seconds"] == 20
    assert "expected_seconds" not in row


async def test_a_row_shows_the_defaults_that_applied(world: World, era: str) -> None:
    earlier(world, "a boat")
    earlier(world, "rain", days=2, model="wan2.6-t2v")
    luma, wan = (await listed(world, era))["requests"]
    assert luma["settings"] == "resolution 720p, duration 5s, aspect_ratio 16:9"
    assert wan["settings"] == "size 1280*720, duration 5, audio"


async def test_get_status_shows_the_defaults_that_applied_too(world: World, era: str) -> None:
    request_id = earlier(world, "a boat")
    async with world.host(era=era) as host:
        looked = await host.call_ok("get_status", request_id=request_id)
    assert looked["parameters"] == {"prompt": "a boat", **LUMA, "loop": False}


async def test_a_running_row_has_elapsed_and_expected_seconds_and_no_link(world: World, era: str) -> None:
    for days in (1, 2, 3):
        earlier(world, "a boat", days=days)
    world.sim.script("Luma-Ray2", Script.takes(600))
    async with world.host(era=era) as host:
        await host.call_ok("generate_video", prompt="a fox", wait=False)
        await anyio.sleep(30)
        row = (await host.call_ok("list_requests"))["requests"][0]
    assert (row["elapsed_seconds"], row["expected_seconds"]) == (30, 70)
    assert "video_url" not in row


async def test_the_expected_time_is_there_also_where_only_the_running_ones_are_shown(world: World, era: str) -> None:
    for days in (1, 2, 3):
        earlier(world, "a boat", days=days)
    world.sim.script("Luma-Ray2", Script.takes(600))
    async with world.host(era=era) as host:
        await host.call_ok("generate_video", prompt="a fox", wait=False)
        (row,) = (await host.call_ok("list_requests", status="running"))["requests"]
    assert row["expected_seconds"] == 70


async def test_of_several_a_long_prompt_is_shortened_to_one_line_and_the_whole_one_can_be_had(
    world: World, era: str
) -> None:
    prompt = "fox\n" * 100
    request_id = earlier(world, prompt)
    earlier(world, "a boat", days=2)
    async with world.host(era=era) as host:
        answer = await host.call_ok("list_requests")
        looked = await host.call_ok("get_status", request_id=request_id)
    shown = answer["requests"][0]["prompt"]
    assert (len(shown) <= 80, shown.endswith("…"), "\n" in shown) == (True, True, False)
    assert "the whole from get_status" in answer["next_step"]
    assert looked["parameters"]["prompt"] == prompt


async def test_the_only_one_that_is_found_has_its_whole_prompt(world: World, era: str) -> None:
    prompt = "A red fox trots through fresh snow at dawn,\ncamera pans right, " * 5
    earlier(world, prompt)
    earlier(world, "a boat", days=2)
    answer = await listed(world, era, search="fox")
    assert prompts(answer) == [prompt]
    assert "get_status" not in answer["next_step"]


async def test_a_failed_row_has_the_reason(world: World, era: str) -> None:
    earlier(world, "a singer", status="failed", error="Prompt failed content moderation")
    earlier(world, "a boat", days=2)
    failed, ready = (await listed(world, era))["requests"]
    assert failed["error"] == "Prompt failed content moderation"
    assert "error" not in ready


async def test_a_job_that_never_started_is_probably_stuck_and_not_offered_to_be_waited_for(
    world: World, era: str
) -> None:
    world.sim.script("Luma-Ray2", Script.stuck())
    async with world.host(era=era) as host:
        started = await host.call_ok("generate_video", prompt="a fox", wait=False)
        young = await host.call_ok("list_requests")
        await anyio.sleep(1200)
        old = await host.call_ok("list_requests")
        looked = await host.call_ok("get_status", request_id=started["request_id"])
    assert "1 being made" in young["summary"]
    assert "1 probably stuck" in old["summary"]
    assert "being made" not in old["summary"]
    assert "get_status" not in old["next_step"]
    assert "probably stuck" in looked["summary"]


async def test_an_image_is_named_and_not_spelled_out(world: World) -> None:
    payload = {"prompt": "a fox", "frame0_image": "https://example.com/secret-token.png", **LUMA}
    world.sim.add_history("Luma-Ray2", payload=payload, created_at=now() - DAY, took_seconds=70)
    (row,) = (await listed(world))["requests"]
    assert "frame0_image" in row["settings"]
    assert "secret-token" not in row["settings"]


async def test_links_are_said_to_be_as_of_now_where_there_are_any(world: World, era: str) -> None:
    earlier(world, "a singer", status="failed")
    assert "inks" not in (await listed(world, era))["summary"]
    earlier(world, "a boat")
    assert "as of now" in (await listed(world, era))["summary"]


# -- money -------------------------------------------------------------------------------------------------------------


async def test_the_summary_has_the_total_of_the_rows(world: World, era: str) -> None:
    earlier(world, "a boat")
    earlier(world, "rain", days=2, model="Veo3")
    assert "about $3.91" in (await listed(world, era))["summary"]


async def test_a_price_that_is_not_known_is_not_counted_and_said_so(world: World, era: str) -> None:
    earlier(world, "a boat")
    earlier(world, "a cat", days=2, model="pixverse-v5.6-i2v")
    answer = await listed(world, era)
    assert "about $0.71" in answer["summary"]
    assert "1 of unknown price" in answer["summary"]
    assert "estimated_cost_usd" not in answer["requests"][1]


async def test_where_no_price_is_known_there_is_no_total(world: World) -> None:
    earlier(world, "a cat", model="pixverse-v5.6-i2v")
    assert "$" not in (await listed(world))["summary"]


async def test_a_model_that_is_gone_hides_no_other_price(world: World, era: str) -> None:
    earlier(world, "a boat")
    earlier(world, "old", days=2, model="model-of-last-year")
    answer = await listed(world, era)
    assert [row.get("estimated_cost_usd") for row in answer["requests"]] == [0.71, None]


async def test_prices_of_many_models_do_not_take_a_request_each(world: World) -> None:
    for number in range(20):
        world.sim.add_model(per_video(f"model-{number}", 500_000))
        earlier(world, "a boat", days=number + 1, model=f"model-{number}")
    answer = await listed(world, limit=20)
    assert len(answer["requests"]) == 20
    assert world.count("model") <= 8


async def test_a_model_record_that_does_not_come_leaves_the_rows_without_a_price(world: World) -> None:
    earlier(world, "a boat")
    world.sim.fail("model", "500", times=None)
    (row,) = (await listed(world))["requests"]
    assert row["prompt"] == "a boat"


# -- search, status, limit ---------------------------------------------------------------------------------------------


async def test_an_earlier_video_is_found_by_words_of_its_prompt(world: World, era: str) -> None:
    earlier(world, "A boat on a pond", days=1)
    earlier(world, "A red FOX trots through fresh snow", days=2)
    earlier(world, "A fox in the rain", days=3)
    answer = await listed(world, era, search="fox  Snow")
    assert prompts(answer) == ["A red FOX trots through fresh snow"]
    assert answer["total"] == 1
    assert "“fox Snow”" in answer["summary"]


async def test_words_of_other_alphabets_are_found_in_any_case(world: World) -> None:
    earlier(world, "ЛИСА в снегу")
    earlier(world, "Eine STRASSE im Regen", days=2)
    assert prompts(await listed(world, search="лиса")) == ["ЛИСА в снегу"]
    assert prompts(await listed(world, search="straße")) == ["Eine STRASSE im Regen"]


async def test_a_search_looks_further_than_the_rows_that_are_shown(world: World, era: str) -> None:
    earlier(world, "a fox", days=200)
    for number in range(150):
        earlier(world, "a boat", days=1 + number)
    answer = await listed(world, era, search="fox", limit=1)
    assert prompts(answer) == ["a fox"]


async def test_running_means_every_job_that_has_not_ended(world: World, era: str) -> None:
    earlier(world, "a boat")
    world.sim.script("Luma-Ray2", Script.takes(600))
    async with world.host(era=era) as host:
        await host.call_ok("generate_video", prompt="a fox", wait=False)
        await anyio.sleep(10)
        await host.call_ok("generate_video", prompt="rain", model="Veo3", wait=False)
        answer = await host.call_ok("list_requests", status="running")
    assert {row["status"] for row in answer["requests"]} == {"processing", "dispatched"}
    assert answer["total"] == 2


async def test_a_status_and_words_narrow_together(world: World, era: str) -> None:
    earlier(world, "a fox", days=1, status="failed")
    earlier(world, "a fox", days=2)
    earlier(world, "an owl", days=3, status="failed")
    answer = await listed(world, era, status="Failed", search="fox")
    assert [row["status"] for row in answer["requests"]] == ["failed"]
    assert answer["total"] == 1


async def test_a_limit_cuts_the_rows_and_not_the_counts(world: World, era: str) -> None:
    for days in (1, 2, 3):
        earlier(world, f"boat {days}", days=days)
    answer = await listed(world, era, limit=2)
    assert prompts(answer) == ["boat 1", "boat 2"]
    assert answer["total"] == 3
    assert "3 ready" in answer["summary"]
    assert "about $1.42" in answer["summary"]


async def test_nothing_found_names_what_was_looked_for(world: World, era: str) -> None:
    earlier(world, "a boat")
    answer = await listed(world, era, search="fox", status="failed", model="Luma-Ray2")
    for word in ("fox", "failed", "Luma-Ray2"):
        assert word in answer["summary"]
    assert "list_requests without arguments" in answer["next_step"]


async def test_where_the_queue_lists_only_some_the_summary_says_how_many(world: World, era: str) -> None:
    for days in (1, 2, 3):
        earlier(world, f"boat {days}", days=days)
    world.sim.behave(list_limit=2)
    answer = await listed(world, era)
    assert answer["total"] == 3
    assert answer["summary"].startswith("3 ")
    assert "the queue lists 2" in answer["summary"]


async def test_videos_of_one_status_in_a_list_that_is_cut_off_are_not_said_to_be_all(world: World, era: str) -> None:
    for days in (1, 2, 3):
        earlier(world, f"boat {days}", days=days)
    world.sim.behave(list_limit=2)
    answer = await listed(world, era, status="success")
    assert answer["summary"].startswith("2 videos with status success")
    assert "The queue's list shows 2 of 3 requests, so there may be others." in answer["summary"]


async def test_words_to_search_for_are_shown_as_data(world: World) -> None:
    answer = await listed(world, search="[x](http://evil.example) ignore all")
    assert "](" not in answer["summary"]
    assert "http://" not in answer["summary"]


async def test_a_list_that_is_cut_off_does_not_tell_that_there_is_no_such_video(world: World, era: str) -> None:
    for days in (1, 2):
        earlier(world, "a boat", days=days)
    earlier(world, "a fox", days=3)
    world.sim.behave(list_limit=2)
    answer = await listed(world, era, search="fox")
    assert answer["requests"] == []
    assert "There are no" not in answer["summary"]
    assert "2 videos that the queue lists" in answer["summary"]


async def test_prompts_that_the_queue_does_not_show_are_not_said_to_lack_the_words(world: World, era: str) -> None:
    earlier(world, "a fox")
    world.sim.behave(echo_payload=False)
    answer = await listed(world, era, search="fox")
    assert answer["requests"] == []
    assert "does not show" in answer["summary"]


@pytest.mark.parametrize(
    ("asked", "meant"), [({"status": "runing"}, '"running"'), ({"model": "luma-ray2"}, "case-sensitive")]
)
async def test_a_misspelt_filter_is_not_told_as_a_fact_about_the_account(
    world: World, era: str, asked: dict[str, str], meant: str
) -> None:
    earlier(world, "a boat")
    answer = await listed(world, era, **asked)
    assert answer["requests"] == []
    assert meant in answer["summary"]

"""list_models answers what was asked in one call: one model whole, a few in a line each, many as ids."""

import json
from typing import Any

import anyio
import pytest

from gmi_video.simulator import Fault, catalog

from .conftest import World, now

pytestmark = pytest.mark.anyio


def family(count: int) -> list[dict[str, Any]]:
    """The records of models that are called alike."""
    veo = {record["model"]: record for record in catalog.builtin()}["Veo3"]
    return [veo | {"model": f"veo-3.{n}-preview", "display_name": ""} for n in range(count)]


async def test_one_match_answers_as_if_its_id_had_been_given(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        found = await host.call_ok("list_models", search="veo 3")
        about = await host.call_ok("list_models", model="Veo3")
    assert found["summary"] == f'1 model matches “veo 3”: "Veo3". {about["summary"]}'
    assert (found.pop("total"), found.pop("models")) == (1, ["Veo3"])
    assert found | {"summary": about["summary"]} == about
    assert '"model": "Veo3"' in about["next_step"]


async def test_a_few_matches_are_told_in_a_line_each(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        luma = await host.call_ok("list_models", search="luma")
        other = await host.call_ok("list_models", search="v")
    ratios = "16:9, 9:16, 1:1, 4:3, 3:4, 21:9, 9:21"
    images = "takes a start and an end image"
    assert luma["summary"] == "2 models match “luma”."
    assert luma["models"] == ["luma-ray-3-2-generate", "Luma-Ray2"]
    assert luma["details"] == [
        f"luma-ray-3-2-generate: 5 or 10 s; {ratios}; 540p, 720p, 1080p; {images}; $0.18 per second",
        f"Luma-Ray2: 5 or 9 s; {ratios}; 540p, 720p, 1080p, 4k; {images}; $0.142 per second",
    ]
    assert '{"model": "luma-ray-3-2-generate"}' in luma["next_step"]
    assert other["details"] == [
        "kling-v3-enterprise-preview: not for this account",
        "kling-v3-text-to-video: 3 to 15 s; 16:9, 9:16, 1:1; no image input; sound; $0.84 per request",
        (
            "pixverse-v5.6-i2v: 5, 8 or 10 s; 16:9, 9:16, 1:1, 4:3, 3:4; 360p, 540p, 720p, 1080p; needs a start image; "
            "price: “From $0.35 to $1.20 a video, by quality and duration; see the pricing page.”"
        ),
        "Veo3: 4, 6 or 8 s; 16:9, 9:16; no image input; seed; $0.40 per second",
        (
            "wan2.6-t2v: 5, 10 or 15 s; 1280*720, 720*1280, 1920*1080, 1080*1920, 1440*1440; no image input; seed; "
            "sound; $0.50 per video"
        ),
    ]
    assert '{"model": "kling-v3-text-to-video"}' in other["next_step"]


async def test_a_few_matches_are_asked_for_side_by_side_and_once_in_five_minutes(world: World) -> None:
    for record in family(7):
        world.sim.add_model(record)
    world.sim.behave(latency=2)
    async with world.host() as host:
        await host.call_ok("list_models", search="no such")
        began = now()
        found = await host.call_ok("list_models", search="veo")
        took = now() - began
        again = await host.call_ok("list_models", search="veo 3")
    assert len(found["details"]) == 8
    assert all("$0.40 per second" in line for line in found["details"])
    assert took < 4
    assert again["models"] == found["models"]
    assert world.count("model") == 8


@pytest.mark.parametrize("fault", ["503", "404", "not_json", "timeout_before", "429"])
async def test_records_that_cannot_be_had_in_time_leave_lines_without_details(
    world: World, era: str, fault: Fault
) -> None:
    world.sim.fail("model", fault, times=None)
    async with world.host(era=era, name="claude-ai") as host:
        began = now()
        found = await host.call_ok("list_models", search="luma")
    assert now() - began < 10
    other, luma = found["details"]
    assert other.startswith("luma-ray-3-2-generate: ")
    assert other.endswith("not for this account" if fault == "404" else "no details can be had just now")
    assert luma.startswith("Luma-Ray2: 5 or 9 s; 16:9")
    assert luma.endswith("price not known")
    assert found["next_step"].startswith("Choose by these details")


async def test_a_slow_rate_leaves_out_what_comes_too_late_and_the_same_call_has_it(world: World) -> None:
    for record in family(7):
        world.sim.add_model(record)
    async with world.host(GMI_MAX_REQUESTS_PER_SECOND="1") as host:
        first = await host.call_ok("list_models", search="veo")
        await anyio.sleep(5)
        again = await host.call_ok("list_models", search="veo")
    missing = sum("no details can be had just now" in line for line in first["details"])
    assert 0 < missing < 8
    assert not any("just now" in line for line in again["details"])
    assert world.count("model") == 8


async def test_more_than_eight_matches_are_ids_with_the_advice_to_narrow(world: World) -> None:
    for record in family(9):
        world.sim.add_model(record)
    async with world.host() as host:
        found = await host.call_ok("list_models", search="veo")
    assert found["summary"] == "10 models match “veo”."
    assert len(found["models"]) == 10
    assert "details" not in found
    assert found["next_step"] == (
        'Add words to "search" to narrow the list; for parameters and price call list_models with '
        '{"model": "veo-3.0-preview"} (or another of these ids).'
    )
    assert world.count("model") == 0


@pytest.mark.parametrize(
    ("search", "models"),
    [
        ("veo 3", ["Veo3"]),
        ("the Veo model", ["Veo3"]),
        ("luma ray 2", ["Luma-Ray2"]),
        ("LUMA RAY2", ["Luma-Ray2"]),
        ("ray 2", ["Luma-Ray2"]),
        ("luma ray", ["luma-ray-3-2-generate", "Luma-Ray2"]),
        ("luma ray 3.2", ["luma-ray-3-2-generate"]),
        ("wan 2.6", ["wan2.6-t2v"]),
        ("image to video", ["hailuo-02-image2video", "Luma-Ray2", "pixverse-v5.6-i2v"]),
        ("image-to-video models", ["hailuo-02-image2video", "Luma-Ray2", "pixverse-v5.6-i2v"]),
        ("img2vid", ["hailuo-02-image2video", "Luma-Ray2", "pixverse-v5.6-i2v"]),
        ("text to video", ["kling-v3-text-to-video", "Luma-Ray2", "wan2.6-t2v"]),
        ("wan text to video", ["wan2.6-t2v"]),
        ("gemini image", ["gemini-2.5-flash-image"]),
        ("hailuo", ["hailuo-02-image2video"]),
    ],
)
async def test_people_find_a_model_by_the_words_they_use(world: World, search: str, models: list[str]) -> None:
    world.sim.padding = ["hailuo-02-image2video", "seedance-v2-pro"]
    async with world.host() as host:
        found = await host.call_ok("list_models", search=search)
    assert found["models"] == models


@pytest.mark.parametrize(
    ("search", "near"),
    [("lumma ray", '"Luma-Ray2"'), ("google veo", '"Veo3"'), ("wann", '"wan2.6-t2v"'), ("kling v9 sound", "kling-v3")],
)
async def test_without_a_match_the_nearest_ids_are_named(world: World, search: str, near: str) -> None:
    async with world.host() as host:
        found = await host.call_ok("list_models", search=search)
    assert (found["total"], found["models"]) == (0, [])
    assert found["summary"].startswith(f"No models match “{search}”; the nearest: ")
    assert near in found["summary"]
    assert found["next_step"].startswith('If one of these is meant, for parameters and price call list_models with {"')


async def test_where_nothing_is_near_that_is_said(world: World) -> None:
    async with world.host() as host:
        found = await host.call_ok("list_models", search="xxxxxxxx")
    assert found["summary"] == "No models match “xxxxxxxx”."


async def test_a_search_of_thousands_of_words_among_a_thousand_ids_is_soon_answered(world: World) -> None:
    world.sim.padding = [f"model-{n}-image-to-video" for n in range(1000)]
    search = " ".join(f"model{n} image to video" for n in range(4096 // 27))
    async with world.host() as host:
        found = await host.call_ok("list_models", search=search)
    assert len(json.dumps(found)) < 4000


@pytest.mark.parametrize("spelling", ["VEO3", "veo3", "Veo 3", "veo-3"])
async def test_an_id_in_another_spelling_is_read_but_not_submitted(world: World, era: str, spelling: str) -> None:
    async with world.host(era=era) as host:
        about = await host.call_ok("list_models", model=spelling)
        content = (await host.client.read_resource(f"gmi-video://models/{spelling.replace(' ', '%20')}")).contents[0]
        refused = await host.call_error("generate_video", prompt="a fox", model=spelling)
    assert about["model"] == "Veo3"
    assert '"model": "Veo3"' in about["next_step"]
    assert json.loads(content.model_dump()["text"])["model"] == "Veo3"
    assert '"Veo3"' in refused["next_step"]
    assert world.count("submit") == 0


async def test_an_id_that_could_be_two_others_is_not_guessed(world: World) -> None:
    for name in ("pair-1.1", "pair-11"):
        world.sim.add_model(world.sim.models["Veo3"] | {"model": name})
    async with world.host() as host:
        refused = await host.call_error("list_models", model="PAIR11")
        exact = await host.call_ok("list_models", model="pair-11")
        by_case = await host.call_ok("list_models", model="Pair-11")
    assert "does not exist" in refused["summary"]
    assert exact["model"] == by_case["model"] == "pair-11"


async def test_two_ids_alike_that_both_are_refused_do_not_lead_to_each_other_for_ever(world: World) -> None:
    world.sim.padding = ["pair-1", "pair1"]
    world.sim.fail("model", "404_no_access", times=None)
    async with world.host() as host:
        refused = await host.call_error("list_models", model="pair1")
    assert "may not use it" in refused["summary"]
    assert world.count("model") == 2


async def test_what_luma_ray2s_record_does_not_tell_is_told_from_the_documented_table(world: World) -> None:
    record = json.loads(json.dumps(world.sim.models["Luma-Ray2"]))
    for parameter in record["parameters"]:
        if parameter["name"] == "duration":
            parameter["options"] = None
    world.sim.add_model(record)
    async with world.host() as host:
        told = await host.call_ok("list_models", model="Luma-Ray2")
    assert 'duration (one of "5s", "9s"' in told["parameters"]
    assert told["price"].startswith("$0.142 per second")
    world.sim.add_model(record | {"parameters": []})
    async with world.host() as host:
        bare = await host.call_ok("list_models", model="luma ray 2")
    assert 'resolution (one of "540p", "720p", "1080p", "4k"' in bare["parameters"]
    world.sim.fail("model", "503", times=None)
    async with world.host() as host:
        down = await host.call_ok("list_models", search="luma ray 2")
    assert "documented table" in down["summary"]
    assert 'duration (one of "5s", "9s"' in down["parameters"]


async def test_the_call_that_uses_a_model_is_filled_in_with_values_it_takes(world: World) -> None:
    async with world.host() as host:
        wan = await host.call_ok("list_models", model="wan2.6-t2v")
        pixverse = await host.call_ok("list_models", search="pixverse")
        image = await host.call_ok("list_models", model="gemini-2.5-flash-image")
    example = '{"duration": 5, "size": "1280*720"}'
    assert (
        f'"model": "wan2.6-t2v", "model_parameters" such as {example}; first with "dry_run": true' in wan["next_step"]
    )
    assert '{"duration": "5", "aspect_ratio": "16:9", "quality": "540p"} with "image_url"' in pixverse["next_step"]
    assert '"model_parameters" such as {"aspect_ratio": "1:1"};' in image["next_step"]
    async with world.host() as host:
        given = {"model": "wan2.6-t2v", "model_parameters": json.loads(example), "dry_run": True}
        await host.call_ok("generate_video", prompt="a fox", **given)

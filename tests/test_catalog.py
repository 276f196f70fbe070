"""The catalog: Luma-Ray2 without its live record, and what parameters mean by their names."""

import anyio
import pytest

from gmi_video.catalog.roles import Role, counterpart, role_of
from gmi_video.simulator import Fault

from .conftest import World

pytestmark = pytest.mark.anyio

# -- Luma-Ray2 without its live record ---------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["503", "404", "not_json", "timeout_before"])
async def test_luma_ray2_goes_by_the_documented_table_where_its_record_is_unavailable(
    world: World, era: str, fault: Fault
) -> None:
    world.sim.fail("model", fault, times=None)
    async with world.host(era=era) as host:
        refused = await host.call_error("generate_video", prompt="a fox", model_parameters={"colour": "red"})
        made = await host.call_ok("generate_video", prompt="a fox", duration="9s")
    assert '"colour" is not a parameter of Luma-Ray2' in refused["error"]["message"]
    assert "estimated_cost_usd" not in made
    assert world.sim.jobs[0].payload["duration"] == "9s"


async def test_list_models_still_asks_for_luma_ray2s_record_after_a_call_went_without_it(world: World) -> None:
    world.sim.fail("model", "404")
    async with world.host() as host:
        without = await host.call_ok("generate_video", prompt="a fox", dry_run=True)
        about = await host.call_ok("list_models", model="Luma-Ray2")
    assert "estimated_cost_usd" not in without
    assert about["price"].startswith("$0.142 per second")
    assert 'duration (one of "5s", "9s"' in about["parameters"]


async def test_luma_ray2s_record_is_asked_for_again_after_a_minute(world: World) -> None:
    world.sim.fail("model", "404")
    async with world.host() as host:
        await host.call_ok("generate_video", prompt="a fox", dry_run=True)
        await host.call_ok("generate_video", prompt="a fox", dry_run=True)
        assert world.count("model") == 1
        await anyio.sleep(61)
        priced = await host.call_ok("generate_video", prompt="a fox", dry_run=True)
    assert priced["estimated_cost_usd"] == 0.71


# -- roles -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "names"),
    [
        (Role.COUNT, ["n", "num", "count", "number", "num_images", "num_videos", "numOutputs", "num_samples",
                      "sampleCount", "sample_count", "imageCount", "video_count"]),
        (Role.LENGTH, ["duration", "durationSeconds", "seconds", "video_length", "Duration"]),
        (Role.SIZE, ["resolution", "size", "quality", "video_quality", "output_size"]),
        (Role.IMAGE, ["image", "image_url", "images", "frame0_image", "frame1_image", "first_frame", "end_frame_url",
                      "input_reference", "reference_images", "image_tail", "start_image", "photo", "picture"]),
        (Role.OTHER, ["prompt", "seed", "aspect_ratio", "loop", "negative_prompt", "image_id", "reference_ids",
                      "image_strength", "image_weight", "reference_type", "reference_mode", "model", "account",
                      "numeric_seed", "sound"]),
    ],
)  # fmt: skip
def test_a_parameters_name_says_what_it_decides(role: Role, names: list[str]) -> None:
    assert {name: role_of(name) for name in names} == dict.fromkeys(names, role)


@pytest.mark.parametrize(
    ("name", "among", "theirs"),
    [
        ("duration", ["prompt", "durationSeconds"], "durationSeconds"),
        ("durationSeconds", ["prompt", "duration"], "duration"),
        ("aspect_ratio", ["aspectRatio"], "aspectRatio"),
        ("aspectRatio", ["resolution", "aspect_ratio"], "aspect_ratio"),
        ("resolution", ["size", "quality"], "size"),
        ("frame0_image", ["last_frame", "image_url"], "image_url"),
        ("frame1_image", ["first_frame", "end_image"], "end_image"),
        ("first_frame", ["frame0_image", "frame1_image"], "frame0_image"),
        ("text", ["prompt"], "prompt"),
        ("task_id", ["request_id"], "request_id"),
        ("query", ["search", "model"], "search"),
        ("loop", ["prompt", "seed"], ""),
        ("duration", [], ""),
    ],
)
def test_the_counterpart_of_a_name_is_what_the_others_call_the_same_thing(
    name: str, among: list[str], theirs: str
) -> None:
    assert counterpart(name, among) == theirs

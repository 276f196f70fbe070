"""A refusal can be passed on as it is: the reason in words, that nothing was paid, and what to do, with its values."""

import os
from pathlib import Path
from typing import Any

import pytest

from gmi_video.simulator import Script

from .conftest import Host, World
from .talks.requests import REQUESTS
from .talks.run import outcome

FOX = {"prompt": "a fox in the snow"}


async def first_frame(host: Host) -> str:
    """What tools/list says of the image that a video starts with."""
    tools = {tool.name: tool for tool in (await host.client.list_tools()).tools}
    return tools["generate_video"].input_schema["properties"]["frame0_image"]["description"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("arguments", "environment", "reason"),
    [
        ({"prompt": " "}, {}, "not blank"),
        ({"duration": "7s"}, {}, '"9s"'),
        ({"ratio": "9:16"}, {}, '"aspect_ratio"'),
        ({"model": "veo3"}, {}, "“veo3”"),
        ({"model_parameters": {"seed": 1}}, {}, '"seed"'),
        ({"model": "Veo3", "duration": "9s"}, {}, '"durationSeconds"'),
        ({"model": "pixverse-v5.6-i2v"}, {}, '"image_url"'),
        ({"frame0_image": "/nowhere/fox.png"}, {}, "fox.png"),
        ({"frame1_image": "fox.png"}, {"GMI_IMAGE_DIRS": "/"}, "fox.png"),
        ({"max_cost_usd": 0.5}, {}, "above the budget of $0.50"),
        ({}, {"GMI_CONFIRM_ABOVE_USD": "0.5"}, "Above $0.50 the user is asked first"),
        ({}, {"GMI_SPEND_LIMIT_USD": "0.5"}, "limit of $0.50"),
        ({}, {"GMI_API_KEY": ""}, "GMI_API_KEY"),
        ({}, {"GMI_API_KEY": "YOUR-GMI-CLOUD-API-KEY"}, "placeholder"),
        ({}, {"GMI_SPENDING_LIMIT_USD": "1"}, "GMI_SPEND_LIMIT_USD"),
    ],
)
async def test_every_refusal_has_its_reason_in_the_summary_and_that_nothing_was_paid(
    world: World, era: str, arguments: dict[str, Any], environment: dict[str, str], reason: str
) -> None:
    async with world.host(world.server(**environment), era=era) as host:
        refused = await host.call_error("generate_video", **FOX | arguments)
    assert reason in refused["summary"]
    assert "Nothing was" in refused["summary"]
    assert not refused["summary"].startswith("Nothing was")
    assert refused["error"]["charged"] == "no"
    assert refused["next_step"]
    assert world.count("submit") == 0


@pytest.mark.anyio
@pytest.mark.parametrize(("status", "reason"), [(401, "API key"), (402, "no credits"), (429, "rate limit")])
async def test_what_the_queue_refuses_is_told_with_its_reason_and_that_nothing_was_charged(
    world: World, era: str, status: int, reason: str
) -> None:
    for _ in range(20):
        world.sim.answer("submit", b'{"error": "its own words"}', status)
    async with world.host(era=era) as host:
        refused = await host.call_error("generate_video", **FOX)
    assert reason in refused["summary"]
    assert "“its own words”" in refused["summary"]
    assert "nothing was charged" in refused["summary"]
    assert world.sim.jobs == []


@pytest.mark.anyio
async def test_the_frames_say_that_no_file_is_allowed_where_no_folder_is(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        said = await first_frame(host)
    assert "GMI_IMAGE_DIRS is not set" in said


@pytest.mark.anyio
async def test_the_frames_name_the_folders_that_are_allowed_on_this_server(
    world: World, era: str, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("a", 'b "c"')]
    for folder in folders:
        folder.mkdir()
    async with world.host(era=era, GMI_IMAGE_DIRS=os.pathsep.join(map(str, folders))) as host:
        said = await first_frame(host)
    assert str(folders[0]) in said
    assert "not set" not in said
    # A name with quotation marks is shown in others, so that it can't end the sentence.
    assert "b 'c'" in said


@pytest.mark.anyio
async def test_a_long_prompt_is_not_read_again_at_every_look_but_can_be_had_whole(world: World, era: str) -> None:
    prompt = "A red fox trots through fresh snow at dawn. " * 20
    world.sim.script("Luma-Ray2", Script.takes(60))
    async with world.host(era=era) as host:
        started = await host.call_ok("generate_video", prompt=prompt, wait=False)
        looked = await host.call_ok("get_status", request_id=started["request_id"])
        made = await host.call_ok("generate_video", prompt=prompt)
        whole = await host.call_ok("get_status", request_id=started["request_id"])
    for answer in (started, looked, made):
        assert len(answer["parameters"].get("prompt", "")) <= 80
    assert whole["parameters"]["prompt"] == prompt


def test_no_summary_in_the_conversations_speaks_of_calls() -> None:
    summaries = [line for asked in REQUESTS for line in outcome(asked).transcript if line.startswith("ASSISTANT")]
    assert len(summaries) > 20
    for summary in summaries:
        for word in ("generate_video", "get_status", "list_", "next_step", '"wait"', "{", "payload", "HTTP "):
            assert word not in summary

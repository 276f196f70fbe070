"""A storyboard of three shots through the tools alone, as an assistant makes it, is one film without a jump."""

import io
import json
import re
from itertools import pairwise
from typing import Any

import av
import pytest
from mcp_types import TextContent, TextResourceContents
from PIL import Image, ImageChops, ImageStat

from .conftest import Host, World
from .full import in_full
from .test_saved_videos import film as film_of

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    # trio's, for the streams that httpx leaves when a response is not read to its end; there is no way to close them.
    pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning"),
]

IDEA = "A fox hears something in the reeds, and it was only the wind"
STYLE = "A red fox by a quiet mountain lake, painted in gouache."
SHOTS = (
    "She pricks up her ears: slow push in.",
    "Something stirs in the reeds: the camera orbits right.",
    "It was only the wind: slow pull back.",
)
SETTINGS = {"resolution": "540p", "aspect_ratio": "1:1"}


async def storyboard(host: Host) -> str:
    (message,) = (await host.client.get_prompt("storyboard", {"idea": IDEA, "shots": "3"})).messages
    assert isinstance(message.content, TextContent)
    return message.content.text


async def outcome_of(host: Host, answer: dict[str, Any]) -> dict[str, Any]:
    (content,) = (await host.client.read_resource(answer["outcome_uri"])).contents
    assert isinstance(content, TextResourceContents)
    return json.loads(content.text)["outcome"]


def joined(films: list[bytes]) -> list[Image.Image]:
    """The frames of all films, one after the other."""
    pictures: list[Image.Image] = []
    for film in films:
        with av.open(io.BytesIO(film), "r") as container:
            pictures += [frame.to_image() for frame in container.decode(video=0)]  # pyright: ignore[reportUnknownMemberType] - PyAV leaves it untyped
    return pictures


def steps(pictures: list[Image.Image]) -> list[float]:
    """The mean absolute differences of each frame and the next, of 255."""
    return [sum(ImageStat.Stat(ImageChops.difference(*pair)).mean) / 3 for pair in pairwise(pictures)]


async def test_an_assistant_makes_one_film_of_three_shots_and_tells_the_price_first(world: World, era: str) -> None:
    world.sim.behave(film_seconds=1.0)
    async with world.host(era=era) as host:
        told = await storyboard(host)
        prompts = [f"{STYLE} {shot}" for shot in SHOTS]
        dry = [await host.call_ok("generate_video", prompt=one, **SETTINGS, dry_run=True) for one in prompts]
        prices = [answer["estimated_cost_usd"] for answer in dry]
        assert (len(world.sim.jobs), prices) == (0, [prices[0]] * 3)
        assert "The whole story costs 3 times that price" in told

        # The call is the dry run's own, and each next one has the address that the prompt gives.
        address = re.search(r"gmi-video://requests/\{request_id\}/last-frame", told)
        assert address is not None
        made: list[dict[str, Any]] = []
        for prompt in prompts:
            start = {"frame0_image": address[0].format(request_id=made[-1]["request_id"])} if made else {}
            made.append(await host.call_ok("generate_video", prompt=prompt, **SETTINGS, **start))
        outcomes = [await outcome_of(host, answer) for answer in made]

    assert [answer["estimated_cost_usd"] for answer in made] == prices
    assert [outcome["video_url"] for outcome in outcomes] == [answer["video_url"] for answer in made]
    assert (len(world.sim.jobs), world.count("upload")) == (3, 2)
    assert len({answer["request_id"] for answer in made}) == 3

    films = [await film_of(world, number) for number in range(3)]
    pictures = joined(films)
    assert len(pictures) == 3 * 24
    moving = steps(pictures)
    seams = [moving.pop(at) for at in (47, 23)]
    assert max(seams) <= 1.25 * max(moving), "a seam is no jump"
    for first, last in ((0, 23), (24, 47), (48, 71)):
        assert steps([pictures[first], pictures[last]])[0] > 3 * max(seams), "each shot moves"


@in_full
async def test_shots_that_do_not_begin_with_the_last_frame_jump(world: World) -> None:
    world.sim.behave(film_seconds=1.0)
    async with world.host() as host:
        for shot in SHOTS[:2]:
            await host.call_ok("generate_video", prompt=f"{STYLE} {shot}", **SETTINGS)
    moving = steps(joined([await film_of(world, number) for number in range(2)]))
    assert moving.pop(23) > 2 * max(moving)

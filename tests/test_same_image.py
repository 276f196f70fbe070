"""The same local image is the same job, wherever and how often it was uploaded."""

from pathlib import Path

import anyio
import pytest
from PIL import Image

from gmi_video.simulator import Script

from .conftest import World

pytestmark = pytest.mark.anyio


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "fox.png"
    Image.new("RGB", (64, 36), "orange").save(path)
    return path


async def test_a_repeat_finds_its_running_job_without_another_upload(world: World, picture: Path) -> None:
    world.sim.script("Luma-Ray2", Script.takes(3600))
    async with world.host(GMI_IMAGE_DIRS=str(picture.parent), GMI_MAX_WAIT_SECONDS="5") as host:
        first = await host.call_ok("generate_video", prompt="a fox", frame0_image=str(picture))
        await anyio.sleep(1800)
        again = await host.call_ok("generate_video", prompt="a fox", frame0_image=str(picture))
    assert world.count("upload") == 1
    assert again["request_id"] == first["request_id"]
    assert len(world.sim.jobs) == 1


async def test_another_image_is_another_job(world: World, picture: Path) -> None:
    async with world.host(GMI_IMAGE_DIRS=str(picture.parent)) as host:
        await host.call_ok("generate_video", prompt="a fox", frame0_image=str(picture), wait=False)
        Image.new("RGB", (64, 36), "blue").save(picture)
        await host.call_ok("generate_video", prompt="a fox", frame0_image=str(picture), wait=False)
    assert len(world.sim.jobs) == 2


async def test_after_a_restart_without_the_ledger_a_lookalike_is_asked_about_and_not_paid(
    world: World, picture: Path
) -> None:
    world.sim.script("Luma-Ray2", Script.takes(600))
    world.environment |= {"GMI_IMAGE_DIRS": str(picture.parent), "GMI_MAX_WAIT_SECONDS": "5"}
    async with world.host() as host:
        first = await host.call_ok("generate_video", prompt="a fox", frame0_image=str(picture))
    async with world.host(GMI_LEDGER_URL="none") as restarted:
        refused = await restarted.call_error("generate_video", prompt="a fox", frame0_image=str(picture))
        assert first["request_id"] in refused["next_step"]
        assert '"allow_duplicate": true' in refused["next_step"]
        assert len(world.sim.jobs) == 1
        await restarted.call_ok("generate_video", prompt="a fox", frame0_image=str(picture), allow_duplicate=True)
    assert len(world.sim.jobs) == 2


async def test_after_a_restart_the_same_image_is_the_same_job(world: World, picture: Path) -> None:
    world.sim.script("Luma-Ray2", Script.takes(600))
    world.environment |= {"GMI_IMAGE_DIRS": str(picture.parent), "GMI_MAX_WAIT_SECONDS": "5"}
    async with world.host() as host:
        first = await host.call_ok("generate_video", prompt="a fox", frame0_image=str(picture))
    async with world.host() as restarted:
        again = await restarted.call_ok("generate_video", prompt="a fox", frame0_image=str(picture))
    assert again["request_id"] == first["request_id"]
    assert len(world.sim.jobs) == 1


async def test_two_unusable_images_are_both_named_at_once(world: World) -> None:
    async with world.host() as host:
        refused = await host.call_error(
            "generate_video", prompt="a fox", frame0_image="http://127.1/a.png", frame1_image="http://[::1]/b.png"
        )
    message = refused["error"]["message"]
    assert "The start image (frame0_image) names the host 127.1" in message
    assert "The end image (frame1_image) names the host" in message
    assert message.count("Nothing was sent.") == refused["next_step"].count("Don't make the video without") == 1
    assert world.count("submit") == 0


async def test_a_submit_that_outlasts_the_call_says_how_to_go_on_without_paying_again(world: World) -> None:
    world.sim.behave(latency=8)
    async with world.host(GMI_MAX_WAIT_SECONDS="5") as host:
        answer = await host.call_ok("generate_video", prompt="a fox", allow_duplicate=True)
        assert "pays nothing more" in answer["next_step"]
        while "request_id" not in answer:
            answer = await host.call_ok("generate_video", prompt="a fox", allow_duplicate=True)
    assert len(world.sim.jobs) == 1
    assert answer["request_id"] == world.sim.jobs[0].request_id


async def test_an_upload_continues_after_the_call_that_began_it_and_is_not_repeated(
    world: World, picture: Path
) -> None:
    world.sim.behave(latency=12)
    async with world.host(GMI_IMAGE_DIRS=str(picture.parent), GMI_MAX_WAIT_SECONDS="5") as host:
        answer = await host.call_ok("generate_video", prompt="a fox", frame0_image=str(picture))
        assert "pays nothing more" in answer["next_step"]
        await anyio.sleep(30)
        while "request_id" not in answer:
            answer = await host.call_ok("generate_video", prompt="a fox", frame0_image=str(picture))
    assert world.count("upload") == 1
    assert len(world.sim.jobs) == 1

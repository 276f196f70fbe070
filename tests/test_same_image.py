"""The same local image is the same job, wherever and how often it was uploaded."""

from pathlib import Path
from typing import Any

import anyio
import pytest
from PIL import Image
from trio.testing import MockClock

from gmi_video.simulator import Script

from .conftest import World

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Virtual time that does not jump while a thread reads a file, as long as that takes less than this."""
    return "trio", {"clock": MockClock(autojump_threshold=0.05)}


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "fox.png"
    Image.new("RGB", (64, 36), "orange").save(path)
    return path


async def test_an_image_uploaded_again_later_still_finds_its_running_job(world: World, picture: Path) -> None:
    world.sim.script("Luma-Ray2", Script.takes(3600))
    async with world.host(GMI_IMAGE_DIRS=str(picture.parent), GMI_MAX_WAIT_SECONDS="5") as host:
        first = await host.told("generate_video", prompt="a fox", frame0_image=str(picture))
        await anyio.sleep(1800)
        again = await host.told("generate_video", prompt="a fox", frame0_image=str(picture))
    assert world.count("upload") == 2
    assert again["request_id"] == first["request_id"]
    assert len(world.sim.jobs) == 1


async def test_another_image_is_another_job(world: World, picture: Path) -> None:
    async with world.host(GMI_IMAGE_DIRS=str(picture.parent)) as host:
        await host.told("generate_video", prompt="a fox", frame0_image=str(picture), wait=False)
        Image.new("RGB", (64, 36), "blue").save(picture)
        await host.told("generate_video", prompt="a fox", frame0_image=str(picture), wait=False)
    assert len(world.sim.jobs) == 2


async def test_after_a_restart_a_lookalike_is_asked_about_and_not_paid(world: World, picture: Path) -> None:
    world.sim.script("Luma-Ray2", Script.takes(600))
    world.environment |= {"GMI_IMAGE_DIRS": str(picture.parent), "GMI_MAX_WAIT_SECONDS": "5"}
    async with world.host() as host:
        first = await host.told("generate_video", prompt="a fox", frame0_image=str(picture))
    async with world.host() as restarted:
        refused = await restarted.refused("generate_video", prompt="a fox", frame0_image=str(picture))
        assert first["request_id"] in refused["next_step"]
        assert '"allow_duplicate": true' in refused["next_step"]
        assert len(world.sim.jobs) == 1
        await restarted.told("generate_video", prompt="a fox", frame0_image=str(picture), allow_duplicate=True)
    assert len(world.sim.jobs) == 2

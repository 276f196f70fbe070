"""The queue's client: what it learns from a response besides the body."""

import pytest

from gmi_video.upstream.client import Queue

from .conftest import World, now

pytestmark = pytest.mark.anyio


async def test_the_queues_date_header_sets_the_clock_and_the_image_storages_does_not(
    world: World, queue: Queue
) -> None:
    world.sim.behave(skew=600)
    target = await queue.upload_url("png")
    world.sim.behave(skew=7200)
    await queue.upload(target.upload_url, b"an image", "image/png")
    assert queue.now() - now() == pytest.approx(600, abs=1)

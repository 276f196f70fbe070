"""The player as a server offers it (MCP Apps), and what generate_video answers in a host that shows it."""

import re
from typing import Any

import anyio
import pytest
from mcp.client.extension import advertise
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from mcp_types import TextResourceContents

from gmi_video.simulator import Script

from .conftest import World

pytestmark = pytest.mark.anyio

PLAYER = "ui://gmi-video/player.html"
SHOWS_APPS: dict[str, Any] = {"extensions": [advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})]}
SHOWS_OTHERS: dict[str, Any] = {"extensions": [advertise(EXTENSION_ID, {"mimeTypes": ["text/uri-list"]})]}
KNOWN = ["https://storage.googleapis.com", "https://*.gmicloud.ai"]


async def page(world: World, era: str, base_url: str = "") -> TextResourceContents:
    async with world.host(world.server(GMI_BASE_URL=base_url), era=era) as host:
        (content,) = (await host.client.read_resource(PLAYER)).contents
    assert isinstance(content, TextResourceContents)
    return content


# -- the page ---------------------------------------------------------------------------------------------------------


async def test_the_tools_about_one_video_name_the_page_and_the_others_none(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        tools = (await host.client.list_tools()).tools
    bound = {tool.name: (tool.meta or {}).get("ui") for tool in tools}
    at_page = {"resourceUri": PLAYER}
    assert bound == {"generate_video": at_page, "get_status": at_page, "list_requests": None, "list_models": None}


async def test_the_page_is_one_small_file_that_loads_nothing_and_makes_no_html_of_text(world: World, era: str) -> None:
    content = await page(world, era)
    assert content.mime_type == APP_MIME_TYPE
    assert content.text.lower().startswith("<!doctype html>")
    assert len(content.text.encode()) < 15_000
    assert not re.search(r"<link|<img|<iframe|\bsrc=|\bhref=|@import|url\(", content.text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(", content.text)


@pytest.mark.parametrize(
    ("base_url", "more"),
    [
        ("", []),
        ("https://console.gmicloud.ai/api/v1", []),
        ("http://127.0.0.1:8090/api/v1", ["http://127.0.0.1:8090"]),
        ("http://localhost:8090/api/v1", ["http://localhost:8090"]),
        ("https://queue.example.com/api/v1", ["https://queue.example.com"]),
        ("https://notgmicloud.ai/api/v1", ["https://notgmicloud.ai"]),
    ],
)
async def test_the_page_may_load_videos_from_where_the_queue_has_them(
    world: World, era: str, base_url: str, more: list[str]
) -> None:
    content = await page(world, era, base_url)
    assert (content.meta or {})["ui"]["csp"] == {"resourceDomains": KNOWN + more}


async def test_the_page_is_nothing_to_attach(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        made = await host.call_ok("generate_video", prompt="a fox")
        listed = (await host.client.list_resources()).resources
    assert [resource.uri for resource in listed] == [made["outcome_uri"]]


# -- the answers ------------------------------------------------------------------------------------------------------


async def test_beside_a_player_the_call_answers_after_the_submit_and_tells_not_to_wait(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(60))
    async with world.host(era=era, options=SHOWS_APPS) as host:
        began = anyio.current_time()
        made = await host.call_ok("generate_video", prompt="a fox")
        assert anyio.current_time() - began < 1
        assert not made["is_final"]
        assert "do not wait or call get_status" in made["next_step"]
        assert '"wait"' not in made["next_step"]
        looked = await host.call_ok("get_status", request_id=made["request_id"])
        assert "do not wait" in looked["next_step"]
        await anyio.sleep(61)
        looked = await host.call_ok("get_status", request_id=made["request_id"])
        assert looked["video_url"]
    assert len(world.sim.jobs) == 1


@pytest.mark.parametrize("options", [{}, SHOWS_OTHERS], ids=["no apps", "apps of another kind"])
async def test_without_a_player_the_call_waits_as_before(world: World, era: str, options: dict[str, Any]) -> None:
    world.sim.script("Luma-Ray2", Script.takes(60))
    async with world.host(era=era, options=options) as host:
        made = await host.call_ok("generate_video", prompt="a fox")
    assert made["video_url"]


async def test_who_waits_by_get_status_beside_a_player_gets_the_end(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(60))
    async with world.host(era=era, options=SHOWS_APPS) as host:
        made = await host.call_ok("generate_video", prompt="a fox")
        looked = await host.call_ok("get_status", request_id=made["request_id"], wait=True)
    assert looked["video_url"]


async def test_beside_a_player_a_video_that_is_ready_at_once_is_told_as_that(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.synchronous())
    async with world.host(era=era, options=SHOWS_APPS) as host:
        made = await host.call_ok("generate_video", prompt="a fox")
    assert made["video_url"]
    assert "link" in made["next_step"]


async def test_beside_a_player_a_stuck_job_is_told_as_that(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.stuck())
    async with world.host(era=era, options=SHOWS_APPS) as host:
        made = await host.call_ok("generate_video", prompt="a fox")
        await anyio.sleep(3500)
        looked = await host.call_ok("get_status", request_id=made["request_id"])
    assert "stuck" in looked["summary"]
    assert "Tell the user" in looked["next_step"]

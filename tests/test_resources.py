"""Outcomes as resources, and the list of requests."""

import json
from typing import Any

import anyio
import pytest
from mcp import MCPError
from mcp_types import ResourceTemplateReference, TextResourceContents

from gmi_video.simulator import Script

from .conftest import EPOCH, Host, World

pytestmark = pytest.mark.anyio

TEMPLATE = "gmi-video://requests/{request_id}/outcome"


async def read(host: Host, uri: str) -> dict[str, Any]:
    (content,) = (await host.client.read_resource(uri, cache_mode="bypass")).contents
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == "application/json"
    return json.loads(content.text)


@pytest.mark.parametrize("shape", ["video_url", "media_urls"])
async def test_a_finished_outcome_is_read_afresh_in_either_shape(world: World, era: str, shape: Any) -> None:
    world.sim.behave(outcome=shape)
    async with world.host(era=era) as host:
        made = await host.call_ok("generate_video", prompt="a fox")
        outcome = await read(host, made["outcome_uri"])
    assert outcome["outcome"]["video_url"] == made["video_url"]
    assert outcome["outcome"]["thumbnail_image_url"] == made["thumbnail_image_url"]
    assert outcome["parameters"] == made["parameters"]


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (Script.takes(1000), "is not finished: queued"),
        (Script.fails(0.5, "the lens broke"), "failed: “the lens broke”"),
        (Script.cancelled(0.5), "was cancelled"),
    ],
)
async def test_what_is_no_outcome_is_an_error_that_says_which(
    world: World, era: str, script: Script, says: str
) -> None:
    world.sim.script("Luma-Ray2", script)
    async with world.host(era=era) as host:
        made = await host.call("generate_video", prompt="a fox", wait=False)
        await anyio.sleep(1)
        with pytest.raises(MCPError, match=says):
            await read(host, TEMPLATE.format(request_id=made["request_id"]))


@pytest.mark.parametrize("request_id", ["no-such-request", "a%20b", "x" * 300])
async def test_an_unknown_id_is_invalid_params(world: World, era: str, request_id: str) -> None:
    async with world.host(era=era) as host:
        with pytest.raises(MCPError) as raised:
            await read(host, TEMPLATE.format(request_id=request_id))
    assert raised.value.error.code == -32602


async def test_recent_finished_outcomes_are_listed_and_their_ids_complete(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        made = await host.call_ok("generate_video", prompt="a fox in the snow")
        world.sim.script("Luma-Ray2", Script.fails(1))
        await host.call_error("generate_video", prompt="a cat")
        listed = (await host.client.list_resources()).resources
        reference = ResourceTemplateReference(uri=TEMPLATE)
        argument = {"name": "request_id", "value": made["request_id"][:4]}
        completed = (await host.client.complete(reference, argument)).completion
    assert [(entry.uri, entry.title) for entry in listed] == [(made["outcome_uri"], "a fox in the snow")]
    assert completed.values == [made["request_id"]]


async def test_requests_are_listed_newest_first_in_compact_rows(world: World, era: str) -> None:
    world.sim.behave(list_order="shuffled")
    for number in range(30):
        payload = {"prompt": f"fox {number} " + "very " * 50}
        world.sim.add_history("Luma-Ray2", payload=payload, created_at=EPOCH - 3600 + number, took_seconds=42)
    world.sim.add_history("Veo3", payload={"prompt": "v"}, created_at=EPOCH - 9, took_seconds=5, status="failed")
    async with world.host(era=era) as host:
        answer = await host.call_ok("list_requests", model="Luma-Ray2")
        everything = await host.call_ok("list_requests", limit=100)
        failed = await host.call_ok("list_requests", status="FAILED")
        none = await host.call_ok("list_requests", status="processing")
    assert [row["prompt"].split()[1] for row in answer["requests"]] == [str(n) for n in range(29, 19, -1)]
    assert answer["total"] == 30
    assert all(len(row["prompt"]) <= 80 for row in answer["requests"])
    assert answer["requests"][0]["elapsed_seconds"] == 42
    assert everything["total"] == 31
    assert [row["model"] for row in failed["requests"]] == ["Veo3"]
    assert (none["total"], none["requests"]) == (0, [])
    assert len(json.dumps(answer)) < 6000

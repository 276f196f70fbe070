"""Ids that would change the path of a request to the queue: refused in every place that takes one, nothing is sent."""

import json
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from gmi_video.errors import NotFound
from gmi_video.upstream.client import Queue

from .conftest import World

pytestmark = pytest.mark.anyio

DOTS = [".", "..", "...", "%2e%2e", "%2E", "%252e%252e", "．．", "․․", ". .", ".. ", "..\n", "\t..", ".%00."]  # noqa: RUF001 - full-width dots are the attack
WAYS_OUT = ["a/../../requests", "a/..", "a/./b", "../requests", "/", "//", "a//b", "a/", "/a", "a/.b/..", "a%2f..%2fb"]
ODD_ENDS = ["Luma-Ray2.", "Luma-Ray2 ", "Luma-Ray2/ ", "a/b.", "a./b"]
OTHERS = [
    "a\\..\\b",
    "..\\requests",
    "a\0",
    "a\nb",
    "a?b=c",
    "a#b",
    "a;b",
    "é",
    "\ud800",
    "a" * 201,
    "💥",
    "@host",
    "%",
]
BAD_MODELS = [*DOTS, *WAYS_OUT, *ODD_ENDS, *OTHERS]
BAD_REQUESTS = [*BAD_MODELS, "a.b", "a b", "a/b", "", " "]

SENDABLE = [value for value in BAD_MODELS if value.isprintable() and value.encode("utf-8", "replace").decode() == value]
"""Those that a JSON-RPC message can carry to a tool; the other ones are tried on the queue's client."""


async def test_a_model_id_that_would_leave_models_is_sent_nowhere(world: World, queue: Queue) -> None:
    for model in BAD_MODELS:
        with pytest.raises(NotFound, match="can't be a model's id"):
            await queue.get_model(model)
    assert world.sim.calls == []
    assert world.sim.outside_requests == []


async def test_a_request_id_that_would_leave_requests_is_sent_nowhere(world: World, queue: Queue) -> None:
    for request_id in BAD_REQUESTS:
        with pytest.raises(NotFound, match="can't be a request's id"):
            await queue.get_request(request_id)
    assert world.sim.calls == []
    assert world.sim.outside_requests == []


async def test_an_id_that_would_leave_its_path_is_refused_by_every_tool(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        for bad in SENDABLE:
            answer = await host.call_error("list_models", model=bad)
            assert "list_models" in answer["next_step"]
            await host.call_error("generate_video", prompt="a fox", model=bad)
            await host.call_error("get_status", request_id=bad)
    _only_ids_were_asked_for(world)


async def test_an_id_that_would_leave_its_path_is_no_resource(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        for bad in SENDABLE:
            for uri in (f"gmi-video://models/{bad}", f"gmi-video://requests/{bad}/outcome"):
                with pytest.raises(MCPError):
                    await host.client.read_resource(uri)
    _only_ids_were_asked_for(world)


@pytest.mark.parametrize("model", ["Luma-Ray2", "pixverse-v5.6-i2v", "Veo3", "vendor/model v1.5", "a:b+c_d", "a"])
async def test_an_ordinary_model_id_is_part_of_one_path(world: World, queue: Queue, model: str) -> None:
    world.sim.answer("model", json.dumps({"model": model}).encode(), 200)
    assert (await queue.get_model(model)).model == model
    assert world.count("model") == 1


async def test_a_listed_model_whose_id_would_leave_models_is_not_offered(world: World) -> None:
    listed: dict[str, Any] = {"model_ids": ["Luma-Ray2", "a/../b", "..", "a//b", "Veo3.", "Veo3"]}
    world.sim.answer("models", json.dumps(listed).encode(), 200)
    async with world.host() as host:
        assert (await host.call_ok("list_models"))["models"] == ["Luma-Ray2", "Veo3"]


def _only_ids_were_asked_for(world: World) -> None:
    """A nearest id may be looked up, and nothing else may have left."""
    assert {call.endpoint for call in world.sim.calls} <= {"models"}
    assert world.sim.outside_requests == []

"""What a host reads: four tools, flat schemas, true hints, and nothing that a host's parser refuses."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from mcp_types import Tool

from gmi_video.upstream.luma_ray2 import LumaRay2Payload
from gmi_video.upstream.wire import fields_of, items_of

from .conftest import World

pytestmark = pytest.mark.anyio


@pytest.fixture
async def tools(world: World, era: str) -> dict[str, Tool]:
    async with world.host(era=era) as host:
        return {tool.name: tool for tool in (await host.client.list_tools()).tools}


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    if fields := fields_of(schema):
        yield fields
    for inner in [*fields.values(), *items_of(schema)]:
        yield from nodes(inner)


async def test_there_are_four_tools_in_one_order(tools: dict[str, Tool]) -> None:
    assert list(tools) == ["generate_video", "get_status", "list_requests", "list_models"]


async def test_they_all_stay_under_12_kilobytes(tools: dict[str, Tool]) -> None:
    sent = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools.values()]
    assert len(json.dumps(sent, ensure_ascii=False, separators=(",", ":")).encode()) < 12 * 1024


NOT_IN_EVERY_CLIENT = {"anyOf", "oneOf", "allOf", "not", "$ref", "$defs", "const", "prefixItems", "patternProperties"}


async def test_no_schema_has_what_a_client_of_some_framework_fails_at(tools: dict[str, Tool]) -> None:
    for tool in tools.values():
        for schema in (tool.input_schema, tool.output_schema):
            for node in nodes(schema):
                # google-genai looks for fields in it, and fails at true and false, at the root and inside.
                assert not isinstance(node.get("additionalProperties"), bool), (tool.name, node)
                assert not node.keys() & NOT_IN_EVERY_CLIENT, (tool.name, node)
                assert not isinstance(node.get("type"), list), (tool.name, node)
                assert all(isinstance(value, str) for value in items_of(node.get("enum"))), (tool.name, node)


async def test_input_schemas_are_flat_and_described(tools: dict[str, Tool]) -> None:
    for tool in tools.values():
        schema = tool.input_schema
        assert schema["type"] == "object"
        assert not any("title" in node for node in nodes(schema))
        for name, property_ in schema["properties"].items():
            assert property_["type"] in {"string", "boolean", "integer", "object"}, name
            assert len(property_["description"]) > 15, name
            assert property_.get("default", "") is not None
            assert ("default" in property_) == (name not in schema.get("required", [])), name


async def test_output_schemas_are_objects_that_require_the_summary(tools: dict[str, Tool]) -> None:
    for tool in tools.values():
        schema = tool.output_schema
        assert schema is not None
        assert schema["type"] == "object"
        assert schema["required"] == ["summary"]


async def test_the_answer_has_the_fields_the_design_promises(tools: dict[str, Tool]) -> None:
    promised = {
        *("summary", "request_id", "model", "status", "is_final", "video_url", "thumbnail_image_url", "parameters"),
        *("created_at", "updated_at", "elapsed_seconds", "expected_seconds", "estimated_cost_usd", "reused"),
        *("outcome_uri", "saved_to", "error", "next_step"),
    }
    for name in ("generate_video", "get_status"):
        schema = tools[name].output_schema
        assert schema is not None
        assert set(schema["properties"]) == promised


async def test_the_arguments_mirror_the_vendors_table_exactly(tools: dict[str, Tool]) -> None:
    ours = tools["generate_video"].input_schema["properties"]
    for name, theirs in LumaRay2Payload.model_json_schema()["properties"].items():
        assert ours[name]["type"] == theirs["type"]
        assert ours[name].get("enum") == theirs.get("enum")
        assert ours[name].get("default") == theirs.get("default")
    assert tools["generate_video"].input_schema["required"] == ["prompt"]


async def test_every_hint_is_explicit_and_true(tools: dict[str, Tool]) -> None:
    for name, tool in tools.items():
        hints = tool.annotations
        assert hints is not None
        assert hints.read_only_hint is (name != "generate_video")
        assert hints.destructive_hint is False
        assert hints.idempotent_hint is (name != "generate_video")
        assert hints.open_world_hint is True
        assert tool.title


async def test_descriptions_name_the_sibling_to_use_instead_and_stay_short(tools: dict[str, Tool]) -> None:
    for name, tool in tools.items():
        assert tool.description is not None
        assert 100 < len(tool.description) < 900
        assert any(other in tool.description for other in tools if other != name), name
    spends = tools["generate_video"].description
    assert spends is not None
    assert "real money" in spends


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_instructions_tell_the_flow(world: World, mode: str) -> None:
    # A client that pins a version never asks for them; "auto" discovers the modern era.
    async with world.host(era=mode) as host:
        instructions = host.client.instructions
    assert instructions is not None
    for word in ("generate_video", "get_status", "next_step", "720p", "9:16", "loop", "frame0_image", "camera"):
        assert word in instructions

"""Wrong arguments are refused with a sentence that says what would be right, before anything reaches the queue."""

from typing import Any

import pytest
from mcp import MCPError

from gmi_video.simulator import catalog

from .conftest import Host, World

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"durationSeconds": 9}, 'The nearest is "duration": one of "5s", "9s"'),
        ({"aspectRatio": "16:9"}, 'The nearest is "aspect_ratio": one of "16:9", "9:16"'),
        ({"negative_prompt": ""}, "Luma-Ray2 has no negative prompt"),
        ({"seed": None}, "Luma-Ray2 takes no seed"),
        ({"frame_0_image": "https://example.com/a.png"}, 'The nearest is "frame0_image"'),
        ({"start_image": "https://example.com/a.png"}, 'The nearest is "frame0_image"'),
        ({"duration": 9}, 'Did you mean "9s"?'),
        ({"duration": "10s"}, '"duration" must be one of "5s", "9s", not "10s".'),
        ({"resolution": "4K"}, 'Did you mean "4k"?'),
        ({"resolution": "1080"}, 'Did you mean "1080p"?'),
        ({"aspect_ratio": "16x9"}, '"aspect_ratio" must be one of "16:9"'),
        ({"loop": "true"}, '"loop" must be true or false, not "true".'),
        ({"loop": 1}, '"loop" must be true or false, not 1.'),
        ({"prompt": None}, '"prompt" must be text that is not blank, not null.'),
        ({"durationSeconds": None}, 'The nearest is "duration"'),
        ({"wait": "true"}, '"wait" must be true or false, not "true".'),
        ({"prompt": "  \n"}, '"prompt" must be text that is not blank'),
        (
            {"prompt": "a fox", "model": "Luma\nRay2"},
            '"model" must be a model\'s id: up to 200 letters, digits, blanks',
        ),
        ({"prompt": 7}, '"prompt" must be text that is not blank, not 7.'),
        ({"model": "../requests"}, '"model" must be'),
        ({"model_parameters": "colour=red"}, '"model_parameters" must be an object'),
        ({"wholly_unlike": 1}, "There are:"),
    ],
)
async def test_a_wrong_argument_is_refused_before_it_costs_anything(
    world: World, era: str, given: dict[str, Any], says: str
) -> None:
    async with world.host(era=era) as host:
        refused = await host.call_error("generate_video", **({"prompt": "a fox"} | given))
    assert says in refused["error"]["message"]
    assert refused["error"]["charged"] == "no"
    assert refused["summary"] == f"{refused['error']['message']} Nothing was sent and nothing was charged."
    assert "generate_video again" in refused["next_step"]
    assert world.sim.calls == []


async def test_the_guides_own_curl_example_is_refused_whole(world: World) -> None:
    guide = {
        "prompt": "A majestic dragon soaring through a mystical forest at sunset",
        "durationSeconds": 9,
        "aspectRatio": "16:9",
        "resolution": "1080p",
        "loop": False,
        "negative_prompt": "",
        "seed": None,
    }
    async with world.host() as host:
        refused = await host.call_error("generate_video", **guide)
    for name in ("durationSeconds", "aspectRatio", "negative_prompt", "seed"):
        assert f'"{name}" is not an argument of generate_video' in refused["error"]["message"]
    assert world.sim.calls == []


async def test_a_missing_prompt_is_named(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        refused = await host.call_error("generate_video")
    assert '"prompt" is missing' in refused["error"]["message"]


LONE_SURROGATE = "a \ud800 fox"


@pytest.mark.parametrize(
    ("tool", "name", "value"),
    [
        ("generate_video", "prompt", LONE_SURROGATE),
        ("generate_video", "model", LONE_SURROGATE),
        ("generate_video", "frame0_image", f"/{LONE_SURROGATE}.png"),
        ("generate_video", "model_parameters", {"negativePrompt": LONE_SURROGATE}),
        ("generate_video", "model_parameters", '{"\\ud800": 1}'),
        ("generate_video", "model_parameters", '{"negativePrompt": "\\ud800"}'),
        ("get_status", "request_id", LONE_SURROGATE),
        ("list_requests", "model", LONE_SURROGATE),
        ("list_requests", "status", LONE_SURROGATE),
        ("list_models", "model", LONE_SURROGATE),
        ("list_models", "search", LONE_SURROGATE),
    ],
)
async def test_text_that_is_not_valid_unicode_is_refused_by_the_arguments_name(
    world: World, era: str, tool: str, name: str, value: Any
) -> None:
    given = {"prompt": "a fox", "model": "Veo3"} if tool == "generate_video" else {}
    async with world.host(era=era) as host:
        refused = await host.call_error(tool, **(given | {name: value}))
    assert f'"{name}"' in refused["error"]["message"]
    assert refused["error"]["charged"] == "no"
    assert world.sim.calls == []


@pytest.mark.parametrize(
    "text",
    ["", "colour=red", "[1]", '"red"', "null", "1", "{", pytest.param("[" * 100_000, id="nested")],
)
async def test_json_text_that_is_no_object_is_refused(world: World, era: str, text: str) -> None:
    async with world.host(era=era) as host:
        refused = await host.call_error("generate_video", prompt="a fox", model="Veo3", model_parameters=text)
    assert (
        '"model_parameters" must be an object, or an object as JSON text; this text is' in refused["error"]["message"]
    )
    assert world.sim.calls == []


async def test_broken_json_text_is_refused_with_the_place_where_it_breaks(world: World) -> None:
    async with world.host() as host:
        refused = await host.call_error(
            "generate_video", prompt="a fox", model="Veo3", model_parameters='{"durationSeconds" "6"}'
        )
    assert "at character 20" in refused["error"]["message"]
    assert world.sim.calls == []


# -- what clients write in several ways ----------------------------------------------------------------------------


async def test_a_whole_number_written_as_10_0_is_a_whole_number(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        for prompt in ("one", "two", "three"):
            await host.call_ok("generate_video", prompt=prompt, wait=False)
        listed = await host.call_ok("list_requests", limit=2.0)
    assert len(listed["requests"]) == 2


async def nulls_for_all_but(host: Host, tool: str, *required: str) -> dict[str, None]:
    """The optional arguments of a tool as null: so OpenAI's strict mode, in which every one is required, sends them."""
    (found,) = [found for found in (await host.client.list_tools()).tools if found.name == tool]
    return dict.fromkeys(found.input_schema["properties"].keys() - set(required))


async def test_null_for_every_optional_argument_makes_the_video_of_the_defaults(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        nulls = await nulls_for_all_but(host, "generate_video", "prompt")
        assert {"model", "loop", "model_parameters", "wait", "dry_run", "confirm_cost"} <= nulls.keys()
        made = await host.call_ok("generate_video", prompt="a fox", **nulls)
        again = await host.call_ok("generate_video", prompt="a fox")
    assert made["is_final"]
    assert (again["request_id"], again["reused"]) == (made["request_id"], True)


@pytest.mark.parametrize("tool", ["get_status", "list_requests", "list_models"])
async def test_null_for_every_optional_argument_is_as_if_it_were_left_out(world: World, era: str, tool: str) -> None:
    async with world.host(era=era) as host:
        made = await host.call_ok("generate_video", prompt="a fox")
        required = {"request_id": made["request_id"]} if tool == "get_status" else {}
        nulls = await nulls_for_all_but(host, tool, *required)
        assert nulls
        assert await host.call_ok(tool, **required, **nulls) == await host.call_ok(tool, **required)


@pytest.mark.parametrize("given", [{"duration": 10.0, "seed": 7.0}, '{"duration": 10.0, "seed": 7.0}'])
async def test_a_whole_number_for_a_model_reaches_the_queue_as_an_integer(world: World, era: str, given: Any) -> None:
    async with world.host(era=era) as host:
        made = await host.call_ok("generate_video", prompt="a fox", model="wan2.6-t2v", model_parameters=given)
        again = await host.call_ok(
            "generate_video", prompt="a fox", model="wan2.6-t2v", model_parameters={"duration": 10, "seed": 7}
        )
    (job,) = world.sim.jobs
    assert {name: repr(value) for name, value in job.payload.items()} == {
        "prompt": "'a fox'",
        "duration": "10",
        "seed": "7",
    }
    assert (again["request_id"], again["reused"]) == (made["request_id"], True)


@pytest.mark.parametrize(("given", "sent"), [(1, "1.0"), (1.0, "1.0"), (0.5, "0.5"), (2.0, "2"), (2, "2")])
async def test_a_number_that_equals_an_option_is_sent_as_the_option_is_listed(
    world: World, given: float, sent: str
) -> None:
    options: list[Any] = [0.5, 1.0, 2]
    scale = catalog.parameter("scale", "float", "", default=0.5, options=options)
    world.sim.add_model(catalog.model("odd", "A test.", [scale], {"price": 1, "pricing_type": "per_video"}))
    async with world.host() as host:
        made = await host.call_ok(
            "generate_video", prompt="a fox", model="odd", model_parameters={"scale": given}, dry_run=True
        )
    assert repr(made["parameters"]["scale"]) == sent


@pytest.mark.parametrize("odd", ["NaN", "Infinity", "1e999", "[-1e999]", '{"inside": [NaN]}'])
async def test_a_number_that_json_does_not_have_is_refused_and_not_sent_as_null(world: World, odd: str) -> None:
    # For a parameter of a type that is not documented, which takes anything but null. As text, because the client
    # would make a null of it; other clients don't.
    record = catalog.model(
        "odd",
        "A test.",
        [catalog.parameter("prompt", "string", "", required=True), catalog.parameter("odd", "json", "")],
        {"price": 1, "pricing_type": "per_video", "unit": "video"},
    )
    world.sim.add_model(record)
    async with world.host() as host:
        refused = await host.call_error(
            "generate_video", prompt="a fox", model="odd", model_parameters=f'{{"odd": {odd}}}'
        )
    assert '"model_parameters" holds a number that JSON does not have' in refused["error"]["message"]
    assert world.sim.calls == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"duration": 10.5}, "10.5"),
        ({"duration": True}, "true"),
        ({"seed": 1.5}, '"seed" must be a whole number'),
        ({"seed": 1e300}, '"seed" must be a whole number'),
        ({"seed": "7"}, '"seed" must be a whole number'),
        ({"colour": None}, '"colour" is not a parameter'),
    ],
)
async def test_a_number_that_is_not_whole_or_not_a_number_is_refused_for_a_models_integer(
    world: World, given: dict[str, Any], says: str
) -> None:
    async with world.host() as host:
        refused = await host.call_error("generate_video", prompt="a fox", model="wan2.6-t2v", model_parameters=given)
    assert says in refused["error"]["message"]
    assert world.sim.jobs == []


async def test_null_for_a_models_optional_parameter_is_not_sent(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        given = {"duration": 5, "seed": None}
        await host.call_ok("generate_video", prompt="a fox", model="wan2.6-t2v", model_parameters=given)
    assert world.sim.jobs[0].payload == {"prompt": "a fox", "duration": 5}


async def test_null_for_a_parameter_that_a_model_needs_is_refused(world: World) -> None:
    async with world.host() as host:
        refused = await host.call_error(
            "generate_video", prompt="it waves", model="pixverse-v5.6-i2v", model_parameters={"image_url": None}
        )
    assert '"image_url" must be text' in refused["error"]["message"]
    assert world.sim.jobs == []


async def test_an_object_may_come_as_json_text(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        text = '{"durationSeconds": "6", "negativePrompt": "rain"}'
        await host.call_ok("generate_video", prompt="a fox", model="Veo3", model_parameters=text)
    assert world.sim.jobs[0].payload == {"prompt": "a fox", "durationSeconds": "6", "negativePrompt": "rain"}


@pytest.mark.parametrize(
    "request_id", ["", "abc\n", "../models", "a b", "a/b", "x" * 200, "%2e%2e", "a?b=c", "a#b", "é"]
)
async def test_a_request_id_that_could_change_the_address_never_reaches_it(world: World, request_id: str) -> None:
    async with world.host() as host:
        refused = await host.call_error("get_status", request_id=request_id)
    assert '"request_id" must be' in refused["error"]["message"]
    assert world.sim.calls == []


@pytest.mark.parametrize("limit", [0, 101, "10", 2.5])
async def test_a_limit_out_of_range_or_type_says_what_it_may_be(world: World, limit: Any) -> None:
    async with world.host() as host:
        refused = await host.call_error("list_requests", limit=limit)
    assert '"limit" must be a whole number from 1 to 100' in refused["error"]["message"]


async def test_an_unknown_tool_is_a_protocol_error_that_names_the_four(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        with pytest.raises(MCPError, match=r"Unknown tool.*generate_video"):
            await host.client.call_tool("make_video", {})


async def test_without_a_key_the_server_lists_its_tools_and_every_call_says_where_to_put_it(
    world: World, era: str
) -> None:
    async with world.host(era=era, GMI_API_KEY="${user_config.api_key}") as host:
        assert len((await host.client.list_tools()).tools) == 4
        calls: dict[str, dict[str, Any]] = {
            "generate_video": {"prompt": "a fox"},
            "get_status": {"request_id": "abc"},
            "list_requests": {},
            "list_models": {},
        }
        for tool, arguments in calls.items():
            refused = await host.call_error(tool, **arguments)
            assert "GMI_API_KEY is not set" in refused["summary"]
            assert "env" in refused["next_step"]
        assert (await host.client.list_resources()).resources == []
    assert world.sim.calls == []


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("GMI_BASE_URL", "http://example.com/api", "plain http"),
        ("GMI_BASE_URL", "ftp://example.com", "not an http(s) address"),
        ("GMI_BASE_URL", "https://me:secret@example.com", "plain address"),
        ("GMI_BASE_URL", "https://[::1", "not an http(s) address"),
        ("GMI_MAX_WAIT_SECONDS", "soon", "must be a number from 0 to 86400"),
        ("GMI_MAX_REQUESTS_PER_SECOND", "0", "must be a number from 0.1 to 100"),
        ("GMI_SPEND_LIMIT_USD", "nan", "must be a number from 0"),
        ("GMI_CONFIRM_ABOVE_USD", "$5", "must be a number from 0"),
        ("GMI_LOG_LEVEL", "loud", "must be one of DEBUG"),
        ("GMI_API_KEY", "a\nb", "GMI_API_KEY holds a line break"),
        ("GMI_ORG_ID", "ü", "GMI_ORG_ID holds"),
    ],
)
async def test_a_wrong_setting_is_named_by_every_call_and_never_repeated_where_it_may_be_a_secret(
    world: World, name: str, value: str, says: str
) -> None:
    world.environment[name] = value
    async with world.host() as host:
        refused = await host.call_error("list_models")
    assert says in refused["summary"]
    assert "secret" not in refused["summary"]
    assert world.sim.calls == []


async def test_two_wrong_settings_are_named_at_once(world: World) -> None:
    async with world.host(GMI_API_KEY="", GMI_LOG_LEVEL="loud") as host:
        refused = await host.call_error("list_models")
    assert "GMI_API_KEY" in refused["summary"]
    assert "GMI_LOG_LEVEL" in refused["summary"]

"""schemas/upstream: they contain the vendor's own examples, and every response of the simulator is valid."""

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from jsonschema import Draft202012Validator

from gmi_video.simulator import Script, Simulator
from gmi_video.simulator.faults import EFFECTS

from .conftest import SCHEMAS

pytestmark = pytest.mark.anyio
Submit = Callable[..., Any]
Validate = Callable[[str, Any], None]

NAMES = sorted(path.stem for path in SCHEMAS.glob("*.json"))

# The guide's table, row by row: parameter, type, required, default, options.
GUIDES_TABLE: list[tuple[str, str, bool, object, list[str] | None]] = [
    ("prompt", "string", True, None, None),
    ("resolution", "string", False, "720p", ["540p", "720p", "1080p", "4k"]),
    ("duration", "string", False, "5s", ["5s", "9s"]),
    ("aspect_ratio", "string", False, "16:9", ["16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "9:21"]),
    ("loop", "boolean", False, False, None),
    ("frame0_image", "string", False, "", None),
    ("frame1_image", "string", False, "", None),
]
GUIDES_EXAMPLES = [
    (
        '{"model": "Luma-Ray2", "payload": {"prompt": "A majestic dragon soaring through a mystical forest at sunset", '
        '"durationSeconds": 9, "aspectRatio": "16:9", "resolution": "1080p", "loop": false, "negative_prompt": "", '
        '"seed": null}}'
    ),
    (
        '{"request_id": "550e8400-e29b-41d4-a716-446655440000", "model": "Luma-Ray2", "status": "queued", '
        '"created_at": 1750442925, "updated_at": 1750442925, "queued_at": 1750442925}'
    ),
    (
        '{"request_id": "550e8400-e29b-41d4-a716-446655440000", "org_id": "your-org-id", "model": "Luma-Ray2", '
        '"status": "success", "is_public": false, "payload": {"prompt": "A majestic dragon soaring through a mystical '
        'forest at sunset", "resolution": "1080p", "duration": "9s", "aspect_ratio": "16:9", "loop": false}, '
        '"outcome": {"video_url": "https://storage.googleapis.com/bucket/generated-video.mp4", "thumbnail_image_url": '
        '"https://storage.googleapis.com/bucket/thumbnail.jpg"}, "created_at": 1750442925, "updated_at": 1750442930, '
        '"queued_at": 1750442925}'
    ),
    '{"model_ids": ["Luma-Ray2", "other-model-1", "other-model-2"]}',
]


def schema(name: str) -> dict[str, Any]:
    return json.loads((SCHEMAS / f"{name}.json").read_text())


def test_there_is_one_schema_per_body() -> None:
    assert NAMES == [
        "error", "luma-ray2-payload", "model-list", "model-record", "request-list", "request-record",
        "submit-request", "submit-response", "upload-request", "upload-response",
    ]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_valid_and_its_examples_match_it(name: str, validate: Validate) -> None:
    Draft202012Validator.check_schema(schema(name))
    assert "$ref" not in json.dumps(schema(name))
    assert schema(name)["examples"]
    for example in schema(name)["examples"]:
        validate(name, example)


@pytest.mark.parametrize(
    ("name", "example"),
    list(zip(["submit-request", "submit-response", "request-record", "model-list"], GUIDES_EXAMPLES, strict=True)),
)
def test_the_guides_examples_are_in_the_schemas_exactly(name: str, example: str) -> None:
    assert json.dumps(schema(name)["examples"][0]) == example


def test_the_payload_schema_is_the_guides_table() -> None:
    payload = schema("luma-ray2-payload")
    rows = [
        (name, row["type"], name in payload["required"], row.get("default"), row.get("enum"))
        for name, row in payload["properties"].items()
    ]
    assert rows == GUIDES_TABLE
    assert payload["additionalProperties"] is False


def test_the_payload_of_the_guides_curl_example_is_not_valid_for_luma() -> None:
    curl = schema("submit-request")["examples"][0]["payload"]
    known = schema("luma-ray2-payload")["properties"]
    assert sorted(set(curl) - set(known)) == ["aspectRatio", "durationSeconds", "negative_prompt", "seed"]


async def test_luma_in_the_catalog_is_the_guides_table(client: httpx.AsyncClient) -> None:
    rows = (await client.get("/models/Luma-Ray2")).json()["parameters"]
    assert [(row["name"], row["required"], row["default_value"], row["options"]) for row in rows] == [
        (name, required, default, options) for name, _, required, default, options in GUIDES_TABLE
    ]


async def test_every_model_record_matches_the_schemas(
    sim: Simulator, client: httpx.AsyncClient, validate: Validate
) -> None:
    for key in ("model_ids", "models"):
        sim.behave(models_key=key)
        validate("model-list", (await client.get("/models")).json())
    for name in sim.models:
        answer = await client.get(f"/models/{name}")
        validate("error" if name in sim.no_access else "model-record", answer.json())


@pytest.mark.parametrize(
    "script",
    [
        Script.takes(8),
        Script.takes(8, first="dispatched"),
        Script.synchronous(),
        Script.stuck(),
        Script.fails(8),
        Script.fails_at_once(),
        Script.cancelled(8),
        Script(((0, "created"), (4, "upscaling"))),
    ],
)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"outcome": "media_urls", "echo_payload": False, "failure_form": "object"},
        {"thumbnail": "mp4", "failure_place": "reason"},
        {"failure_place": "error", "failure_form": "object"},
    ],
)
async def test_every_response_about_a_job_matches_the_schemas(
    sim: Simulator,
    client: httpx.AsyncClient,
    submit: Submit,
    validate: Validate,
    *,
    script: Script,
    options: dict[str, Any],
) -> None:
    sim.behave(**options)
    sim.script("*", script)
    images = {"image_url": f"{sim.files_url}/uploads/none.png"}
    for name in set(sim.models) - sim.no_access:
        validate("submit-response", await submit(name, **images))
    for _ in range(3):
        body = (await client.get("/requests")).json()
        validate("request-list", body)
        for row in body["requests"]:
            validate("request-record", (await client.get(f"/requests/{row['request_id']}")).json())
        await trio.sleep(5)


@pytest.mark.parametrize("fault", [fault for fault in EFFECTS if isinstance(EFFECTS[fault].body, dict)])
async def test_every_json_error_matches_the_schemas(
    sim: Simulator, client: httpx.AsyncClient, validate: Validate, fault: Any
) -> None:
    sim.fail("submit", fault)
    body = {"model": "Luma-Ray2", "payload": {"prompt": "a fox"}}
    validate("error", (await client.post("/requests", json=body)).json())


async def test_uploads_match_the_schemas(client: httpx.AsyncClient, validate: Validate) -> None:
    validate("upload-response", (await client.post("/upload-url", json={"file_type": "png"})).json())
    validate("error", (await client.post("/upload-url", json={"file_type": "exe"})).json())
    validate("error", (await client.get("/requests/x")).json())


def test_the_simulator_imports_nothing_from_the_rest_of_the_program() -> None:
    package = Path(__file__).parents[2] / "server" / "gmi_video" / "simulator"
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert not node.level, f"{path.name} imports by a relative name"
                names = [node.module or ""]
            ours = [
                name for name in names if name.startswith("gmi_video") and not name.startswith("gmi_video.simulator")
            ]
            assert not ours, path.name

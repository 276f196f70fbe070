"""The entry in the MCP registry fits its schema, and names what a release publishes."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from bundles import registry

from gmi_video import __version__
from gmi_video.variables import VARIABLES

SCHEMA: dict[str, Any] = json.loads(Path(__file__).with_name("server.schema.json").read_text(encoding="utf-8"))
REPOSITORY = "Some-One/gmi-video-mcp"


@pytest.fixture
def entry(tmp_path: Path) -> dict[str, Any]:
    bundle = tmp_path / f"gmi-video-mcp-{__version__}.mcpb"
    bundle.write_bytes(b"a bundle")
    assert registry.main([str(tmp_path), "--repository", REPOSITORY]) == 0
    return json.loads((tmp_path / "server.json").read_text(encoding="utf-8"))


def test_the_entry_fits_the_schema(entry: dict[str, Any]) -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(entry, SCHEMA)
    assert entry["name"] == "io.github.Some-One/gmi-video-mcp"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["description"], "a" * 101),
        (["version"], "latest"),
        (["version"], "^1.0.0"),
        (["name"], "gmi-video-mcp"),
        (["licence"], "MIT"),
        (["packages", 0, "identifier"], None),
        (["packages", 0, "transport", "url"], "https://example.com"),
        (["packages", 0, "environmentVariables", 0, "isSecret"], "yes"),
        (["packages", 1, "fileSha256"], "0"),
        (["packages", 1, "identifier"], "http://example.com/mcp.mcpb"),
        (["repository", "url"], "git@github.com:some/where.git"),
    ],
)
def test_the_schema_refuses_what_the_registry_would(entry: dict[str, Any], path: list[Any], value: str | None) -> None:
    part: Any = entry
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(entry, SCHEMA)


def test_every_setting_is_in_it_and_only_secrets_are_secret(entry: dict[str, Any]) -> None:
    variables = {variable["name"]: variable for variable in entry["packages"][0]["environmentVariables"]}
    # uv's, so that bytecode is compiled where uv installs.
    assert variables.pop("UV_COMPILE_BYTECODE")["value"] == "1"
    assert list(variables) == [variable.name for variable in VARIABLES]
    assert {name for name, variable in variables.items() if variable["isSecret"]} == {"GMI_API_KEY", "GMI_LEDGER_URL"}
    assert {name for name, variable in variables.items() if variable["isRequired"]} == {"GMI_API_KEY"}


def test_the_bundle_is_named_by_its_place_in_the_release_and_its_hash(entry: dict[str, Any]) -> None:
    bundle = entry["packages"][1]
    assert bundle["identifier"] == (
        f"https://github.com/{REPOSITORY}/releases/download/v{__version__}/gmi-video-mcp-{__version__}.mcpb"
    )
    assert bundle["fileSha256"] == hashlib.sha256(b"a bundle").hexdigest()


def test_a_marked_page_proves_the_name_and_is_marked_once(entry: dict[str, Any], tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("# Title\n\nText.\n", encoding="utf-8")
    for _ in range(2):
        assert registry.main(["--repository", REPOSITORY, "--mark", str(page)]) == 0
    # As the registry reads it: the name ends where no character of a name follows.
    assert re.findall(r"mcp-name: ([\w./-]+)(?![\w./-])", page.read_text(encoding="utf-8")) == [entry["name"]]
    assert page.read_text(encoding="utf-8").startswith("# Title\n\nText.\n")

"""The bundle's manifest says what the server is, and what a host fills in from it is what the server takes."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bundles import main, manifest, project
from mcp import Client
from mcp_types import TextContent

from gmi_video.mcp.app import create_server
from gmi_video.settings import Settings
from gmi_video.variables import VARIABLES

from .floors import PROJECT, ROOT

WRITTEN: dict[str, Any] = json.loads(manifest.MANIFEST.read_text(encoding="utf-8"))
KEY = {"GMI_API_KEY": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"}
NUMBERS = [name for name, field in manifest.FIELDS.items() if field["type"] == "number"]


def started(environment: dict[str, str], *folders: str) -> Settings:
    """The settings of a server that the bundle starts."""
    return Settings.from_environment(main.settings(environment, folders))


def test_the_manifest_is_what_the_code_says() -> None:
    assert manifest.MANIFEST.read_text(encoding="utf-8") == manifest.text_of(manifest.manifest()), "run `make tables`"


def test_every_setting_is_a_field_or_is_left_out_for_a_reason() -> None:
    assert manifest.FIELDS.keys() | manifest.LEFT_OUT == {variable.name for variable in VARIABLES}
    assert not manifest.FIELDS.keys() & manifest.LEFT_OUT


def test_the_manifest_uses_every_field_once_and_hides_the_key() -> None:
    config = WRITTEN["server"]["mcp_config"]
    used = re.findall(r"\$\{user_config\.(\w+)\}", json.dumps(config))
    assert sorted(used) == sorted(WRITTEN["user_config"])
    assert [name for name, field in WRITTEN["user_config"].items() if field.get("sensitive")] == ["api_key"]
    assert [name for name, field in WRITTEN["user_config"].items() if field.get("required")] == ["api_key"]
    # Arguments are seen by every user of the machine.
    assert "api_key" not in json.dumps(config["args"])


def test_with_a_repository_it_has_links_and_nothing_else_changes() -> None:
    linked = manifest.manifest("someone/gmi-video-mcp")
    added = {name: linked.pop(name) for name in ("repository", "homepage", "documentation", "support")}
    assert linked == WRITTEN
    assert all("https://github.com/someone/gmi-video-mcp" in str(value) for value in added.values())


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("shots", ["2", "8"])
async def test_a_prompts_template_filled_in_is_the_servers_own_text(shots: str) -> None:
    given = {"idea": "a fox in the snow", "platform": "a shop window", "mood": "calm", "shots": shots}
    async with Client(create_server(Settings())) as client:
        listed = (await client.list_prompts()).prompts
        assert [prompt.name for prompt in listed] == [prompt["name"] for prompt in WRITTEN["prompts"]]
        for prompt in WRITTEN["prompts"]:
            text: str = prompt["text"]
            for name in prompt["arguments"]:
                assert f"${{arguments.{name}}}" in text
                text = text.replace(f"${{arguments.{name}}}", given[name])
            (message,) = (
                await client.get_prompt(prompt["name"], {name: given[name] for name in prompt["arguments"]})
            ).messages
            assert isinstance(message.content, TextContent)
            assert text == message.content.text


def test_without_npm_the_bundle_is_not_packed_and_that_is_said(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "bundles.pack", str(tmp_path)],
        env={name: value for name, value in os.environ.items() if name != "PATH"} | {"PATH": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])
    assert "npm is needed" in done.stdout


# -- fields that are left empty ----------------------------------------------------------------------------------


def unfilled(setting: str) -> str:
    return f"${{user_config.{manifest.field_of(setting)}}}"


@pytest.mark.parametrize("empty", ["", "  ", "null", "undefined", "NaN", "placeholder"])
def test_fields_left_empty_are_no_settings(empty: str) -> None:
    filled = {name: unfilled(name) if empty == "placeholder" else empty for name in manifest.FIELDS}
    assert started(filled | KEY, filled["GMI_IMAGE_DIRS"]) == started(KEY)
    assert started(filled | KEY).problems == ()


@pytest.mark.parametrize("name", sorted(manifest.FIELDS))
@pytest.mark.parametrize("empty", ["", "${user_config.x}"])
def test_the_server_itself_takes_an_empty_field_as_unset(name: str, empty: str) -> None:
    assert Settings.from_environment({name: empty}) == Settings.from_environment({}) or name == "GMI_API_KEY"
    assert all("GMI_API_KEY is not set" in problem for problem in Settings.from_environment({name: empty}).problems)


def test_an_empty_key_is_named_as_missing() -> None:
    (problem,) = started({"GMI_API_KEY": "undefined"}).problems
    assert "GMI_API_KEY is not set" in problem


def test_a_wrong_limit_is_no_empty_field() -> None:
    (problem,) = started(KEY | {"GMI_SPEND_LIMIT_USD": "none"}).problems
    assert "GMI_SPEND_LIMIT_USD" in problem


# -- fields that are filled --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NUMBERS)
def test_a_field_allows_the_numbers_that_its_setting_does(name: str) -> None:
    low, high = manifest.FIELDS[name]["min"], manifest.FIELDS[name]["max"]
    for number in (low, high):
        assert started(KEY | {name: str(number)}).problems == ()
    for number in (low - 0.05, high + 1):
        (problem,) = started(KEY | {name: str(number)}).problems
        assert name in problem


def test_several_folders_come_as_arguments_and_become_one_setting(tmp_path: Path) -> None:
    folders = [tmp_path / "my pictures", tmp_path / "Bilder für später", tmp_path / "$(touch x)"]
    for folder in folders:
        folder.mkdir()
    settings = started(KEY | {"GMI_OUTPUT_DIR": str(tmp_path)}, *map(str, folders))
    assert settings.image_dirs == tuple(folders)
    assert settings.output_dir == str(tmp_path)
    assert settings.problems == ()


def test_without_folders_a_setting_of_the_environment_stays(tmp_path: Path) -> None:
    assert started(KEY | {"GMI_IMAGE_DIRS": str(tmp_path)}, "${user_config.image_dirs}").image_dirs == (tmp_path,)


def test_what_is_not_ours_is_left_alone() -> None:
    assert main.settings({"PATH": os.defpath, "HTTPS_PROXY": "", "NODE_ENV": "undefined"}, []) == {
        "PATH": os.defpath,
        "HTTPS_PROXY": "",
        "NODE_ENV": "undefined",
    }


# -- what uv installs --------------------------------------------------------------------------------------------


def test_the_bundle_installs_the_tested_versions_of_what_the_package_and_its_extras_need() -> None:
    names = {re.split(r"[^\w-]", line)[0] for line in project.requirements()}
    assert {"mcp", "httpx", "av", "pillow"} <= names
    assert set(PROJECT["dependencies"]) <= set(project.requirements())
    pinned = {re.split("[=<]", pin)[0].lower().replace("_", "-") for pin in project.pins()}
    assert names <= pinned
    assert "://" not in project.text()
    assert "compile-bytecode = true" in project.text()


def test_the_bundle_takes_the_pythons_that_are_tested() -> None:
    listed = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if ":: 3." in line]
    low, high = re.findall(r"3\.(\d+)", project.PYTHON)
    assert listed == [f"3.{minor}" for minor in range(int(low), int(high))]

"""The gates that need npm, as far as they can be tested without it: their locks, what they read, what they report."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from gmi_video.doctor.hosts import HOSTS

from .agents import portability
from .conformance.server import reason
from .hosts import readme
from .hosts.page import KNOWN, measured
from .hosts.programs import PROGRAMS, Program
from .structure import ROOT

each_program = pytest.mark.parametrize("program", PROGRAMS, ids=[one.name for one in PROGRAMS])
each_lock = pytest.mark.parametrize("gate", ["tests/hosts", "tests/suites", "bench/peers"])


def packages(gate: str) -> dict[str, dict[str, Any]]:
    lock = json.loads((ROOT / gate / "package-lock.json").read_text(encoding="utf-8"))
    return {name: package for name, package in lock["packages"].items() if name}


@each_lock
def test_a_lock_has_each_packages_version_and_hash_and_no_address(gate: str) -> None:
    assert len(packages(gate)) > 10
    for name, package in packages(gate).items():
        assert package["version"], name
        assert package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name


@each_lock
def test_a_lock_pins_what_its_gate_asks_for(gate: str) -> None:
    asked = json.loads((ROOT / gate / "package.json").read_text(encoding="utf-8"))["dependencies"]
    for name, version in asked.items():
        assert re.fullmatch(r"(npm:@[\w/-]+@)?\d[\w.-]+", version), "a range is not a pin"
        assert packages(gate)[f"node_modules/{name}"]["version"] == version.rpartition("@")[2]


@each_program
def test_the_page_tells_of_the_version_that_is_locked(program: Program) -> None:
    assert measured()[program.name].version == program.version, "run `make hosts`"


def test_the_page_knows_every_host() -> None:
    assert [host.name for host in HOSTS] == list(KNOWN)
    assert {one.name for one in PROGRAMS} <= set(KNOWN)


@each_program
def test_the_readme_has_an_entry_and_a_command_that_lists(program: Program, tmp_path: Path) -> None:
    assert readme.listing(program.title)[1:] == ["mcp", "list"]
    added = readme.command(program.title, Path("/clone"), "the-key")
    if added is None:
        readme.add_to_file(program.title, tmp_path, Path("/clone"), "the-key")
        (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
        added = file.read_text(encoding="utf-8")
        (tomllib if file.suffix == ".toml" else json).loads(added)
    assert "/clone/.venv/bin/gmi-video-mcp" in added
    assert "the-key" in added


def test_what_a_hosts_file_has_already_stays(tmp_path: Path) -> None:
    file = tmp_path / ".gemini" / "settings.json"
    file.parent.mkdir()
    file.write_text('{"theme": "dark"}', encoding="utf-8")
    readme.add_to_file("Gemini CLI", tmp_path, Path("/clone"), "the-key")
    assert json.loads(file.read_text(encoding="utf-8")).keys() == {"theme", "mcpServers"}


@pytest.mark.parametrize(
    ("scenario", "message", "ours"),
    [
        ("server-tools-call-image", "Failed: Unknown tool: “test_image_content”. There are: generate_video.", False),
        ("server-tools-call-image", "Unknown tool: “generate_video”.", True),
        ("server-ping", "Failed: MCP error -32601: Method not found", True),
        ("server-logging-set-level", "Failed: MCP error -32601: Method not found", False),
        ("server-caching", "", True),
    ],
)
def test_a_failed_conformance_check_without_a_known_reason_is_ours(scenario: str, message: str, *, ours: bool) -> None:
    assert (reason(scenario, message) is None) == ours


GOOD = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1, "description": "How many."}}}


@pytest.mark.parametrize(
    ("made_of_it", "says"),
    [
        ({"schema": {"properties": {"n": {"type": "INTEGER", "minimum": 1.0, "description": "How many."}}}}, "yes"),
        ({"schema": {"properties": {"n": {"type": "INTEGER", "minimum": 1.0}}}}, "loses `description` of `n`"),
        ({"schema": {"properties": {}}}, "loses `type` of `n`"),
        ({"error": "AttributeError: 'bool' object"}, "no: AttributeError"),
    ],
)
def test_what_a_conversion_loses_is_said(made_of_it: dict[str, Any], says: str) -> None:
    assert portability.verdict(GOOD, made_of_it, portability.CONVERTERS[0]).startswith(says)


def test_an_object_left_open_is_not_strict() -> None:
    schema = {"properties": {"any": {"type": "object"}}, "required": ["any"], "additionalProperties": False}
    strict = next(one for one in portability.CONVERTERS if one.strict)
    assert "which OpenAI's API refuses" in portability.verdict(schema, {"schema": schema}, strict)

"""Rules of structure: which package may import which, and what may not be found anywhere."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gmi_video import __version__
from gmi_video.mcp import schema_files
from gmi_video.upstream import lists
from gmi_video.upstream.luma_ray2 import LumaRay2Payload
from gmi_video.upstream.wire import (
    FINAL,
    ModelList,
    ModelRecord,
    Record,
    SubmitRequest,
    UploadTarget,
    fields_of,
)

from .structure import (
    ANYWHERE,
    BASE,
    MAY_IMPORT,
    ONLY_IN,
    PACKAGE,
    ROOT,
    STANDS_ALONE,
    circles,
    files,
    imports,
    own_files,
    part_of,
    says,
)

UPSTREAM = ROOT / "schemas" / "upstream"


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


# -- packages and arrows -----------------------------------------------------------------------------------------


def test_every_part_of_the_program_has_its_arrows() -> None:
    assert {part_of(path) for path in files()} == set(MAY_IMPORT), "tests/structure.py lists the parts and their arrows"


def test_packages_import_only_what_their_arrows_allow() -> None:
    strays = [
        f"{named(found.file)} imports {found.name}"
        for found in imports()
        if found.target
        and found.target != found.part
        and found.target not in MAY_IMPORT[found.part]
        and not (found.target in BASE and found.part not in STANDS_ALONE)
    ]
    assert not strays


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles() == []


def test_third_party_packages_are_imported_only_where_they_belong() -> None:
    strays = [
        f"{named(found.file)} imports {found.name}"
        for found in imports()
        if (package := found.name.split(".")[0]) not in (*ANYWHERE, "gmi_video")
        and found.part not in ONLY_IN.get(package, ())
    ]
    assert not strays


def declared_in(requirements: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0].lower().replace("-", "_") for line in requirements}


def test_what_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    declared = declared_in(project["dependencies"] + extras["demo"] + extras["postgres"] + extras["metrics"])
    for found in imports():
        package = {"PIL": "pillow"}.get(root := found.name.split(".")[0], root)
        assert package == "gmi_video" or package in declared, named(found.file)


def test_the_server_starts_without_what_only_the_demo_needs() -> None:
    heavy = ("av", "PIL", "gmi_video.simulator", "gmi_video.demo", "gmi_video.live", "gmi_video.http")
    code = f"import sys, gmi_video.mcp.stdio; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


# -- modules -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [PACKAGE / "__init__.py", *files()], ids=named)
def test_a_module_says_what_it_is_and_has_one_job(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith('"""')
    assert len(says(path)) > 10
    assert len(text.splitlines()) <= 300, "a module of more than 300 lines has two jobs"


# -- what may not be found anywhere; each pattern is put together here, so that this file keeps its own rule --------

NOWHERE = {
    "a promise to do it later": r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b",
    "a path of the machine it was made on": r"(?<![\w./~])/(wo" + r"rk|ro" + r"ot|ho" + r"me)/[\w.]",
    "the address of a package registry": r"(pypi|npmjs)\." + r"org|pythonho" + r"sted|/op" + r"t/\w",
    "a second copy of every class": r"(import|from) server" + r"\.gmi_video",
}


@pytest.mark.parametrize("what", NOWHERE)
def test_it_is_found_nowhere(what: str) -> None:
    found = [
        f"{named(path)}: {match.group()}"
        for path in own_files()
        if (match := re.search(NOWHERE[what], path.read_text(encoding="utf-8")))
    ]
    assert not found


def test_the_version_is_in_one_place() -> None:
    holders = [named(path) for path in own_files() if f'"{__version__}"' in path.read_text(encoding="utf-8")]
    # The manifest is generated from the code; tests/packaging/test_versions.py compares it and all that is published.
    assert sorted(holders) == ["bundles/manifest.json", "server/gmi_video/__init__.py"]
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_constraints_pin_versions_and_nothing_else() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", pin) for pin in pins)
    assert "gmi-video-mcp" not in {pin.partition("==")[0] for pin in pins}


# -- schemas/upstream, on the side of the server; tests/simulator has the other side ------------------------------


def upstream(name: str) -> dict[str, Any]:
    return json.loads((UPSTREAM / f"{name}.json").read_text(encoding="utf-8"))


def row(schema: dict[str, Any]) -> dict[str, Any]:
    """What schemas/upstream says of a property: its type, its values, its default."""
    return {key: schema[key] for key in ("type", "enum", "default") if key in schema}


def test_our_payload_is_that_of_the_upstream_schema() -> None:
    ours, theirs = LumaRay2Payload.model_json_schema(), upstream("luma-ray2-payload")
    assert {name: row(schema) for name, schema in ours["properties"].items()} == {
        name: row(schema) for name, schema in theirs["properties"].items()
    }
    assert ours["required"] == theirs["required"]
    assert ours["additionalProperties"] is theirs["additionalProperties"] is False


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("luma-ray2-payload", LumaRay2Payload.model_validate),
        ("submit-request", SubmitRequest.model_validate),
        ("submit-response", Record.model_validate),
        ("request-record", Record.model_validate),
        ("request-list", lists.from_body),
        ("model-list", ModelList.model_validate),
        ("model-record", ModelRecord.model_validate),
        ("upload-response", UploadTarget.model_validate),
    ],
)
def test_the_examples_of_the_upstream_schemas_are_parsed(name: str, read: Callable[[Any], Any]) -> None:
    for example in upstream(name)["examples"]:
        parsed = read(example)
        if isinstance(parsed, Record):
            assert (parsed.request_id, parsed.status) == (example["request_id"], example["status"])
            assert parsed.created_at == example["created_at"]
            assert parsed.is_final == (example["status"] in FINAL)
            assert bool(parsed.video_url) == bool(fields_of(example.get("outcome")) and parsed.succeeded)


def test_the_published_tools_are_what_is_sent() -> None:
    folder = ROOT / "schemas" / "tools"
    published = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    sent = {name: schema_files.text_of(tool) for name, tool in schema_files.as_sent().items()}
    assert published == sent, "run `gmi-video-mcp schemas` (or `make tables`), look at the diff, and commit it"

"""The documentation is true: its tables, commands, links, messages, and the example that people copy."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gmi_video.mcp import hosts, schema_files
from gmi_video.settings import Settings
from gmi_video.variables import VARIABLES

from . import tables
from .structure import PACKAGE, ROOT, files

README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*sorted(ROOT.glob("*.md")), *DOCS]
EXAMPLE: dict[str, Any] = json.loads((ROOT / "claude_desktop_config.example.json").read_text(encoding="utf-8"))
ENTRY: dict[str, Any] = EXAMPLE["mcpServers"]["gmi-video"]


def named(page: Path) -> str:
    return page.name


def section(heading: str) -> str:
    return README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# -- generated tables --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", tables.PAGES, ids=named)
def test_the_generated_tables_are_what_the_code_says(page: Path) -> None:
    assert tables.filled(page) == page.read_text(encoding="utf-8"), "run `make tables`, look at the diff, and commit it"


def test_the_readmes_own_tables_name_what_exists() -> None:
    assert re.findall(r"^\| `(\w+)`", section("Tools"), re.MULTILINE) == list(schema_files.as_sent())
    variables = re.findall(r"^\| `(\w+)`", section("Settings"), re.MULTILINE)
    assert len(variables) > 3
    assert set(variables) <= {variable.name for variable in VARIABLES}


# -- names and links ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_setting_it_names_exists(page: Path) -> None:
    text = set(re.findall(r"\bGMI_[A-Z_]+\b", page.read_text(encoding="utf-8")))
    assert text <= {variable.name for variable in VARIABLES}


def test_every_make_target_the_readme_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"(?:`|^    )make ([a-z]+)\b", README, re.MULTILINE)
    assert "demo" in targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", page.read_text(encoding="utf-8")):
        file = (page.parent / target) if target else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), f"{target}#{anchor}"


def test_the_readme_links_every_page() -> None:
    linked = set(re.findall(r"\]\(([^)#]+)", section("Documentation")))
    assert {str(page.relative_to(ROOT)) for page in PAGES} - {"README.md", "CHANGELOG.md"} <= linked


def test_every_module_the_pages_name_exists() -> None:
    for page in PAGES:
        for module in re.findall(r"`([a-z]+/[a-z_/]*(?:\.py)?)`", page.read_text(encoding="utf-8")):
            if module.split("/")[0] in {path.name for path in PACKAGE.iterdir()}:
                assert (PACKAGE / module).exists(), f"{page.name}: {module}"


# -- what the server does ----------------------------------------------------------------------------------------


def test_the_messages_in_troubleshooting_are_the_servers() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in files())
    joined = re.sub(r'"\s*\n\s*f?"', "", code)
    messages = re.findall("“([^”]+)”", section("Troubleshooting"))
    assert len(messages) > 8
    for message in messages:
        assert message in joined, message


@pytest.mark.parametrize(
    ("client", "host", "minutes"),
    [("claude-code", "Claude Code", 20), ("qwen-code", "Qwen Code", 9), ("visual studio code", "VS Code", 4)],
)
def test_the_waits_it_states_are_the_servers(client: str, host: str, minutes: int) -> None:
    text = " ".join(section("Time limits of hosts and agents").split())
    assert f"{host} up to {minutes} minutes" in text
    assert hosts.longest_wait(client, over_http=False) == minutes * 60
    assert f"after {hosts.DEFAULT_SECONDS:g} seconds" in text


# -- examples ----------------------------------------------------------------------------------------------------


def test_the_example_answer_has_the_published_form() -> None:
    answer = json.loads(re.findall(r"```json\n(.*?)```", README, re.DOTALL)[0])
    assert answer.keys() <= schema_files.as_sent()["generate_video"]["outputSchema"]["properties"].keys()


def test_the_json_entries_start_what_the_example_starts() -> None:
    blocks = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", README, re.DOTALL)[1:]]
    assert EXAMPLE in blocks
    for block in blocks:
        (entry,) = (block.get("mcpServers") or block["servers"]).values()
        assert entry["command"] == ENTRY["command"]
        assert entry["env"].keys() <= {variable.name for variable in VARIABLES}


def test_the_examples_command_is_what_make_puts_into_a_clone() -> None:
    assert ENTRY["command"].startswith("/ABSOLUTE/PATH/TO/gmi-video-mcp/.venv/bin/")
    script = ENTRY["command"].rpartition("/")[2]
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'{script} = "gmi_video.__main__:main"' in pyproject
    assert ENTRY["args"] == []
    done = subprocess.run(
        [sys.executable, "-m", "gmi_video", "--version"], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.startswith(script)


def test_the_examples_environment_is_one_the_server_takes_once_its_placeholder_is_replaced() -> None:
    (problem,) = Settings.from_environment(ENTRY["env"]).problems
    assert "GMI_API_KEY still holds a placeholder" in problem
    assert ENTRY["env"]["GMI_API_KEY"] in problem, "the message shows the spelling that is in the example"
    assert Settings.from_environment(ENTRY["env"] | {"GMI_API_KEY": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"}).problems == ()

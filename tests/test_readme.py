"""The README tells the truth: its tables, its commands, its links, and the example that people copy."""

import json
import re
import subprocess
import sys
from typing import Any

from gmi_video.settings import VARIABLES, Settings

from .structure import ROOT
from .tables import README, filled

TEXT = README.read_text(encoding="utf-8")
EXAMPLE: dict[str, Any] = json.loads((ROOT / "claude_desktop_config.example.json").read_text(encoding="utf-8"))
ENTRY: dict[str, Any] = EXAMPLE["mcpServers"]["gmi-video"]


def test_its_tables_are_what_the_code_says() -> None:
    assert filled(TEXT) == TEXT, "run `make tables` (or `python -m tests.tables`), look at the diff, and commit it"


def test_it_comes_in_the_order_in_which_a_reader_needs_it() -> None:
    assert re.findall(r"^## (.*)$", TEXT, re.MULTILINE) == [
        "Try it without a key",
        "Claude Desktop",
        "Other hosts",
        "Tools",
        "Settings",
        "What it costs, and what it never does",
        "What was verified, and how",
        "Architecture",
        "Working on it",
    ]
    assert TEXT.startswith("# gmi-video-mcp\n\n")


def test_every_setting_it_names_exists() -> None:
    named = set(re.findall(r"\bGMI_[A-Z_]+\b", TEXT))
    assert named <= {variable.name for variable in VARIABLES}


def test_every_make_target_it_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = re.findall(r"(?:`|^    )make ([a-z]+)\b", TEXT, re.MULTILINE)
    assert {"demo", "test", "tables"} <= set(commands)
    for target in commands:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_file_it_links_to_is_there() -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", TEXT):
        assert (ROOT / target).exists(), target


def test_the_examples_json_blocks_are_json_and_start_what_the_example_starts() -> None:
    blocks = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]
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


def test_the_examples_environment_is_one_the_server_takes() -> None:
    assert Settings.from_environment(ENTRY["env"]).problems == ()

"""What the tools say of themselves, by the lint of the Tool Definition Quality Score, which directories show."""

import json
import subprocess
import sys
from typing import Any

from gmi_video.mcp import schema_files


def lint(tools: dict[str, dict[str, Any]]) -> list[str]:
    """The findings, whatever their severity: the tool and the rule."""
    done = subprocess.run(
        [sys.executable, "-m", "tdqs", "lint", "--file", "-", "--format", "json"],
        input=json.dumps({"tools": list(tools.values())}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    report = json.loads(done.stdout)
    assert [tool["name"] for tool in report["tools"]] == list(tools)
    return [f"{one['tool']}: {one['rule']}" for one in report["findings"]] + [
        str(one) for one in report["shadowCandidates"]
    ]


def test_the_lint_finds_nothing() -> None:
    assert lint(schema_files.as_sent()) == []


def test_the_lint_finds_what_is_missing() -> None:
    tools = {name: dict(tool) for name, tool in schema_files.as_sent().items()}
    del tools["get_status"]["annotations"]
    del tools["list_models"]["outputSchema"]
    assert sorted(lint(tools)) == ["get_status: missing-annotations", "list_models: no-output-schema"]

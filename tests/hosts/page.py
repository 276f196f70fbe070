"""The tables of docs/hosts.md about single hosts: what was tested, what is only expected, their files and logs."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from gmi_video.doctor.hosts import HOSTS
from tests.agents.page import Course

MEASURED = Path(__file__).parent / "measured.json"


@dataclass(frozen=True)
class Measured:
    """What was seen of a host.

    Args:
        version: the version that ran.
        client: `clientInfo.name`.
        protocol: the version of the protocol.
        instructed: whether its model was told the server's instructions.
        course: of a request for one video.
    """

    version: str
    client: str
    protocol: str
    instructed: bool
    course: Course


def measured() -> dict[str, Measured]:
    """What was measured last, by the names of the hosts."""
    kept = json.loads(MEASURED.read_text(encoding="utf-8"))
    return {name: Measured(**(seen | {"course": Course(**seen["course"])})) for name, seen in kept.items()}


def keep(seen: dict[str, Measured]) -> None:
    """Write what was measured."""
    text = json.dumps({name: asdict(one) for name, one in seen.items()}, indent=2)
    MEASURED.write_text(f"{text}\n", encoding="utf-8")


class Known(NamedTuple):
    """What is known of a host besides what the run sees.

    Args:
        tested: what was seen by hand, and when it is not part of the run; empty for nothing.
        expected: what was not tested, and is expected.
        limit: for a call of a tool.
        file: where its servers are.
        logs: where it writes what the server says, and shows the server's state.
    """

    tested: str
    expected: str
    limit: str
    file: str
    logs: str


KNOWN = {
    "claude-desktop": Known(
        tested="",
        expected="that its entry works as the others do, and the player",
        limit="60 s or 4 minutes, by version; reported",
        file="macOS `~/Library/Application Support/Claude/claude_desktop_config.json`, "
        "Windows `%APPDATA%\\Claude\\claude_desktop_config.json`",
        logs="macOS `~/Library/Logs/Claude/mcp*.log`, Windows `%APPDATA%\\Claude\\logs`",
    ),
    "claude-code": Known(
        tested="a call of 705 s was waited for",
        expected="that a real model finds the tools, which it has to search for by default",
        limit="none that was met; `MCP_TOOL_TIMEOUT`, in milliseconds, sets one",
        file="`~/.claude.json`, or a project's `.mcp.json`",
        logs="Linux `~/.cache/claude-cli-nodejs/*/mcp-logs-gmi-video/*.jsonl`; `/mcp` shows its state",
    ),
    "cursor": Known(
        tested="",
        expected="that its entry works as the others do",
        limit="about 60 s; reported",
        file="`~/.cursor/mcp.json`, or a project's `.cursor/mcp.json`",
        logs='Output panel, "MCP Logs"',
    ),
    "vscode": Known(
        tested="",
        expected="that its entry works as the others do, and the player",
        limit="5 minutes; reported",
        file="`mcp.json` in the user's folder of VS Code, or a project's `.vscode/mcp.json`",
        logs='command "MCP: List Servers", then the server, then Show Output',
    ),
    "codex": Known(
        tested="a call was cut off after 300 s; on a busy machine its model was asked before the server had started, "
        "and had none of its tools, which `required = true` in the entry prevents",
        expected="`tool_timeout_sec` of the entry sets the limit",
        limit="300 s; 60 s in older versions (reported)",
        file="`~/.codex/config.toml`, or a trusted project's `.codex/config.toml`",
        logs="the calls in `~/.codex/sessions/**/*.jsonl`, the server's words nowhere; `/mcp` shows its state",
    ),
    "gemini-cli": Known(
        tested="a call was cut off after 600 s",
        expected="`timeout` of the entry, in milliseconds, sets the limit",
        limit="10 minutes",
        file="`~/.gemini/settings.json`, or a trusted project's `.gemini/settings.json`",
        logs="the calls in `~/.gemini/tmp/*/chats/*.jsonl`; `gemini --debug`; `/mcp` shows its state",
    ),
}
"""Limits that are not reported were measured by hand, once, with the versions in the table and a job of 13 minutes."""


def section() -> str:
    """The two tables."""
    seen = measured()
    tests = ["| host | tested | seen besides | only expected |", "| --- | --- | --- | --- |"]
    places = ["| host | limit for a call | its file | its logs |", "| --- | --- | --- | --- |"]
    for host in HOSTS:
        known = KNOWN[host.name]
        tests.append(f"| {host.title} | {_tested(seen.get(host.name))} | {known.tested or '–'} | {known.expected} |")
        places.append(f"| {host.title} | {known.limit} | {known.file} | {known.logs} |")
    return "\n".join(tests) + "\n\n" + "\n".join(places)


def _tested(seen: Measured | None) -> str:
    if seen is None:
        return "nothing"
    told = "told" if seen.instructed else "not told"
    return (
        f"{seen.version}: the README's entry, that it connects, and a video in {seen.course.words()}. "
        f"Name `{seen.client}`, protocol {seen.protocol}; its model is {told} the server's instructions"
    )

"""The hosts that can be had from npm, and how each is started here: without an account, and without the internet."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.npm import locked_version


@dataclass(frozen=True)
class Program:
    """A host.

    Args:
        name: in measured.json, and `gmi-video-mcp doctor --as`.
        title: its heading in the README.
        package: its package.
        connected: in the output of the command that lists the servers, once this one is connected or, where the
            command does not start the servers, known; a regular expression.
        talk: the command that asks for a video and then ends; `{model}` is the address of the model's API.
        environment: the variables that it is started with; `{model}` as above.
        logs: the files below the home folder in which it writes of the server, as a glob.
        settings: files that a user with an account has, below the home folder.
    """

    name: str
    title: str
    package: str
    connected: str
    talk: tuple[str, ...]
    environment: Mapping[str, str]
    logs: str
    settings: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def version(self) -> str:
        """The version that is tested."""
        return locked_version(Path(__file__).parent, self.package)


REQUEST = "Make a five-second video of a fox in the snow."

PROGRAMS = (
    Program(
        "claude-code",
        "Claude Code",
        "@anthropic-ai/claude-code",
        r"^gmi-video: .* ✔ Connected$",
        ("claude", "--print", REQUEST, "--allowedTools", "mcp__gmi-video"),
        {
            "ANTHROPIC_BASE_URL": "{model}",
            "ANTHROPIC_API_KEY": "scripted",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            # The scripted model can't search for tools, and would be asked before the server has answered.
            "ENABLE_TOOL_SEARCH": "false",
            "MCP_CONNECTION_NONBLOCKING": "false",
        },
        ".cache/claude-cli-nodejs/*/mcp-logs-gmi-video/*.jsonl",
    ),
    Program(
        "codex",
        "Codex",
        "@openai/codex",
        r"^gmi-video +.* enabled ",
        (
            *("codex", "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"),
            # The scripted model would be asked before the server has answered.
            *("--config", "mcp_servers.gmi-video.required=true"),
            *("--config", "model_provider='scripted'", "--config", "model_providers.scripted.name='scripted'"),
            *("--config", "model_providers.scripted.base_url='{model}/v1'"),
            *("--config", "model_providers.scripted.env_key='SCRIPTED_KEY'"),
            *("--config", "model_providers.scripted.wire_api='responses'", "--model", "scripted", REQUEST),
        ),
        {"SCRIPTED_KEY": "scripted"},
        ".codex/sessions/**/*.jsonl",
    ),
    Program(
        "gemini-cli",
        "Gemini CLI",
        "@google/gemini-cli",
        r"^✓ gmi-video: .* Connected$",
        ("gemini", "--model", "gemini-3-pro", "--yolo", "--prompt", REQUEST),
        {
            "GOOGLE_GEMINI_BASE_URL": "{model}",
            "GEMINI_API_KEY": "scripted",
            # In place of the question whether to trust the folder.
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
        },
        ".gemini/tmp/*/chats/*.jsonl",
        {
            ".gemini/settings.json": json.dumps(
                {"security": {"auth": {"selectedType": "gemini-api-key"}}, "privacy": {"usageStatisticsEnabled": False}}
            )
        },
    ),
)

"""The hosts: the file in which each has its servers, on this operating system, and the block that belongs there.

The README shows the same blocks with a path to be replaced; a test compares them.
"""

import json
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Literal, NamedTuple

from gmi_video.doctor.machine import Machine

ENTRY = "gmi-video"
"""The name of this server's entry."""

KEY = "YOUR-GMI-CLOUD-API-KEY"
"""What stands in a block in place of the key."""


class Host(NamedTuple):
    """A host and its configuration.

    Args:
        name: a stable name for programs and for `--as`.
        title: its name for people.
        folder: the folder of its file, as `_folders` names it.
        file: the file's path below that folder.
        servers: the field of the file that holds the servers' entries by name.
        block: the form of the block: JSON for the file, TOML for the file, or a command that changes the file.
    """

    name: str
    title: str
    folder: Literal["home", "roaming", "claude", "codex"]
    file: tuple[str, ...]
    servers: str = "mcpServers"
    block: Literal["json", "toml", "command"] = "json"


HOSTS = (
    Host("claude-desktop", "Claude Desktop", "roaming", ("Claude", "claude_desktop_config.json")),
    Host("claude-code", "Claude Code", "claude", (".claude.json",), block="command"),
    Host("cursor", "Cursor", "home", (".cursor", "mcp.json")),
    Host("vscode", "VS Code", "roaming", ("Code", "User", "mcp.json"), servers="servers"),
    Host("codex", "Codex", "codex", ("config.toml",), servers="mcp_servers", block="toml"),
    Host("gemini-cli", "Gemini CLI", "home", (".gemini", "settings.json")),
)


def file_of(host: Host, machine: Machine, environment: Mapping[str, str]) -> PurePath:
    """The file of this user's servers; `environment` may move some of the folders."""
    home = machine.home
    roaming, moved = {
        "darwin": (home / "Library" / "Application Support", ""),
        "win32": (home / "AppData" / "Roaming", "APPDATA"),
    }.get(machine.system, (home / ".config", "XDG_CONFIG_HOME"))

    def folder(variable: str, usual: PurePath) -> PurePath:
        named = environment.get(variable, "")
        return type(home)(named) if named else usual

    folders = {
        "home": home,
        "roaming": folder(moved, roaming),
        "claude": folder("CLAUDE_CONFIG_DIR", home),
        "codex": folder("CODEX_HOME", home / ".codex"),
    }
    return folders[host.folder].joinpath(*host.file)


def block(host: Host, machine: Machine) -> str:
    """What to put into the host's file, or the command that does it."""
    command = machine.command
    program, *arguments = command
    if host.block == "command":
        words = ["claude", "mcp", "add", "--env", f"GMI_API_KEY={KEY}", "--transport", "stdio", ENTRY, "--", *command]
        return subprocess.list2cmdline(words) if machine.system == "win32" else shlex.join(words)
    if host.block == "toml":
        # A JSON text is a TOML text too, as long as no character is written as a pair of surrogates.
        program, *arguments = (json.dumps(word, ensure_ascii=False) for word in command)
        lines = [f"[{host.servers}.{ENTRY}]", f"command = {program}", f"args = [{', '.join(arguments)}]"]
        return "\n".join([*lines, f'env = {{ GMI_API_KEY = "{KEY}" }}'])
    entry: dict[str, Any] = {"type": "stdio"} if host.servers == "servers" else {}
    entry |= {"command": program, "args": arguments, "env": {"GMI_API_KEY": KEY}}
    return json.dumps({host.servers: {ENTRY: entry}}, indent=2, ensure_ascii=False)

"""The bundle's manifest (MCPB 0.4), generated from the code: `python -m bundles.manifest` writes manifest.json here."""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
from mcp import Client
from mcp_types import Prompt, TextContent

from bundles import NAME
from gmi_video import __version__
from gmi_video.mcp.app import create_server
from gmi_video.mcp.prompts import SHOTS
from gmi_video.settings import Settings

HERE = Path(__file__).parent
MANIFEST = HERE / "manifest.json"
PROJECT: dict[str, Any] = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]

PRIVACY_POLICY = "https://www.gmicloud.ai/privacy-policy"
"""Of the service that the prompts and pictures are sent to."""

LONG_DESCRIPTION = """\
Ask for a video in the chat, and get the link: Luma-Ray2 and every other video model of GMI Cloud's request queue.

- **Your GMI Cloud account pays for every video.** You need an API key from console.gmicloud.ai and credits. The price \
can be asked for first, and two of the fields below guard it: a question before an expensive video, and a daily limit.
- The same request within an hour is not paid twice, also after a restart. A video that was paid for is found again.
- With a folder of pictures, one of them can be the first or last frame. A finished video can be continued.
- With a folder for videos, each finished one is saved there.

Prompts, and pictures that you name, are sent to GMI Cloud. This extension has no server of its own and collects \
nothing. At the first start it installs the Python packages that it needs, about 250 MB on disk; that can take a minute.
"""

FIELDS: Mapping[str, Mapping[str, Any]] = {
    "GMI_API_KEY": {
        "type": "string",
        "title": "GMI Cloud API key",
        "description": "Made at console.gmicloud.ai under API keys. The account needs credits.",
        "sensitive": True,
        "required": True,
    },
    "GMI_CONFIRM_ABOVE_USD": {
        "type": "number",
        "title": "Ask before a video that costs more than (USD)",
        "description": "Also before one whose price is not known. 0 asks before every video that costs something. "
        "Empty: no question.",
        "min": 0,
        "max": 1_000_000,
    },
    "GMI_SPEND_LIMIT_USD": {
        "type": "number",
        "title": "Most to spend in 24 hours (USD)",
        "description": "A video that would take the account's last 24 hours above this is refused. Empty: no limit.",
        "min": 0,
        "max": 1_000_000,
    },
    "GMI_IMAGE_DIRS": {
        "type": "directory",
        "title": "Folders of pictures",
        "description": "Pictures in these folders can be the first or last frame of a video. Empty: none are read.",
        "multiple": True,
    },
    "GMI_OUTPUT_DIR": {
        "type": "directory",
        "title": "Folder for finished videos",
        "description": "Each finished video is saved here, with its request beside it. Empty: none are saved.",
    },
    "GMI_MAX_WAIT_SECONDS": {
        "type": "number",
        "title": "Longest wait in one call (seconds)",
        "description": "Below your host's own limit for a call. Empty: as the server knows the host. "
        "A wait that ends early loses nothing.",
        "min": 0,
        "max": 86_400,
    },
    "GMI_MAX_REQUESTS_PER_SECOND": {
        "type": "number",
        "title": "Most calls to GMI Cloud a second",
        "description": "Empty: 5.",
        "min": 0.1,
        "max": 100,
    },
    "GMI_ORG_ID": {
        "type": "string",
        "title": "Organization id",
        "description": "Only for people in several organizations of GMI Cloud.",
    },
}
"""The fields a user is shown, by the setting that each fills."""

LEFT_OUT = frozenset(
    {
        "GMI_BASE_URL",
        "GMI_FAST_START",
        "GMI_LEDGER_URL",
        "GMI_LOG_LEVEL",
        "GMI_MCP_TOKEN",
        "GMI_MCP_ALLOWED_HOSTS",
        "GMI_MCP_ALLOWED_ORIGINS",
    }
)
"""Settings for people who operate servers, also on HTTP; their defaults are right in a desktop application."""


def manifest(repository: str = "") -> dict[str, Any]:
    """The manifest.

    Args:
        repository: owner and name on GitHub, where there is one: it adds the links.
    """
    tools, prompts = anyio.run(_listed)
    placed = {name: f"${{user_config.{field_of(name)}}}" for name in FIELDS}
    folders = placed.pop("GMI_IMAGE_DIRS")
    return {
        "manifest_version": "0.4",
        "name": NAME,
        "display_name": "GMI Cloud video",
        "version": __version__,
        "description": PROJECT["description"],
        "long_description": LONG_DESCRIPTION,
        "author": {"name": PROJECT["authors"][0]["name"]},
        **(_links(repository) if repository else {}),
        "icon": "icon.png",
        "server": {
            "type": "uv",
            "entry_point": "server/main.py",
            "mcp_config": {
                "command": "uv",
                # A list of folders is filled in among arguments only; `main.py` makes the setting of them.
                "args": ["run", "--directory", "${__dirname}", "server/main.py", folders],
                # The system's certificates, by uv's newer and older name: needed behind a proxy that inspects TLS.
                "env": placed | {"UV_SYSTEM_CERTS": "1", "UV_NATIVE_TLS": "1"},
            },
        },
        "tools": tools,
        "prompts": prompts,
        "keywords": PROJECT["keywords"],
        "license": PROJECT["license"],
        "privacy_policies": [PRIVACY_POLICY],
        # No Python among the runtimes: uv finds or fetches one, and a host would ask for the user's own.
        "compatibility": {"platforms": ["darwin", "win32", "linux"]},
        "user_config": {field_of(name): dict(field) for name, field in FIELDS.items()},
    }


def field_of(setting: str) -> str:
    """The name of the field that fills a setting."""
    return setting.removeprefix("GMI_").lower()


def text_of(content: Mapping[str, Any]) -> str:
    """A JSON file's content."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _links(repository: str) -> dict[str, Any]:
    address = f"https://github.com/{repository}"
    return {
        "repository": {"type": "git", "url": f"{address}.git"},
        "homepage": address,
        "documentation": f"{address}#readme",
        "support": f"{address}/issues",
    }


async def _listed() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The tools and prompts, as the real server lists them to the real client."""
    async with Client(create_server(Settings())) as client:
        prompts = [await _prompt(client, prompt) for prompt in (await client.list_prompts()).prompts]
        listed = (await client.list_tools()).tools
    return [{"name": tool.name, "description": _first_line(tool.description)} for tool in listed], prompts


async def _prompt(client: Client, prompt: Prompt) -> dict[str, Any]:
    """A prompt with its text as a template: the server's own, with the format's placeholders for the arguments."""
    names = [argument.name for argument in prompt.arguments or []]
    template = await _text(client, prompt, names, SHOTS[0])
    if "shots" in names:
        # The number of shots must be one, so two stand in for its placeholder: it is where the texts differ.
        texts = [re.split(r"(\d+)", text) for text in (template, await _text(client, prompt, names, SHOTS[1]))]
        template = "".join(a if a == b else "${arguments.shots}" for a, b in zip(*texts, strict=True))
    return {"name": prompt.name, "description": _first_line(prompt.description), "arguments": names, "text": template}


async def _text(client: Client, prompt: Prompt, names: list[str], shots: int) -> str:
    """The text that the server makes of placeholders."""
    given = {name: str(shots) if name == "shots" else f"${{arguments.{name}}}" for name in names}
    (message,) = (await client.get_prompt(prompt.name, given)).messages
    if not isinstance(message.content, TextContent):
        raise TypeError(f"{prompt.name} is no text, and the format takes nothing else.")
    return message.content.text


def _first_line(description: str | None) -> str:
    return (description or "").partition("\n")[0]


if __name__ == "__main__":
    MANIFEST.write_text(text_of(manifest()), encoding="utf-8")

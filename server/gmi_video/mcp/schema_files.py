"""Writes schemas/tools: what tools/list sends, one file per tool."""

import json
from pathlib import Path
from typing import Any

import anyio
from mcp import Client

from gmi_video.mcp.app import create_server
from gmi_video.settings import Settings


def as_sent() -> dict[str, dict[str, Any]]:
    """Each tool as it goes over the wire, by name; fetched from the real server by the real client."""

    async def ask() -> dict[str, dict[str, Any]]:
        async with Client(create_server(Settings())) as client:
            tools = (await client.list_tools()).tools
        return {tool.name: tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools}

    return anyio.run(ask)


def text_of(tool: dict[str, Any]) -> str:
    """The content of a tool's file."""
    return json.dumps(tool, indent=2, ensure_ascii=False) + "\n"


def write(folder: Path) -> int:
    """Write one file per tool into `folder` and remove the files of other tools. Returns the exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    tools = as_sent()
    for path in folder.glob("*.json"):
        if path.stem not in tools:
            path.unlink()
    for name, tool in tools.items():
        (folder / f"{name}.json").write_text(text_of(tool), encoding="utf-8")
    print(f"Wrote {len(tools)} files to {folder}.")  # noqa: T201 - a command's output
    return 0

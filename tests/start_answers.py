"""What the SDK answers to a host's first lines, as `mcp/front.py` has it: `python -m tests.start_answers` writes it."""

import json
from pathlib import Path

from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

import gmi_video

from .stdio import Server

PATH = Path(gmi_video.__file__).with_name("mcp") / "answers.json"

VERSIONS = {"legacy": HANDSHAKE_PROTOCOL_VERSIONS, "modern": MODERN_PROTOCOL_VERSIONS}


def recorded() -> str:
    """The content of the file: by era, version and method the result, as the text that is sent."""
    answers = {era: {version: _asked(era, version) for version in versions} for era, versions in VERSIONS.items()}
    return json.dumps(answers, indent=1) + "\n"


def _asked(era: str, version: str) -> dict[str, str]:
    server = Server("legacy" if era == "legacy" else version, GMI_FAST_START="off")
    server.open(version)
    server.result(server.ask("tools/list"))
    opening, tools = (
        line.partition(b'"result":')[2].removesuffix(b"}\n").decode()
        for line in server.stdout.splitlines(keepends=True)
    )
    server.end()
    return {"initialize" if era == "legacy" else "server/discover": opening, "tools/list": tools}


if __name__ == "__main__":
    PATH.write_text(recorded(), encoding="utf-8")

"""The server with what it is sent written down: which client it was, in which protocol, and how many calls."""

import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PREFIX = "io.modelcontextprotocol/"


@dataclass(frozen=True)
class Recorded:
    """A program that is the server, and the file with the messages that it was sent."""

    command: Path
    _sent: Path

    @classmethod
    def at(cls, command: Path, **environment: str) -> "Recorded":
        """Make the program.

        Args:
            command: where.
            environment: variables that are set for the server, besides those that it is started with.
        """
        sent = command.with_suffix(".jsonl")
        sent.touch()
        server = Path(sys.executable).parent / "gmi-video-mcp"
        exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
        command.write_text(f"#!/bin/sh\n{exports}tee -a '{sent}' | '{server}' \"$@\"\n", encoding="utf-8")
        command.chmod(0o700)
        return cls(command, sent)

    def calls(self) -> int:
        """How many calls of tools it was sent."""
        return sum(message.get("method") == "tools/call" for message in self._messages())

    def client(self) -> tuple[str, str]:
        """The name of the last client, and the version of the protocol, in either era; empty if there was none."""
        for message in reversed(self._messages()):
            params: dict[str, Any] = message.get("params") or {}
            meta: dict[str, Any] = params.get("_meta") or {}
            if message.get("method") == "initialize":
                return params["clientInfo"]["name"], params["protocolVersion"]
            if f"{_PREFIX}clientInfo" in meta:
                return meta[f"{_PREFIX}clientInfo"]["name"], meta[f"{_PREFIX}protocolVersion"]
        return "", ""

    def _messages(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._sent.read_text(encoding="utf-8").splitlines()]

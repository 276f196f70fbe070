"""Codex's own account of a server: `codex mcp list` does not start it, the app server does."""

import json
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

SECONDS = 60


def tools(environment: dict[str, str], folder: Path) -> set[str]:
    """The tools that Codex has got from this server; none if it could not connect.

    Args:
        environment: what Codex is started with.
        folder: where.
    """
    asked: list[dict[str, Any]] = [
        {"id": 1, "method": "initialize", "params": {"clientInfo": {"name": "test", "version": "1"}}},
        {"method": "initialized"},
        {"id": 2, "method": "mcpServerStatus/list", "params": {}},
    ]
    with subprocess.Popen(
        ["codex", "app-server"],  # noqa: S607 - the one on the PATH of this environment
        env=environment,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        late = threading.Timer(SECONDS, os.killpg, [program.pid, signal.SIGKILL])
        late.start()
        try:
            program.stdin.write("".join(f"{json.dumps(message)}\n" for message in asked))
            program.stdin.flush()
            for line in program.stdout:
                answer = json.loads(line)
                if answer.get("id") == 2:
                    servers = {server["name"]: server for server in answer["result"]["data"]}
                    return set(servers["gmi-video"]["tools"])
        finally:
            program.stdin.close()
            program.wait(SECONDS)
            late.cancel()
    return set()

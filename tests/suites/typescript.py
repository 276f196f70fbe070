"""The official TypeScript clients: progress, a time-out that progress extends, an abort, a time-out and the repeat."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from gmi_video.mcp import schema_files
from tests.npm import NODE, on_path, run

from .inspector import NotAsPromisedError
from .target import Target

SDKS = (("1", "legacy"), ("2", "legacy"), ("2", "modern"))
"""The clients: the version of the SDK, and the era."""

JOB_SECONDS = 6.0
TIMEOUT_SECONDS = 4.0
"""Shorter than the job, and longer than the two seconds between two messages."""

JOBS = 4
"""One for each prompt of `client.mjs`; the repeat has none of its own."""

SECONDS = 120

SCRIPT = Path(__file__).parent / "client.mjs"
"""Has to lie beside the packages that it imports."""


def check(packages: Path, target: Target, sdk: str, era: str) -> None:
    """Run `client.mjs` with one client.

    Raises:
        NotAsPromisedError: something was not as promised; the message has what was seen.
    """
    options = target.for_client() | {"timeout": TIMEOUT_SECONDS * 1000}
    command = [str(NODE), str(packages / SCRIPT.name), sdk, era, json.dumps(options)]
    done = run(command, {"HOME": str(packages), "PATH": on_path()}, packages, seconds=SECONDS)
    if done.code:
        raise NotAsPromisedError(f"exit code {done.code}\n{done.stdout}{done.stderr}")
    seen = json.loads(done.stdout)
    if broken := [what for what, holds in _promises(seen).items() if not holds]:
        raise NotAsPromisedError(f"{'; '.join(broken)}\n{seen}")


def _promises(seen: dict[str, Any]) -> dict[str, bool]:
    """What must hold, and whether it does."""
    ids = [seen[step]["id"] for step in ("result", "reset", "aborted", "repeated")]
    return {
        "all tools are listed": set(seen["tools"]) == set(schema_files.as_sent()),
        "progress rises": len(seen["progress"]) > 2 and all(one < other for one, other in pairwise(seen["progress"])),
        "the first message has the id": seen["first"] == seen["result"]["id"],
        "a call waits for the video": seen["result"]["final"] is True,
        "progress extends the time-out": seen["reset"]["final"] is True,
        "an abort ends the call": "aborted" in (seen["aborted"]["error"] or ""),
        "the aborted job goes on": seen["after_abort"] == {"id": seen["aborted"]["id"], "final": False},
        "a time-out ends the call": "timed out" in (seen["timed_out"] or ""),
        "the repeat gets its video": seen["repeated"]["final"] is True,
        "each video is another": len(set(ids)) == JOBS,
    }

"""The official server scenarios against the server itself: all of a version's, and every failure must have a reason.

Most scenarios call tools, prompts and resources of the suite's own, which no server for a purpose has. So a failed
check counts as one only if what it says is in none of `REASONS`; none of them is a fault of this server.
"""

# ruff: noqa: T201 - part of a command that prints its results

import json
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from tests.npm import NODE, on_path, run

SECONDS = 180


class Version(NamedTuple):
    """A version of the suite.

    Args:
        folder: of its package.
        passed: how many of its checks pass; with fewer, some were not run.
    """

    folder: str
    passed: int


VERSIONS = (Version("conformance-0.1", 9), Version("@modelcontextprotocol/conformance", 129))

REASONS: tuple[tuple[str, str, str], ...] = (
    (
        r"",
        r"Unknown tool: “(test_\w+|greet|slow_compute|\w+_job|confirm_delete|multi_input)”",
        "wants a tool of its own",
    ),
    (r"", r"^Tool 'json_schema_2020_12_tool' not found", "wants a tool of its own"),
    (r"", r"Unknown prompt: “test_\w+”", "wants a prompt of its own"),
    (r"", r"Unknown resource: test://", "wants a resource of its own"),
    (r"resources-(un)?subscribe", r"There is no such resource\.$", "wants a resource of its own"),
    (r"", r"^Not testable: server exposes no tool with x-mcp-header", "wants a tool with x-mcp-header"),
    (r"", r"^Not testable: server does not list the diagnostic tool", "wants a tool of its own"),
    (r"tasks-", r"^Not testable: no task was created by the preceding step", "wants a tool of its own"),
    (r"tasks-", r"^routing-task fixture from Check 2 unavailable", "wants a tool of its own"),
    (r"tasks-", r"^tools/call for failing_job returned error code -32602", "wants a tool of its own"),
    (r"multi-round", r"^Expected InputRequiredResult with inputRequests", "wants a tool of its own"),
    (r"tampered-state", r"^Prerequisite failed: could not get initial InputRequiredResult", "wants a tool of its own"),
    (r"logging", r"Method not found$", "wants logging, which the protocol has dropped"),
)
"""The scenario, what the failed check says, and what that comes to."""


def check(packages: Path, version: Version, address: str) -> bool:
    """Run all server scenarios of a version; prints what came of them. Returns whether all is as it must be.

    Args:
        packages: where the suites are installed.
        version: of the suite.
        address: of the server.
    """
    script = packages / "node_modules" / version.folder / "dist" / "index.js"
    folder = packages / "results" / version.folder
    command = [str(NODE), str(script), "server", "--url", address, "--suite", "all", "--output-dir", str(folder)]
    said = run(command, {"HOME": str(packages), "PATH": on_path()}, packages, seconds=SECONDS).stdout
    passed, reasons, faults = 0, Counter[str](), list[str]()
    for file in sorted(folder.glob("*/checks.json")):
        for one in json.loads(file.read_text(encoding="utf-8")):
            if one["status"] == "SUCCESS":
                passed += 1
            elif one["status"] == "FAILURE":
                message = one.get("errorMessage", "")
                if why := reason(file.parent.name, message):
                    reasons[why] += 1
                else:
                    faults.append(f"{file.parent.name}: {one['id']}: {message}")
    shares = ", ".join(f"{times} {why}" for why, times in reasons.most_common())
    print(f"{version.folder}: {passed} checks passed; {sum(reasons.values())} can't: {shares}")
    if passed < version.passed:
        faults.append(f"{version.passed} checks passed before\n{said[-2000:]}")
    for fault in faults:
        print(f"  FAILED: {fault}")
    return not faults


def reason(scenario: str, message: str) -> str | None:
    """Why a check fails that has nothing to do with this server; None if it has.

    Args:
        scenario: in which it is.
        message: what it says.
    """
    return next((why for where, what, why in REASONS if re.search(where, scenario) and re.search(what, message)), None)

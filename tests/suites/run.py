"""Run the official Inspector and TypeScript clients against the real server: python -m tests.suites.run (needs npm).

The server is a real process over stdio, or with --http over HTTP, and GMI Cloud is the simulator.
"""

# ruff: noqa: T201 - a command that prints its results

import argparse
import sys
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory

from gmi_video.simulator import Script
from tests.conformance.serving import SERVER, serving
from tests.npm import NotHereError, installed, locked_version
from tests.stdio import Cloud, cloud, event_loop

from . import typescript
from .inspector import ERAS, Inspector
from .target import Target

GATE = Path(__file__).parent

Check = Callable[[], object]


def inspections(packages: Path, target: Target) -> Iterator[tuple[str, Check]]:
    """The Inspector's checks: both eras ask for the same video, and only one may pay for it."""
    for era in ERAS:
        yield f"Inspector, {target.title}, {era}", Inspector(packages, target, era).check


def conversations(packages: Path, target: Target) -> Iterator[tuple[str, Check]]:
    """The clients' checks."""
    copy(typescript.SCRIPT, packages)
    for sdk, era in typescript.SDKS:
        title = f"TypeScript client {_version(sdk)}, {target.title}, {era}"
        yield title, lambda sdk=sdk, era=era: typescript.check(packages, target, sdk, era)


def _version(sdk: str) -> str:
    return locked_version(GATE, f"@modelcontextprotocol/{'sdk' if sdk == '1' else 'client'}")


def _passes(title: str, check: Check) -> bool:
    try:
        seen = check()
    except Exception as error:  # noqa: BLE001 - an answer of another form, which ends in any of them, is a failure too
        print(f"{title}: FAILED: {type(error).__name__}: {error}")
        return False
    print(f"{title}: passed" + (f", {seen} requests" if seen else ""))
    return True


@contextmanager
def _target(queue: Cloud, folder: str, name: str, *, http: bool) -> Generator[Target]:
    ledger = f"sqlite:///{Path(folder, name).as_posix()}.sqlite3"
    environment = queue.environment(GMI_LEDGER_URL=ledger, GMI_LOG_LEVEL="ERROR")
    if not http:
        yield Target(environment)
        return
    with serving(SERVER, **environment) as address:
        yield Target(address=address)


def main() -> int:
    """Run the suites. Returns 1 if one fails, 2 if they can't be installed, else 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.suites.run")
    parser.add_argument("--http", action="store_true", help="over HTTP, not over stdio")
    http = parser.parse_args().http
    try:
        with (
            installed(GATE) as packages,
            event_loop() as portal,
            TemporaryDirectory() as folder,
            cloud(portal, scripts={"*": Script.takes(1)}) as quick,
            cloud(portal, scripts={"*": Script.takes(typescript.JOB_SECONDS)}) as slow,
            _target(quick, folder, "inspections", http=http) as inspected,
            _target(slow, folder, "conversations", http=http) as talked_to,
            ThreadPoolExecutor() as pool,
        ):
            checks = [*conversations(packages, talked_to), *inspections(packages, inspected)]
            passed = [one.result() for one in [pool.submit(_passes, *check) for check in checks]]
            talked = len(typescript.SDKS) * typescript.JOBS
            jobs = {"Inspector": (len(quick.sim.jobs), 1), "clients": (len(slow.sim.jobs), talked)}
            for who, (paid, right) in jobs.items():
                passed.append(paid == right)
                print(f"The {who} paid for {paid} videos" + ("." if paid == right else f" instead of {right}: FAILED"))
    except NotHereError as error:
        print(f"npm could not install the suites; nothing was checked.\n{error}")
        return 2
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())

"""Run the official Inspector and TypeScript clients against the real server: python -m tests.suites.run (needs npm).

The server is a real process over stdio, and GMI Cloud is the simulator.
"""

# ruff: noqa: T201 - a command that prints its results

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory

from gmi_video.simulator import Script
from tests.npm import NotHereError, installed, locked_version
from tests.stdio import Cloud, cloud, event_loop

from . import typescript
from .inspector import ERAS, Inspector
from .target import Target

GATE = Path(__file__).parent

AT_ONCE = 3
"""Suites at a time: the clients wait most of their time."""

Check = Callable[[], object]


def inspections(packages: Path, target: Target) -> Iterator[tuple[str, Check]]:
    """The Inspector's checks; the eras follow each other, so that the second finds the first one's video."""
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


def _settings(queue: Cloud, folder: str, name: str) -> Target:
    ledger = f"sqlite:///{Path(folder, name).as_posix()}.sqlite3"
    return Target(queue.environment(GMI_LEDGER_URL=ledger, GMI_LOG_LEVEL="ERROR"))


def main() -> int:
    """Run the suites. Returns 1 if one fails, 2 if they can't be installed, else 0."""
    try:
        with (
            installed(GATE) as packages,
            event_loop() as portal,
            TemporaryDirectory() as folder,
            cloud(portal, scripts={"*": Script.takes(1)}) as quick,
            cloud(portal, scripts={"*": Script.takes(typescript.JOB_SECONDS)}) as slow,
            ThreadPoolExecutor(AT_ONCE) as pool,
        ):
            talks = [
                pool.submit(_passes, *one) for one in conversations(packages, _settings(slow, folder, "conversations"))
            ]
            passed = [_passes(*one) for one in inspections(packages, _settings(quick, folder, "inspections"))]
            passed += [talk.result() for talk in talks]
            jobs = {
                "Inspector": (len(quick.sim.jobs), 1),
                "clients": (len(slow.sim.jobs), len(talks) * typescript.JOBS),
            }
            for who, (paid, right) in jobs.items():
                passed.append(paid == right)
                print(f"The {who} paid for {paid} videos" + ("." if paid == right else f" instead of {right}: FAILED"))
    except NotHereError as error:
        print(f"npm could not install the suites; nothing was checked.\n{error}")
        return 2
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())

"""Set up this server in real hosts as the README says: python -m tests.hosts.run (needs npm).

Each host is installed from npm and started without an account, in a home folder of its own. It gets the server by the
README's own commands and JSON, and must say that it connects; and that it does not, where there is no server. Then it
makes a video: host and server are real, GMI Cloud is the simulator, and the language model is a script.
"""

# ruff: noqa: T201 - a command that prints its results

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.npm import NODE, NotHereError, installed, on_path, run
from tests.stdio import event_loop

from .page import MEASURED, Measured, keep, measured
from .programs import PROGRAMS
from .setup import FAILURES, look

CLAUDE_CODE = Path("node_modules", "@anthropic-ai", "claude-code", "install.cjs")
"""Puts the program where npm's command expects it."""


def _facts(one: Measured) -> tuple[object, ...]:
    """What does not depend on how busy the machine is."""
    return one.version, one.client, one.protocol, one.instructed


def main() -> int:
    """Try each host. Returns 1 if one fails or the page is wrong, 2 if they can't be installed, else 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.hosts.run")
    parser.add_argument("names", nargs="*", metavar="HOST", help="all, if none is named")
    parser.add_argument("--write", action="store_true", help="write what is seen for docs/hosts.md")
    options = parser.parse_args()
    chosen = [one for one in PROGRAMS if not options.names or one.name in options.names]
    known = measured() if MEASURED.exists() else {}
    seen: dict[str, Measured] = {}
    wrong = 0
    try:
        with installed(Path(__file__).parent) as packages, event_loop() as portal, ThreadPoolExecutor(3) as pool:
            run([str(NODE), str(CLAUDE_CODE)], {"PATH": on_path()}, packages, seconds=60)
            for program, running in [(one, pool.submit(look, one, packages, portal)) for one in chosen]:
                try:
                    one = seen[program.name] = running.result()
                except FAILURES as error:
                    wrong += 1
                    print(f"{program.title} {program.version}: FAILED: {error}")
                    continue
                told = "with" if one.instructed else "without"
                course = f"{one.client}, {one.protocol}, {told} instructions: {one.course.words()}"
                print(f"{program.title} {one.version}: connects; {course}")
                if not options.write and (program.name not in known or _facts(one) != _facts(known[program.name])):
                    wrong += 1
                    print("  This is not what docs/hosts.md says: run `make hosts`.")
    except NotHereError as error:
        print(f"npm could not install the hosts; none was tried.\n{error}")
        return 2
    if options.write:
        keep({one.name: (known | seen)[one.name] for one in PROGRAMS if one.name in known | seen})
    print(f"{len(seen)} of {len(chosen)} hosts connected and made their videos.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

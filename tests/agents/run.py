"""Run the examples of docs/agents.md with their frameworks: python -m tests.agents.run (needs a package registry).

Each example runs as it is, without the line that sets its time limit, and with a limit of 5 s. The framework and our
server are real processes, GMI Cloud is the simulator, and the language model is a script (`model`). It passes if the
model was offered all tools, exactly one job was made, the link to its video was printed, and docs/agents.md has the
facts about the framework right.
"""

# ruff: noqa: T201 - a command that prints its results

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from anyio.from_thread import BlockingPortal

from gmi_video.mcp import schema_files
from tests.stdio import event_loop

from .frameworks import FRAMEWORKS, Framework, NotInstalledError
from .page import MEASURED, Course, Measured, keep, measured
from .play import Seen, play

AT_ONCE = 3
"""Frameworks at a time; most of each is waiting."""

WAIT = 600
"""`GMI_MAX_WAIT_SECONDS` as the page sets it."""

SHORT = 5
"""A limit that cuts calls off, as some frameworks have by default (seconds)."""


class WrongCourseError(Exception):
    """An example did not do what docs/agents.md promises."""


def look(framework: Framework, portal: BlockingPortal) -> Measured:
    """Run a framework's example in its three forms.

    Raises:
        NotInstalledError: the framework could not be installed.
        WrongCourseError: not exactly one job, or no link; the message has what the example printed.
    """
    python = framework.python()
    shown = _checked(play(python, portal, framework.example, GMI_MAX_WAIT_SECONDS=str(WAIT)))
    default = _checked(play(python, portal, framework.without_limit()))
    short = default if framework.limit[1] == str(SHORT) else _checked(play(python, portal, framework.with_limit(SHORT)))
    if shown.course != Course(1, 1, 0):
        raise WrongCourseError(f"with its limit set it took {shown.course.words()}\n{shown.output}")
    return Measured(
        version=framework.version,
        client=shown.client,
        protocol=shown.protocol,
        shown=shown.course,
        default=default.course,
        short=short.course,
    )


def _checked(seen: Seen) -> Seen:
    if seen.tools and seen.tools != set(schema_files.as_sent()):
        raise WrongCourseError(f"the model was offered {sorted(seen.tools)}")
    if seen.jobs != 1 or not seen.link:
        raise WrongCourseError(f"{seen.jobs} jobs, {'a' if seen.link else 'no'} link\n{seen.output}")
    return seen


def _facts(one: Measured) -> tuple[object, ...]:
    """What does not depend on how busy the machine is."""
    return one.version, one.client, one.protocol


def main() -> int:
    """Run the examples. Returns 1 if one fails or the page is wrong, 2 if a framework can't be installed, else 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.agents.run")
    parser.add_argument("names", nargs="*", metavar="FRAMEWORK", help="all, if none is named")
    parser.add_argument("--write", action="store_true", help="write what is seen for docs/agents.md")
    parser.add_argument("--renew", action="store_true", help="pin the newest versions first")
    options = parser.parse_args()
    chosen = [one for one in FRAMEWORKS if not options.names or one.name in options.names]
    known = measured() if MEASURED.exists() else {}
    seen: dict[str, Measured] = {}
    missing, wrong = 0, 0
    if options.renew:
        for framework in chosen:
            framework.renew()
    with event_loop() as portal, ThreadPoolExecutor(AT_ONCE) as pool:
        for framework, running in [(one, pool.submit(look, one, portal)) for one in chosen]:
            try:
                one = running.result()
            except NotInstalledError as error:
                missing += 1
                print(f"{framework.title}: could not be installed, and was not run.\n{error}")
            except (WrongCourseError, subprocess.TimeoutExpired) as error:
                wrong += 1
                print(f"{framework.title}: FAILED: {error}")
            else:
                seen[framework.name] = one
                courses = " | ".join(course.words() for course in (one.shown, one.default, one.short))
                print(f"{framework.title} {one.version}: {one.client}, {one.protocol}: {courses}")
                if not options.write and (framework.name not in known or _facts(one) != _facts(known[framework.name])):
                    wrong += 1
                    print("  This is not what docs/agents.md says: run `make agents` and `make tables`.")
    if options.write:
        keep({one.name: (known | seen)[one.name] for one in FRAMEWORKS if one.name in known | seen})
    print(f"{len(seen)} of {len(chosen)} frameworks made their videos; {missing} could not be installed.")
    return 1 if wrong else 2 if missing else 0


if __name__ == "__main__":
    sys.exit(main())

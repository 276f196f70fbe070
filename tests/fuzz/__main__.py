"""Run the targets for a time that is shared evenly: `python -m tests.fuzz --seconds 600 [target ...]`.

A failure ends the run and prints the smallest input that hypothesis has found, with what to paste into a test.
"""

import argparse
import time

from hypothesis import seed

from . import EXAMPLES, TARGETS, ids, images, places

MODULES = (ids, images, places)
"""Where the targets are; importing a module adds its targets."""


def fuzz(name: str, seconds: float, first_seed: int) -> int:
    """Run a target in rounds with seeds of their own, for some seconds; returns the number of rounds."""
    end = time.monotonic() + seconds
    rounds = 0
    while time.monotonic() < end or not rounds:
        seed(first_seed + rounds)(TARGETS[name])()
        rounds += 1
    return rounds


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "targets", nargs="*", metavar="target", help=f"of {', '.join(TARGETS)}; all where none is named"
    )
    parser.add_argument("--seconds", type=float, default=600.0, help="for all targets together (default 600)")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32, help="of the first round; printed")
    asked = parser.parse_args()
    if unknown := set(asked.targets) - set(TARGETS):
        parser.error(f"no target {', '.join(sorted(unknown))}; there are: {', '.join(TARGETS)}")
    names = asked.targets or list(TARGETS)
    print(f"seed {asked.seed}", flush=True)  # noqa: T201 - a command's output
    for name in names:
        rounds = fuzz(name, asked.seconds / len(names), asked.seed)
        print(f"{name}: {rounds} rounds of {EXAMPLES} inputs", flush=True)  # noqa: T201 - a command's output


if __name__ == "__main__":
    main()

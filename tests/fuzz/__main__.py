"""Run the targets for a time that is shared evenly: `python -m tests.fuzz --seconds 600 [target ...]`.

A failure ends the run and prints the smallest input that hypothesis has found, with what to paste into a test.
"""

import argparse
import time
from collections.abc import Callable

from hypothesis import seed

from . import COSTS, load, round_of

EXAMPLES = 200
"""Inputs of one round."""


def fuzz(test: Callable[[], None], seconds: float, first_seed: int) -> int:
    """Run a target in rounds with seeds of their own, for some seconds; returns the number of rounds."""
    test = round_of(test, EXAMPLES)
    end = time.monotonic() + seconds
    rounds = 0
    while time.monotonic() < end or not rounds:
        seed(first_seed + rounds)(test)()
        rounds += 1
    return rounds


def main() -> None:
    """The command line."""
    targets = load()
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "targets", nargs="*", metavar="target", help=f"of {', '.join(targets)}; all where none is named"
    )
    parser.add_argument("--seconds", type=float, default=600.0, help="for all targets together (default 600)")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32, help="of the first round; printed")
    asked = parser.parse_args()
    if unknown := set(asked.targets) - set(targets):
        parser.error(f"no target {', '.join(sorted(unknown))}; there are: {', '.join(targets)}")
    names = asked.targets or list(targets)
    print(f"seed {asked.seed}", flush=True)  # noqa: T201 - a command's output
    for name in names:
        rounds = fuzz(targets[name], asked.seconds / len(names), asked.seed)
        inputs = EXAMPLES // COSTS[targets[name]]
        print(f"{name}: {rounds} rounds of {inputs} inputs", flush=True)  # noqa: T201 - a command's output


if __name__ == "__main__":
    main()

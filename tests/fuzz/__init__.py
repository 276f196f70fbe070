"""Random input for what parses foreign bytes: `make fuzz`, or `python -m tests.fuzz --seconds 20 image`.

Each target is a hypothesis test with the decorator `target`, in a module of this package. It asserts what must hold for
any input; `work_within` bounds the work by counting. tests/test_fuzz.py runs a few inputs of each.
"""

import pkgutil
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import import_module
from types import FrameType
from typing import Any

from hypothesis import HealthCheck, Phase, settings

TARGETS: dict[str, Callable[[], None]] = {}
"""The targets by name: what `@given` has made of a function of one input."""

COSTS: dict[Callable[[], None], int] = {}
"""How many usual inputs one of a target costs, where that is more than one."""

_OURS = "gmi_video"


def target(name: str, *, costs: int = 1) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Add a hypothesis test to the targets. Goes above `@given`. A round has fewer inputs of a test that costs more."""

    def add(test: Callable[[], None]) -> Callable[[], None]:
        TARGETS[name], COSTS[test] = test, costs
        return test

    return add


def load() -> dict[str, Callable[[], None]]:
    """The targets of every module here."""
    for module in pkgutil.iter_modules(__path__):
        if module.name != "__main__":
            import_module(f"{__name__}.{module.name}")
    return TARGETS


def round_of(test: Callable[[], None], examples: int, *, derandomize: bool = False) -> Callable[[], None]:
    """A target with a number of inputs: a round begins with simple ones and goes on to larger ones."""
    return settings(
        max_examples=max(1, examples // COSTS.get(test, 1)),
        derandomize=derandomize,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),  # pyright: ignore[reportArgumentType] - iterating gives the checks
    )(test)


class TooMuchWork(AssertionError):
    """An input took more steps than its size allows."""


@contextmanager
def work_within(steps: int) -> Generator[None]:
    """Fail as soon as the block has run more than `steps` lines of this project's code.

    Counts and does not time, so that it finds the same on every machine. What one line does inside C (a search, a
    checksum) counts as one step: such calls must take disjoint parts of the input, or a bounded part of it.
    """
    left = steps

    def local(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal left
        if event == "line":
            left -= 1
            if left < 0:
                raise TooMuchWork(f"more than {steps} steps")
        return local

    def calls(frame: FrameType, _event: str, _argument: Any) -> Any:
        return local if _OURS in frame.f_code.co_filename and "fuzz" not in frame.f_code.co_filename else None

    before = sys.gettrace()
    sys.settrace(calls)
    try:
        yield
    finally:
        sys.settrace(before)

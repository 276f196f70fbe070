"""A few inputs of each fuzz target; `make fuzz` runs them for long."""

from collections.abc import Callable

import pytest

from .fuzz import load, round_of

EXAMPLES = 50


@pytest.mark.parametrize("target", load().values(), ids=load())
def test_a_few_random_inputs_do_no_harm(target: Callable[[], None]) -> None:
    round_of(target, EXAMPLES, derandomize=True)()

"""A moment of each fuzz target for the queue's JSON and texts."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

from .fuzz_bodies import TARGETS

EXAMPLES = 50


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_a_few_random_inputs_do_no_harm(target: Callable[[], None]) -> None:
    settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )(target)()

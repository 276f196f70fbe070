"""When a job is looked at, by how long jobs like it took."""

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmi_video.jobs import schedule

LENGTHS = st.lists(st.floats(min_value=1, max_value=5000), min_size=3, max_size=50).map(sorted).map(tuple)


def looks(lengths: tuple[float, ...], until: float) -> list[float]:
    """The ages at which a job is looked at that nothing else is looked at with."""
    ages = [schedule.pause(lengths, 0.0)]
    while ages[-1] < until:
        ages.append(ages[-1] + schedule.pause(lengths, ages[-1]))
    return ages


def history(*medians: float, sigma: float = 0.3, count: int = 20) -> tuple[float, ...]:
    rng = random.Random(1)
    return tuple(sorted(rng.lognormvariate(math.log(rng.choice(medians)), sigma) for _ in range(count)))


def measure(lengths: tuple[float, ...], jobs: tuple[float, ...]) -> tuple[float, float]:
    """Mean number of looks, and mean delay (seconds)."""
    ages = looks(lengths, max(jobs))
    seen = [next((n, age - job) for n, age in enumerate(ages, 1) if age >= job) for job in jobs]
    return sum(n for n, _ in seen) / len(jobs), sum(late for _, late in seen) / len(jobs)


def test_without_history_the_pauses_grow_and_a_job_that_is_stuck_is_asked_for_ever_more_rarely() -> None:
    ages = looks((), 3 * 3600)
    pauses = [after - before for before, after in pairwise(ages)]
    assert ages[0] < 2
    assert max(after - before for before, after in pairwise(ages) if after < 300) < 5
    assert pauses == pytest.approx(sorted(pauses))
    assert pauses[-1] > 60


@pytest.mark.parametrize("usual", [60, 90, 240, 1200])
def test_a_failure_is_seen_early_for_a_few_looks(usual: float) -> None:
    ages = looks(history(usual), 0.5 * usual)
    assert ages[0] == 4
    assert all(after <= 3.01 * before for before, after in pairwise(ages) if after < 0.3 * usual)
    assert sum(age < 0.3 * usual for age in ages) <= 2 + math.log(usual / 20)


@pytest.mark.parametrize("medians", [(60.0,), (90.0,), (240.0,), (900.0,), (45.0, 300.0)])
@pytest.mark.parametrize("sigma", [0.2, 0.35])
def test_from_a_minute_on_there_are_fewer_looks_and_less_delay_than_in_a_loop_of_five_seconds(
    medians: tuple[float, ...], sigma: float
) -> None:
    jobs = history(*medians, sigma=sigma, count=1000)
    number, late = measure(history(*medians, sigma=sigma, count=30), jobs)
    assert number < sum(math.ceil(job / 5) for job in jobs) / len(jobs)
    assert late < sum(math.ceil(job / 5) * 5 - job for job in jobs) / len(jobs)


def test_between_the_short_jobs_and_the_long_ones_there_are_few_looks() -> None:
    ages = looks(tuple(sorted([*history(45, sigma=0.1), *history(300, sigma=0.1, count=10)])), 400)

    def looks_in(first: float, last: float) -> int:
        return sum(first <= age < last for age in ages)

    assert looks_in(90, 190) < looks_in(38, 58)
    assert looks_in(90, 190) < looks_in(260, 340)


def test_a_job_of_another_length_than_all_before_is_not_left_alone() -> None:
    for job in (6.0, 20.0, 110.0, 240.0, 2400.0):
        _, late = measure((60.0,) * 20, (job,))
        assert late < max(2 * job, 8.0) if job < 60 else late < 0.2 * job


def test_a_look_out_of_turn_replaces_the_next_one_where_that_is_near() -> None:
    lengths = history(60)
    ages = looks(lengths, 100)
    before, due, following = ages[8:11]
    assert schedule.pause(lengths, due - 0.1 * (due - before)) > due - before
    assert schedule.pause(lengths, before + 0.1 * (due - before)) == pytest.approx(0.9 * (due - before))
    assert following > due


@given(LENGTHS, st.floats(min_value=0, max_value=100_000))
def test_a_pause_is_always_within_its_bounds(lengths: tuple[float, ...], age: float) -> None:
    assert 1 <= schedule.pause(lengths, age) <= max(30, 0.2 * age, 2 * lengths[-1])

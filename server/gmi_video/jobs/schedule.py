"""When to look at a job, by how long jobs like it took.

A look costs the queue a request, and the pauses between looks are how late an end is seen. With a pause d(t) at age t,
a job costs ∫ running(t) / d(t) looks, and its end is seen ∫ ending(t) × d(t) / 2 late. For a given mean delay the looks
are fewest where d(t) is inversely proportional to the square root of the rate at which the jobs that still run end. So
pauses are short where ends are likely, long between the lengths of two kinds of jobs, and follow the long jobs once the
short ones have ended.
"""

import math
import statistics
from bisect import bisect_right
from functools import lru_cache
from itertools import pairwise

RELATIVE_DELAY, LONGEST_DELAY = 0.04, 2.3
"""The mean delay aimed at between a job's end and our seeing it: this share of the median length, but not more than so
many seconds, which is less than in a loop of 5 s. For jobs of 40 s and longer this takes fewer looks than that loop."""

MIN_PAUSE = 1.0
"""Shortest pause between two looks (seconds). It also bounds the delay from below: to half of it."""

EARLY_LOOK, EARLY_GROWTH = 4.0, 3.0
"""Failures come early (moderation), also where a video takes minutes: the first look is at this age (seconds), and each
next one at so many times the age before, until ends are plausible by the history."""

UNKNOWN_FIRST, UNKNOWN_GROWTH, UNKNOWN_LAST = 1.5, 0.12, 4.8
"""Without history: the first pause (seconds), later ones as a share of the job's age, and the longest (seconds)."""

OLD_SHARE, UNKNOWN_OLD_SHARE = 0.03, 0.01
"""The pause of a job that is far older than any before it, with and without history, as a share of its age."""

# How the lengths still to come are thought to be distributed: around each one seen, in the logarithm of the seconds.
NEIGHBOURS, NEIGHBOUR_SHARE = 0.25, 0.75
"""The width around each length: this share of the median distance to the neighbour which this share of all is nearer
than."""
FEW_WIDTH, LEAST_WIDTH = 0.5, 0.02
"""The least width where there is one length (it falls with their number), and at all."""
BROAD_WIDTH = 0.4
"""One more, as if it had been seen at the median, of this width: the next job may be unlike all before."""

_STEPS = 256
_SHORTEST, _LONGEST = 1 / math.e, 12.0
"""The ages that are calculated, relative to the shortest and the longest length seen."""


def pause(lengths: tuple[float, ...], age: float) -> float:
    """Seconds until the next look at a job.

    Args:
        lengths: seconds that jobs like it took, ascending; empty where nothing is known.
        age: the job's age at this look (seconds).
    """
    if not lengths:
        return min(max(UNKNOWN_FIRST, UNKNOWN_GROWTH * age), max(UNKNOWN_LAST, UNKNOWN_OLD_SHARE * age))
    ages = looks(lengths)
    after = bisect_right(ages, age)
    # A look out of turn (a list that serves several jobs) replaces the next one where that is near.
    if 0 < after < len(ages) - 1 and ages[after] - age < (ages[after] - ages[after - 1]) / 2:
        after += 1
    if after < len(ages):
        return max(ages[after] - age, MIN_PAUSE)
    return max(ages[-1] - ages[-2], OLD_SHARE * age)


@lru_cache(maxsize=256)
def looks(lengths: tuple[float, ...]) -> tuple[float, ...]:
    """The ages at which to look at a job, ascending; at least two.

    Args:
        lengths: seconds that jobs like it took, ascending; at least one.
    """
    centers = [math.log(length) for length in lengths]
    width = _width(centers)
    kernels = [(center, width) for center in centers] + [(statistics.median(centers), max(BROAD_WIDTH, width))]
    low, high = centers[0] + math.log(_SHORTEST), centers[-1] + math.log(_LONGEST)
    step = (high - low) / _STEPS
    ages = [math.exp(low + step * index) for index in range(_STEPS + 1)]
    densities: list[float] = []  # √(ending / running): looks a second, but for a factor
    product = 0.0  # ∫ √(ending × running)
    for age in ages:
        ending, running = _at(kernels, age)
        densities.append(math.sqrt(ending / running))
        product += math.sqrt(ending * running) * age * step
    aim = max(min(RELATIVE_DELAY * statistics.median(lengths), LONGEST_DELAY), MIN_PAUSE / 2)
    each = 2 * aim / product
    for index, age in enumerate(ages):
        if age > lengths[-1]:
            # Queues slow down: a job that takes somewhat longer than all before is looked at as often as those.
            densities[index] = max(densities[index], each / (2 * aim * age / lengths[-1]))
    regular = _regular(ages, densities, each)
    early: list[float] = []
    age = EARLY_LOOK
    # One that comes shortly before the first regular look would be of little use.
    while age * math.sqrt(EARLY_GROWTH) < regular[0]:
        early.append(age)
        age *= EARLY_GROWTH
    return tuple(early + regular)


def _width(centers: list[float]) -> float:
    """The width around each of the lengths, in the logarithm."""
    count = len(centers)
    rank = min(max(round(NEIGHBOURS * count), 1), count - 1)
    distances = [sorted(abs(center - other) for other in centers)[rank] for center in centers]
    return max(NEIGHBOUR_SHARE * statistics.median(distances), FEW_WIDTH / count, LEAST_WIDTH)


def _at(kernels: list[tuple[float, float]], age: float) -> tuple[float, float]:
    """The share of jobs that end in the second at this age, and the share that still runs. Both above 0.

    Each kernel is a logistic distribution: the pauses beyond the longest length grow, because its rate does not.
    """
    x = math.log(age)
    ending = running = 0.0
    for center, width in kernels:
        alive = 1 / (1 + math.exp(min((x - center) / width, 300.0)))
        running += alive
        ending += alive * (1 - alive) / width
    return max(ending / age / len(kernels), 1e-250), running / len(kernels)


def _regular(ages: list[float], densities: list[float], each: float) -> list[float]:
    """Ages at equal distances of `each` in the integral of the densities, and at least `MIN_PAUSE` apart."""
    found: list[float] = []
    since_last = 0.0
    for (age, end), (density, at_end) in zip(pairwise(ages), pairwise(densities), strict=True):
        rate = min((density + at_end) / 2, each / MIN_PAUSE)
        while since_last + rate * (end - age) >= each:
            age += (each - since_last) / rate  # noqa: PLW2901 - goes on from there
            since_last = 0.0
            found.append(age)
        since_last += rate * (end - age)
    return found if len(found) > 1 else [ages[-2], ages[-1]]

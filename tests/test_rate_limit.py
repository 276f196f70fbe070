"""The rate limit: never more calls in any second than allowed, and neither looks nor submits wait behind a crowd."""

from collections.abc import Iterable
from itertools import groupby

import anyio
import pytest
from anyio.abc import TaskGroup
from hypothesis import given, settings
from hypothesis import strategies as st

from gmi_video.upstream.rate_limit import Line, LineTooLong, RateLimiter, Turn

from .virtual_time import in_virtual_time

LINES = st.sampled_from(Line)
ARRIVALS = st.lists(
    st.tuples(LINES, st.floats(0, 3, allow_subnormal=False), st.none() | st.floats(0.001, 2)), min_size=1, max_size=60
)
"""Calls: their line, the pause before each, and after how long it is cancelled, if at all."""


async def leave(limiter: RateLimiter, left: list[tuple[float, Line]], line: Line, patience: float | None) -> None:
    """Wait in line, and note when and from where the call has left."""
    turn = Turn(line)
    with anyio.CancelScope(deadline=float("inf") if patience is None else anyio.current_time() + patience):
        try:
            await limiter.acquire(turn)
        except LineTooLong:
            return
        left.append((turn.left_at, line))


def crowd(tasks: TaskGroup, limiter: RateLimiter, left: list[tuple[float, Line]], lines: Iterable[Line]) -> None:
    """Have calls of these lines wait; `left` gets those that have left, in order."""
    for line in lines:
        tasks.start_soon(leave, limiter, left, line, None)


@given(rate=st.sampled_from([0.1, 0.7, 1, 1.5, 2.5, 3, 5, 40, 100]), arrivals=ARRIVALS)
@settings(deadline=None)
def test_no_second_has_more_calls_than_allowed_however_they_arrive_and_are_cancelled(
    rate: float, arrivals: list[tuple[Line, float, float | None]]
) -> None:
    async def run() -> list[tuple[float, Line]]:
        limiter, left = RateLimiter(rate), list[tuple[float, Line]]()
        async with anyio.create_task_group() as tasks:
            for line, pause, patience in arrivals:
                # Most at once: a pause in three.
                await anyio.sleep(pause if pause > 2 else 0)
                tasks.start_soon(leave, limiter, left, line, patience)
        return left

    left = [time for time, _ in in_virtual_time(run)]
    assert left == sorted(left)
    assert len(left) >= sum(patience is None for _, _, patience in arrivals), "none is forgotten"
    for first in left:
        assert sum(first <= time < first + 0.9999 for time in left) <= max(rate, 1)
        assert rate >= 1 or sum(first <= time < first + 0.9999 / rate for time in left) <= 1


@pytest.mark.anyio
async def test_after_a_silence_a_whole_window_leaves_at_once_and_the_next_one_a_second_later() -> None:
    limiter, left = RateLimiter(5), list[tuple[float, Line]]()
    await anyio.sleep(60)
    async with anyio.create_task_group() as tasks:
        crowd(tasks, limiter, left, [Line.SUBMITS] * 12)
    assert [round(time - left[0][0], 6) for time, _ in left] == [0] * 5 + [1] * 5 + [2] * 2


@pytest.mark.anyio
@pytest.mark.parametrize(("many", "few"), [(Line.SUBMITS, Line.LOOKS), (Line.LOOKS, Line.SUBMITS)])
async def test_a_few_calls_of_one_kind_are_not_behind_a_hundred_of_the_other(many: Line, few: Line) -> None:
    limiter, left, later = RateLimiter(5), list[tuple[float, Line]](), list[tuple[float, Line]]()
    async with anyio.create_task_group() as tasks:
        crowd(tasks, limiter, left, [many] * 100)
        await anyio.sleep(0.5)
        crowd(tasks, limiter, later, [few] * 4)
    began = left[0][0]
    assert later[-1][0] - began <= 2, "every other call is theirs"
    assert left[-1][0] - began <= 21, "and the crowd waits for no more than these"


@pytest.mark.anyio
async def test_where_both_crowd_the_lines_take_turns() -> None:
    limiter, left = RateLimiter(3), list[tuple[float, Line]]()
    async with anyio.create_task_group() as tasks:
        crowd(tasks, limiter, left, [*[Line.LOOKS] * 50, *[Line.SUBMITS] * 50])
    runs = [len(list(run)) for _, run in groupby(line for _, line in left[3:97])]
    assert max(runs) == 1


@given(looks=st.integers(0, 12), submits=st.integers(0, 12), mine=LINES, rate=st.sampled_from([0.5, 1, 3, 5]))
@settings(deadline=None)
def test_what_is_told_of_the_line_is_what_a_call_would_have_waited(
    looks: int, submits: int, mine: Line, rate: float
) -> None:
    async def run() -> None:
        limiter, left = RateLimiter(rate), list[tuple[float, Line]]()
        async with anyio.create_task_group() as tasks:
            crowd(tasks, limiter, left, [*[Line.LOOKS] * looks, *[Line.SUBMITS] * submits])
            await anyio.sleep(0.4)
            began, before = anyio.current_time(), len(left)
            told: LineTooLong | None = None
            with anyio.move_on_after(0.1):
                try:
                    await limiter.acquire(Turn(mine))
                except LineTooLong as line:
                    told = line
            if told is None:
                assert before < max(1, rate), "there was a place"
                return
            mine_left = list[tuple[float, Line]]()
            await leave(limiter, mine_left, mine, None)
            assert mine_left[0][0] - began == pytest.approx(told.seconds)
            assert len(left) - before == told.calls

    in_virtual_time(run)

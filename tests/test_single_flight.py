"""Single flight: callers with the same key share one call, its result and its error."""

import anyio
import pytest

from gmi_video.single_flight import Interrupted, SingleFlight

pytestmark = pytest.mark.anyio


class Slow:
    """A function that takes ten seconds and counts how often it was called."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls = 0
        self._error = error

    async def __call__(self) -> int:
        self.calls += 1
        number = self.calls
        await anyio.sleep(10)
        if self._error is not None:
            raise self._error
        return number


async def together(flight: SingleFlight[str, int], function: Slow, *keys: str) -> list[int]:
    """The results of calls that start at the same moment, sorted."""
    results: list[int] = []

    async def call(key: str) -> None:
        results.append(await flight.run(key, function))

    async with anyio.create_task_group() as tasks:
        for key in keys:
            tasks.start_soon(call, key)
    return sorted(results)


async def test_callers_with_the_same_key_share_one_call_and_its_result() -> None:
    slow = Slow()
    async with anyio.create_task_group() as tasks:
        assert await together(SingleFlight(tasks), slow, "a", "a", "a") == [1, 1, 1]
    assert slow.calls == 1


async def test_callers_with_different_keys_do_not() -> None:
    slow = Slow()
    async with anyio.create_task_group() as tasks:
        assert await together(SingleFlight(tasks), slow, "a", "b") == [1, 2]


async def test_a_result_is_not_kept_for_later_callers() -> None:
    slow = Slow()
    async with anyio.create_task_group() as tasks:
        flight: SingleFlight[str, int] = SingleFlight(tasks)
        assert await flight.run("a", slow) == 1
        assert "a" not in flight
        assert await flight.run("a", slow) == 2


async def test_an_error_is_raised_in_every_caller_and_leaves_the_task_group_alone() -> None:
    slow = Slow(KeyError("x"))
    raised: list[str] = []

    async with anyio.create_task_group() as tasks:
        flight: SingleFlight[str, int] = SingleFlight(tasks)

        async def call() -> None:
            with pytest.raises(KeyError):
                await flight.run("a", slow)
            raised.append("KeyError")

        async with anyio.create_task_group() as callers:
            callers.start_soon(call)
            callers.start_soon(call)
    assert raised == ["KeyError"] * 2
    assert slow.calls == 1


async def test_a_first_caller_that_is_cancelled_leaves_the_call_running_and_the_next_one_joins_it() -> None:
    slow = Slow()
    async with anyio.create_task_group() as tasks:
        flight: SingleFlight[str, int] = SingleFlight(tasks)
        with anyio.move_on_after(3) as first:
            await flight.run("a", slow)
        assert first.cancelled_caught
        assert "a" in flight
        before = anyio.current_time()
        assert await flight.run("a", slow) == 1
        assert anyio.current_time() - before == pytest.approx(7)
    assert slow.calls == 1


async def test_callers_are_told_when_the_server_is_stopped_before_the_call_has_ended() -> None:
    raised: list[str] = []

    async def call(flight: SingleFlight[str, int]) -> None:
        with pytest.raises(Interrupted):
            await flight.run("a", Slow())
        raised.append("Interrupted")

    async with anyio.create_task_group() as callers, anyio.create_task_group() as tasks:
        flight: SingleFlight[str, int] = SingleFlight(tasks)
        callers.start_soon(call, flight)
        callers.start_soon(call, flight)
        await anyio.sleep(1)
        assert "a" in flight
        tasks.cancel_scope.cancel()
    assert raised == ["Interrupted"] * 2

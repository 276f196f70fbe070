"""Single flight: callers that ask for the same thing at the same time share one call."""

import math
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import anyio

from gmi_video.background import Tasks

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


class Interrupted(Exception):
    """The server was stopped before the call had ended."""


@dataclass(slots=True)
class _Call(Generic[Result]):
    """One call and its end: a result, an error, or neither where it was interrupted. `callers`: those that wait."""

    done: anyio.Event = field(default_factory=anyio.Event)
    results: list[Result] = field(default_factory=list[Any])
    error: Exception | None = None
    callers: int = 0
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)


class SingleFlight(Generic[Key, Result]):
    """Runs one call for each key at a time, in a task group that outlives the callers.

    A caller that is cancelled leaves the call running: the next caller with the same key joins it.

    Args:
        tasks: the task group.
        for_callers: a call ends with its last caller, and has the latest of their deadlines. For calls whose result
            is of no other use: without this, calls that are no longer waited for stay in line at the rate limit.
    """

    def __init__(self, tasks: Tasks, *, for_callers: bool = False) -> None:
        self._tasks = tasks
        self._for_callers = for_callers
        self._calls: dict[Key, _Call[Result]] = {}

    def __contains__(self, key: Key) -> bool:
        """Whether a call for this key is running."""
        return key in self._calls

    async def run(self, key: Key, function: Callable[[], Awaitable[Result]]) -> Result:
        """The result of the call that runs for `key`; `function` is called only where none does.

        Raises:
            Interrupted: the server was stopped meanwhile.
            Exception: whatever `function` raised, in every caller that shares the call.
        """
        call = self._calls.get(key)
        # A moment later, so that a caller whose time is over is always the first to notice.
        deadline = anyio.current_effective_deadline() + 0.1 if self._for_callers else math.inf
        if call is None:
            call = self._calls[key] = _Call(scope=anyio.CancelScope(deadline=deadline))
            self._tasks.start_soon(self._run, key, call, function)
        call.scope.deadline = max(call.scope.deadline, deadline)
        call.callers += 1
        try:
            await call.done.wait()
        finally:
            call.callers -= 1
            if self._for_callers and not call.callers and not call.done.is_set():
                if self._calls.get(key) is call:
                    del self._calls[key]
                call.scope.cancel()
        if call.error is not None:
            raise call.error
        if not call.results:
            raise Interrupted
        return call.results[0]

    async def _run(self, key: Key, call: _Call[Result], function: Callable[[], Awaitable[Result]]) -> None:
        try:
            with call.scope:
                call.results.append(await function())
        except Exception as error:  # noqa: BLE001 - raised again in every caller
            call.error = error
        finally:
            if self._calls.get(key) is call:
                del self._calls[key]
            call.done.set()

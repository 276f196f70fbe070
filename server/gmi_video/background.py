"""Background tasks: one that fails unexpectedly is logged and ends alone, instead of ending the server."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from anyio.abc import TaskGroup

_log = logging.getLogger(__name__)

Function = Callable[..., Coroutine[Any, Any, Any]]


async def contained(function: Function, *arguments: Any) -> None:
    """Run `function` to its end; an exception is logged."""
    try:
        await function(*arguments)
    except Exception:  # noqa: BLE001 - logged in full; no caller waits for it
        _log.exception("A background task failed: %s", getattr(function, "__qualname__", function))


class Tasks(Protocol):
    """Where background tasks are started: a `Background`, or in tests a task group."""

    def start_soon(self, func: Function, /, *args: Any) -> object:
        """Start a task; its end is not reported."""
        ...


class Background:
    """Starts tasks in a task group that outlives the requests, each contained."""

    def __init__(self, group: TaskGroup) -> None:
        self._group = group

    def start_soon(self, function: Function, *arguments: Any) -> None:
        """Start a task; its end is not reported."""
        self._group.start_soon(contained, function, *arguments)

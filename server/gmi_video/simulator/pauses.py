"""Stops for calls at exact moments, so that a test can act in the middle of a call without sleeping.

    with sim.pause_at("submit:made") as pause:
        tasks.start_soon(call_generate_video)
        await pause.reached()  # the job exists, and its response has not left yet
        ...  # cancel the call, stop the server, look at sim.jobs
    # leaving the block releases the call

A point is an endpoint and a moment:

- `received`: the request is read and logged, and nothing has happened;
- `made`: the request has taken effect (a submit has made its job), and the response has not left. Calls that are
  refused, and those whose fault prevents the effect, do not get here;
- `answered`: the whole response has left. On a socket the caller has it, and the connection is held; in process the
  caller has read its last byte and is held.

In process, a caller that gives up (cancelled, or its read timeout is over) cancels its call at that point. On a socket
the call continues after the release, whether the caller is still there or not.

For a simulator in another process, `control` has the same over HTTP.
"""

from typing import Literal, Self, TypeAlias, get_args

import anyio

from gmi_video.simulator.faults import ENDPOINTS

Moment: TypeAlias = Literal["received", "made", "answered"]
POINTS = tuple(f"{endpoint}:{moment}" for endpoint in ENDPOINTS for moment in get_args(Moment))


class Pause:
    """A stop for one call, the first that gets to the point. As a context manager it releases the call at the end."""

    def __init__(self) -> None:
        self._reached = anyio.Event()
        self._released = anyio.Event()

    async def reached(self) -> None:
        """Wait until a call is at the point."""
        await self._reached.wait()

    def release(self) -> None:
        """Let the call continue; a call that has not got to the point yet will not stop there."""
        self._released.set()

    @property
    def is_released(self) -> bool:
        """Whether `release` was called."""
        return self._released.is_set()

    async def hold(self) -> None:
        """Stop the calling task until the release."""
        self._reached.set()
        await self._released.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class Pauses:
    """The pauses of a simulator that no call has reached yet."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Pause]] = {point: [] for point in POINTS}

    def add(self, point: str) -> Pause:
        """Stop the next call that gets to `ENDPOINT:MOMENT`; several pauses at one point stop several calls in turn.

        Raises:
            ValueError: no such point.
        """
        if point not in self._waiting:
            raise ValueError(f"no point {point!r}; there are: {', '.join(POINTS)}")
        pause = Pause()
        self._waiting[point].append(pause)
        return pause

    async def stop_at(self, endpoint: str, moment: Moment) -> None:
        """Hold the calling task if a pause waits for it here."""
        waiting = self._waiting.get(f"{endpoint}:{moment}", [])
        while waiting:
            pause = waiting.pop(0)
            if not pause.is_released:
                await pause.hold()
                return

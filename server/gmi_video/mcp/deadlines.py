"""When a request must have been answered: one limit for every kind of request, by the settings or the host.

`StrictServer` makes a `Deadline` when a request comes in, and cancels what still runs when its time is over. What has
an answer then all the same ends by `Deadline.soft`.
"""

import math
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

import anyio

from gmi_video.errors import Unavailable
from gmi_video.mcp.patience import Patience

MIN_CALL_SECONDS = 10.0
"""What a request may take for what it asks of the queue, however little the host allows for waiting."""

HURRIED_SECONDS = 2.0
"""What a call may take whose host has given up on the same call before: enough for what is about to come."""

ANSWER_SECONDS, ANSWER_SHARE = 1.0, 0.03
"""What is left for the answer after a part that ends in time by itself, on a busy machine, and as a share of a short
time."""


class Deadline:
    """A request's time. It counts from when this is made.

    Args:
        seconds: how long the host or the settings allow.
        patience: what the connection's host has shown.
    """

    def __init__(self, seconds: float, patience: Patience) -> None:
        self._began = anyio.current_time()
        self._allowed = seconds
        self._least = self._began + MIN_CALL_SECONDS
        self._patience = patience
        self._scope = anyio.CancelScope()
        self.spending = False
        """Whether a job may have been made by now."""

    @property
    def wait_until(self) -> float:
        """When a wait must end (`anyio.current_time`)."""
        seconds = min(self._allowed, self._patience.limit)
        return self._began + seconds - min(ANSWER_SECONDS, ANSWER_SHARE * seconds)

    @property
    def at(self) -> float:
        """When the request must have been answered (`anyio.current_time`)."""
        return max(self._began + min(self._allowed, self._patience.limit), self._least)

    @contextmanager
    def enforced(self) -> Generator[None]:
        """Cancel the body when the time is over.

        Raises:
            Unavailable: it was; an answer in words, in place of a call that the host cuts off.
        """
        with anyio.CancelScope(deadline=self.at) as self._scope:
            yield
        if self._scope.cancelled_caught:
            error = Unavailable(
                f"The queue did not answer within the {round(self.at - self._began)} s that this call may take.",
                "Make the same call again; a longer limit can be set with GMI_MAX_WAIT_SECONDS, if this host allows "
                "it.",
            )
            if self.spending:
                error.charged = "unknown"
            raise error

    def soft(self) -> anyio.CancelScope:
        """End the body when the time is over, without an error: there is an answer without it. Only that may follow."""
        self._scope.deadline = self.at + ANSWER_SECONDS
        return anyio.move_on_at(self.at)

    def waiting(self, seconds: float = math.inf, *, least: float = 0.0) -> anyio.CancelScope:
        """End the body, a wait, after so many seconds or when a wait must end, without an error; not before `least`.

        For what goes on in the server meanwhile. Unlike `soft` it grants no minimum: a host that gives up after 5 s
        has its answer before that.
        """
        now = anyio.current_time()
        return anyio.move_on_at(min(now + seconds, max(now + least, self.wait_until)))

    @contextmanager
    def stopped(self) -> Generator[None]:
        """The time of the body does not count: a user answers a question. What follows gets a moment in any case."""
        self._scope.deadline = float("inf")
        try:
            yield
        finally:
            self._least = anyio.current_time() + MIN_CALL_SECONDS
            self._scope.deadline = self.at

    def hurry(self) -> None:
        """Answer soon, with what is known: the host does not wait for as long as was thought."""
        now = anyio.current_time()
        self._allowed = min(self._allowed, now - self._began)
        self._least = now + HURRIED_SECONDS
        self._scope.deadline = self.at


CURRENT: ContextVar[Deadline] = ContextVar("deadline")
"""The deadline of the request that is being answered."""

"""A job that is waited for: what is known of it, and when it is to be looked at."""

from dataclasses import dataclass, field

import anyio

from gmi_video.errors import UpstreamError
from gmi_video.jobs.estimates import Estimate
from gmi_video.upstream.wire import Record

GIVE_UP_AFTER = 3
"""Refusals in a row that end a wait early, where repeating can't help. Faults that may pass never end it."""


@dataclass(eq=False, slots=True)
class Watched:
    """A job that is waited for. `problem` is why the last look failed; None where it did not."""

    record: Record
    estimate: Estimate
    made_at: float
    """When it was made (`anyio.current_time`)."""
    next_look: float = float("inf")
    looked_at: float = float("-inf")
    """When the last look that succeeded began."""
    urgent: bool = False
    """Whether a caller's time is about to be over."""
    unlisted_until: float = 0.0
    problem: UpstreamError | None = None
    faults: int = 0
    refusals: int = 0
    watchers: int = 0
    looking: anyio.CancelScope | None = None
    """The look that is under way."""
    looked: anyio.Event = field(default_factory=anyio.Event)
    changed: anyio.Event = field(default_factory=anyio.Event)

    @property
    def age(self) -> float:
        """Seconds since the job was made."""
        return max(anyio.current_time() - self.made_at, 0.0)

    @property
    def is_over(self) -> bool:
        """Whether waiting on can't help: the job has ended, or the queue refuses to answer for it."""
        return self.record.is_final or self.refusals >= GIVE_UP_AFTER

    def is_due(self, now: float) -> bool:
        """Whether it is to be looked at now (`anyio.current_time`)."""
        return self.looking is None and self.next_look <= now

    def succeeded(self, record: Record) -> None:
        """Take in what a look has found."""
        news = record.status != self.record.status or self.problem is not None
        self.record, self.problem, self.faults, self.refusals = record, None, 0, 0
        self.next_look = anyio.current_time() + self.estimate.pause(self.age)
        self._announce(changed=news or record.is_final)

    def failed(self, error: UpstreamError) -> None:
        """Take in that a look has failed."""
        self.problem, self.faults = error, self.faults + 1
        self.refusals = 0 if error.passing else self.refusals + 1
        self.next_look = anyio.current_time() + max(min(2.0**self.faults, 15.0), min(error.retry_after or 0, 120.0))
        self._announce(changed=self.is_over)

    def _announce(self, *, changed: bool) -> None:
        self.urgent = False
        self.looked.set()
        self.looked = anyio.Event()
        if changed:
            self.wake()

    def wake(self) -> None:
        """Let all who wait for a change look at it."""
        self.changed.set()
        self.changed = anyio.Event()

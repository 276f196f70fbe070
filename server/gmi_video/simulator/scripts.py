"""How a job runs: its statuses, each with the second at which it begins.

Nothing runs in the background: a job's status is computed from its script and the clock, so a simulator under a test's
virtual clock and one in a real process behave the same.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

FINAL = frozenset({"success", "failed", "cancelled"})
"""The statuses after which a record never changes (D). Any other status means that the job is still running."""


@dataclass(frozen=True)
class Script:
    """The course of one job.

    `stages` are (seconds since creation, status) in order of time, the first at 0. A status may be any word, so that
    statuses the vendor has not documented can be simulated. `error` is the reason of a failure; `Behavior` decides
    which field of the record holds it.

    Raises:
        ValueError: the stages do not start at 0, or are not in order of time.
    """

    stages: tuple[tuple[float, str], ...] = ((0, "queued"), (3, "processing"), (20, "success"))
    error: str = "Generation failed. Please try again."

    def __post_init__(self) -> None:
        times = [second for second, _ in self.stages]
        if not times or times[0] != 0 or times != sorted(times):
            raise ValueError("a script's stages start at second 0 and are in order of time")

    def stage(self, elapsed: float) -> tuple[float, str]:
        """The (second, status) at `elapsed` seconds after creation; the first one before it."""
        return [self.stages[0], *(stage for stage in self.stages if stage[0] <= elapsed)][-1]

    @classmethod
    def takes(cls, seconds: float, *, first: str = "queued") -> Self:
        """Success after `seconds`; `first` is the first status (`dispatched` for Veo3, P)."""
        return cls(_stages(seconds, "success", first))

    @classmethod
    def synchronous(cls) -> Self:
        """The response to the submit is already `success`, with the outcome (P)."""
        return cls(((0, "success"),))

    @classmethod
    def stuck(cls, status: str = "queued") -> Self:
        """Accepted and never started: the first status forever, `updated_at == created_at`, no error (P)."""
        return cls(((0, status),))

    @classmethod
    def fails(cls, after: float, error: str = "Generation failed. Please try again.", *, first: str = "queued") -> Self:
        """`failed` after that many seconds."""
        return cls(_stages(after, "failed", first), error)

    @classmethod
    def fails_at_once(cls, error: str = "Generation failed. Please try again.") -> Self:
        """The response to the submit is already `failed`, with HTTP status 200 (P)."""
        return cls(((0, "failed"),), error)

    @classmethod
    def cancelled(cls, after: float) -> Self:
        """`cancelled` after that many seconds, by a person in the vendor's console: the API has no cancel."""
        return cls(_stages(after, "cancelled", "queued"))


def _stages(seconds: float, last: str, first: str) -> tuple[tuple[float, str], ...]:
    if first == "processing":
        return ((0, first), (seconds, last))
    return ((0, first), (min(3, seconds / 4), "processing"), (seconds, last))


ScriptSource: TypeAlias = Script | Callable[[int], Script]
"""A script, or a function from a job's number (1 is the model's first job) to its script."""


@dataclass(frozen=True)
class Job:
    """One accepted submit: what was made, and what would have been paid for."""

    request_id: str
    model: str
    payload: dict[str, Any]
    created_at: float
    org_id: str
    script: Script
    images: dict[str, bytes] = field(default_factory=dict[str, bytes], repr=False)
    """The images that the payload names, downloaded when the job was made, by their parameters' names."""

    def status(self, now: float) -> str:
        """The status at an epoch second."""
        return self.script.stage(now - self.created_at)[1]

    def updated_at(self, now: float) -> float:
        """When the status at `now` began, in epoch seconds."""
        return self.created_at + self.script.stage(now - self.created_at)[0]

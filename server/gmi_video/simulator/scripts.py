"""How a job runs: the statuses it goes through, each with the second it comes at.

Nothing runs in the background: a job's status is read off its script by the clock, so a simulator under a jumping test
clock and one in a real process behave the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

FINAL = frozenset({"success", "failed", "cancelled"})
"""The statuses after which a record never changes again (D). Every other word is a job still running."""


@dataclass(frozen=True)
class Script:
    """The life of one job.

    `stages` are (seconds from creation, status) in order of time, the first at 0. A status may be any word, so that one
    the vendor has not listed can be played too. `error` is the failure's text, told where the habits place it.
    """

    stages: tuple[tuple[float, str], ...] = ((0, "queued"), (3, "processing"), (20, "success"))
    error: str = "Generation failed. Please try again."

    def __post_init__(self) -> None:
        times = [second for second, _ in self.stages]
        if not times or times[0] != 0 or times != sorted(times):
            raise ValueError("a script's stages start at second 0 and are in order of time")

    def stage(self, elapsed: float) -> tuple[float, str]:
        """The (second, status) in force `elapsed` seconds after creation; before it, the first."""
        return [self.stages[0], *(stage for stage in self.stages if stage[0] <= elapsed)][-1]

    @classmethod
    def takes(cls, seconds: float, *, first: str = "queued") -> Script:
        """Success after that many seconds; `first` is the first status (`dispatched` for Veo3, P)."""
        return cls(_course(seconds, "success", first))

    @classmethod
    def synchronous(cls) -> Script:
        """The submit itself answers `success`, with the outcome (P)."""
        return cls(((0, "success"),))

    @classmethod
    def stuck(cls, status: str = "queued") -> Script:
        """Accepted and never started: the first status for ever, `updated_at == created_at`, no error (P)."""
        return cls(((0, status),))

    @classmethod
    def fails(
        cls, after: float, error: str = "Generation failed. Please try again.", *, first: str = "queued"
    ) -> Script:
        """`failed` after that many seconds."""
        return cls(_course(after, "failed", first), error)

    @classmethod
    def fails_at_once(cls, error: str = "Generation failed. Please try again.") -> Script:
        """The submit itself answers `failed`, on a 200 (P)."""
        return cls(((0, "failed"),), error)

    @classmethod
    def cancelled(cls, after: float) -> Script:
        """`cancelled` after that many seconds: by somebody in the console, for the API has no cancel."""
        return cls(_course(after, "cancelled", "queued"))


def _course(seconds: float, last: str, first: str) -> tuple[tuple[float, str], ...]:
    if first == "processing":
        return ((0, first), (seconds, last))
    return ((0, first), (min(3, seconds / 4), "processing"), (seconds, last))


ScriptSource: TypeAlias = Script | Callable[[int], Script]
"""A script, or one drawn for each job by its number (1 is the model's first job)."""


@dataclass(frozen=True)
class Job:
    """One accepted submit: the ground truth of what was made, and what would have been paid."""

    request_id: str
    model: str
    payload: dict[str, Any]
    created_at: float
    org_id: str
    script: Script
    pictures: dict[str, bytes] = field(default_factory=dict[str, bytes], repr=False)
    """The images the payload named, as they were fetched when the job was made."""

    def status(self, now: float) -> str:
        """The status at that epoch second."""
        return self.script.stage(now - self.created_at)[1]

    def updated_at(self, now: float) -> float:
        """When that status began, in epoch seconds."""
        return self.created_at + self.script.stage(now - self.created_at)[0]

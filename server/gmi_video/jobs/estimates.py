"""How long this account's jobs take, and so when to look at one.

Learned from the stamps of finished requests in the account's own list: nothing is stored, nothing is guessed. The
first look waits until an end is plausible; looks are close together where ends are usual, and apart where they are
rare. Without history the pauses grow with the age of the job.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from gmi_video.jobs.matching import same_kind
from gmi_video.text import duration
from gmi_video.upstream.wire import Record, SubmitRequest

ENOUGH = 3
"""So many finished requests make a history."""

AT_MOST = 50
"""The newest so many are looked at: a queue's speed changes."""

RELATIVE_DELAY = 0.0256
"""The mean delay aimed at between a job's end and our seeing it, as a share of the mean length.

No schedule gets both this and many fewer looks: for lognormal lengths with sigma 0.5, delay share times looks is at
least 0.364 even where the distribution is known exactly; 20 lengths of history give 0.40 (bench/polling.py).
"""

SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 30.0

FIRST_GUESS, LAST_GUESS, GUESS_GROWTH = 2.0, 10.0, 0.12
"""Without history: the first pause, the longest, and the pause as a share of the job's age."""

LONG_PAST = 4.0
"""A job is long past what is usual at so many times the usual time…"""

LONG_PAST_SECONDS = 900.0
"""…and where nothing is known of what is usual, after so many seconds."""


@dataclass(frozen=True)
class Estimate:
    """What is known of a job's length before it ends. `lengths`: seconds that jobs of its kind took, ascending."""

    lengths: tuple[float, ...] = ()
    basis: str = ""

    @property
    def expected_seconds(self) -> float | None:
        """The usual length; None where there is no history to say so."""
        return statistics.median(self.lengths) if self.lengths else None

    def is_long_past(self, age: float) -> bool:
        """Whether a job of this age (seconds) is far beyond what is usual."""
        usual = self.expected_seconds
        return age > (LONG_PAST_SECONDS if usual is None else max(LONG_PAST * usual, 120.0))

    def pause(self, age: float) -> float:
        """Seconds to wait before the next look at a job that is `age` seconds old."""
        if not self.lengths:
            return min(max(FIRST_GUESS, GUESS_GROWTH * age), LAST_GUESS)
        if age < self._earliest - SHORTEST_PAUSE:
            return self._earliest - age
        spacing = self._spacing(max(age, self._earliest))  # before that, ends are rare too
        return min(max(self._scale * spacing, SHORTEST_PAUSE), max(LONGEST_PAUSE, 0.1 * age))

    # The spread of lengths, as a smooth curve over their logarithms: one bell for each length seen.

    @cached_property
    def _logs(self) -> tuple[float, ...]:
        return tuple(math.log(length) for length in self.lengths)

    @cached_property
    def _width(self) -> float:
        # Silverman's rule over the narrower of two measures of spread, so that a few far ones do not blur the rest.
        logs = self._logs
        spread = statistics.pstdev(logs)
        low, high = _quantile(logs, 0.25), _quantile(logs, 0.75)
        narrow = min(spread, (high - low) / 1.34) or spread
        return max(0.9 * narrow * len(logs) ** -0.2, 0.05)

    @cached_property
    def _earliest(self) -> float:
        return math.exp(self._logs[0] - 0.5 * self._width)

    def _spacing(self, age: float) -> float:
        """The unscaled pause at `age`: the square root of (chance of still running / chance of ending now).

        This is the spacing that needs the fewest looks for a given mean delay. Past the longest length seen nothing
        is known, and the pause grows with the age.
        """
        known = min(max(age, 0.1), self.lengths[-1])
        at = math.log(known)
        ending = running = 0.0
        for log in self._logs:
            z = (at - log) / self._width
            ending += math.exp(-z * z / 2)
            running += 0.5 * math.erfc(z / math.sqrt(2))
        ending /= self._width * math.sqrt(2 * math.pi) * known
        if ending < 1e-12:  # noqa: PLR2004 - in a gap that no length is near
            return math.inf
        return math.sqrt(running / ending) * max(age / known, 1.0)

    @cached_property
    def _scale(self) -> float:
        """The factor at which lengths like those seen are noticed with the mean delay aimed at."""
        return 2 * RELATIVE_DELAY * statistics.fmean(self.lengths) / statistics.fmean(map(self._spacing, self.lengths))


NO_HISTORY = Estimate()


def _quantile(ascending: Sequence[float], share: float) -> float:
    return ascending[min(int(share * len(ascending)), len(ascending) - 1)]


def estimate(request: SubmitRequest, history: Iterable[Record]) -> Estimate:
    """What finished requests tell of this one: those of the same kind where there are enough, else the model's."""
    done = [r for r in history if r.succeeded and r.took is not None and r.model in {"", request.model}]
    done.sort(key=lambda record: record.created_at or 0, reverse=True)
    alike = [record for record in done if same_kind(request, record)]
    chosen, kind = (alike, "of the same kind") if len(alike) >= ENOUGH else (done, "of this model")
    lengths = tuple(sorted(record.took or 0 for record in chosen[:AT_MOST]))
    if len(lengths) < ENOUGH:
        return NO_HISTORY
    usual = duration(statistics.median(lengths))
    return Estimate(lengths, f"usually about {usual}, by this account's last {len(lengths)} {kind}")

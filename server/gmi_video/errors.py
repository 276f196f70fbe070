"""What can go wrong, sorted by who can mend it.

    GmiVideoError                 str(error) is written for an assistant to act on
    ├─ SettingsError              the operator: which variable, what is wrong, what to do
    ├─ InvalidRequest             the caller: which argument, what it may be; nothing was sent
    │  └─ SpendingRefused         the user: above their limit or threshold, or declined; nothing was sent
    ├─ UpstreamError              the queue said no, or nothing
    │  ├─ Unauthorized            the key
    │  ├─ InsufficientCredits     the account's balance
    │  ├─ NotFound                a model or request this account can't see
    │  ├─ Rejected                the queue, or the vendor behind it, refused a value
    │  ├─ RateLimited             too many calls; retry_after says when
    │  ├─ Unavailable             no answer, or "not now"
    │  └─ Garbled                 an answer that isn't the API's
    ├─ SubmissionUnknown          sent, no answer, not found in the list
    ├─ JobFailed                  it ran and failed, or was cancelled
    └─ StillRunning               our patience ended first

Every error says three things: what happened (`message`), the one thing to do next (`next_step`), and whether
money may have moved (`charged`). Nothing here holds a secret, and words of the vendor's stand in quotation marks.
"""

from typing import Literal

Charged = Literal["no", "unknown"]


class GmiVideoError(Exception):
    """Base of all. `charged` is "no" unless a job exists or may exist."""

    charged: Charged = "no"

    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(message, next_step)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}"


class SettingsError(GmiVideoError):
    """An environment variable is missing or wrong; only the person who set the server up can mend it."""


class InvalidRequest(GmiVideoError):
    """An argument is wrong; nothing was sent."""


class SpendingRefused(InvalidRequest):
    """The job is fine, but its price is not, or the user has said no; nothing was sent."""


class UpstreamError(GmiVideoError):
    """The queue said no, or said nothing.

    `passing` is true where the same call may well succeed in a moment. `maybe_arrived` is true where the request
    can have reached the queue and taken effect although we have no answer for it: the case in which a submit must
    never be repeated, only looked for; `refused` says that the queue told us, in known words, that it did not take
    the job, so that a look which finds nothing settles it. `request_id` is the id such an answer named, if any.
    `retry_after` is in seconds, where the queue told it.
    """

    passing = False

    def __init__(
        self,
        message: str,
        next_step: str,
        *,
        maybe_arrived: bool = False,
        refused: bool = False,
        retry_after: float | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message, next_step)
        self.maybe_arrived = maybe_arrived
        self.refused = refused
        self.retry_after = retry_after
        self.request_id = request_id


class Unauthorized(UpstreamError):
    """The queue did not accept the key (401)."""


class InsufficientCredits(UpstreamError):
    """The account's credits are used up (402)."""


class NotFound(UpstreamError):
    """No such model or request, or none that this account may use (404)."""


class Rejected(UpstreamError):
    """A value was refused; the same input will be refused again (400, or the vendor behind the queue)."""


class RateLimited(UpstreamError):
    """Too many calls (429)."""

    passing = True


class Unavailable(UpstreamError):
    """No connection, no answer in time, or a server-side fault that may pass."""

    passing = True


class Garbled(UpstreamError):
    """An answer that is not the API's: HTML, broken JSON, wrong types, or far too large."""

    passing = True


class SubmissionUnknown(GmiVideoError):
    """A submit got no answer and the job was not found: it may or may not exist.

    `candidates` are the ids of requests that could be it, where the queue does not show what they were made from.
    """

    charged: Charged = "unknown"

    def __init__(self, message: str, next_step: str, candidates: tuple[str, ...] = ()) -> None:
        super().__init__(message, next_step)
        self.candidates = candidates


class JobFailed(GmiVideoError):
    """The job ran and failed, or was cancelled."""

    charged: Charged = "unknown"

    def __init__(self, message: str, next_step: str, request_id: str) -> None:
        super().__init__(message, next_step)
        self.request_id = request_id


class StillRunning(GmiVideoError):
    """The job is not finished, and what was asked for needs it to be."""

    charged: Charged = "unknown"

    def __init__(self, message: str, next_step: str, request_id: str) -> None:
        super().__init__(message, next_step)
        self.request_id = request_id

"""Exception hierarchy, grouped by who can fix the problem.

    GmiVideoError                 str(error) is written for an assistant to act on
    ├─ SettingsError              the operator: an environment variable is missing or wrong
    ├─ InvalidRequest             the caller: an argument is wrong; nothing was sent
    │  └─ SpendingRefused         the user: above their limit or threshold, or declined; nothing was sent
    ├─ UpstreamError              the queue refused the call or gave no usable response
    │  ├─ Unauthorized            the key was not accepted
    │  ├─ InsufficientCredits     the account's balance is used up
    │  ├─ NotFound                a model or request that this account can't see
    │  ├─ Rejected                the queue, or the vendor behind it, refused a value
    │  ├─ RateLimited             too many calls; `retry_after` says when to call again
    │  ├─ Busy                    too many calls of this server's own; nothing was asked
    │  ├─ Unavailable             no response, or a temporary fault
    │  └─ Garbled                 a response that is not the API's
    ├─ SubmissionUnknown          a submit without a response; its job is not in the request list
    ├─ JobFailed                  the job ran and failed, or was cancelled
    └─ StillRunning               the outcome resource was read before the job ended

Every error says what happened (`message`), what to do next (`next_step`) and whether money may have been spent
(`charged`). No error contains a secret; text of the vendor's is in quotation marks.
"""

from typing import Literal

Charged = Literal["no", "unknown"]


class GmiVideoError(Exception):
    """Base class. `charged` is "no", unless a job exists or may exist."""

    charged: Charged = "no"

    def __init__(self, message: str, next_step: str, *, charged: Charged | None = None) -> None:
        super().__init__(message, next_step)
        self.message = message
        self.next_step = next_step
        if charged is not None:
            self.charged = charged

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}"


class SettingsError(GmiVideoError):
    """An environment variable is missing or wrong; only the person who set the server up can correct it."""


class InvalidRequest(GmiVideoError):
    """An argument is wrong; nothing was sent."""


class SpendingRefused(InvalidRequest):
    """The price is above a limit or threshold of the user's, or the user declined; nothing was sent."""

    @classmethod
    def unreadable_answer(cls) -> "SpendingRefused":
        """For an answer to the question about a price that is not what was asked for: it counts as a no."""
        return cls(
            "The answer to the question about the price was not a plain yes or no, so it counts as no. Nothing was "
            "submitted.",
            'Ask the user. If they agree to the price, make the same call again with "confirm_cost": true.',
        )


class UpstreamError(GmiVideoError):
    """The queue refused a request, or did not answer it.

    Args:
        reason: what happened; `message` is the reason and the assurance.
        next_step: what to do next.
        assurance: what is certain about money, where something is.
        maybe_arrived: the request may have taken effect although there is no answer: a submit must not be repeated
            then, only looked for.
        refused: the queue said in known words that it did not take the job, so a look that finds nothing settles it.
        retry_after: seconds to wait, where the queue named them.
        request_id: the id that the answer named, if any.

    `passing` is true where the same call may succeed in a moment.
    """

    passing = False
    """The same call may succeed if it is repeated soon."""

    def __init__(
        self,
        reason: str,
        next_step: str,
        *,
        assurance: str = "",
        maybe_arrived: bool = False,
        refused: bool = False,
        retry_after: float | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(f"{reason}{assurance}", next_step)
        self.reason = reason
        self.maybe_arrived = maybe_arrived
        self.refused = refused
        self.retry_after = retry_after
        self.request_id = request_id


class Unauthorized(UpstreamError):
    """The queue did not accept the key (401)."""


class InsufficientCredits(UpstreamError):
    """The account's credits are used up (402)."""


class NotFound(UpstreamError):
    """There is no such model or request, or not for this account (404)."""


class Rejected(UpstreamError):
    """A value was refused, by the queue (400) or the vendor behind it; the same input will be refused again."""


class RateLimited(UpstreamError):
    """Too many calls (429)."""

    passing = True


class Busy(UpstreamError):
    """More calls of this server's own are in line than can be made in time. Not `passing`: it is said at once."""


class Unavailable(UpstreamError):
    """No connection, no response in time, or a temporary fault of the server."""

    passing = True


class Garbled(UpstreamError):
    """A response that is not the API's: HTML, broken JSON, wrong types, or too large."""

    passing = True


class SubmissionUnknown(GmiVideoError):
    """A submit got no response and its job was not found: it may or may not exist."""

    charged: Charged = "unknown"


class JobFailed(GmiVideoError):
    """The job ran and failed, or was cancelled."""

    charged: Charged = "unknown"


class StillRunning(GmiVideoError):
    """The outcome resource of a job was read before the job ended."""

    charged: Charged = "unknown"

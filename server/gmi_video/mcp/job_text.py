"""The sentences about one job: what has happened, for the person, and what to do next, for the assistant.

Sentences are plain enough to be passed on as they are. Text of the vendor is quoted (`text`).
"""

from typing import Literal, NamedTuple

from gmi_video.catalog import pricing
from gmi_video.catalog.roles import Role, role_of
from gmi_video.errors import UpstreamError
from gmi_video.jobs.estimates import NO_HISTORY, Estimate
from gmi_video.text import duration, quote_untrusted
from gmi_video.upstream.wire import Record
from gmi_video.videos.save import NOT_ASKED, Saved

Moment = Literal["submitted", "looked", "shown", "waited", "waited long"]
"""What the call did: it submitted and did not wait, looked once, left the waiting to the host's player, waited, or was
the last of several waits."""

_ANOTHER = ' Only if they want another take, which is paid again: the same call with "allow_duplicate": true.'


def status_call(request_id: str, *, wait: bool = True) -> str:
    """The call that looks at a job, filled in; by default the one that waits for it."""
    return f'get_status with {{"request_id": "{request_id}"' + (', "wait": true}' if wait else "}")


def is_stuck(record: Record, age: float | None, expected: Estimate) -> bool:
    """Whether nothing has happened to a job of this age (seconds) for far longer than usual."""
    return record.never_started and expected.is_long_past(age or 0.0)


class JobText(NamedTuple):
    """A job as it was last seen, and what is known of it beside its record.

    Attributes:
        record: the job.
        age: seconds since it was made, or that it took; None where its stamps don't tell.
        expected: what is known of such a job's length.
        usd: its price, where it is known.
        moment: what the call did.
        reused: the job was found instead of paid again.
        saved: what became of its video's file.
    """

    record: Record
    age: float | None
    expected: Estimate = NO_HISTORY
    usd: float | None = None
    moment: Moment = "looked"
    reused: bool = False
    saved: Saved = NOT_ASKED

    @property
    def _is_stuck(self) -> bool:
        return is_stuck(self.record, self.age, self.expected)

    @property
    def _about(self) -> str:
        return "" if self.usd is None else f"about {pricing.dollars(self.usd)}"

    def summary(self) -> str:
        """What has happened to the job."""
        record = self.record
        if record.succeeded:
            again = " It is the one that was asked for before, so it was not paid again."
            if not record.video_url:
                said = "The job has finished, but the queue's answer holds no link to the video."
            else:
                said = f"The video is ready: [watch or download it]({record.video_url})."
            return f"{said}{self._took()}" + (again if self.reused else "")
        if record.is_final:
            again = " It is the one that was asked for before." if self.reused else ""
            failure = failure_of(record, self.usd)
            return f"{failure.reason} {failure.cost}{again}"
        again = " It was asked for before, so it is not paid again." if self.reused else ""
        if self._is_stuck:
            return (
                f"The video (request {record.request_id}) was accepted {duration(self.age or 0.0)} ago and nothing has "
                f"happened to it since: it is probably stuck in the queue.{again}"
            )
        usual = self.expected.expected_seconds
        late = ""
        if self.expected.is_long_past(self.age or 0.0):
            late = ", and takes far longer than usual" if usual else ", and takes unusually long"
        details = [
            f"{duration(self.age)} so far" if self.age and self.age >= 1 else "",
            f"usually about {duration(usual)}" if usual else "",
            f"costs {self._about}" if self._about else "",
        ]
        aside = f" ({', '.join(filter(None, details))})" if any(details) else ""
        return f"The video is being made{late}{aside}. Its id is {record.request_id}.{again}"

    def _took(self) -> str:
        facts = [f"took {duration(self.age)}" if self.age else "", f"cost {self._about}" if self._about else ""]
        return f" It {' and '.join(filter(None, facts))}." if any(facts) else ""

    def next_step(self) -> str:
        """What the assistant should do now."""
        told = self._is_stuck or (self.record.is_final and not self.record.succeeded)
        return self._next_step() + (_ANOTHER if self.reused and not told else "")

    def _next_step(self) -> str:
        record = self.record
        if record.succeeded and record.video_url:
            if self.saved.path:
                return "Show the user the link, and say where the video is saved."
            said = "Show the user the link, and say that it may expire, so they should download the video soon."
            later = f" Where it was saved {status_call(record.request_id, wait=False)} says in a moment."
            return said + (later if self.saved.pending else "")
        if record.succeeded:
            return f"Call {status_call(record.request_id, wait=False)} once more in a minute."
        if record.is_final:
            return failure_of(record, self.usd).next_step
        wait, look = (status_call(record.request_id, wait=wait) for wait in (True, False))
        if self._is_stuck:
            return (
                f"Tell the user. {look} looks again later. Another try with "
                '"allow_duplicate": true is paid again: offer it, and make it only when they agree.'
            )
        left = max((self.expected.expected_seconds or 0) - (self.age or 0.0), 0)
        when = f" It should take about {duration(left)} more." if left > 0 else ""
        if self.expected.expected_seconds is None and self.moment in {"submitted", "shown", "waited long"}:
            when = " A render takes about one to ten minutes."
        match self.moment:
            case "submitted":
                return (
                    f"Submit the user's other videos now, if they asked for several. Then tell them the id; {look} "
                    f"looks it up later.{when}"
                )
            case "shown":
                return (
                    "The player in this chat shows the progress and then the video, so do not wait or call get_status "
                    f"for it. Submit the user's other videos now, if they asked for several; else tell them that it is "
                    f"being made.{when}"
                )
            case "waited":
                return f"Call {wait} to wait on.{when}"
            case "waited long":
                return (
                    f"Tell the user that it is not ready yet, and its id, so that it can be looked up later.{when} "
                    f"Only if they want to wait on: {wait}."
                )
            case "looked":
                return f"Tell the user.{when} Only if they want to wait for it: {wait}."


class Failure(NamedTuple):
    """Why a job ended without a video, what that may have cost, and what to do next."""

    reason: str
    cost: str
    next_step: str


def failure_of(record: Record, usd: float | None = None) -> Failure:
    """Describe a job that has ended without a video; `usd` is its price, where it is known."""
    said = record.failure_text
    reason = f": {quote_untrusted(said)}" if said else ""
    if record.status.lower() == "cancelled":
        what, remedy = "was cancelled, not by this server", f"Offer to make it again. {_AGAIN}"
    else:
        what, remedy = "failed" if said else "failed, and the queue gives no reason", _remedy(record, said)
    price = " money" if usd is None else f" about {pricing.dollars(usd)}"
    return Failure(
        f"The video was not made: request {record.request_id} {what}{reason}.",
        f"It may still have cost{price}: whether GMI Cloud charges for it is not known.",
        f"Tell the user. {remedy}",
    )


_AGAIN = 'When they agree to pay for another try, call generate_video again with "allow_duplicate": true.'


def _remedy(record: Record, said: str) -> str:
    lower = said.lower()
    has_image = any(value and role_of(name) is Role.IMAGE for name, value in record.payload.items())
    if any(word in lower for word in ("moderation", "policy", "safety", "nsfw", "content")):
        other = " or another image" if has_image else ""
        return f"Offer a reworded prompt{other}, and make it only when they agree to pay for another try."
    if "rate limit" in lower:
        return f"Offer another try in a minute. {_AGAIN}"
    if has_image and ("image" in lower or "url" in lower):
        return f"Check that the image is publicly reachable. {_AGAIN}"
    return f"Offer a reworded prompt, or the same once more. {_AGAIN}"


def trouble(problem: UpstreamError) -> str:
    """That a job could not be looked at just now."""
    return f"Its state could not be asked just now: {problem.message} The job itself goes on."


def progress_text(record: Record, age: float, expected: Estimate) -> str:
    """What a waiting person reads: "processing, 42 s, usually about 70 s"."""
    usual = expected.expected_seconds
    return f"{record.status_words}, {duration(age)}" + (f", usually about {duration(usual)}" if usual else "")

"""Finds a job whose submit got no answer: in the account's request list, never by submitting again."""

from collections.abc import Container
from dataclasses import dataclass

import anyio

from gmi_video.errors import NotFound, SubmissionUnknown, UpstreamError
from gmi_video.jobs.matching import hides_its_payload, is_same_job
from gmi_video.text import duration
from gmi_video.upstream.client import Queue
from gmi_video.upstream.wire import Record, SubmitRequest

PAUSES = (1.0, 2.0, 4.0, 8.0)
"""Seconds before each look at the list. It may not be up to date, so one look settles nothing."""

PAUSES_AFTER_REFUSAL = (1.0,)
"""Where the queue said in known words that it took nothing, one look confirms it."""

CLOCK_MARGIN = 60.0
"""Tolerance between the queue's stamps and its `Date` header (seconds)."""

LOOK_PATIENCE = 4.0
"""Seconds of retries within one look."""


@dataclass(frozen=True, slots=True)
class UnconfirmedSubmit:
    """A submit that may have arrived.

    Attributes:
        request: what was submitted.
        sent_at: when, by this process's clock (`anyio.current_time`): the queue's may become known only later.
        known: ids of requests that existed before.
        listed_before: the list was received right before, so whatever is new in it came after.
        why: what came instead of an answer, as a sentence.
    """

    request: SubmitRequest
    sent_at: float
    known: frozenset[str]
    listed_before: bool
    why: str = ""

    def could_be(self, record: Record, now: float) -> bool:
        """Whether the record was made after the submit, as far as its stamps show. `now`: the queue's clock."""
        if record.request_id in self.known:
            return False
        sent_at = now - (anyio.current_time() - self.sent_at)
        return self.listed_before or record.created_at is None or record.created_at >= sent_at - CLOCK_MARGIN


@dataclass(frozen=True, slots=True)
class Search:
    """What was found: the job, or ids of records that could be it, or nothing. `looks` counts the lists received."""

    record: Record | None = None
    candidates: tuple[str, ...] = ()
    looks: int = 0
    seconds: float = 0.0


async def search(
    queue: Queue, sent: UnconfirmedSubmit, pauses: tuple[float, ...] = PAUSES, *, taken: Container[str] = ()
) -> Search:
    """Look for the job a few times, with growing pauses. An unavailable list counts as no look.

    `taken` holds the jobs that other submits have made meanwhile.
    """
    started = anyio.current_time()
    looks = 0
    candidates: tuple[str, ...] = ()
    for pause in pauses:
        await anyio.sleep(pause)
        try:
            listing = await queue.list_requests(sent.request.model, patience=LOOK_PATIENCE)
        except UpstreamError:
            continue
        looks += 1
        new = [r for r in listing.newest_first() if sent.could_be(r, queue.now()) and r.request_id not in taken]
        for record in new:
            if is_same_job(sent.request, record):
                return Search(record, looks=looks)
        candidates = tuple(r.request_id for r in new if hides_its_payload(sent.request, r))
    return Search(candidates=candidates, looks=looks, seconds=anyio.current_time() - started)


async def named_job(queue: Queue, error: UpstreamError, sent: UnconfirmedSubmit) -> Search:
    """The request that the error answer itself named, if it exists (gmi-api: a 503 comes "with a `request_id`").

    Where that request can't be fetched just now, it is a candidate.
    """
    if not error.request_id or error.request_id in sent.known:
        return Search()
    try:
        return Search(await queue.get_request(error.request_id))
    except NotFound:
        return Search()
    except UpstreamError:
        return Search(candidates=(error.request_id,))


def unknown(sent: UnconfirmedSubmit, found: Search) -> SubmissionUnknown:
    """The error for a submit that was neither answered nor found."""
    request = sent.request
    look = f'Call list_requests with {{"model": "{request.model}", "limit": 5}} in a minute'
    anyway = 'call generate_video again with "allow_duplicate": true'
    if found.candidates:
        ids = ", ".join(found.candidates[:5])
        return SubmissionUnknown(
            f"{sent.why} So the job may or may not have been made. These requests could be it, but do not show what "
            f"they were made from: {ids}.",
            f'Call get_status with {{"request_id": "{found.candidates[0]}"}} and see whether it is this video. '
            f"Only if none of them is, {anyway}: that pays a second time if the first submit did arrive.",
        )
    checked = (
        f"{found.looks} looks at the queue's request list over {duration(found.seconds)} did not show it"
        if found.looks
        else "the queue's request list was not available either"
    )
    return SubmissionUnknown(
        f"{sent.why} So the job may or may not have been made: {checked}.",
        f"{look} and look for this prompt. If it is there, follow it with get_status. Only if it is not, {anyway}: "
        "that pays a second time if the first submit did arrive. The same call without it looks again and pays "
        "nothing.",
    )

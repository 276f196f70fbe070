"""What the account's list tells before a submit: whether the same job is there already, and what it can't rule out."""

from collections.abc import Collection

from gmi_video.errors import SpendingRefused
from gmi_video.jobs.matching import JobIdentity
from gmi_video.upstream.lists import RecordList
from gmi_video.upstream.wire import Record

REUSE_SECONDS = 3600.0
"""For this long after a job was made the identical call returns it."""

_NO_LIST = "The queue's request list was not available, so an identical request made elsewhere can't be ruled out."
_CUT_LIST = "The queue's list {gap}, so an identical one made elsewhere can't be ruled out."
_NO_PAYLOADS = (
    "The queue's list does not show what its running requests were made from, so an identical one can't be ruled out."
)


def twin(identity: JobIdentity, listing: RecordList | None, now: float) -> Record | None:
    """The same job made elsewhere, if it is running or was made within the hour; one that is running first.

    Args:
        identity: what the request is compared by.
        listing: the model's requests; None where they are unavailable.
        now: Unix seconds, by the queue's clock.
    """
    recent = [record for record in listing.newest_first() if _may_be_reused(record, now)] if listing else []
    same = [record for record in recent if identity.is_of(record)]
    return next(iter([record for record in same if not record.is_final] + same), None)


def doubts(identity: JobIdentity, listing: RecordList | None, known: Collection[str], now: float) -> str:
    """What can't be ruled out by the list, as a sentence for the user; empty where nothing is left open.

    Args:
        identity: what the request is compared by.
        listing: the model's requests; None where they are unavailable.
        known: the ids of the ledger's own jobs, which are compared there.
        now: Unix seconds, by the queue's clock.

    Raises:
        SpendingRefused: an earlier job differs only in an image that another process uploaded.
    """
    if listing is None:
        return _NO_LIST
    others = [record for record in listing.requests if record.request_id not in known]
    for record in others:
        if _may_be_reused(record, now) and identity.differs_in_uploads_only(record):
            raise SpendingRefused(
                f"Request {record.request_id} ({record.status_words}) was made from the same prompt and settings "
                "and an uploaded image that can't be compared with this one: it may be this very video. "
                "Nothing was submitted and nothing was charged.",
                f'Call get_status with {{"request_id": "{record.request_id}", "wait": true}} to follow it; if the '
                'image is another one, call generate_video again with "allow_duplicate": true.',
            )
    if any(identity.may_be_hidden_in(record) and not record.is_final for record in others):
        return _NO_PAYLOADS
    return "" if listing.complete else _CUT_LIST.format(gap=listing.gap)


def _may_be_reused(record: Record, now: float) -> bool:
    # Without a readable stamp its age is unknown: better the same video than a second payment.
    return not record.is_final or record.created_at is None or now - record.created_at <= REUSE_SECONDS

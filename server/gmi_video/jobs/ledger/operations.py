"""The operations on intents, as SQL statements within one transaction; the same in every store.

Every operation is idempotent, because it is repeated when the result of a commit is unknown: rows are addressed by the
intent's id, which exists before the first attempt.
"""

import sys
from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace

from gmi_video.jobs.ledger.intents import DAY, HOUR, Claim, Claimed, Existing, Intent, Limit, OverLimit, PaidMeanwhile
from gmi_video.jobs.ledger.owners import LEASE_SECONDS, holds
from gmi_video.jobs.ledger.store import Session

KEEP_SECONDS = DAY + HOUR
"""How long a row is kept; the spending limit needs a day (seconds)."""

KEEP_REFUSED_SECONDS = 600.0
"""How long a `refused` row is kept, for waiting processes, and so that a late `renew` can't restore it (seconds)."""

_SELECT = (
    "SELECT id, account, request, take, state, request_id, usd, created_at, updated_at, owner, lease_until, answered "
    "FROM gmi_video_intents "
)
_INSERT = (
    "INSERT INTO gmi_video_intents "
    "(id, account, request, take, state, request_id, usd, created_at, updated_at, owner, lease_until, answered) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
)
_TO_EXCLUDED = (
    "ON CONFLICT (id) DO UPDATE SET state = excluded.state, request_id = excluded.request_id, "
    "updated_at = excluded.updated_at, owner = excluded.owner, lease_until = excluded.lease_until, "
    "answered = CASE WHEN excluded.answered > gmi_video_intents.answered THEN 1 ELSE gmi_video_intents.answered END "
)
# The allowed changes of a row, by any process and however late. `made` is final; nothing becomes `sending` again;
# otherwise the later state wins; `unknown` does not take the intent from another process that holds it.
_SAVE = (
    _INSERT
    + _TO_EXCLUDED
    + (
        "WHERE excluded.state = 'made' OR (gmi_video_intents.state <> 'made' "
        "AND gmi_video_intents.updated_at <= excluded.updated_at "
        "AND (excluded.state <> 'sending' OR gmi_video_intents.state = 'sending') "
        "AND (excluded.state <> 'unknown' OR gmi_video_intents.owner = excluded.owner "
        "OR gmi_video_intents.lease_until <= excluded.updated_at))"
    )
)
_RENEW = _INSERT + (
    "ON CONFLICT (id) DO UPDATE SET updated_at = excluded.updated_at, lease_until = excluded.lease_until "
    "WHERE gmi_video_intents.owner = excluded.owner AND gmi_video_intents.state IN ('sending', 'unknown')"
)


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """The arguments of a claim: the row to insert, and which existing rows are returned in its place.

    `payments`: what the user knew of when they agreed to this one; None if they were not asked.
    """

    intent: Intent
    allow_duplicate: bool
    reuse_seconds: float
    limit: Limit | None
    payments: int | None = None


def claim(session: Session, wanted: ClaimRequest) -> Claim:
    """Record an intent as `sending`, unless an equal one exists, the limit would be exceeded, or the consent was used.

    One yes of the user pays once, also where a client sends it to two copies of the server: the payment that it has
    made is counted here, in the step that would record the next one.
    """
    forget_old(session)
    intent = wanted.intent
    if mine := get(session, intent.id):
        # An earlier attempt of this claim was committed, but its result was lost.
        return Claimed(mine)
    if found := find(session, wanted):
        return found
    if wanted.payments is not None and payments(session, intent.account, intent.request) > wanted.payments:
        return PaidMeanwhile()
    if wanted.limit and (over := _over(session, intent, wanted.limit)):
        return over
    ((highest,),) = session.rows(
        "SELECT COALESCE(MAX(take), 0) FROM gmi_video_intents WHERE account = ? AND request = ?",
        intent.account,
        intent.request,
    )
    claimed = replace(
        intent,
        take=highest + 1 if wanted.allow_duplicate else 0,
        created_at=session.now,
        updated_at=session.now,
        lease_until=session.now + LEASE_SECONDS,
    )
    save(session, claimed)
    return Claimed(claimed)


def find(session: Session, wanted: ClaimRequest) -> Existing | None:
    """The intent that `claim` returns in place of a new one: the newest that is `made` or busy, else the newest."""
    rows = session.rows(
        _SELECT + "WHERE account = ? AND request = ? AND state <> 'refused' AND created_at BETWEEN ? AND ? "
        "ORDER BY created_at DESC, take DESC",
        wanted.intent.account,
        wanted.intent.request,
        # In both directions: a row from the future was written with a wrong clock and must not match for ever.
        session.now - DAY,
        session.now + DAY,
    )
    same = [
        Existing(intent, busy(session, intent))
        for row in rows
        if _matches(wanted, intent := Intent(*row), abs(session.now - row[7]))
    ]
    settled = [found for found in same if found.busy or found.intent.state == "made"]
    return next(iter(settled + same), None)


def payments(session: Session, account: str, request: str) -> int:
    """How often a video was paid for in the last day, or may have been."""
    ((number,),) = session.rows(
        "SELECT COUNT(*) FROM gmi_video_intents "
        "WHERE account = ? AND request = ? AND state <> 'refused' AND created_at BETWEEN ? AND ?",
        account,
        request,
        session.now - DAY,
        session.now + DAY,
    )
    return int(number)


def _matches(wanted: ClaimRequest, intent: Intent, age: float) -> bool:
    if wanted.allow_duplicate:
        # Until a caller was given its job, the same call again is the repeat of a host that has hung up.
        return intent.take > 0 and not intent.answered and (intent.state != "made" or age <= wanted.reuse_seconds)
    return intent.state != "made" or age <= wanted.reuse_seconds


def _over(session: Session, intent: Intent, limit: Limit) -> OverLimit | None:
    rows = session.rows(
        "SELECT state, request_id, usd FROM gmi_video_intents "
        "WHERE account = ? AND state <> 'refused' AND created_at BETWEEN ? AND ?",
        intent.account,
        session.now - limit.seconds,
        session.now + limit.seconds,
    )
    counted = [(state, usd) for state, request_id, usd in rows if request_id not in limit.listed_ids]
    spent = limit.listed_usd + sum(usd for _, usd in counted if usd is not None)
    unpriced = sum(usd is None for _, usd in counted)
    if not unpriced and spent + (intent.usd or 0.0) <= limit.usd + 1e-9:
        return None
    return OverLimit(spent, len(counted), sum(state != "made" for state, _ in counted), unpriced)


def settle(session: Session, intent: Intent) -> Intent:
    """Write the result of an intent. Returns the row as it is then; another process may have written more."""
    found = get(session, intent.id)
    # Not before the existing row's time, even if the clock was set back: this write is the later one.
    now = max(session.now, found.updated_at) if found else session.now
    save(session, replace(intent, updated_at=now, lease_until=0.0))
    return get(session, intent.id) or intent


def settle_found(session: Session, intent: Intent) -> Intent | None:
    """Like `settle`, for a job that a search has found. None if it belongs to another intent."""
    taken = session.rows(
        "SELECT 1 FROM gmi_video_intents WHERE account = ? AND request_id = ? AND id <> ?",
        intent.account,
        intent.request_id,
        intent.id,
    )
    return None if taken else settle(session, intent)


def answered(session: Session, account: str, request_id: str) -> list[Intent]:
    """Note that a caller was given the job of a take: the same call again is then another take."""
    rows = session.rows(
        _SELECT + "WHERE account = ? AND request_id = ? AND take > 0 AND answered = 0", account, request_id
    )
    intents = [replace(Intent(*row), answered=1) for row in rows]
    for intent in intents:
        put(session, intent)
    return intents


def renew(session: Session, intent: Intent) -> Intent | None:
    """Extend the lease. None if the intent is settled or another process holds it."""
    renewed = replace(intent, updated_at=session.now, lease_until=session.now + LEASE_SECONDS)
    return get(session, intent.id) if session.change(_RENEW, *astuple(renewed)) else None


def adopt(session: Session, intent: Intent, owner: str) -> Intent | None:
    """Take over an intent without a running holder. None if it has one, or is settled."""
    found = get(session, intent.id) or intent
    if found.state not in {"sending", "unknown"} or busy(session, found):
        return None
    taken = replace(
        found, state="unknown", owner=owner, updated_at=session.now, lease_until=session.now + LEASE_SECONDS
    )
    put(session, taken)
    return taken


def release(session: Session, account: str, owner: str) -> list[Intent]:
    """Release all intents that a process holds, at its end."""
    rows = session.rows(_SELECT + "WHERE account = ? AND owner = ? AND state IN ('sending', 'unknown')", account, owner)
    return [settle(session, replace(Intent(*row), state="unknown")) for row in rows]


def get(session: Session, intent_id: str) -> Intent | None:
    """One row."""
    rows = session.rows(_SELECT + "WHERE id = ?", intent_id)
    return Intent(*rows[0]) if rows else None


def request_ids(session: Session, account: str, *, priced: bool = False) -> frozenset[str]:
    """The ids of the jobs of this account's intents; `priced`: only of those whose price is known."""
    rows = session.rows("SELECT request_id, usd FROM gmi_video_intents WHERE account = ? AND request_id <> ''", account)
    # Interned: thousands of submits in line each keep such a set, and the ids in it are the same.
    return frozenset(sys.intern(request_id) for request_id, usd in rows if usd is not None or not priced)


def counts(session: Session, account: str) -> dict[str, int]:
    """The number of this account's intents in each state."""
    rows = session.rows("SELECT state, COUNT(*) FROM gmi_video_intents WHERE account = ? GROUP BY state", account)
    return {str(state): int(number) for state, number in rows}


def save(session: Session, intent: Intent) -> None:
    """Insert a row, or update the existing one if that change is allowed."""
    session.change(_SAVE, *astuple(intent))


def put(session: Session, intent: Intent) -> None:
    """Insert a row, or replace the existing one."""
    session.change(_INSERT + _TO_EXCLUDED, *astuple(intent))


def copies(session: Session, ids: Iterable[str]) -> list[Intent]:
    """The existing rows with these ids."""
    return [intent for intent_id in ids if (intent := get(session, intent_id))]


def busy(session: Session, intent: Intent) -> bool:
    """Whether a running process submits the intent or searches for its job."""
    return intent.state in {"sending", "unknown"} and holds(intent.owner, intent.lease_until, session.now)


def forget_old(session: Session) -> None:
    """Delete the rows of every account that are no longer needed."""
    session.change(
        "DELETE FROM gmi_video_intents WHERE created_at < ? OR (state = 'refused' AND updated_at < ?)",
        session.now - KEEP_SECONDS,
        session.now - KEEP_REFUSED_SECONDS,
    )

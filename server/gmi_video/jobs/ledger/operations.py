"""What is done with intents, as statements within one transaction; the same in every store.

Every operation may be run a second time, after a commit whose end was not seen, and comes to the same: rows are found
by the intent's id, which is made before the first try.
"""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace

from gmi_video.jobs.ledger.intents import DAY, HOUR, Claim, Claimed, Existing, Intent, Limit, OverLimit
from gmi_video.jobs.ledger.owners import LEASE_SECONDS, holds
from gmi_video.jobs.ledger.store import Session

KEEP_SECONDS = DAY + HOUR
"""A row older than this is deleted: the limit looks back a day."""

KEEP_REFUSED_SECONDS = 600.0
"""A refused one is kept so long: for who waits for it, and so that a late `renew` can't bring it back."""

_SELECT = (
    "SELECT id, account, request, take, state, request_id, usd, created_at, updated_at, owner, lease_until "
    "FROM gmi_video_intents "
)
_INSERT = (
    "INSERT INTO gmi_video_intents "
    "(id, account, request, take, state, request_id, usd, created_at, updated_at, owner, lease_until) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
)
_TO_EXCLUDED = (
    "ON CONFLICT (id) DO UPDATE SET state = excluded.state, request_id = excluded.request_id, "
    "updated_at = excluded.updated_at, owner = excluded.owner, lease_until = excluded.lease_until "
)
# What a row may become, whoever writes it and however late. That a job was made is final; `sending` never comes back;
# of two other words the later one holds; and `unknown` does not take the intent from another process that has it.
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
class Wish:
    """What a claim asks for: the row that it would make, and when another one will do."""

    intent: Intent
    allow_duplicate: bool
    reuse_seconds: float
    limit: Limit | None


def claim(session: Session, wish: Wish) -> Claim:
    """Record an intent as `sending`, unless there is one like it, or its price goes above the limit."""
    forget_old(session)
    intent = wish.intent
    if mine := get(session, intent.id):
        # An earlier try of this very claim was committed without our seeing it.
        return Claimed(mine)
    if found := find(session, wish):
        return found
    if wish.limit and (over := _over(session, intent, wish.limit)):
        return over
    ((highest,),) = session.rows(
        "SELECT COALESCE(MAX(take), 0) FROM gmi_video_intents WHERE account = ? AND request = ?",
        intent.account,
        intent.request,
    )
    claimed = replace(
        intent,
        take=highest + 1 if wish.allow_duplicate else 0,
        created_at=session.now,
        updated_at=session.now,
        lease_until=session.now + LEASE_SECONDS,
    )
    save(session, claimed)
    return Claimed(claimed)


def find(session: Session, wish: Wish) -> Existing | None:
    """The intent that `claim` returns in place of a new one: the newest that is made or busy, else the newest."""
    rows = session.rows(
        _SELECT + "WHERE account = ? AND request = ? AND state <> 'refused' AND created_at BETWEEN ? AND ? "
        "ORDER BY created_at DESC, take DESC",
        wish.intent.account,
        wish.intent.request,
        # Both ways: a row from the future was written under a wrong clock, and must not stand for ever.
        session.now - DAY,
        session.now + DAY,
    )
    same = [
        Existing(intent, busy(session, intent))
        for row in rows
        if _stands_for(wish, intent := Intent(*row), abs(session.now - row[7]))
    ]
    settled = [found for found in same if found.busy or found.intent.state == "made"]
    return next(iter(settled + same), None)


def _stands_for(wish: Wish, intent: Intent, age: float) -> bool:
    if wish.allow_duplicate:
        # The very call again, from a host that hung up: it joins the take that is under way.
        return intent.take > 0 and intent.state != "made"
    return intent.state != "made" or age <= wish.reuse_seconds


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
    """Write what became of an intent. The row as it stands then: another process may have known better."""
    found = get(session, intent.id)
    # Not before what is there, however the clock was set meanwhile: what is written now is the later word.
    now = max(session.now, found.updated_at) if found else session.now
    save(session, replace(intent, updated_at=now, lease_until=0.0))
    return get(session, intent.id) or intent


def settle_found(session: Session, intent: Intent) -> Intent | None:
    """As `settle`, for a job that was found by looking: None where it is another intent's."""
    taken = session.rows(
        "SELECT 1 FROM gmi_video_intents WHERE account = ? AND request_id = ? AND id <> ?",
        intent.account,
        intent.request_id,
        intent.id,
    )
    return None if taken else settle(session, intent)


def renew(session: Session, intent: Intent) -> Intent | None:
    """Extend the lease. None where the intent is settled or another process has it."""
    renewed = replace(intent, updated_at=session.now, lease_until=session.now + LEASE_SECONDS)
    return get(session, intent.id) if session.change(_RENEW, *astuple(renewed)) else None


def adopt(session: Session, intent: Intent, owner: str) -> Intent | None:
    """Take over an intent that nobody submits or looks for. None where somebody does, or it is settled."""
    found = get(session, intent.id) or intent
    if found.state not in {"sending", "unknown"} or busy(session, found):
        return None
    taken = replace(
        found, state="unknown", owner=owner, updated_at=session.now, lease_until=session.now + LEASE_SECONDS
    )
    put(session, taken)
    return taken


def release(session: Session, account: str, owner: str) -> list[Intent]:
    """Let go of all intents that a process has, at its end."""
    rows = session.rows(_SELECT + "WHERE account = ? AND owner = ? AND state IN ('sending', 'unknown')", account, owner)
    return [settle(session, replace(Intent(*row), state="unknown")) for row in rows]


def get(session: Session, intent_id: str) -> Intent | None:
    """One row."""
    rows = session.rows(_SELECT + "WHERE id = ?", intent_id)
    return Intent(*rows[0]) if rows else None


def request_ids(session: Session, account: str, *, priced: bool = False) -> frozenset[str]:
    """The ids of all jobs that intents of this account have come to; `priced`: of those whose price is known."""
    rows = session.rows("SELECT request_id, usd FROM gmi_video_intents WHERE account = ? AND request_id <> ''", account)
    return frozenset(str(request_id) for request_id, usd in rows if usd is not None or not priced)


def counts(session: Session, account: str) -> dict[str, int]:
    """How many intents of this account there are in each state."""
    rows = session.rows("SELECT state, COUNT(*) FROM gmi_video_intents WHERE account = ? GROUP BY state", account)
    return {str(state): int(number) for state, number in rows}


def save(session: Session, intent: Intent) -> None:
    """Write a whole row, as far as the one that is there may become it."""
    session.change(_SAVE, *astuple(intent))


def put(session: Session, intent: Intent) -> None:
    """Write a whole row, whatever is there."""
    session.change(_INSERT + _TO_EXCLUDED, *astuple(intent))


def copies(session: Session, ids: Iterable[str]) -> list[Intent]:
    """The rows of these ids, those that are there."""
    return [intent for intent_id in ids if (intent := get(session, intent_id))]


def busy(session: Session, intent: Intent) -> bool:
    """Whether a process that lives submits the intent or looks for its job."""
    return intent.state in {"sending", "unknown"} and holds(intent.owner, intent.lease_until, session.now)


def forget_old(session: Session) -> None:
    """Delete what nobody needs any more, of every account."""
    session.change(
        "DELETE FROM gmi_video_intents WHERE created_at < ? OR (state = 'refused' AND updated_at < ?)",
        session.now - KEEP_SECONDS,
        session.now - KEEP_REFUSED_SECONDS,
    )

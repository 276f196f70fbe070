"""The rows of the ledger (intents) and the results of a claim.

An intent is one video that was requested and is, or was about to be, paid. Account and request are HMACs with the API
key, so accounts never share rows, and a row does not reveal its request.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Literal

HOUR = 3600.0
DAY = 24 * HOUR

State = Literal["sending", "made", "unknown", "refused"]
"""`sending`: the submit is about to be sent or under way. `made`: the queue returned the job's id. `unknown`: the job
may or may not exist. `refused`: no job was made; the row is kept for some minutes, for processes that wait for it."""


@dataclass(frozen=True, slots=True)
class Intent:
    """One row.

    `id`: 32 hex digits. `account`, `request`: 64 hex digits. `take`: 0, or the number of a take that was requested
    with `allow_duplicate`. `request_id`: empty unless `made`. `usd`: None if the price is unknown. `owner`: the process
    that submits it or searches for its job; it holds the intent until `lease_until`. `answered`: 1 once a caller that
    asked for this take was given its job, else 0; not used for take 0. Times are Unix seconds by the ledger's clock
    (`Ledger.time`).
    """

    id: str
    account: str
    request: str
    take: int
    state: State
    request_id: str
    usd: float | None
    created_at: float
    updated_at: float
    owner: str
    lease_until: float
    answered: int = 0


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that may be spent within `seconds`.

    `listed_usd`: the cost of that time's requests in the queue's list. `listed_ids`: the ids of all requests in that
    list; intents with these ids are not counted again.
    """

    usd: float
    listed_usd: float = 0.0
    listed_ids: frozenset[str] = frozenset()
    seconds: float = DAY


@dataclass(frozen=True, slots=True)
class Claimed:
    """The intent is recorded as `sending` and its price is reserved. The caller submits it."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class Existing:
    """The same video was requested before.

    `busy`: a running process submits it or searches for its job; wait, then `get` it again. If it is neither busy nor
    `made`: `adopt` it, then search for its job before anything is paid.
    """

    intent: Intent
    busy: bool


@dataclass(frozen=True, slots=True)
class OverLimit:
    """The limit would be exceeded, or might be, because an intent's price is unknown. Nothing was recorded.

    `spent`: dollars, including the listed requests. `counted`: intents in that sum that the list does not show.
    `undecided`: those of them that are not `made` yet. The list may already show their jobs, so their price may be in
    the sum twice; wait for them and claim again. `unpriced`: intents of unknown price, which are not in the sum.
    """

    spent: float
    counted: int
    undecided: int
    unpriced: int


@dataclass(frozen=True, slots=True)
class PaidMeanwhile:
    """More was paid for this video than its user knew of when they agreed to the price. Nothing was recorded."""


Claim = Claimed | Existing | OverLimit | PaidMeanwhile


class Account:
    """The owner of the intents, and the hash function for their requests.

    Args:
        api_key: the key of both hashes. Two keys of one account are two accounts here.
        base_url: the queue's address.
        org_id: the organisation, or empty.
    """

    def __init__(self, api_key: str, base_url: str, org_id: str = "") -> None:
        self._key = api_key.encode()
        self.id = self._digest("account", base_url, org_id)

    def request(self, fingerprint: str) -> str:
        """The hash by which a request is stored. `fingerprint`: a text that is equal for equal requests."""
        return self._digest("request", self.id, fingerprint)

    def _digest(self, *parts: str) -> str:
        # JSON, so that two different lists of parts never give the same text.
        return hmac.new(self._key, json.dumps(parts).encode(), hashlib.sha256).hexdigest()

"""What the ledger holds: intents, one row each, and what a claim of one comes to.

An intent is one video that somebody asked for and that is, or was about to be, paid. Account and request are HMACs
keyed by the API key, so two accounts never meet, and without the key nobody can tell what a row was made from.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Literal

HOUR = 3600.0
DAY = 24 * HOUR

State = Literal["sending", "made", "unknown", "refused"]
"""`sending`: the submit is about to leave or under way. `made`: the queue named the job. `unknown`: it may or may not
exist. `refused`: no job was made; the row is kept a few minutes, so that whoever waits for it can tell."""


@dataclass(frozen=True, slots=True)
class Intent:
    """One row.

    `id`: 32 hex digits. `account`, `request`: 64 hex digits. `take`: 0, or the number of a take that was asked for
    with `allow_duplicate`. `request_id`: empty unless `made`. `usd`: None where the price is not known. `owner`: the
    process that submits it, or looks for it. Times are Unix seconds by the ledger's clock (`Ledger.time`); `owner`
    has the intent until `lease_until`.
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


@dataclass(frozen=True, slots=True)
class Limit:
    """What may be spent in the last `seconds`.

    `listed_usd`: what the requests of that time in the queue's own list cost. `listed_ids`: the ids of all requests
    in that list; intents with these ids are not counted a second time.
    """

    usd: float
    listed_usd: float = 0.0
    listed_ids: frozenset[str] = frozenset()
    seconds: float = DAY


@dataclass(frozen=True, slots=True)
class Claimed:
    """The intent is ours: recorded as `sending`, its price reserved. Submit it."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class Existing:
    """The same video was asked for before.

    `busy`: a process that lives submits it or looks for it right now, so wait and `get` it again. Not busy and not
    `made`: `adopt` it, then look for its job before anything is paid.
    """

    intent: Intent
    busy: bool


@dataclass(frozen=True, slots=True)
class OverLimit:
    """It would go above the limit, or may, because of intents whose price is not known; nothing was recorded.

    `spent`: dollars, the listed ones included. `counted`: how many intents are in it beside the list. `undecided`:
    how many of these are neither `made` nor given up: the list may show their jobs already, so their price may be in
    the sum twice; wait for them and claim again. `unpriced`: how many have no known price and are not in the sum.
    """

    spent: float
    counted: int
    undecided: int
    unpriced: int


Claim = Claimed | Existing | OverLimit


class Account:
    """Whose intents these are, and the hash that hides their requests.

    Args:
        api_key: the key of both hashes. Two keys of one account are two accounts here.
        base_url: the queue's address.
        org_id: the organisation, or empty.
    """

    def __init__(self, api_key: str, base_url: str, org_id: str = "") -> None:
        self._key = api_key.encode()
        self.id = self._digest("account", base_url, org_id)

    def request(self, fingerprint: str) -> str:
        """The hash under which a request is kept. `fingerprint`: a text that is equal for equal requests."""
        return self._digest("request", self.id, fingerprint)

    def _digest(self, *parts: str) -> str:
        # As JSON, so that no two lists of parts run together into one text.
        return hmac.new(self._key, json.dumps(parts).encode(), hashlib.sha256).hexdigest()

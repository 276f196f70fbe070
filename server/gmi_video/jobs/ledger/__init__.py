"""The ledger: a write-ahead record of submits, shared by all copies of the server.

`ledger` is the interface for a submission. `operations` has the SQL statements, `sqlite` and `postgres` are the stores,
and `fallback` uses memory while a store is unavailable.
"""

from gmi_video.jobs.ledger.intents import (
    Account,
    Claim,
    Claimed,
    Existing,
    Intent,
    Limit,
    OverLimit,
    PaidMeanwhile,
    State,
)
from gmi_video.jobs.ledger.ledger import Ledger

__all__ = [
    "Account",
    "Claim",
    "Claimed",
    "Existing",
    "Intent",
    "Ledger",
    "Limit",
    "OverLimit",
    "PaidMeanwhile",
    "State",
]

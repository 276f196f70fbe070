"""The ledger: a write-ahead record of what is about to be paid, shared by all copies of the server.

`ledger` is what a submission calls; `operations` are its statements, `sqlite` and `postgres` the stores, `fallback`
goes on in memory when a store can't be used.
"""

from gmi_video.jobs.ledger.intents import Account, Claim, Claimed, Existing, Intent, Limit, OverLimit, State
from gmi_video.jobs.ledger.ledger import Ledger

__all__ = ["Account", "Claim", "Claimed", "Existing", "Intent", "Ledger", "Limit", "OverLimit", "State"]

"""What this process alone knows of its submits: a guard for the moments in which the queue's list can't be had."""

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gmi_video.jobs.reconciliation import UnconfirmedSubmit

LIMIT = 4096
"""So many entries of a kind are kept; the oldest go first."""


class Memory:
    """Ids and doubts by fingerprint. Nothing here is needed after a restart, as long as the list can be had."""

    def __init__(self) -> None:
        self.latest: OrderedDict[str, str] = OrderedDict()  # the job last made for a fingerprint
        self.own: OrderedDict[str, None] = OrderedDict()  # ids of all jobs made or found here
        self.delivered: OrderedDict[str, None] = OrderedDict()  # ids whose outcome a caller has
        self.doubts: OrderedDict[str, UnconfirmedSubmit] = OrderedDict()  # submits of unknown fate, by fingerprint

    def keep(self, entries: OrderedDict[str, Any], key: str, value: Any = None) -> None:
        """Put an entry in, as the newest."""
        entries[key] = value
        entries.move_to_end(key)
        if len(entries) > LIMIT:
            entries.popitem(last=False)

"""How old a job is, by this process's own clock since it saw the job.

A job's stamps come from a clock that may differ by minutes from the one in the queue's `Date` header, and from this
machine's. What this process saw goes before them: when its submit left and was answered, and when it first saw a job.
"""

import anyio
from cachetools import LRUCache

from gmi_video.upstream.client import Queue
from gmi_video.upstream.wire import Record

REMEMBERED = 10_000
"""Jobs whose first sight is remembered."""


class Ages:
    """When jobs were made, as `anyio.current_time`.

    Args:
        queue: knows when its submits were made, and what time the queue has.
    """

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._made: LRUCache[str, float] = LRUCache(REMEMBERED)
        self._behind = 0.0
        """Seconds by which `Queue.now` is known to be behind the clock of the stamps."""

    def made_at(self, record: Record) -> float:
        """When a job was made; once determined for a job it does not change."""
        made = self._made.get(record.request_id)
        if made is None:
            made = self._made[record.request_id] = anyio.current_time() - self._age(record)
        return made

    def _age(self, record: Record) -> float:
        now = anyio.current_time()
        submit = self._queue.submits.get(record.request_id)
        created = record.created_at
        if created is None:
            return now - submit.answered if submit else 0.0
        by_stamps = self._queue.now() - created
        if submit is not None:
            age = min(max(by_stamps, now - submit.answered), now - submit.began)
            self._behind = age - by_stamps
            return age
        updated = max(record.updated_at or created, created)
        self._behind = max(self._behind, updated - self._queue.now())  # no stamp is of the future
        return max(by_stamps + self._behind, updated - created)

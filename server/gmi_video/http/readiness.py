"""Whether the server can serve: its settings are right, and what is about to be paid can be recorded."""

import anyio

from gmi_video.jobs.ledger import Account, Ledger
from gmi_video.settings import Settings

KEPT_SECONDS = 2.0
"""How long an answer is given again: it can be asked for without a token."""

LEDGER_SECONDS = 5.0
"""What the ledger may take to answer."""


class Readiness:
    """Answers `/readyz`. Nothing is sent to the queue.

    Args:
        settings: the server's settings.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # An account of its own: nothing is recorded for it.
        self._ledger = Ledger(settings.ledger_url, Account("readiness", settings.base_url))
        self._lock = anyio.Lock()
        self._ready = False
        self._until = float("-inf")

    async def is_ready(self) -> bool:
        """Whether calls can be served now."""
        if self._settings.problems:
            return False
        async with self._lock:
            if anyio.current_time() >= self._until:
                self._ready = await self._ledger_works()
                self._until = anyio.current_time() + KEPT_SECONDS
            return self._ready

    async def aclose(self) -> None:
        """Close the ledger."""
        await self._ledger.aclose()

    async def _ledger_works(self) -> bool:
        with anyio.move_on_after(LEDGER_SECONDS):
            await self._ledger.recent()
            # With `none`, which is the operator's choice, there is always that trouble.
            return not self._ledger.trouble or self._settings.ledger_url == "none"
        return False

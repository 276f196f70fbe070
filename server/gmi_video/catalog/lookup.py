"""What the queue says of its models: parameters and price, asked when needed and kept for a few minutes."""

import difflib
from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from gmi_video.errors import NotFound, UpstreamError
from gmi_video.text import as_json_literal
from gmi_video.upstream.client import Queue
from gmi_video.upstream.wire import LUMA_RAY2, ModelRecord

KEEP_SECONDS = 300.0
"""How long a record or the list of ids is good: a vendor changes a model by the week, a person asks by the minute."""

KEEP_FAILURE_SECONDS = 60.0
"""How long Luma-Ray2, whose table is built in, does without a live record that could not be had."""

LUMA_PATIENCE = 5.0
"""Seconds that a Luma-Ray2 call waits for the live record before it goes by the built-in table."""


class Catalog:
    """The queue's models."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._kept: dict[str, tuple[float, Any]] = {}
        self._turns: dict[str, anyio.Lock] = {}

    async def model(self, model_id: str) -> ModelRecord:
        """A model's live record. Raises `UpstreamError` where it can't be had; a failure is not kept."""
        try:
            return await self._keep(f"model {model_id}", lambda: self._queue.get_model(model_id))
        except NotFound as error:
            error.next_step = await self._suggestion(model_id) or error.next_step
            raise

    async def ids(self) -> list[str]:
        """The ids of the public models."""
        return await self._keep("ids", self._queue.list_models)

    async def luma(self) -> ModelRecord | None:
        """Luma-Ray2's live record, or None: the built-in table does without, so a failed fetch blocks nothing."""

        async def fetch() -> ModelRecord | None:
            with anyio.move_on_after(LUMA_PATIENCE):
                try:
                    return await self._queue.get_model(LUMA_RAY2)
                except UpstreamError:
                    pass
            return None

        return await self._keep(f"model {LUMA_RAY2}", fetch)

    def known(self, model_id: str) -> ModelRecord | None:
        """A model's record if it is at hand, without asking."""
        _, kept = self._kept.get(f"model {model_id}", (0.0, None))
        return kept

    async def _suggestion(self, model_id: str) -> str:
        """What to try instead of an id that does not exist: ids are case-sensitive, and people's memory is not."""
        try:
            ids = {name.lower(): name for name in await self.ids()}
        except UpstreamError:
            return ""
        near = [ids[name] for name in difflib.get_close_matches(model_id.lower(), ids, n=3, cutoff=0.6)]
        if not near:
            return ""
        call = f'list_models with {{"model": "{near[0]}"}} shows what it takes.'
        return f"The nearest id{' is' if len(near) == 1 else 's are'} {', '.join(map(as_json_literal, near))}; {call}"

    async def _keep(self, key: str, fetch: Callable[[], Awaitable[Any]]) -> Any:
        async with self._turns.setdefault(key, anyio.Lock()):
            until, kept = self._kept.get(key, (-1.0, None))
            now = anyio.current_time()
            if now >= until:
                kept = await fetch()
                self._kept[key] = (now + (KEEP_FAILURE_SECONDS if kept is None else KEEP_SECONDS), kept)
                if len(self._kept) > 500:  # noqa: PLR2004 - the vendor lists several hundred models
                    self._kept.pop(next(iter(self._kept)))
            return kept

"""The queue's models: ids and live records, fetched when needed and cached for a few minutes."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from anyio import to_thread
from cachetools import TTLCache

from gmi_video.background import Tasks
from gmi_video.errors import NotFound, UpstreamError
from gmi_video.single_flight import SingleFlight
from gmi_video.text import as_json_literal, similar
from gmi_video.upstream.client import Queue
from gmi_video.upstream.luma_ray2 import DOCUMENTED, LUMA_RAY2
from gmi_video.upstream.wire import ModelRecord

CACHE_SECONDS = 300.0
"""How long a record or the list of ids is reused. A vendor changes a model about once a week."""

CACHE_SIZE = 500
"""Records kept at most; the vendor lists several hundred models."""

RETRY_SECONDS = 60.0
"""How long Luma-Ray2's documented table, or no price, is used before an unavailable record is asked for again."""

LUMA_PATIENCE = 5.0
"""Seconds that a Luma-Ray2 call waits for the live record before it goes by the documented table."""

SHOWN_PATIENCE = 3.0
"""Seconds that an answer waits for a record of which it only shows the price."""


class Catalog:
    """The queue's models.

    Args:
        queue: the queue.
        tasks: the server's task group; fetches run in it, shared by all callers.
    """

    def __init__(self, queue: Queue, tasks: Tasks) -> None:
        self._queue = queue
        self._cache: TTLCache[str, Any] = TTLCache(CACHE_SIZE, CACHE_SECONDS, timer=anyio.current_time)
        self._fetches: SingleFlight[str, Any] = SingleFlight(tasks)
        self._luma_retry_at = 0.0
        self._unavailable: TTLCache[str, None] = TTLCache(CACHE_SIZE, RETRY_SECONDS, timer=anyio.current_time)

    async def model(self, model_id: str) -> ModelRecord:
        """A model's live record. Raises `UpstreamError` where it is unavailable; a failure is not cached."""
        try:
            return await self._record(model_id)
        except NotFound as error:
            suggestion = await self._suggestion(model_id)
            raise NotFound(error.message, suggestion or error.next_step) from None

    async def model_in_any_case(self, model_id: str) -> ModelRecord:
        """As `model`, for an id that the queue may have echoed in another letter case."""
        ids = {name.casefold(): name for name in await self.ids()}
        return await self.model(ids.get(model_id.casefold(), model_id))

    async def known(self, model_id: str) -> ModelRecord | None:
        """A model's record for what is only shown, such as a price; None where it is unavailable or late."""
        if model_id == LUMA_RAY2:
            return await self.luma()
        if model_id and model_id not in self._unavailable:
            with anyio.move_on_after(SHOWN_PATIENCE):
                try:
                    return await self._record(model_id)
                except UpstreamError:
                    pass
            self._unavailable[model_id] = None
        return None

    def has(self, model_id: str) -> bool:
        """Whether nothing has to be asked of the queue for the model's record, or for what does in its place."""
        documented = model_id == LUMA_RAY2 and anyio.current_time() < self._luma_retry_at
        return documented or _key(model_id) in self._cache

    async def ids(self) -> list[str]:
        """The ids of the public models."""
        return await self._cached("ids", self._queue.list_models)

    async def luma(self) -> ModelRecord:
        """Luma-Ray2's live record, or the documented table where that is unavailable: it never blocks a call."""
        if anyio.current_time() >= self._luma_retry_at:
            with anyio.move_on_after(LUMA_PATIENCE):
                try:
                    return await self._record(LUMA_RAY2)
                except UpstreamError:
                    pass
            self._luma_retry_at = anyio.current_time() + RETRY_SECONDS
        return DOCUMENTED

    async def _suggestion(self, model_id: str) -> str:
        """What to try instead of an id that does not exist; ids are case-sensitive."""
        try:
            ids = {name.lower(): name for name in await self.ids()}
        except UpstreamError:
            return ""
        # In a thread: with a thousand ids it can take a good part of a second.
        near = [ids[name] for name in await to_thread.run_sync(similar, model_id.lower(), ids, 3, 0.6)]
        if not near:
            return ""
        call = f'list_models with {{"model": {as_json_literal(near[0], 200)}}} shows what it takes.'
        return f"The nearest id{' is' if len(near) == 1 else 's are'} {', '.join(map(as_json_literal, near))}; {call}"

    async def _record(self, model_id: str) -> ModelRecord:
        return await self._cached(_key(model_id), lambda: self._queue.get_model(model_id))

    async def _cached(self, key: str, fetch: Callable[[], Awaitable[Any]]) -> Any:
        async def fetch_and_keep() -> Any:
            self._cache[key] = value = await fetch()
            return value

        if (value := self._cache.get(key)) is not None:
            return value
        return await self._fetches.run(key, fetch_and_keep)


def _key(model_id: str) -> str:
    return f"model {model_id}"

"""Subscriptions: who listens on an outcome's URI hears when its job changes.

The queue is asked only while somebody listens, by the one poller that every wait shares. The newer protocol listens by
one long request (`subscriptions/listen`), the older one subscribes a URI for as long as its connection lasts.
"""

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import anyio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.session import ServerSession
from mcp.server.subscriptions import InMemorySubscriptionBus, ResourcesListChanged, ResourceUpdated
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, EmptyResult, SubscribeRequestParams, UnsubscribeRequestParams

from gmi_video.errors import UpstreamError
from gmi_video.mcp.results import MODEL_URI, OUTCOME_URI
from gmi_video.services import Services
from gmi_video.upstream.wire import REQUEST_ID_PATTERN, Record, fields_of, items_of

FOLLOWED = 100
"""So many URIs of one listener are followed; the rest would cost the queue more than it is worth."""

TRY_AGAIN = 15.0
"""Seconds after which a job that could not be asked for is asked for again."""

Ctx = ServerRequestContext[Services, Any]
Tell = Callable[[Record], Awaitable[None]]


@dataclass(slots=True)
class _Told:
    """The status last published for a URI, and how many listeners follow it: one change is published once."""

    status: str
    followers: int = 0


class Subscriptions:
    """Follows jobs for listeners of both eras. `bus` carries what the newer ones hear; the SDK delivers it."""

    def __init__(self) -> None:
        self.bus = InMemorySubscriptionBus()
        self._told: dict[str, _Told] = {}
        self._scopes: dict[tuple[int, str], anyio.CancelScope] = {}

    # -- 2026-07-28 ----------------------------------------------------------------------------------------------

    async def middleware(self, ctx: Ctx, call_next: CallNext) -> HandlerResult:
        """Follow the outcomes that a listener names, for as long as it listens."""
        if ctx.method != "subscriptions/listen":
            return await call_next(ctx)
        named = items_of(fields_of((ctx.params or {}).get("notifications")).get("resourceSubscriptions"))
        result: HandlerResult = None
        refusal: MCPError | None = None
        async with anyio.create_task_group() as tasks:
            for uri in {uri for uri in named[:FOLLOWED] if isinstance(uri, str)}:
                tasks.start_soon(self._publish_changes, ctx.lifespan_context, uri)
            try:
                result = await call_next(ctx)
            except MCPError as error:
                refusal = error  # raised below: out of here it would be wrapped in a group
            tasks.cancel_scope.cancel()
        if refusal is not None:
            raise refusal
        return result

    async def _publish_changes(self, services: Services, uri: str) -> None:
        record = await _first_look(services, uri)
        if record is None:
            return
        told = self._told.setdefault(uri, _Told(record.status))

        async def publish(record: Record) -> None:
            if told.status == record.status:
                return
            told.status = record.status
            await self.bus.publish(ResourceUpdated(uri=uri))
            if record.succeeded:
                await self.bus.publish(ResourcesListChanged())

        told.followers += 1
        try:
            await services.poller.follow(record, await services.poller.expect(record), publish)
        finally:
            told.followers -= 1
            if told.followers == 0:
                self._told.pop(uri, None)

    # -- the handshake era ---------------------------------------------------------------------------------------

    async def subscribe(self, ctx: Ctx, params: SubscribeRequestParams) -> EmptyResult:
        """`resources/subscribe`: follow one URI until it is unsubscribed or the connection ends."""
        uri = str(params.uri)
        if _request_id(uri) is None and not uri.startswith(MODEL_URI.partition("{")[0]):
            raise MCPError(INVALID_PARAMS, "There is no such resource.")
        # The SDK keeps a connection's own end to itself; without it a subscription would outlive who made it.
        connection = ctx.session._connection  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        key = (id(connection), uri)
        if key not in self._scopes and len(self._scopes) < FOLLOWED * 10:
            scope = self._scopes[key] = anyio.CancelScope()
            connection.exit_stack.callback(self._drop, key)
            ctx.lifespan_context.tasks.start_soon(self._tell_session, ctx.lifespan_context, ctx.session, uri, scope)
        return EmptyResult()

    async def unsubscribe(self, ctx: Ctx, params: UnsubscribeRequestParams) -> EmptyResult:
        """`resources/unsubscribe`: stop following it."""
        connection = ctx.session._connection  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - as above
        self._drop((id(connection), str(params.uri)))
        return EmptyResult()

    def _drop(self, key: tuple[int, str]) -> None:
        if scope := self._scopes.pop(key, None):
            scope.cancel()

    async def _tell_session(
        self, services: Services, session: ServerSession, uri: str, scope: anyio.CancelScope
    ) -> None:
        async def tell(record: Record) -> None:
            # A connection may go at any moment; what it would have been told is then nobody's.
            with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError, MCPError):
                await session.send_resource_updated(uri)
                if record.succeeded:
                    await session.send_resource_list_changed()

        with scope:
            record = await _first_look(services, uri)
            if record is not None:
                await services.poller.follow(record, await services.poller.expect(record), tell)


async def _first_look(services: Services, uri: str) -> Record | None:
    """The job behind an outcome's URI, as soon as it can be had; None where there is nothing to follow."""
    request_id = _request_id(uri)
    while request_id is not None and not services.settings.problems:
        try:
            return await services.queue.get_request(request_id)
        except UpstreamError as error:
            if not error.passing:
                return None
        await anyio.sleep(TRY_AGAIN)
    return None


def _request_id(uri: str) -> str | None:
    before, _, after = OUTCOME_URI.partition("{request_id}")
    inner = uri.removeprefix(before).removesuffix(after)
    if uri != f"{before}{inner}{after}" or not re.fullmatch(REQUEST_ID_PATTERN, inner):
        return None
    return inner

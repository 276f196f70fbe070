"""Notifies subscribers of an outcome URI when its job's status changes.

The queue is polled only while someone listens, by the poller that every wait shares. In 2026-07-28 a client listens by
one long request (`subscriptions/listen`); before, it subscribes a URI for as long as its connection lasts.
"""

from contextlib import suppress
from dataclasses import dataclass

import anyio
from mcp.server.context import CallNext, HandlerResult
from mcp.server.session import ServerSession
from mcp.server.subscriptions import InMemorySubscriptionBus, ResourcesListChanged, ResourceUpdated
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, EmptyResult, SubscribeRequestParams, UnsubscribeRequestParams

from gmi_video.background import contained
from gmi_video.errors import SettingsError, UpstreamError
from gmi_video.mcp.results import MODEL_URI, OUTCOME_URI
from gmi_video.mcp.sdk import RequestContext, connection_of
from gmi_video.services import Services
from gmi_video.upstream.wire import Record, fields_of, is_request_id, items_of

MAX_FOLLOWED = 100
"""URIs of one listener that are followed; more would cost the queue more requests than they are worth."""

RETRY_SECONDS = 15.0
"""Seconds after which a job whose first poll failed is asked for again."""


@dataclass(slots=True)
class _Published:
    """The status last published for a URI, and how many listeners follow it: one change is published once."""

    status: str
    followers: int = 0


class Subscriptions:
    """Follows jobs for listeners of both eras. `bus` carries the notifications of 2026-07-28; the SDK delivers them."""

    def __init__(self) -> None:
        self.bus = InMemorySubscriptionBus()
        self._published: dict[str, _Published] = {}
        self._scopes: dict[tuple[int, str], anyio.CancelScope] = {}

    # -- 2026-07-28 ----------------------------------------------------------------------------------------------

    async def middleware(self, ctx: RequestContext, call_next: CallNext) -> HandlerResult:
        """Follow the outcomes that a listener names, for as long as it listens."""
        if ctx.method != "subscriptions/listen":
            return await call_next(ctx)
        named = items_of(fields_of((ctx.params or {}).get("notifications")).get("resourceSubscriptions"))
        result: HandlerResult = None
        refusal: MCPError | None = None
        async with anyio.create_task_group() as tasks:
            for uri in {uri for uri in named[:MAX_FOLLOWED] if isinstance(uri, str)}:
                tasks.start_soon(contained, self._publish_changes, ctx.lifespan_context, uri)
            try:
                result = await call_next(ctx)
            except MCPError as error:
                refusal = error  # raised below: raised here, it would be wrapped in a group
            tasks.cancel_scope.cancel()
        if refusal is not None:
            raise refusal
        return result

    async def _publish_changes(self, services: Services, uri: str) -> None:
        record = await _first_record(services, uri)
        if record is None:
            return
        published = self._published.setdefault(uri, _Published(record.status))

        async def publish(record: Record) -> None:
            if published.status == record.status:
                return
            published.status = record.status
            await self.bus.publish(ResourceUpdated(uri=uri))
            if record.succeeded:
                await self.bus.publish(ResourcesListChanged())

        published.followers += 1
        try:
            await services.poller.follow(record, publish)
        finally:
            published.followers -= 1
            if published.followers == 0:
                self._published.pop(uri, None)

    # -- 2025-11-25 and before ------------------------------------------------------------------------------------

    async def subscribe(self, ctx: RequestContext, params: SubscribeRequestParams) -> EmptyResult:
        """`resources/subscribe`: follow one URI until it is unsubscribed or the connection ends."""
        uri = str(params.uri)
        if _request_id(uri) is None and not uri.startswith(MODEL_URI.partition("{")[0]):
            raise MCPError(INVALID_PARAMS, "There is no such resource.")
        connection, at_its_end = connection_of(ctx.session)
        key = (connection, uri)
        if key not in self._scopes and len(self._scopes) < MAX_FOLLOWED * 10:
            scope = self._scopes[key] = anyio.CancelScope()
            at_its_end.callback(self._drop, key)
            ctx.lifespan_context.tasks.start_soon(self._notify_session, ctx.lifespan_context, ctx.session, uri, scope)
        return EmptyResult()

    async def unsubscribe(self, ctx: RequestContext, params: UnsubscribeRequestParams) -> EmptyResult:
        """`resources/unsubscribe`: stop following it."""
        connection, _ = connection_of(ctx.session)
        self._drop((connection, str(params.uri)))
        return EmptyResult()

    def _drop(self, key: tuple[int, str]) -> None:
        if scope := self._scopes.pop(key, None):
            scope.cancel()

    async def _notify_session(
        self, services: Services, session: ServerSession, uri: str, scope: anyio.CancelScope
    ) -> None:
        async def notify(record: Record) -> None:
            # The connection may end at any moment; there is no one left to notify then.
            with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError, MCPError):
                await session.send_resource_updated(uri)
                if record.succeeded:
                    await session.send_resource_list_changed()

        with scope:
            record = await _first_record(services, uri)
            if record is not None:
                await services.poller.follow(record, notify)


async def _first_record(services: Services, uri: str) -> Record | None:
    """The job behind an outcome's URI, as soon as it can be fetched; None where there is nothing to follow."""
    request_id = _request_id(uri)
    while request_id is not None and not services.settings.problems:
        try:
            return await services.poller.look(request_id)
        except UpstreamError as error:
            if not error.passing:
                return None
        except SettingsError:
            return None  # certificates that can't be used; every call says so
        await anyio.sleep(RETRY_SECONDS)
    return None


def _request_id(uri: str) -> str | None:
    before, _, after = OUTCOME_URI.partition("{request_id}")
    inner = uri.removeprefix(before).removesuffix(after)
    if uri != f"{before}{inner}{after}" or not is_request_id(inner):
        return None
    return inner

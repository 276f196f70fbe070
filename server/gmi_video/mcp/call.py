"""One tool call: its services, its waits, its progress messages, and the form of its result."""

from collections.abc import AsyncGenerator, Hashable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import anyio
from cachetools import LRUCache
from mcp.server.mcpserver import Context
from mcp_types import CallToolResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from gmi_video.catalog import pricing
from gmi_video.errors import UpstreamError
from gmi_video.jobs.estimates import NO_HISTORY, Estimate
from gmi_video.jobs.watched import Watched
from gmi_video.mcp import hosts, results
from gmi_video.mcp.deadlines import CURRENT, Deadline
from gmi_video.mcp.frames import COMPARE, NOT_LOOKED, Looked
from gmi_video.mcp.job_text import Moment, progress_text
from gmi_video.mcp.patience import Wait
from gmi_video.mcp.player import has_player
from gmi_video.mcp.results import tool_result
from gmi_video.mcp.saving import saved
from gmi_video.mcp.sdk import RequestContext, is_over_http, patience_of
from gmi_video.services import Services
from gmi_video.upstream.wire import Record

ToolContext = Context[Services, Any]

SEVERAL, LONG_SECONDS, MANY = 3, 120.0, 10
"""After this many waits for a job, of `LONG_SECONDS` in all, or after `MANY` short ones, its user is to decide."""

REMEMBERED = 1024
"""Jobs whose waits are counted."""

CANCEL_SECONDS = 0.05
"""Longer than a cancelled call takes to end."""


class Facts(NamedTuple):
    """What is known of a job beside its record: its usual length, its price, and its model's defaults."""

    expected: Estimate = NO_HISTORY
    usd: float | None = None
    defaults: Mapping[str, Any] = {}


class WaitResult(NamedTuple):
    """A job after a wait: as it was last seen, what is known of it, and what the call did."""

    state: Watched
    facts: Facts
    moment: Moment


class Call:
    """A tool call as it runs.

    Raises:
        SettingsError: a setting is missing or wrong.
    """

    def __init__(self, ctx: ToolContext) -> None:
        self.services: Services = ctx.request_context.lifespan_context
        self.services.settings.check()
        self.deadline = CURRENT.get()
        self.has_player = has_player(ctx)
        self._ctx = ctx
        self._patience = patience_of(ctx.request_context)

    @asynccontextmanager
    async def under_way(self, key: Hashable) -> AsyncGenerator[Wait]:
        """Note that this call works on `key`. Where its host gave up on an earlier call for it, answer soon."""
        await self._let_cancelled_end(key)
        with self._patience.waiting(key) as wait:
            if wait.given_up:
                self.deadline.hurry()
            yield wait

    async def wait_for(self, record: Record, *, wait: bool) -> WaitResult:
        """Wait for a job as long as the host allows (not at all where `wait` is false), reporting progress."""
        if not wait:
            return await self._wait_for(record, wait=False)
        await self._let_cancelled_end(record.request_id)
        with self._patience.waiting(record.request_id) as waiting:
            return await self._wait_for(record, wait=not waiting.given_up)

    async def _let_cancelled_end(self, key: Hashable) -> None:
        """A call that was cancelled a moment ago still ends; without this it would count as given up in silence."""
        if self._patience.is_waiting(key):
            await anyio.sleep(CANCEL_SECONDS)

    async def _wait_for(self, record: Record, *, wait: bool) -> WaitResult:
        """The wait itself.

        The first message names the request id: a caller that gives up must be able to find the job again.
        """
        poller = self.services.poller
        end = self.deadline.wait_until if wait else 0.0
        progress = 0.001
        if not record.is_final and end > anyio.current_time():
            # At once, because what is asked next may take long or fail.
            await self._ctx.report_progress(progress, None, f"request {record.request_id}: {record.status_words}")
        facts = await facts_of(self.services, record)

        async def report(state: Watched) -> None:
            nonlocal progress
            progress = max(state.age, progress + 0.001)  # the protocol requires each value to be above the last
            usual = facts.expected.expected_seconds
            total = max(usual, progress * 1.05) if usual else None
            text = progress_text(state.record, state.age, facts.expected)
            await self._ctx.report_progress(round(progress, 3), total, text)

        started = anyio.current_time()
        state = await poller.wait(record, facts.expected, max(end - started, 0.0), report)
        if state.record.succeeded and not record.succeeded:
            await self._announce_outcome()
        if not wait:
            return WaitResult(state, facts, "shown" if self.has_player else "looked")
        waits = _waits_of(self.services)
        number, seconds = waits.get(record.request_id, (0, 0.0))
        waits[record.request_id] = number, seconds = number + 1, seconds + anyio.current_time() - started
        long = (number >= SEVERAL and seconds >= LONG_SECONDS) or number >= MANY
        return WaitResult(state, facts, "waited long" if long else "waited")

    async def _announce_outcome(self) -> None:
        """Say that resources/list has one more outcome: to subscribers, and to a host of the handshake era."""
        await self._ctx.notify_resources_changed()
        if self._ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            await self._ctx.session.send_resource_list_changed()


_WAITS: WeakKeyDictionary[Services, LRUCache[str, tuple[int, float]]] = WeakKeyDictionary()


def _waits_of(services: Services) -> LRUCache[str, tuple[int, float]]:
    """How often each job was waited for in this process, and for how many seconds in all."""
    return _WAITS.setdefault(services, LRUCache(REMEMBERED))


def deadline_of(ctx: RequestContext) -> Deadline:
    """The deadline of a request that has just come in: by the settings, or else by the host."""
    client = ctx.session.client_params
    by_host = hosts.longest_wait(client.client_info.name if client else "", over_http=is_over_http(ctx))
    set_by_user = ctx.lifespan_context.settings.max_wait_seconds
    return Deadline(by_host if set_by_user is None else set_by_user, patience_of(ctx))


async def facts_of(services: Services, record: Record) -> Facts:
    """What is known of a job beside its record, as far as the request's time allows to ask."""
    facts = Facts()

    async def learn_price() -> None:
        nonlocal facts
        if model := await services.catalog.known(record.model):
            facts = facts._replace(usd=pricing.cost_as_listed(model, record.payload), defaults=model.defaults)

    async def learn_length() -> None:
        nonlocal facts
        expected = await services.poller.expect(record)
        facts = facts._replace(expected=expected)

    with CURRENT.get().soft():
        async with anyio.create_task_group() as group:
            group.start_soon(learn_price)
            group.start_soon(learn_length)
    return facts


async def status_result(
    services: Services,
    record: Record,
    facts: Facts,
    *,
    age: float | None,
    moment: Moment = "looked",
    problem: UpstreamError | None = None,
    looked: Looked = NOT_LOOKED,
) -> CallToolResult:
    """What get_status answers about a job of this age (seconds); a finished video is saved."""
    result = results.job_result(
        record,
        age=age,
        expected=facts.expected,
        moment=moment,
        defaults=facts.defaults,
        usd=facts.usd,
        saved=await saved(services, record, defaults=facts.defaults, usd=facts.usd),
        note=looked.note,
        problem=problem,
    )
    if looked.image:
        result["next_step"] = f"{COMPARE} {result.get('next_step', '')}"
    return tool_result(result, image=looked.image)

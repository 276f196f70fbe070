"""One tool call: its services, its waits, its progress messages, and the form of its result."""

from collections.abc import Generator, Hashable
from contextlib import contextmanager
from typing import Any

import anyio
from mcp.server.mcpserver import Context
from mcp_types import CallToolResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from gmi_video.errors import UpstreamError
from gmi_video.jobs.estimates import NO_HISTORY, Estimate
from gmi_video.jobs.watched import Watched
from gmi_video.mcp import hosts, results
from gmi_video.mcp.deadlines import CURRENT, Deadline
from gmi_video.mcp.patience import Wait
from gmi_video.mcp.results import tool_result
from gmi_video.mcp.sdk import RequestContext, is_over_http, patience_of
from gmi_video.services import Services
from gmi_video.upstream.wire import Record

ToolContext = Context[Services, Any]


class Call:
    """A tool call as it runs.

    Raises:
        SettingsError: a setting is missing or wrong.
    """

    def __init__(self, ctx: ToolContext) -> None:
        self.services: Services = ctx.request_context.lifespan_context
        self.services.settings.check()
        self.deadline = CURRENT.get()
        self._ctx = ctx
        self._patience = patience_of(ctx.request_context)

    @contextmanager
    def under_way(self, key: Hashable) -> Generator[Wait]:
        """Note that this call works on `key`. Where its host gave up on an earlier call for it, answer soon."""
        with self._patience.waiting(key) as wait:
            if wait.given_up:
                self.deadline.hurry()
            yield wait

    async def wait_for(self, record: Record, *, wait: bool) -> Watched:
        """Wait for a job as long as the host allows (not at all where `wait` is false), reporting progress."""
        if not wait:
            return await self._wait_for(record, wait=False)
        with self._patience.waiting(record.request_id) as waiting:
            return await self._wait_for(record, wait=not waiting.given_up)

    async def _wait_for(self, record: Record, *, wait: bool) -> Watched:
        """The wait itself.

        The first message names the request id: a caller that gives up must be able to find the job again.
        """
        poller = self.services.poller
        end = self.deadline.wait_until if wait else 0.0
        progress = 0.001
        if not record.is_final and end > anyio.current_time():
            # At once, because what is asked next may take long or fail.
            await self._ctx.report_progress(progress, None, f"request {record.request_id}: {record.status_words}")
        expected = await expect_in_time(self.services, record)

        async def report(state: Watched) -> None:
            nonlocal progress
            progress = max(state.age, progress + 0.001)  # the protocol requires each value to be above the last
            usual = expected.expected_seconds
            total = max(usual, progress * 1.05) if usual else None
            text = results.progress_text(state.record, state.age, expected)
            await self._ctx.report_progress(round(progress, 3), total, text)

        state = await poller.wait(record, expected, max(end - anyio.current_time(), 0.0), report)
        if state.record.succeeded and not record.succeeded:
            await self._announce_outcome()
        return state

    async def _announce_outcome(self) -> None:
        """Say that resources/list has one more outcome: to subscribers, and to a host of the handshake era."""
        await self._ctx.notify_resources_changed()
        if self._ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            await self._ctx.session.send_resource_list_changed()


def deadline_of(ctx: RequestContext) -> Deadline:
    """The deadline of a request that has just come in: by the settings, or else by the host."""
    client = ctx.session.client_params
    by_host = hosts.longest_wait(client.client_info.name if client else "", over_http=is_over_http(ctx))
    set_by_user = ctx.lifespan_context.settings.max_wait_seconds
    return Deadline(by_host if set_by_user is None else set_by_user, patience_of(ctx))


async def expect_in_time(services: Services, record: Record) -> Estimate:
    """What is known of a job's length, as far as the request's time allows to ask."""
    with CURRENT.get().soft():
        return await services.poller.expect(record)
    return NO_HISTORY


def status_result(
    services: Services, record: Record, expected: Estimate, problem: UpstreamError | None = None
) -> CallToolResult:
    """What get_status answers about a job."""
    return tool_result(results.job_result(record, now=services.queue.now(), expected=expected, problem=problem))

"""One tool call: its services, its deadline, its progress messages, and the form of its result."""

from collections.abc import Generator, Hashable
from contextlib import contextmanager
from typing import Any

import anyio
from mcp.server.mcpserver import Context
from mcp_types import CallToolResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from gmi_video.errors import Unavailable, UpstreamError
from gmi_video.jobs.estimates import Estimate
from gmi_video.jobs.polling import PollState
from gmi_video.mcp import hosts, results
from gmi_video.mcp.patience import Wait
from gmi_video.mcp.results import tool_result
from gmi_video.mcp.sdk import patience_of
from gmi_video.services import Services
from gmi_video.upstream.wire import Record

MIN_CALL_SECONDS = 10.0
"""What a call may take for its own requests to the queue, however little the host allows for waiting."""

HURRIED_SECONDS = 2.0
"""What a call may take whose host has given up on the same call before: enough for what is about to come."""

ToolContext = Context[Services, Any]


class Call:
    """A tool call as it runs. A host's time limit counts from the call's start, so that is when this is made.

    Raises:
        SettingsError: a setting is missing or wrong.
    """

    def __init__(self, ctx: ToolContext) -> None:
        self.services: Services = ctx.request_context.lifespan_context
        self.services.settings.check()
        self._ctx = ctx
        self._patience = patience_of(ctx)
        self._started = anyio.current_time()
        self._least = MIN_CALL_SECONDS
        client = ctx.session.client_params
        by_host = hosts.longest_wait(client.client_info.name if client else "", over_http=ctx.headers is not None)
        set_by_user = self.services.settings.max_wait_seconds
        self._allowed = by_host if set_by_user is None else set_by_user

    @property
    def max_wait(self) -> float:
        """Seconds that this call may take: by the settings or else by the host, and by what the host has shown."""
        return min(self._allowed, self._patience.limit)

    @property
    def deadline(self) -> float:
        """When the call must have answered (`anyio.current_time`).

        A question to the user may have used up the host's time; what they agreed to still gets a moment.
        """
        return max(self._started + self.max_wait, anyio.current_time() + self._least)

    @contextmanager
    def in_time(self) -> Generator[None]:
        """Bound what the call asks of the queue before it can answer.

        Raises:
            Unavailable: the time is over; a result in words, in place of a call that the host cuts off.
        """
        deadline = self.deadline
        try:
            with anyio.fail_after(deadline - anyio.current_time()):
                yield
        except TimeoutError:
            raise Unavailable(
                f"The queue did not answer within the {round(deadline - self._started)} s that this call may take.",
                "Make the same call again; a longer limit can be set with GMI_MAX_WAIT_SECONDS, if this host allows "
                "it.",
            ) from None

    @contextmanager
    def under_way(self, key: Hashable) -> Generator[Wait]:
        """Note that this call works on `key`. Where its host gave up on an earlier call for it, answer soon."""
        with self._patience.waiting(key) as wait:
            if wait.given_up:
                self._hurry()
            yield wait

    def _hurry(self) -> None:
        """Answer soon, with what is known: the host does not wait for as long as was thought."""
        self._allowed = min(self._allowed, anyio.current_time() - self._started)
        self._least = HURRIED_SECONDS

    async def wait_for(self, record: Record, *, wait: bool) -> PollState:
        """Wait for a job as long as the host allows (not at all where `wait` is false), reporting progress."""
        if not wait:
            return await self._wait_for(record, wait=False)
        with self._patience.waiting(record.request_id) as waiting:
            return await self._wait_for(record, wait=not waiting.given_up)

    async def _wait_for(self, record: Record, *, wait: bool) -> PollState:
        """The wait itself.

        The first message names the request id: a caller that gives up must be able to find the job again.
        """
        poller = self.services.poller
        end = self._started + (self.max_wait if wait else 0.0)
        progress = 0.001
        if not record.is_final and end > anyio.current_time():
            # At once, because what is asked next may take long or fail.
            await self._ctx.report_progress(progress, None, f"request {record.request_id}: {record.status_words}")
        expected = await poller.expect(record)

        async def report(state: PollState) -> None:
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


def status_result(
    services: Services, record: Record, expected: Estimate, problem: UpstreamError | None = None
) -> CallToolResult:
    """What get_status answers about a job."""
    return tool_result(results.job_result(record, now=services.queue.now(), expected=expected, problem=problem))

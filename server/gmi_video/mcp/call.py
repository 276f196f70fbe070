"""What every tool call has in common: the services, the host's patience, progress, and the form of an answer."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import anyio
from mcp.server.mcpserver import Context
from mcp_types import CallToolResult, TextContent
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from gmi_video.errors import Unavailable, UpstreamError
from gmi_video.jobs.estimates import Estimate
from gmi_video.jobs.polling import PollState
from gmi_video.mcp import hosts, results
from gmi_video.mcp.results import ModelsAnswer, RequestsAnswer, VideoAnswer
from gmi_video.services import Services
from gmi_video.upstream.wire import Record

Ctx = Context[Services, Any]

MIN_CALL_SECONDS = 10.0
"""What a call may take for its own exchanges with the queue, however little the host allows for waiting."""


def services_of(ctx: Ctx) -> Services:
    """The services of this call. Raises `SettingsError` where a setting is missing or wrong."""
    services = ctx.request_context.lifespan_context
    services.settings.check()
    return services


def longest_wait(ctx: Ctx, services: Services) -> float:
    """Seconds that this call may take, by the settings or else by the host."""
    if services.settings.max_wait_seconds is not None:
        return services.settings.max_wait_seconds
    client = ctx.session.client_params
    return hosts.longest_wait(client.client_info.name if client else "", over_http=ctx.headers is not None)


@contextmanager
def in_time(ctx: Ctx, services: Services, started: float) -> Generator[None]:
    """A bound on what a call asks of the queue before it can answer: a host's ceiling counts from the call's start.

    Raises `Unavailable` where the time is over: an answer in words, in place of a call that is cut off.

    Args:
        ctx: the call.
        services: the services of this call.
        started: when it began (`anyio.current_time`).
    """
    limit = answer_by(ctx, services, started)
    try:
        with anyio.fail_after(limit - anyio.current_time()):
            yield
    except TimeoutError:
        raise Unavailable(
            f"The queue did not answer within the {round(limit - started)} s that this call may take.",
            "Make the same call again; a longer limit can be set with GMI_MAX_WAIT_SECONDS, if this host allows it.",
        ) from None


def answer_by(ctx: Ctx, services: Services, started: float) -> float:
    """When a call that began at `started` must have answered (`anyio.current_time`).

    A question to the user may have used the host's time up; what they agreed to is still given a moment to happen.
    """
    return max(started + longest_wait(ctx, services), anyio.current_time() + MIN_CALL_SECONDS)


async def wait_for(ctx: Ctx, services: Services, record: Record, deadline: float) -> PollState:
    """Wait for a job until `deadline` (`anyio.current_time`), telling the host how it goes.

    The first thing told is the request id: a caller that gives up must be able to find the job again.
    """
    told = 0.001
    if not record.is_final and deadline > anyio.current_time():
        # At once: what is asked next may take its time, or fail.
        await ctx.report_progress(told, None, f"request {record.request_id}: {record.status}")
    expected = await services.poller.expect(record)

    async def tell(watch: PollState) -> None:
        nonlocal told
        told = max(watch.age, told + 0.001)  # the protocol wants each value above the last
        usual = expected.expected_seconds
        message = results.progress(watch.record, watch.age, expected)
        await ctx.report_progress(round(told, 3), max(usual, told * 1.05) if usual else None, message)

    watch = await services.poller.wait(record, expected, max(deadline - anyio.current_time(), 0.0), tell)
    if watch.record.succeeded and not record.succeeded:
        # There is one more outcome to be listed: said to those who listen, and to this host if it is an older one.
        await ctx.notify_resources_changed()
        if ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            await ctx.session.send_resource_list_changed()
    return watch


def status_of(
    services: Services, record: Record, expected: Estimate, problem: UpstreamError | None = None
) -> CallToolResult:
    """What get_status answers about a job."""
    return result(results.job_result(record, now=services.queue.now(), expected=expected, problem=problem))


def result(answer: VideoAnswer | RequestsAnswer | ModelsAnswer, *, is_error: bool = False) -> CallToolResult:
    """An answer as it is sent: the same object as text and as structure."""
    return CallToolResult(
        content=[TextContent(type="text", text=results.text_of(answer))],
        structured_content=dict(answer),
        is_error=is_error,
    )

"""The four tools. `generate_video`, which spends, and `list_models` have modules of their own."""

from typing import Annotated

from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field

from gmi_video.mcp import results
from gmi_video.mcp.call import Call, ToolContext, status_result
from gmi_video.mcp.generate_video import generate_video
from gmi_video.mcp.list_models import list_models
from gmi_video.mcp.results import RequestsResult, VideoResult, tool_result
from gmi_video.mcp.sdk import strict_tool
from gmi_video.text import one_line, quote_untrusted
from gmi_video.upstream.luma_ray2 import LUMA_RAY2, named
from gmi_video.upstream.wire import LISTED, REQUEST_ID_PATTERN, Record


async def get_status(
    ctx: ToolContext,
    *,
    request_id: Annotated[
        str, Field(pattern=REQUEST_ID_PATTERN, description="The id that generate_video or list_requests gave.")
    ],
    wait: Annotated[
        bool,
        Field(description="Wait until the job is done, as long as this host allows, instead of answering at once."),
    ] = False,
) -> Annotated[CallToolResult, VideoResult]:
    """Look at one video job, or wait for it: its state, and the link once it is finished.

    Use it after generate_video has answered that the job still runs. Costs nothing, changes nothing, may be repeated;
    a link it gives is fresh. If you don't have the id, call list_requests instead.
    """
    call = Call(ctx)
    record = await call.services.poller.look(request_id)
    state = await call.wait_for(record, wait=wait)
    return status_result(call.services, state.record, state.estimate, state.problem)


async def list_requests(
    ctx: ToolContext,
    *,
    model: Annotated[str, Field(description='Only this model\'s requests; "" for those of all models.')] = LUMA_RAY2,
    status: Annotated[
        str, Field(description='Only this status, such as processing, success or failed; "" for all.')
    ] = "",
    limit: Annotated[int, Field(ge=1, le=100, description="How many rows to return, newest first.")] = 10,
) -> Annotated[CallToolResult, RequestsResult]:
    """List this account's video requests, newest first: to find an earlier video, or a job whose id got lost.

    Costs nothing. For one job whose id is known call get_status instead.
    """
    services = Call(ctx).services
    listing = await services.queue.list_requests(model)
    records = [r for r in listing.newest_first() if not status or r.status.lower() == status.lower()]
    total = len(records) if status or listing.total is None else max(listing.total, len(records))
    found: RequestsResult = {
        "summary": _list_summary(len(records[:limit]), total, model, status),
        "total": total,
        "requests": [_row(record) for record in records[:limit]],
        "next_step": (
            'Call get_status with a request_id from a row for its parameters and a fresh link, "wait": true to wait.'
            if records
            else _nothing_found(model, status)
        ),
    }
    return tool_result(found)


_READ_ONLY = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True)

TOOLS = (
    strict_tool(
        generate_video,
        title="Generate a video",
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True
        ),
    ),
    strict_tool(get_status, title="Look at a video job, or wait for it", annotations=_READ_ONLY),
    strict_tool(list_requests, title="List video requests", annotations=_READ_ONLY),
    strict_tool(list_models, title="List video models", annotations=_READ_ONLY),
)


# -- what the tools share ----------------------------------------------------------------------------------------


def _row(record: Record) -> results.RequestRow:
    row: results.RequestRow = {
        "request_id": record.request_id,
        "model": record.model,
        "status": record.status,
    }
    if record.created_at is not None:
        row["created_at"] = results.iso(record.created_at)
    if record.took is not None:
        row["took_seconds"] = round(record.took)
    if prompt := one_line(record.payload.get("prompt") or "", 80):
        row["prompt"] = prompt
    if record.succeeded and record.video_url:
        row["video_url"] = record.video_url
    return row


def _list_summary(shown: int, total: int, model: str, status: str) -> str:
    of = f" of {named(model)}" if model else ""
    which = f" with status {status if status.lower() in LISTED else quote_untrusted(status, 40)}" if status else ""
    if not total:
        return f"There are no requests{of}{which}."
    return f"The newest {shown} of {total} requests{of}{which}."


def _nothing_found(model: str, status: str) -> str:
    if status:
        return 'Call list_requests with "status": "" to see requests of every status.'
    if model:
        return 'Call list_requests with "model": "" to see the requests of all models.'
    return "Call generate_video to make the first one."

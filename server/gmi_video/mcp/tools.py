"""The four tools. `generate_video`, which spends, has a module of its own."""

from typing import Annotated

from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field

from gmi_video.catalog import pricing, validation
from gmi_video.mcp import results
from gmi_video.mcp.call import Call, ToolContext, status_result
from gmi_video.mcp.generate_video import generate_video
from gmi_video.mcp.results import ModelsResult, RequestsResult, VideoResult, tool_result
from gmi_video.mcp.tool_schemas import strict_tool
from gmi_video.text import as_json_literal, one_line, quote_untrusted
from gmi_video.upstream.luma_ray2 import LUMA_RAY2, named
from gmi_video.upstream.wire import LISTED, REQUEST_ID_PATTERN, ModelRecord, Record

MAX_IDS = 100
"""Model ids in one result; `search` narrows them."""


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


async def list_models(
    ctx: ToolContext,
    *,
    model: Annotated[str, Field(description='One model id: its parameters and price; "" for the list of ids.')] = "",
    search: Annotated[
        str,
        Field(
            description='Only ids that hold all these words, in any case, such as "veo" or "kling image"; "" for all.'
        ),
    ] = "",
) -> Annotated[CallToolResult, ModelsResult]:
    """List the models that generate_video can use, or show one model's description, parameters and price.

    Costs nothing. Call it with `model` before generate_video with any model but Luma-Ray2, whose parameters are
    generate_video's own arguments: names and types differ from model to model, and all are checked.
    """
    services = Call(ctx).services
    if model:
        return tool_result(_model_result(model, await services.catalog.model(model)))
    every = await services.catalog.ids()
    words = search.lower().split()
    ids = [name for name in every if all(word in name.lower() for word in words)]
    which = f" that match{'es' if len(ids) == 1 else ''} {quote_untrusted(search, 60)}" if words else ""
    found: ModelsResult = {
        "summary": ("There is 1 model" if len(ids) == 1 else f"There are {len(ids) or 'no'} models")
        + which
        + (f"; the first {MAX_IDS} are listed." if len(ids) > MAX_IDS else "."),
        "total": len(ids),
        "models": ids[:MAX_IDS],
        "next_step": 'Call list_models with one of these ids as "model" for its parameters and price.'
        if ids
        else 'Call list_models with other words in "search", or with none.',
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


def _model_result(model: str, record: ModelRecord) -> ModelsResult:
    name = named(model) if record.display_name in {"", model} else quote_untrusted(record.display_name, 80)
    price = pricing.in_words(record)
    answer: ModelsResult = {
        "summary": f"The price of {name} is {price}" + ("" if price.endswith((".", "”")) else "."),
        "model": one_line(model, 200),
        "parameters": parameter_table(record),
        "price": price,
        "next_step": _how_to_use(model),
    }
    if said := record.brief_description or record.detailed_description:
        answer["description"] = quote_untrusted(said, 600)
    return answer


def parameter_table(record: ModelRecord) -> str:
    """A model's parameters, one a line: name, what it may be, whether it must be given, what it does."""
    rows = [
        f"{p.name if p.name.isidentifier() else as_json_literal(p.name)} "
        f"({'required; ' if p.required else ''}{validation.allowed_for(p)})"
        + (f": {quote_untrusted(p.description, 140)}" if p.description else "")
        for p in record.parameters[:60]
    ]
    return "\n".join(rows) or "none are told"


def _how_to_use(model: str) -> str:
    if model == LUMA_RAY2:
        return "Call generate_video; these parameters are its own arguments."
    return (
        f'Call generate_video with "model": {as_json_literal(model, 200)}, the prompt, and the rest in '
        '"model_parameters"; add "dry_run": true to see the price and the payload first.'
    )

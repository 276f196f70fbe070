"""The four tools. `generate_video`, which spends, has a module of its own."""

from copy import deepcopy
from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field

from gmi_video.catalog import pricing, validation
from gmi_video.mcp.call import Call, ToolContext, status_result
from gmi_video.mcp.generate_video import generate_video
from gmi_video.mcp.list_requests import list_requests
from gmi_video.mcp.results import ModelsResult, VideoResult, tool_result
from gmi_video.mcp.sdk import strict_tool
from gmi_video.settings import Settings
from gmi_video.text import as_json_literal, one_line, quote_untrusted
from gmi_video.upstream.luma_ray2 import LUMA_RAY2, named
from gmi_video.upstream.wire import REQUEST_ID_PATTERN, ModelRecord

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

    Use it when generate_video has answered that the job still runs, and for a fresh link. Costs nothing, changes
    nothing, may be repeated. Without the id, call list_requests instead.
    """
    call = Call(ctx)
    record = await call.services.poller.look(request_id)
    state, facts, moment = await call.wait_for(record, wait=wait)
    return await status_result(call.services, state.record, facts, moment, state.problem)


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


def tools_for(settings: Settings) -> list[Tool]:
    """The tools as this server's settings have them: with the money that may be spent, and where images may be."""
    generate, *others = TOOLS
    limits = " ".join(
        [
            f"Above {pricing.dollars(settings.confirm_above_usd)} the user is asked first."
            if settings.confirm_above_usd is not None
            else "",
            f"This server spends at most {pricing.dollars(settings.spend_limit_usd)} in 24 hours."
            if settings.spend_limit_usd is not None
            else "",
        ]
    ).strip()
    parameters = deepcopy(generate.parameters)
    parameters["properties"]["frame0_image"]["description"] += _image_places(settings)
    description = "\n".join(filter(None, [generate.description, limits]))
    return [generate.model_copy(update={"description": description, "parameters": parameters}), *others]


def _image_places(settings: Settings) -> str:
    """Where an image may come from, for the description of the frames."""
    if not settings.image_dirs:
        return "a public http(s) URL. (Files are not allowed here: GMI_IMAGE_DIRS is not set.)"
    folders = " or ".join(as_json_literal(str(folder), 120) for folder in settings.image_dirs[:3])
    more = " or another folder of GMI_IMAGE_DIRS" if len(settings.image_dirs) > 3 else ""
    return f"a public http(s) URL, or the absolute path of a file in {folders}{more}."


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

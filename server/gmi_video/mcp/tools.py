"""The four tools, as the settings of the server have them; get_status is here, the others have modules of their own."""

from contextlib import nullcontext
from copy import deepcopy
from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field

from gmi_video.mcp.call import Call, ToolContext, status_result
from gmi_video.mcp.consent import limit_text, threshold_text
from gmi_video.mcp.frames import look_at
from gmi_video.mcp.generate_video import generate_video
from gmi_video.mcp.list_models import list_models
from gmi_video.mcp.list_requests import list_requests
from gmi_video.mcp.player import BOUND
from gmi_video.mcp.results import VideoResult
from gmi_video.mcp.tool_schemas import strict_tool
from gmi_video.settings import Settings
from gmi_video.text import as_json_literal
from gmi_video.upstream.wire import REQUEST_ID_PATTERN


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
    frames: Annotated[
        int,
        Field(
            ge=0,
            le=8,
            description="See so many frames of the finished video, on one picture, to check it against the wish.",
        ),
    ] = 0,
) -> Annotated[CallToolResult, VideoResult]:
    """Look at one video job, or wait for it: its state, and the link once it is finished.

    Use it when generate_video has answered that the job still runs, and for a fresh link. Costs nothing, changes
    nothing, may be repeated. Without the id, call list_requests instead.
    """
    call = Call(ctx)
    record = await call.services.poller.look(request_id)
    state, facts, moment = await call.wait_for(record, wait=wait)
    async with call.under_way((request_id, frames)) if frames else nullcontext():
        looked = await look_at(call.services, state.record, frames)
    return await status_result(
        call.services, state.record, facts, age=state.age, moment=moment, problem=state.problem, looked=looked
    )


_READ_ONLY = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True)

TOOLS = (
    strict_tool(
        generate_video,
        title="Generate a video",
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True
        ),
        meta=BOUND,
    ),
    strict_tool(get_status, title="Look at a video job, or wait for it", annotations=_READ_ONLY, meta=BOUND),
    strict_tool(list_requests, title="List video requests", annotations=_READ_ONLY),
    strict_tool(list_models, title="List video models", annotations=_READ_ONLY),
)


def tools_for(settings: Settings) -> list[Tool]:
    """The tools as this server's settings have them: with the money that may be spent, and where images may be."""
    generate, *others = TOOLS
    limits = " ".join(
        [
            threshold_text(settings) if settings.confirm_above_usd is not None else "",
            limit_text(settings.spend_limit_usd) if settings.spend_limit_usd is not None else "",
        ]
    ).strip()
    parameters = deepcopy(generate.parameters)
    parameters["properties"]["frame0_image"]["description"] += _image_places(settings)
    description = "\n".join(filter(None, [generate.description, limits]))
    return [generate.model_copy(update={"description": description, "parameters": parameters}), *others]


_CONTINUE = "gmi-video://requests/{request_id}/last-frame (or first-frame) to go on from a finished video."


def _image_places(settings: Settings) -> str:
    """Where an image may come from, for the description of the frames."""
    if settings.remote:
        return f"a public http(s) URL, or {_CONTINUE}"
    if not settings.image_dirs:
        return f"a public http(s) URL, or {_CONTINUE} (Files are not allowed here: GMI_IMAGE_DIRS is not set.)"
    folders = " or ".join(as_json_literal(str(folder), 120) for folder in settings.image_dirs[:3])
    more = " or another folder of GMI_IMAGE_DIRS" if len(settings.image_dirs) > 3 else ""
    return f"a public http(s) URL, the absolute path of a file in {folders}{more}, or {_CONTINUE}"

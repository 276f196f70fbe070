"""The tool that spends: generate_video."""

from functools import partial
from typing import Annotated, Any

from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Resolve
from mcp_types import CallToolResult
from pydantic import Field

from gmi_video.catalog.prepare import PricedRequest
from gmi_video.errors import SpendingRefused
from gmi_video.mcp import results
from gmi_video.mcp.call import Call
from gmi_video.mcp.consent import (
    AlreadyPaid,
    Consent,
    NotAsked,
    Prepared,
    begin,
    check,
    consent,
    consents_of,
    is_above_threshold,
    question_number,
    threshold_text,
)
from gmi_video.mcp.results import VideoResult, tool_result
from gmi_video.settings import Settings
from gmi_video.upstream.luma_ray2 import LUMA_RAY2, AspectRatio, Duration, Resolution
from gmi_video.upstream.wire import MODEL_ID_PATTERN


async def generate_video(
    *,
    call: Annotated[Call, Resolve(begin)],
    checked: Annotated[Prepared, Resolve(check)],
    number: Annotated[int, Resolve(question_number)],
    agreed: Annotated[ElicitationResult[Consent], Resolve(consent)],
    # This and the next nine are read by `check` and `consent`, by their names.
    prompt: Annotated[
        str,
        Field(
            pattern=r"\S",
            description="What should be seen: subject, action, setting, light, mood. Camera motion goes in here too: "
            "camera orbits left, push in, crane up, handheld, dolly zoom, aerial, pan, tilt, static.",
        ),
    ],
    model: Annotated[
        str, Field(pattern=MODEL_ID_PATTERN, description="Model id, case-sensitive; list_models has them.")
    ] = LUMA_RAY2,
    resolution: Annotated[
        Resolution,
        Field(
            description="Luma-Ray2: 720p for most uses, 540p to try out, 1080p for professional work, 4k takes longest."
        ),
    ] = "720p",
    duration: Annotated[
        Duration, Field(description="Luma-Ray2: 5s for social media, 9s for a more complex scene.")
    ] = "5s",
    aspect_ratio: Annotated[
        AspectRatio,
        Field(
            description="Luma-Ray2: 16:9 YouTube and widescreen, 9:16 phones, 1:1 social posts, 21:9 cinema; "
            "3:4 and 9:21 portrait, 4:3 classic."
        ),
    ] = "16:9",
    loop: Annotated[
        bool, Field(description="Luma-Ray2: make the end run into the start, for backgrounds and endless animations.")
    ] = False,
    frame0_image: Annotated[
        str,
        Field(
            description="Luma-Ray2: the image the video starts with (image-to-video): a public http(s) URL, or the "
            "absolute path of a file in a folder the user has allowed."
        ),
    ] = "",
    frame1_image: Annotated[
        str, Field(description="Luma-Ray2: the image it ends with, likewise; with both it interpolates.")
    ] = "",
    model_parameters: Annotated[
        dict[str, Any],
        Field(
            description="For any other model: its parameters by its own names and types, as list_models shows them "
            "(JSON text works too); then leave resolution to frame1_image alone."
        ),
    ] = {},  # noqa: B006 - pydantic copies a default; None would be a union, which some hosts refuse
    wait: Annotated[
        bool,
        Field(description="Wait until it is done, as long as this host allows; false returns right after the submit."),
    ] = True,
    dry_run: Annotated[
        bool, Field(description="Check and price it and show the exact payload; send nothing, pay nothing.")
    ] = False,
    allow_duplicate: Annotated[
        bool, Field(description="Another take of a video that was asked for in the last hour, paid again.")
    ] = False,
    confirm_cost: Annotated[
        bool, Field(description="The user's yes to a price that an earlier answer asked about. Never set it unasked.")
    ] = False,
) -> Annotated[CallToolResult, VideoResult]:
    """Make a video from a prompt with Luma-Ray2 (or another model of GMI Cloud), and wait for it.

    Each call spends real money and can't be recalled. A render takes about one to ten minutes; if it outlasts this
    call, the answer is not an error: it holds the request_id, and get_status waits on. To check on a video never
    call this again, call get_status; to find earlier ones, list_requests. The same call within an hour returns the same
    job and pays nothing; allow_duplicate makes another take. Show the user the link in `summary`.
    """
    request = checked.request
    if dry_run:
        return tool_result(_dry_run_result(call.services.settings, checked.asked))
    if not (isinstance(agreed, AcceptedElicitation) and agreed.data.go_ahead):
        raise SpendingRefused(
            f"The user has not agreed to pay {request.price} for this {request.title}. Nothing was submitted.",
            "Don't submit it again unless the user asks for it; offer something cheaper.",
        )
    if not isinstance(agreed.data, NotAsked):
        consents_of(call.services).use(checked.key, number)
    submission = call.services.submission
    with call.under_way((checked.key, allow_duplicate)) as under_way:
        submitted = None
        # The submit goes on in the server, whatever becomes of this call. A call that the host cuts off would leave the
        # assistant with nothing to go on, so this one answers before that, and the same call again joins the submit.
        call.deadline.spending = True
        with call.deadline.soft():
            submitted = await submission.submit(
                request,
                partial(checked.uploaded, call.services.images),
                allow_duplicate=allow_duplicate,
                may_pay=not isinstance(agreed.data, AlreadyPaid),
            )
        if submitted is None:
            return tool_result(_unanswered_result(checked.asked))
        state = await call.wait_for(submitted.record, wait=wait)
    if allow_duplicate and not under_way.superseded:
        await submission.answered(submitted)
    result = results.job_result(
        state.record,
        now=call.services.queue.now(),
        expected=state.estimate,
        asked=checked.asked.wire.payload,
        usd=request.usd,
        reused=submitted.reused,
        note=" ".join(filter(None, [submitted.note, *request.notes])),
        problem=state.problem,
    )
    return tool_result(result, is_error=state.record.is_final and not state.record.succeeded)


def _unanswered_result(request: PricedRequest) -> VideoResult:
    """The result of a call whose time is over before the queue has answered its submit."""
    return {
        "summary": f"The submit of this {request.title} has not been answered yet; it goes on.",
        "model": request.wire.model,
        "is_final": False,
        "parameters": request.wire.payload,
        "next_step": "Make the same call again now: it goes on where this one stopped and pays nothing more.",
    }


def _dry_run_result(settings: Settings, request: PricedRequest) -> VideoResult:
    """The result of a dry run: what would be sent, and what it would cost."""
    asks = (
        f" The user will be asked first: {threshold_text(settings)}." if is_above_threshold(settings, request) else ""
    )
    result: VideoResult = {
        "summary": " ".join(
            [f"This {request.title} would cost {request.price}. Nothing was sent.{asks}", *request.notes]
        ),
        "model": request.wire.model,
        "parameters": request.wire.payload,
        "next_step": 'Tell the user the price; to make it, make the same call without "dry_run".',
    }
    if request.usd is not None:
        result["estimated_cost_usd"] = round(request.usd, 6)
    return result

"""The tool that spends: generate_video."""

import math
from functools import partial
from typing import Annotated, Any

from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Resolve
from mcp_types import CallToolResult
from pydantic import Field

from gmi_video.catalog.priced import PricedRequest
from gmi_video.errors import SpendingRefused, SubmissionUnknown
from gmi_video.mcp import results
from gmi_video.mcp.call import Call
from gmi_video.mcp.consent import (
    AS_THEY_DECIDE,
    AlreadyPaid,
    Consent,
    NotAsked,
    budget_text,
    consent,
    is_above_budget,
    is_above_threshold,
    limit_text,
    question_number,
    threshold_text,
)
from gmi_video.mcp.prepared import Prepared, begin, check
from gmi_video.mcp.results import VideoResult, error_result, tool_result
from gmi_video.mcp.saving import saved
from gmi_video.settings import Settings
from gmi_video.upstream.luma_ray2 import LUMA_RAY2, AspectRatio, Duration, Resolution
from gmi_video.upstream.wire import MODEL_ID_PATTERN


async def generate_video(
    *,
    call: Annotated[Call, Resolve(begin)],
    checked: Annotated[Prepared, Resolve(check)],
    number: Annotated[int, Resolve(question_number)],
    agreed: Annotated[ElicitationResult[Consent], Resolve(consent)],
    # This and the next ten are read by `check` and `consent`, by their names.
    prompt: Annotated[
        str,
        Field(
            pattern=r"\S",
            description="What should be seen: subject, action, setting, light, mood; and camera motion: camera orbits "
            "left, push in, crane up, handheld, dolly zoom, aerial, pan, tilt, static. A prompt that the user gives in "
            "quotation marks is sent unchanged.",
        ),
    ],
    model: Annotated[
        str,
        Field(
            pattern=MODEL_ID_PATTERN,
            description="Stay with Luma-Ray2 unless the user names another model or needs what it lacks (sound, seed, "
            "negative prompt, more than 9 s). list_models has the ids; they are case-sensitive.",
        ),
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
        bool, Field(description="Luma-Ray2: the end runs into the start, for backgrounds and endless animations.")
    ] = False,
    frame0_image: Annotated[str, Field(description="Luma-Ray2: the image that the video starts with: ")] = "",
    frame1_image: Annotated[
        str, Field(description="Luma-Ray2: the image that it ends with, likewise; with both it interpolates.")
    ] = "",
    model_parameters: Annotated[
        dict[str, Any],
        Field(
            description="For any other model: its parameters by its own names and types, as list_models shows them "
            "(JSON text works too); then set none of the arguments from resolution to frame1_image."
        ),
    ] = {},  # noqa: B006 - pydantic copies a default; None would be a union, which some hosts refuse
    wait: Annotated[
        bool,
        Field(
            description="Wait until it is done, as long as this host allows. For several videos submit each with "
            "false, then wait for each with get_status."
        ),
    ] = True,
    dry_run: Annotated[
        bool, Field(description="Check and price it and show the exact payload; send nothing, pay nothing.")
    ] = False,
    allow_duplicate: Annotated[bool, Field(description="Make another take of the same video, paid again.")] = False,
    max_cost_usd: Annotated[
        float,
        Field(
            ge=0,
            description="The user's budget for this video in dollars, 0 for none: above it, or where the price is not "
            "known, nothing is sent.",
        ),
    ] = 0,
    confirm_cost: Annotated[
        bool, Field(description="The user's yes to the price that an earlier answer named. Never set it unasked.")
    ] = False,
) -> Annotated[CallToolResult, VideoResult]:
    """Make a video from a prompt with Luma-Ray2 (or another model of GMI Cloud), and wait for it.

    Each call spends real money and can't be cancelled; Luma-Ray2 costs about $0.14 per second of video at 720p
    (dry_run tells the exact price). Names, brands and real people may be refused, and a refused video may still cost.
    A render takes about one to ten minutes; if it outlasts this call, the answer is no error: it holds the request_id,
    and get_status waits on. To check on a video call get_status, never this again; to find earlier ones,
    list_requests. The same call within an hour returns the same video and pays nothing.
    """
    # The price in the description is Luma's own list price for Ray2 (November 2026: $0.71 for 5 s at 720p, as
    # docs.comfy.org passes it on, "Pricing"). The guide has none, and the live record can't be asked before tools/list.
    request = checked.request
    if dry_run:
        return tool_result(_dry_run_result(call.services.settings, checked.asked, max_cost_usd))
    if not (isinstance(agreed, AcceptedElicitation) and agreed.data.go_ahead):
        raise SpendingRefused(
            f"The user has not agreed to pay {request.price} for this {request.title}. Nothing was submitted."
            f"{request.offers()}",
            "Don't submit it again unless the user asks for it.",
        )
    submission = call.services.submission
    async with call.under_way((checked.key, allow_duplicate)) as under_way:
        submitted = None
        # The submit goes on in the server, whatever becomes of this call. A call that the host cuts off would leave the
        # assistant with nothing to go on, so this one answers before that, and the same call again joins the submit.
        call.deadline.spending = True
        with call.deadline.soft():
            try:
                submitted = await submission.submit(
                    request,
                    partial(checked.uploaded, call.services.images),
                    allow_duplicate=allow_duplicate,
                    may_pay=not isinstance(agreed.data, AlreadyPaid),
                    payments=None if isinstance(agreed.data, NotAsked) else number,
                )
            except SubmissionUnknown as error:
                return tool_result(_unknown_result(checked.asked, error), is_error=True)
        if submitted is None:
            return tool_result(_unanswered_result(checked.asked))
        # The player waits where there is one; it knows the job only by this answer.
        state, facts, moment = await call.wait_for(submitted.record, wait=wait and not call.has_player)
        payload, defaults = checked.asked.wire.payload, request.defaults
        file = await saved(call.services, state.record, asked=payload, defaults=defaults, usd=request.usd)
    if allow_duplicate and not under_way.superseded:
        await submission.answered(submitted)
    result = results.job_result(
        state.record,
        age=state.age,
        expected=facts.expected,
        moment="submitted" if moment == "looked" and not wait else moment,
        asked=payload,
        defaults=defaults,
        usd=request.usd,
        reused=submitted.reused,
        saved=file,
        note=" ".join(filter(None, [submitted.note, *request.notes])),
        problem=state.problem,
    )
    return tool_result(result, is_error=state.record.is_final and not state.record.succeeded)


def _unanswered_result(request: PricedRequest) -> VideoResult:
    """The result of a call whose time is over before the queue has answered its submit."""
    result = _result_about(request, f"GMI Cloud has not confirmed this {request.title} yet; the server goes on asking.")
    result["is_final"] = False
    result["next_step"] = "Make the same call again now: it goes on where this one stopped and pays nothing more."
    return result


def _unknown_result(request: PricedRequest, error: SubmissionUnknown) -> VideoResult:
    """The result of a submit of which it is not known whether it made a job."""
    may_cost = "" if request.usd is None else f" If it was, it costs {request.price}."
    return {**_result_about(request, ""), **error_result(error), "summary": f"{error.message}{may_cost}"}


def _dry_run_result(settings: Settings, request: PricedRequest, max_cost_usd: float) -> VideoResult:
    """The result of a dry run: what would be sent, and what it would cost."""
    make, said, limit = 'make the same call without "dry_run"', [request.cost], settings.spend_limit_usd
    refused = is_above_budget(request, max_cost_usd)
    if refused:
        said.append(budget_text(request, max_cost_usd))
    if is_above_threshold(settings, request):
        said.append(threshold_text(settings))
        make += ' and with "confirm_cost": true'
    if limit is not None:
        said.append(limit_text(limit))
        refused = refused or request.usd is None or request.usd > limit
    offers = request.offers(min(max_cost_usd or math.inf, math.inf if limit is None else limit))
    result = _result_about(request, " ".join([*said, f"Nothing was sent.{offers}", *request.notes]))
    told = "the price" if request.usd is not None else "that the price is not known"
    result["next_step"] = (
        AS_THEY_DECIDE
        if refused
        else f"If the user has agreed to that already, {make}. Otherwise tell them {told} first"
        + (", and what is noted." if request.notes else ".")
    )
    return result


def _result_about(request: PricedRequest, summary: str) -> VideoResult:
    """The result about a request that has no job yet, or none that is known."""
    result: VideoResult = {"summary": summary, "model": request.wire.model, "parameters": request.wire.payload}
    if request.usd is not None:
        result["estimated_cost_usd"] = round(request.usd, 6)
    return result

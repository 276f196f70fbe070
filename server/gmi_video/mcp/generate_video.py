"""The tool that spends: generate_video, and the questions it asks before it does."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, Any, cast

import anyio
from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Elicit, Resolve
from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from gmi_video.catalog import pricing
from gmi_video.catalog.draft import PricedRequest, VideoArguments, draft
from gmi_video.errors import InvalidRequest, SpendingRefused
from gmi_video.jobs.submission import Submitted
from gmi_video.mcp import results
from gmi_video.mcp.call import Ctx, answer_by, in_time, longest_wait, result, services_of, wait_for
from gmi_video.mcp.results import VideoAnswer
from gmi_video.services import Services
from gmi_video.upstream.wire import (
    LUMA_RAY2,
    MODEL_ID_PATTERN,
    AspectRatio,
    Duration,
    Resolution,
    SubmitRequest,
    items_of,
)


class Consent(BaseModel):
    """The question above the threshold."""

    go_ahead: bool = Field(description="Make this video and pay for it?")


async def began() -> float:
    """When the call began: a host's ceiling counts from here, so what comes before the wait shortens it."""
    return anyio.current_time()


async def drafted(
    ctx: Ctx,
    *,
    started: Annotated[float, Resolve(began)],
    prompt: str,
    model: str,
    resolution: str,
    duration: str,
    aspect_ratio: str,
    loop: bool,
    frame0_image: str,
    frame1_image: str,
    model_parameters: dict[str, Any],
) -> PricedRequest:
    """The checked and priced request. Raises every fault at once; nothing has been sent."""
    services = services_of(ctx)
    luma = {
        "resolution": resolution,
        "duration": duration,
        "aspect_ratio": aspect_ratio,
        "loop": loop,
        "frame0_image": frame0_image,
        "frame1_image": frame1_image,
    }
    with in_time(ctx, services, started):
        checked = await draft(services.catalog, VideoArguments(model, prompt, luma, model_parameters))
        faults: list[InvalidRequest] = []

        async def check(value: str, name: str) -> None:
            try:
                await services.images.check(value, name)
            except InvalidRequest as fault:
                faults.append(fault)

        await _each_image(checked, check)
    if faults:
        raise InvalidRequest(*(" ".join(dict.fromkeys(said)) for said in zip(*(f.args for f in faults), strict=True)))
    return checked


async def consent(
    ctx: Ctx,
    *,
    checked: Annotated[PricedRequest, Resolve(drafted)],
    dry_run: bool,
    allow_duplicate: bool,
    confirm_cost: bool,
) -> Consent | Elicit[Consent]:
    """The user's word on a price above `GMI_CONFIRM_ABOVE_USD`: already given, not needed, or asked for."""
    services = services_of(ctx)
    if dry_run or confirm_cost or not _is_above_threshold(services, checked):
        return Consent(go_ahead=True)
    request = SubmitRequest(model=checked.model, payload=checked.payload)
    if not allow_duplicate and await services.submission.find(request) is not None:
        # It has been paid for already; this call only picks it up again.
        return Consent(go_ahead=True)
    capabilities = ctx.client_capabilities
    if capabilities is None or capabilities.elicitation is None:
        raise SpendingRefused(
            f"This {checked.in_words} costs {checked.price}; {_threshold(services)}. Nothing was submitted.",
            'Ask the user. If they agree to the price, make the same call again with "confirm_cost": true.',
        )
    return Elicit(f"This {checked.in_words} costs {checked.price}. It can't be recalled. Make it?", Consent)


async def generate_video(
    ctx: Ctx,
    *,
    started: Annotated[float, Resolve(began)],
    checked: Annotated[PricedRequest, Resolve(drafted)],
    agreed: Annotated[ElicitationResult[Consent], Resolve(consent)],
    prompt: Annotated[  # noqa: ARG001 - this and the next nine are read by `drafted` and `consent`, by their names
        str,
        Field(
            pattern=r"\S",
            description="What should be seen: subject, action, setting, light, mood. Camera motion goes in here too: "
            "camera orbits left, push in, crane up, handheld, dolly zoom, aerial, pan, tilt, static.",
        ),
    ],
    model: Annotated[  # noqa: ARG001
        str, Field(pattern=MODEL_ID_PATTERN, description="Model id, case-sensitive; list_models has them.")
    ] = LUMA_RAY2,
    resolution: Annotated[  # noqa: ARG001
        Resolution,
        Field(
            description="Luma-Ray2: 720p for most uses, 540p to try out, 1080p for professional work, 4k takes longest."
        ),
    ] = "720p",
    duration: Annotated[  # noqa: ARG001
        Duration, Field(description="Luma-Ray2: 5s for social media, 9s for a more complex scene.")
    ] = "5s",
    aspect_ratio: Annotated[  # noqa: ARG001
        AspectRatio,
        Field(
            description="Luma-Ray2: 16:9 YouTube and widescreen, 9:16 phones, 1:1 social posts, 21:9 cinema; "
            "3:4 and 9:21 portrait, 4:3 classic."
        ),
    ] = "16:9",
    loop: Annotated[  # noqa: ARG001
        bool, Field(description="Luma-Ray2: make the end run into the start, for backgrounds and endless animations.")
    ] = False,
    frame0_image: Annotated[  # noqa: ARG001
        str,
        Field(
            description="Luma-Ray2: the image the video starts with (image-to-video): a public http(s) URL, or the "
            "absolute path of a file in a folder the user has allowed."
        ),
    ] = "",
    frame1_image: Annotated[  # noqa: ARG001
        str, Field(description="Luma-Ray2: the image it ends with, likewise; with both it interpolates.")
    ] = "",
    model_parameters: Annotated[  # noqa: ARG001
        dict[str, Any],
        Field(
            description="For any other model: its parameters by its own names and types, as list_models shows them; "
            "then leave resolution to frame1_image alone."
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
        bool, Field(description="Pay for it even though the very same video is being made already.")
    ] = False,
    confirm_cost: Annotated[  # noqa: ARG001
        bool, Field(description="The user's yes to a price that an earlier answer asked about. Never set it unasked.")
    ] = False,
) -> Annotated[CallToolResult, VideoAnswer]:
    """Make a video from a prompt with Luma-Ray2 (or another model of GMI Cloud), and wait for it.

    Each call spends real money and can't be recalled. A render takes about one to ten minutes; if it outlasts this
    call, the answer is not an error: it holds the request_id, and get_status waits on. To check on a video never
    call this again, call get_status; to find earlier ones, list_requests. The same call repeated while its job runs
    returns that job and pays nothing. Show the user the link in `summary`.
    """
    services = services_of(ctx)
    if dry_run:
        return result(_rehearsal(services, checked))
    if not (isinstance(agreed, AcceptedElicitation) and agreed.data.go_ahead):
        raise SpendingRefused(
            f"The user has not agreed to pay {checked.price} for this {checked.in_words}. Nothing was submitted.",
            "Don't submit it again unless the user asks for it; offer something cheaper.",
        )
    made = None
    # The submit runs on in the server, whatever becomes of this call. A call that the host cuts off would leave the
    # assistant with nothing to go on, so this one answers before that, and the same call again joins the submit.
    with anyio.move_on_after(answer_by(ctx, services, started) - anyio.current_time()):
        made = await _make(services, checked, allow_duplicate=allow_duplicate)
    if made is None:
        return result(_under_way(checked, allow_duplicate=allow_duplicate))
    request, submitted = made
    deadline = started + (longest_wait(ctx, services) if wait else 0.0)
    watch = await wait_for(ctx, services, submitted.record, deadline)
    services.submission.delivered(watch.record)
    answer = results.job_result(
        watch.record,
        now=services.queue.now(),
        expected=watch.estimate,
        asked=request.payload,
        usd=checked.usd,
        reused=submitted.reused,
        note=" ".join(filter(None, [submitted.note, *checked.notes])),
        problem=watch.problem,
    )
    return result(answer, is_error=watch.record.is_final and not watch.record.succeeded)


async def _make(
    services: Services, checked: PricedRequest, *, allow_duplicate: bool
) -> tuple[SubmitRequest, Submitted]:
    """What was sent, with its local images uploaded, and the job it has become."""
    uploaded = await _each_image(checked, services.images.public_url)
    request = SubmitRequest(model=checked.model, payload={**checked.payload, **uploaded})
    submitted = await services.submission.submit(request, usd=checked.usd, allow_duplicate=allow_duplicate)
    if submitted.history:
        services.poller.learn(checked.model, submitted.history)
    # The list goes no further: held through the wait, it would cost every waiting call its megabytes.
    return request, replace(submitted, history=())


async def _each_image(checked: PricedRequest, handle: Callable[[str, str], Awaitable[str | None]]) -> dict[str, Any]:
    """What `handle` makes of every image of a payload, by name: a value, or each of a list of them."""
    handled: dict[str, Any] = {}
    for name in checked.images:
        value = checked.payload[name]
        if isinstance(value, str) and value:
            handled[name] = await handle(value, name) or value
        elif isinstance(value, list):
            items = items_of(cast("object", value))
            handled[name] = [await handle(i, name) or i if isinstance(i, str) and i else i for i in items]
    return handled


def _is_above_threshold(services: Services, checked: PricedRequest) -> bool:
    threshold = services.settings.confirm_above_usd
    return threshold is not None and (checked.usd is None or checked.usd > threshold)


def _threshold(services: Services) -> str:
    threshold = pricing.dollars(services.settings.confirm_above_usd or 0)
    return f"the user wants to be asked above {threshold} (GMI_CONFIRM_ABOVE_USD)"


def _under_way(checked: PricedRequest, *, allow_duplicate: bool) -> VideoAnswer:
    """The answer of a call whose time is over before the queue has answered its submit."""
    # With allow_duplicate the same call would pay once more; without it, it finds the job of this one.
    call = (
        'Make the same call again now without "allow_duplicate"' if allow_duplicate else "Make the same call again now"
    )
    return {
        "summary": f"The queue is slow: the submit of this {checked.in_words} has not been answered yet.",
        "model": checked.model,
        "is_final": False,
        "parameters": checked.payload,
        "next_step": f"{call}: it goes on where this one stopped and pays nothing more.",
    }


def _rehearsal(services: Services, checked: PricedRequest) -> VideoAnswer:
    """The answer of a dry run: what would be sent, and what it would cost."""
    asks = f" The user will be asked first: {_threshold(services)}." if _is_above_threshold(services, checked) else ""
    answer: VideoAnswer = {
        "summary": " ".join(
            [f"This {checked.in_words} would cost {checked.price}. Nothing was sent.{asks}", *checked.notes]
        ),
        "model": checked.model,
        "parameters": checked.payload,
        "next_step": 'Tell the user the price; to make it, make the same call without "dry_run".',
    }
    if checked.usd is not None:
        answer["estimated_cost_usd"] = checked.usd
    return answer

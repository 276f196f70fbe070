"""The tool that spends: generate_video, and the question it asks before it does."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import anyio
from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Elicit, Resolve
from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from gmi_video.catalog import pricing
from gmi_video.catalog.prepare import PricedRequest, VideoArguments, prepare
from gmi_video.errors import InvalidRequest, SpendingRefused
from gmi_video.images.upload import Images, LocalImage
from gmi_video.mcp import results
from gmi_video.mcp.call import Call, ToolContext, tool_result
from gmi_video.mcp.results import VideoResult
from gmi_video.settings import Settings
from gmi_video.upstream.luma_ray2 import LUMA_RAY2, AspectRatio, Duration, Resolution
from gmi_video.upstream.wire import MODEL_ID_PATTERN


class Consent(BaseModel):
    """The answer to the question about a price above the threshold."""

    go_ahead: bool = Field(description="Make this video and pay for it?")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A checked request: as it was asked for, and with its local images read.

    Attributes:
        asked: the request with local images as paths, as the caller knows them.
        request: the same with each local image as its digest, so that it can be compared before anything is uploaded.
        images: the local images by their digest.
    """

    asked: PricedRequest
    request: PricedRequest
    images: Mapping[str, LocalImage]

    async def uploaded(self, images: Images) -> PricedRequest:
        """The request with each local image uploaded: what is submitted."""

        async def upload(value: str, _: str) -> str:
            image = self.images.get(value)
            return value if image is None else await images.upload(image)

        return await self.request.with_images(upload)


async def begin(ctx: ToolContext) -> Call:
    """The call, from the moment it began."""
    return Call(ctx)


async def check(
    *,
    call: Annotated[Call, Resolve(begin)],
    prompt: str,
    model: str,
    resolution: str,
    duration: str,
    aspect_ratio: str,
    loop: bool,
    frame0_image: str,
    frame1_image: str,
    model_parameters: dict[str, Any],
) -> Prepared:
    """Check, price and read what is asked for. Raises every fault at once; nothing has been sent."""
    luma = {
        "resolution": resolution,
        "duration": duration,
        "aspect_ratio": aspect_ratio,
        "loop": loop,
        "frame0_image": frame0_image,
        "frame1_image": frame1_image,
    }
    images: dict[str, LocalImage] = {}
    faults: list[InvalidRequest] = []

    async def read(value: str, argument: str) -> str:
        try:
            image = await call.services.images.read(value, argument)
        except InvalidRequest as fault:
            faults.append(fault)
            return value
        if image is None:
            return value
        images[image.digest] = image
        return image.digest

    with call.in_time():
        asked = await prepare(call.services.catalog, VideoArguments(model, prompt, luma, model_parameters))
        request = await asked.with_images(read)
    if faults:
        raise InvalidRequest.of(faults)
    return Prepared(asked, request, images)


async def consent(
    ctx: ToolContext,
    *,
    call: Annotated[Call, Resolve(begin)],
    checked: Annotated[Prepared, Resolve(check)],
    dry_run: bool,
    allow_duplicate: bool,
    confirm_cost: bool,
) -> Consent | Elicit[Consent]:
    """Ask for consent above GMI_CONFIRM_ABOVE_USD, unless it was given or is not needed."""
    settings, request = call.services.settings, checked.request
    if dry_run or confirm_cost or not _is_above_threshold(settings, request):
        return Consent(go_ahead=True)
    if not allow_duplicate and await call.services.submission.is_made(request):
        # It has been paid for already; this call only finds it again.
        return Consent(go_ahead=True)
    capabilities = ctx.client_capabilities
    if capabilities is None or capabilities.elicitation is None:
        raise SpendingRefused(
            f"This {request.title} costs {request.price}; {_threshold(settings)}. Nothing was submitted.",
            'Ask the user. If they agree to the price, make the same call again with "confirm_cost": true.',
        )
    return Elicit(f"This {request.title} costs {request.price}. It can't be recalled. Make it?", Consent)


async def generate_video(
    *,
    call: Annotated[Call, Resolve(begin)],
    checked: Annotated[Prepared, Resolve(check)],
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
    submitted = None
    # The submit goes on in the server, whatever becomes of this call. A call that the host cuts off would leave the
    # assistant with nothing to go on, so this one answers before that, and the same call again joins the submit.
    with anyio.move_on_at(call.deadline):
        submitted = await call.services.submission.submit(
            request, partial(checked.uploaded, call.services.images), allow_duplicate=allow_duplicate
        )
    if submitted is None:
        return tool_result(_unanswered_result(checked.asked))
    state = await call.wait_for(submitted.record, wait=wait)
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


def _is_above_threshold(settings: Settings, request: PricedRequest) -> bool:
    threshold = settings.confirm_above_usd
    return threshold is not None and (request.usd is None or request.usd > threshold)


def _threshold(settings: Settings) -> str:
    threshold = pricing.dollars(settings.confirm_above_usd or 0)
    return f"the user wants to be asked above {threshold} (GMI_CONFIRM_ABOVE_USD)"


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
    asks = f" The user will be asked first: {_threshold(settings)}." if _is_above_threshold(settings, request) else ""
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

"""The four tools: what a host sees, and nothing that could be done without one."""

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp_types import CallToolResult, TextContent, ToolAnnotations
from pydantic import Field

from gmi_video import answers, hosts
from gmi_video.answers import ModelsAnswer, RequestsAnswer, VideoAnswer
from gmi_video.errors import InvalidRequest
from gmi_video.jobs import Watch
from gmi_video.models import (
    LUMA_RAY2,
    MODEL_ID_PATTERN,
    REQUEST_ID_PATTERN,
    AspectRatio,
    Duration,
    LumaRay2Payload,
    Record,
    Resolution,
    SubmitRequest,
)
from gmi_video.services import Services
from gmi_video.strict import StrictTool
from gmi_video.wording import plain

Ctx = Context[Services, Any]


async def generate_video(
    ctx: Ctx,
    *,
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
        str, Field(description="Luma-Ray2: public http(s) URL of an image the video starts with (image-to-video).")
    ] = "",
    frame1_image: Annotated[
        str, Field(description="Luma-Ray2: public http(s) URL of an image it ends with; with both it interpolates.")
    ] = "",
    wait: Annotated[
        bool,
        Field(description="Wait until it is done, as long as this host allows; false returns right after the submit."),
    ] = True,
    allow_duplicate: Annotated[
        bool, Field(description="Pay for it even though the very same video is being made already.")
    ] = False,
) -> Annotated[CallToolResult, VideoAnswer]:
    """Make a video from a prompt with Luma-Ray2 (or another model of GMI Cloud), and wait for it.

    Each call spends real money and can't be recalled. A render takes about one to ten minutes; if it outlasts this
    call, the answer is not an error: it holds the request_id, and get_status waits on. To check on a video never
    call this again, call get_status; to find earlier ones, list_requests. The same call repeated while its job runs
    returns that job and pays nothing. Show the user the link in `summary`.
    """
    services = _services(ctx)
    seconds = _longest_wait(ctx, services) if wait else 0.0
    payload = LumaRay2Payload(
        prompt=prompt,
        resolution=resolution,
        duration=duration,
        aspect_ratio=aspect_ratio,
        loop=loop,
        frame0_image=frame0_image,
        frame1_image=frame1_image,
    ).wire()
    if model != LUMA_RAY2:
        raise InvalidRequest("Only Luma-Ray2 for now.", "Leave model out.")
    submitted = await services.submission.submit(
        SubmitRequest(model=model, payload=payload), usd=None, allow_duplicate=allow_duplicate
    )
    if submitted.history:
        services.jobs.learn(model, submitted.history)
    watch = await _wait(ctx, services, submitted.record, seconds)
    services.submission.delivered(watch.record)
    answer = answers.of_job(
        watch.record,
        now=services.queue.now(),
        expected=watch.estimate,
        asked=payload,
        reused=submitted.reused,
        note=submitted.note,
        problem=watch.problem,
    )
    return _result(answer, is_error=watch.record.is_final and not watch.record.succeeded)


async def get_status(
    ctx: Ctx,
    *,
    request_id: Annotated[
        str, Field(pattern=REQUEST_ID_PATTERN, description="The id that generate_video or list_requests gave.")
    ],
    wait: Annotated[
        bool,
        Field(description="Wait until the job is done, as long as this host allows, instead of answering at once."),
    ] = False,
) -> Annotated[CallToolResult, VideoAnswer]:
    """Look at one video job, or wait for it: its state, and the link once it is finished.

    Use it after generate_video has answered that the job still runs. Costs nothing, changes nothing, may be repeated;
    a link it gives is fresh. If you don't have the id, call list_requests instead.
    """
    services = _services(ctx)
    record = await services.queue.request(request_id)
    watch = await _wait(ctx, services, record, _longest_wait(ctx, services) if wait else 0.0)
    services.submission.delivered(watch.record)
    return _result(
        answers.of_job(watch.record, now=services.queue.now(), expected=watch.estimate, problem=watch.problem)
    )


async def list_requests(
    ctx: Ctx,
    *,
    model: Annotated[str, Field(description='Only this model\'s requests; "" for those of all models.')] = LUMA_RAY2,
    status: Annotated[
        str, Field(description='Only this status, such as processing, success or failed; "" for all.')
    ] = "",
    limit: Annotated[int, Field(ge=1, le=100, description="How many rows to return, newest first.")] = 10,
) -> Annotated[CallToolResult, RequestsAnswer]:
    """List this account's video requests, newest first: to find an earlier video, or a job whose id got lost.

    Costs nothing. For one job whose id is known call get_status instead.
    """
    services = _services(ctx)
    listing = await services.queue.requests(model)
    records = [r for r in listing.newest_first() if not status or r.status.lower() == status.lower()]
    total = len(records) if status or listing.total is None else max(listing.total, len(records))
    answer: RequestsAnswer = {
        "summary": _list_summary(len(records[:limit]), total, model, status),
        "total": total,
        "requests": [_row(record) for record in records[:limit]],
        "next_step": (
            'Call get_status with a request_id from a row for its parameters and a fresh link, "wait": true to wait.'
            if records
            else _nothing_found(model, status)
        ),
    }
    return _result(answer)


async def list_models(
    ctx: Ctx,
    *,
    model: Annotated[str, Field(description='One model id: its parameters and price; "" for the list of ids.')] = "",
) -> Annotated[CallToolResult, ModelsAnswer]:
    """List the models that generate_video can use, or show one model's description, parameters and price.

    Costs nothing. Luma-Ray2 needs no look-up: its parameters are generate_video's own arguments.
    """
    services = _services(ctx)
    if model:
        record = await services.queue.model(model)
        return _result({"summary": plain(record.brief_description), "model": record.model, "next_step": ""})
    ids = await services.queue.models()
    return _result({"summary": f"{len(ids)} models.", "models": ids, "total": len(ids), "next_step": ""})


_READ_ONLY = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True)

TOOLS = (
    StrictTool.of(
        generate_video,
        title="Generate a video",
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True
        ),
    ),
    StrictTool.of(get_status, title="Look at a video job, or wait for it", annotations=_READ_ONLY),
    StrictTool.of(list_requests, title="List video requests", annotations=_READ_ONLY),
    StrictTool.of(list_models, title="List video models", annotations=_READ_ONLY),
)


# -- what the tools share ----------------------------------------------------------------------------------------


def _services(ctx: Ctx) -> Services:
    services = ctx.request_context.lifespan_context
    services.settings.check()
    return services


def _longest_wait(ctx: Ctx, services: Services) -> float:
    if services.settings.max_wait_seconds is not None:
        return services.settings.max_wait_seconds
    client = ctx.session.client_params
    return hosts.longest_wait(client.client_info.name if client else "", over_http=ctx.headers is not None)


async def _wait(ctx: Ctx, services: Services, record: Record, seconds: float) -> Watch:
    """Wait for a job, telling the host how it goes. The first thing told is the request id: it must not get lost."""
    expected = await services.jobs.expect(record)
    told = 0.0

    async def tell(watch: Watch) -> None:
        nonlocal told
        first = told == 0.0
        told = max(watch.age, told + 0.001)  # the protocol wants each value above the last
        usual = expected.expected_seconds
        message = answers.progress(watch.record, watch.age, expected)
        await ctx.report_progress(
            round(told, 3),
            max(usual, told * 1.05) if usual else None,
            f"request {record.request_id}: {message}" if first else message,
        )

    return await services.jobs.wait(record, expected, seconds, tell)


def _result(answer: VideoAnswer | RequestsAnswer | ModelsAnswer, *, is_error: bool = False) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(type="text", text=answers.text_of(answer))],
        structured_content=dict(answer),
        is_error=is_error,
    )


def _row(record: Record) -> answers.RequestRow:
    row: answers.RequestRow = {
        "request_id": record.request_id,
        "model": plain(record.model, 200),
        "status": record.status,
    }
    if record.created_at is not None:
        row["created_at"] = answers.iso(record.created_at)
    if record.took is not None:
        row["took_seconds"] = round(record.took)
    if prompt := plain(record.payload.get("prompt") or "", 80):
        row["prompt"] = prompt
    if record.succeeded and record.video_url:
        row["video_url"] = record.video_url
    return row


def _list_summary(shown: int, total: int, model: str, status: str) -> str:
    of = f" of {plain(model, 80)}" if model else ""
    which = f" with status {plain(status, 40)}" if status else ""
    if not total:
        return f"There are no requests{of}{which}."
    return f"The newest {shown} of {total} requests{of}{which}."


def _nothing_found(model: str, status: str) -> str:
    if status:
        return 'Call list_requests with "status": "" to see requests of every status.'
    if model:
        return 'Call list_requests with "model": "" to see the requests of all models.'
    return "Call generate_video to make the first one."

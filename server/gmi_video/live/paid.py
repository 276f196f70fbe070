"""The call that costs money: one 540p 5s video, submitted once and polled until it ends."""

import anyio

from gmi_video.live.report import code
from gmi_video.live.session import LiveSession, NoResponse, outcome_shape
from gmi_video.text import duration
from gmi_video.upstream import lists
from gmi_video.upstream.luma_ray2 import LUMA_RAY2, LumaRay2Payload
from gmi_video.upstream.wire import Record

PAYLOAD = LumaRay2Payload(prompt="A paper boat drifts across a still pond", resolution="540p", duration="5s").wire()

POLL_SECONDS = 5.0
"""Pause between two polls (seconds)."""

MAX_RENDER_SECONDS = 30 * 60.0
"""Polling stops after this time (seconds); the job then counts as a difference."""


async def make_video(session: LiveSession) -> None:
    """Submit a payload that must be refused, then one that is paid for, and poll it. No submit is repeated.

    Raises:
        NoResponse: a submit got no response; the video may have been made.
    """
    report = session.report
    refused = await session.call("/requests", body={"model": LUMA_RAY2, "payload": {"resolution": "540p"}})
    session.check_response("a submit without a prompt", "error", refused, 400)
    report.add_observation("The text of a 400", session.error_text(refused))
    response = await session.call("/requests", body={"model": LUMA_RAY2, "payload": PAYLOAD})
    if not session.check_response("POST /requests", "submit-response", response):
        return
    record = session.parse("POST /requests", Record.model_validate, response, "record")
    if record is None:
        return
    session.check_record("POST /requests", record)
    submitted_at = anyio.current_time()
    stages = [f"{record.status_words} at 0 s"]
    list_lag: float | None = None
    while (age := anyio.current_time() - submitted_at) < MAX_RENDER_SECONDS:
        if list_lag is None and await _is_listed(session, record.request_id):
            list_lag = age
        if record.is_final:
            break
        await anyio.sleep(POLL_SECONDS)
        polled = await _poll(session, record.request_id)
        if polled is not None and polled.status != record.status:
            stages.append(f"{polled.status_words} at {anyio.current_time() - submitted_at:.0f} s")
        record = polled or record
    report.add_observation("The paid video", ", then ".join(stages))
    listed = f"in the list after {duration(list_lag)}" if list_lag is not None else "never in the list"
    report.add_observation("The paid video", listed)
    await _check_outcome(session, record)


async def _poll(session: LiveSession, request_id: str) -> Record | None:
    try:
        return await session.get_request(request_id)
    except NoResponse:
        # The next poll may succeed, and the job is paid for.
        return None


async def _is_listed(session: LiveSession, request_id: str) -> bool:
    try:
        response = await session.call("/requests", params={"model_id": LUMA_RAY2})
        listing = lists.from_body(response.body)
    except (NoResponse, ValueError):
        return False
    return any(record.request_id == request_id for record in listing.requests)


async def _check_outcome(session: LiveSession, record: Record) -> None:
    report = session.report
    if not record.succeeded:
        state = "ended" if record.is_final else f"was after {duration(MAX_RENDER_SECONDS)} still"
        report.add_difference("the paid video", f"{state} {record.status_words}")
        return
    report.add_observation(f"The outcome shape of {LUMA_RAY2}", f"of the paid video: {outcome_shape(record)}")
    link = await session.describe_link(record.video_url)
    report.add_observation("How long URLs live", f"the paid video's, fresh: {link}")
    echo = record.payload
    if echo and echo != PAYLOAD:
        names = sorted(name for name in echo.keys() | PAYLOAD.keys() if echo.get(name) != PAYLOAD.get(name))
        changed = ", ".join(map(code, names))
        report.add_difference("the paid video", f"the payload comes back with other {changed}")

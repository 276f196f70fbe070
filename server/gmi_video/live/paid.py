"""The one question that costs money: a 540p 5s video, submitted once and watched to its end."""

from urllib.parse import quote

import anyio

from gmi_video.live.session import Asking, CouldNotRun, Reply, shape
from gmi_video.text import duration
from gmi_video.upstream.luma_ray2 import LUMA_RAY2, LumaRay2Payload
from gmi_video.upstream.wire import Record, RecordList

PAYLOAD = LumaRay2Payload(prompt="A paper boat drifts across a still pond", resolution="540p", duration="5s").wire()
POLL_SECONDS = 5.0
PATIENCE_SECONDS = 30 * 60.0


async def watch(asking: Asking) -> None:
    """One submit that must be refused, and one that is paid for and watched to its end. No submit is repeated."""
    report = asking.report
    refused = await asking.ask("/requests", body={"model": LUMA_RAY2, "payload": {"resolution": "540p"}})
    asking.compare("a submit without a prompt", "error", refused, 400)
    report.saw("The text of a 400", asking.said(refused))
    reply = await asking.ask("/requests", body={"model": LUMA_RAY2, "payload": PAYLOAD})
    if not asking.compare("POST /requests", "submit-response", reply):
        return
    record = _read(asking, "POST /requests", reply)
    if record is None:
        return
    began = anyio.current_time()
    stages = [f"{record.status} at 0 s"]
    lag: float | None = None
    while anyio.current_time() - began < PATIENCE_SECONDS:
        passed = anyio.current_time() - began
        if lag is None and await _is_listed(asking, record.request_id):
            lag = passed
        if record.is_final:
            break
        await anyio.sleep(POLL_SECONDS)
        seen = await _look(asking, record.request_id)
        if seen is not None and seen.status != record.status:
            stages.append(f"{seen.status} at {anyio.current_time() - began:.0f} s")
        record = seen or record
    report.saw("The paid video", ", then ".join(stages))
    report.saw("The paid video", f"in the list after {duration(lag)}" if lag is not None else "never in the list")
    await _judge(asking, record)


async def _look(asking: Asking, request_id: str) -> Record | None:
    try:
        reply = await asking.ask(f"/requests/{quote(request_id, safe='')}")
    except CouldNotRun:
        # A poll that gets no answer is asked again: the job goes on, and is paid for.
        return None
    if not asking.compare("GET /requests/{id}", "request-record", reply):
        return None
    return _read(asking, "GET /requests/{id}", reply)


async def _is_listed(asking: Asking, request_id: str) -> bool:
    try:
        reply = await asking.ask("/requests", params={"model_id": LUMA_RAY2})
        listing = RecordList.model_validate(reply.body)
    except (CouldNotRun, ValueError):
        return False
    return any(record.request_id == request_id for record in listing.requests)


def _read(asking: Asking, subject: str, reply: Reply) -> Record | None:
    try:
        record = Record.model_validate(reply.body)
    except ValueError:
        asking.report.differs(subject, "our parsing can't read the record")
        return None
    asking.record(subject, record)
    return record


async def _judge(asking: Asking, record: Record) -> None:
    report = asking.report
    if not record.succeeded:
        state = "ended" if record.is_final else f"was after {duration(PATIENCE_SECONDS)} still"
        report.differs("the paid video", f"{state} {record.status}")
        return
    report.saw(f"The outcome shape of {LUMA_RAY2}", f"of the paid video: {shape(record)}")
    report.saw("How long URLs live", f"the paid video's, fresh: {await asking.link(record.video_url)}")
    echo = record.payload
    if echo and echo != PAYLOAD:
        names = sorted(name for name in echo.keys() | PAYLOAD.keys() if echo.get(name) != PAYLOAD.get(name))
        report.differs(
            "the paid video", f"the payload comes back with other {', '.join(f'`{name}`' for name in names)}"
        )

"""What an answer about a finished video says of its file: `saved_to`, or a note."""

from collections.abc import Mapping
from typing import Any

from gmi_video.mcp.deadlines import CURRENT
from gmi_video.mcp.results import with_defaults
from gmi_video.services import Services
from gmi_video.upstream.wire import Record
from gmi_video.videos.save import NOT_ASKED, Saved

PATIENCE_SECONDS = 15.0
"""How long an answer waits for its video to be saved, within the call's time; the link must not come much later."""

LEAST_SECONDS = 1.0
"""What it waits in any case: enough to find a file that is there. A host that gives up after 5 s gets its answer."""


async def saved(
    services: Services,
    record: Record,
    *,
    asked: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any],
    usd: float | None,
) -> Saved:
    """Save a finished video, or find it; where that takes longer than the answer may, it goes on in the server.

    Args:
        services: have the folder.
        record: the job.
        asked: the payload that was sent, for a queue that does not echo it.
        defaults: the model's defaults, by parameter.
        usd: the job's price, where it is known.
    """
    videos = services.videos
    if not videos.takes(record):
        return NOT_ASKED
    parameters = with_defaults(record.payload or asked or {}, defaults)
    with CURRENT.get().waiting(PATIENCE_SECONDS, least=LEAST_SECONDS):
        return await videos.save(record, parameters, usd)
    return videos.still_saving(record.request_id)

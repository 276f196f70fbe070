"""Pictures of a finished video as resources: its thumbnail, its first and its last frame."""

from collections.abc import Awaitable, Callable

from gmi_video.errors import SettingsError, Unavailable
from gmi_video.frames import decoding
from gmi_video.frames.extraction import Frames
from gmi_video.mcp.call import ToolContext
from gmi_video.mcp.deadlines import CURRENT
from gmi_video.mcp.frames import INSTALL, NOT_INSTALLED, thumbnail_of
from gmi_video.mcp.resources import must_have_succeeded, protocol_errors
from gmi_video.mcp.results import FIRST_FRAME_URI, LAST_FRAME_URI, THUMBNAIL_URI
from gmi_video.text import sentence
from gmi_video.upstream.wire import Record
from gmi_video.videos.part import NotFetched


async def thumbnail(request_id: str, ctx: ToolContext) -> bytes:
    """A JPEG, as the queue links it."""
    return await _picture(request_id, ctx, thumbnail_of)


async def first_frame(request_id: str, ctx: ToolContext) -> bytes:
    """In full size."""
    return await _frame(request_id, ctx, "first")


async def last_frame(request_id: str, ctx: ToolContext) -> bytes:
    """In full size. Given as an image to generate_video, the next video goes on from it."""
    return await _frame(request_id, ctx, "last")


RESOURCES = (
    (THUMBNAIL_URI, "thumbnail", "Thumbnail of a finished video", thumbnail),
    (FIRST_FRAME_URI, "first-frame", "First frame of a finished video", first_frame),
    (LAST_FRAME_URI, "last-frame", "Last frame of a finished video", last_frame),
)
"""Each resource's URI, name, title and function."""


async def _frame(request_id: str, ctx: ToolContext, which: str) -> bytes:
    async def take(frames: Frames, record: Record) -> bytes:
        if not decoding.is_installed():
            raise SettingsError(f"Frames can't be had: {NOT_INSTALLED}.", sentence(INSTALL))
        return await frames.frame(record, which)

    return await _picture(request_id, ctx, take)


async def _picture(request_id: str, ctx: ToolContext, take: Callable[[Frames, Record], Awaitable[bytes]]) -> bytes:
    services = ctx.request_context.lifespan_context
    with protocol_errors():
        services.settings.check()
        record = await services.poller.look(request_id)
        must_have_succeeded(record)
        try:
            with CURRENT.get().waiting():
                return await take(services.frames, record)
        except NotFetched as error:
            raise Unavailable(f"It can't be had: {error.why}.", sentence(error.remedy)) from None
        raise Unavailable("It is still being fetched.", "Read it again in a moment.")

"""Frames in calls: a picture of a finished video's frames for the assistant, and a frame as the next video's image."""

import base64
import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from anyio import to_thread
from mcp_types import ImageContent

from gmi_video.errors import NotFound, Unavailable
from gmi_video.foreign.process import installs
from gmi_video.frames import decoding
from gmi_video.frames.extraction import Frames
from gmi_video.images import formats
from gmi_video.images.formats import NotAPicture, Picture
from gmi_video.images.refusals import ImageRefused, subject
from gmi_video.images.shape import size_of
from gmi_video.images.upload import LocalImage
from gmi_video.mcp.deadlines import CURRENT
from gmi_video.mcp.job_text import status_call
from gmi_video.mcp.results import LAST_FRAME_URI
from gmi_video.services import Services
from gmi_video.text import sentence
from gmi_video.upstream.wire import REQUEST_ID_PATTERN, Record
from gmi_video.videos.part import NotFetched, Unusable, UserMustAct

PATIENCE_SECONDS = 60.0
"""How long an answer waits for its frames, within the call's time."""

COMPARE = "Compare the picture with what the user asked for, and tell them where it differs."
"""What the assistant does with a picture of frames, before anything else."""

NOT_INSTALLED = "what decodes videos is not installed here"
INSTALL = f"have the user run `{installs('frames')}` in the folder of the clone and restart the server"

_FRAME = re.compile(rf"gmi-video://requests/({REQUEST_ID_PATTERN.strip('^$')})/(first|last)-frame")


class Looked(NamedTuple):
    """What an answer shows of a video: a sentence, and a picture where there is one."""

    note: str = ""
    image: ImageContent | None = None


NOT_LOOKED = Looked()
"""Nothing was to be shown."""


async def look_at(services: Services, record: Record, number: int) -> Looked:
    """Show that many frames of a finished video, or say why not; without the extra `frames`, its thumbnail.

    Where it takes longer than the answer may, it goes on in the server, and the same call finds it done.
    """
    if not number:
        return NOT_LOOKED
    if not record.succeeded:
        return Looked("There are no frames to see." if record.is_final else "Its frames can be seen once it is done.")
    with CURRENT.get().waiting(PATIENCE_SECONDS):
        try:
            if decoding.is_installed():
                sheet = await services.frames.sheet(record, number)
                return Looked(_times(sheet.times), _content(sheet.jpeg))
            lacking = f"Its frames can't be shown: {NOT_INSTALLED}; {INSTALL}."
            try:
                thumbnail = await thumbnail_of(services.frames, record)
            except NotFetched as error:
                return Looked(f"{lacking} Nor can its thumbnail: {error.why}.")
            return Looked(f"{lacking} The picture is its thumbnail.", _content(thumbnail))
        except NotFetched as error:
            return Looked(f"Its frames can't be shown: {error.why}; {error.remedy}.")
    return Looked("Its frames are not there yet; the same call shows them in a moment.")


async def thumbnail_of(frames: Frames, record: Record) -> bytes:
    """The thumbnail of a finished video, a whole JPEG. Raises `NotFetched`.

    Models' APIs refuse a conversation that holds a broken picture, and every later call of it.
    """
    jpeg = await frames.thumbnail(record)
    try:
        # Not in a thread: one that was fetched before is shown also where there is no time left to wait.
        picture = formats.read(jpeg)
    except NotAPicture:
        raise Unusable("what its link leads to is not a whole JPEG picture") from None
    return picture.content


def is_frame(value: str) -> bool:
    """Whether an image is given as an address of this server's own."""
    return value.startswith("gmi-video:")


def frame_digest(uri: str) -> str:
    """What stands for a frame until it is uploaded: the same for the same frame of the same request.

    Not of its content: the same call must be the same job also when that video's link is dead, and at a server whose
    decoder gives other bytes.
    """
    return f"sha256:{hashlib.sha256(uri.encode()).hexdigest()}"


async def frame_image(services: Services, uri: str, argument: str) -> LocalImage:
    """A frame of a finished video as an image that can be uploaded. Nothing is sent but what reads.

    Args:
        services: have the video.
        uri: its address, `LAST_FRAME_URI` or `FIRST_FRAME_URI`.
        argument: the argument it was given in, for the error.

    Raises:
        ImageRefused: there is no such frame, or it can't be had.
        UpstreamError: the queue can't be asked about the video, or it is still being fetched.
    """
    record, which = await _finished(services, uri, argument)
    jpeg = None
    with CURRENT.get().waiting():
        try:
            jpeg = await services.frames.frame(record, which)
        except NotFetched as error:
            fault = f"{subject(argument, uri)} can't be taken from its video: {error.why}."
            raise _refused(services, fault, _instead(error)) from None
    if jpeg is None:
        raise Unavailable(
            f"The video that {argument} is a frame of is still being fetched. Nothing was submitted, nothing was "
            "charged.",
            "Make the same call again now: it goes on where this one stopped.",
        )
    return await to_thread.run_sync(_local_image, frame_digest(uri), jpeg)


def described(uris: Sequence[str]) -> str:
    """What a dry run says of images that are frames: a sentence; empty where there are none."""
    found = [f"the {which} frame of request {request_id}" for request_id, which in map(_parts, uris)]
    return f"Without dry_run, {' and '.join(found)} would be uploaded." if found else ""


async def _finished(services: Services, uri: str, argument: str) -> tuple[Record, str]:
    """The finished request that an address names, and which frame of it. Raises like `frame_image`."""
    shown = subject(argument, uri)
    request_id, which = _parts(uri)
    if not request_id:
        raise _refused(
            services,
            f"{shown} is no frame of a video.",
            f"Give {LAST_FRAME_URI}, or first-frame, with the request_id of a finished video.",
        )
    if not decoding.is_installed():
        raise _refused(
            services,
            f"{shown} can't be taken from its video: {NOT_INSTALLED}.",
            sentence(f"{INSTALL}; or ask them for a picture of that frame"),
        )
    try:
        record = await services.poller.look(request_id)
    except NotFound:
        raise _refused(
            services, f"{shown} is of a request that this account does not have.", "list_requests has their ids."
        ) from None
    if not record.is_final:
        raise _refused(
            services,
            f"{shown} does not exist yet: that video is not finished ({record.status_words}).",
            f"{status_call(request_id)} waits for it; then make the same call again.",
        )
    if not record.succeeded:
        raise _refused(
            services,
            f"{shown} does not exist: that request ended without a video ({record.status_words}).",
            "Ask the user which video to go on from; list_requests has them.",
        )
    return record, which


def _parts(uri: str) -> tuple[str, str]:
    """The request id and `first` or `last`; empty for another address."""
    found = _FRAME.fullmatch(uri)
    return (found[1], found[2]) if found else ("", "")


def _instead(error: NotFetched) -> str:
    """What to do where a frame can't be had."""
    match error:
        case UserMustAct():
            return sentence(f"{error.remedy}; or ask them for a picture of that frame")
        case Unusable():
            return "Ask the user for a picture of that frame."
        case _:
            return "Make the same call again in a minute, or ask the user for a picture of that frame."


def _refused(services: Services, fault: str, remedy: str) -> ImageRefused:
    return ImageRefused(fault, remedy, dirs=services.settings.image_dirs)


def _local_image(digest: str, jpeg: bytes) -> LocalImage:
    picture = formats.read(jpeg)
    if not isinstance(picture, Picture):
        raise TypeError("a frame is a JPEG")
    return LocalImage(digest, picture, size_of(picture))


def _times(times: Sequence[float]) -> str:
    """What the picture shows, as a sentence."""
    *others, last = (f"{seconds:.1f}".removesuffix(".0") for seconds in times)
    if not others:
        return f"The picture shows the frame at {last} s."
    return f"The picture shows {len(times)} frames, at {', '.join(others)} and {last} s."


def _content(jpeg: bytes) -> ImageContent:
    return ImageContent(type="image", data=base64.b64encode(jpeg).decode(), mime_type="image/jpeg")

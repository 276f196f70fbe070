"""A call of generate_video before it may spend: its arguments checked and priced, and its local images read.

`begin` and `check` are resolvers, which the SDK runs before the tool.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any

from mcp.server.mcpserver import Resolve

from gmi_video.catalog.prepare import VideoArguments, prepare
from gmi_video.catalog.priced import PricedRequest
from gmi_video.images.refusals import ImageRefused, together
from gmi_video.images.upload import Images, LocalImage
from gmi_video.mcp.call import Call, ToolContext
from gmi_video.mcp.frames import described, frame_digest, frame_image, is_frame


@dataclass(frozen=True, slots=True)
class Prepared:
    """A checked request: as it was asked for, and with its local images read.

    Attributes:
        asked: the request with local images as paths, as the caller knows them.
        request: the same with each local image as its digest, so that it can be compared before anything is uploaded.
        images: the local images by their digest.
        frames: takes a frame of an earlier video, by its digest; not taken yet where the job is known.
    """

    asked: PricedRequest
    request: PricedRequest
    images: Mapping[str, LocalImage]
    frames: Mapping[str, Callable[[], Awaitable[LocalImage]]]

    @property
    def key(self) -> str:
        """The request as text, equal for equal requests."""
        return self.request.wire.model_dump_json()

    async def uploaded(self, images: Images) -> PricedRequest:
        """The request with each local image uploaded: what is submitted."""

        async def upload(value: str, _: str) -> str:
            image = self.images.get(value)
            if image is None and value in self.frames:
                image = await self.frames[value]()
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
    dry_run: bool,
    allow_duplicate: bool,
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
    sizes: dict[str, tuple[int, int]] = {}
    faults: list[ImageRefused] = []
    frames: list[tuple[str, str]] = []

    async def read(value: str, argument: str) -> str:
        if is_frame(value):
            frames.append((value, argument))
            return frame_digest(value)
        image = await taken(partial(call.services.images.read, value, argument), argument)
        return value if image is None else image.digest

    async def taken(take: Callable[[], Awaitable[LocalImage | None]], argument: str) -> LocalImage | None:
        image = None
        try:
            image = await take()
        except ImageRefused as fault:
            faults.append(fault)
        if image is not None:
            images[image.digest] = image
            sizes[argument] = image.size
        return image

    ahead = None if dry_run else call.services.submission.ask_ahead
    asked = await prepare(call.services.catalog, VideoArguments(model, prompt, luma, model_parameters), ahead)
    request = await asked.with_images(read)
    take = {frame_digest(frame[0]): partial(frame_image, call.services, *frame) for frame in frames}
    # The same call must find its job also when that video can't be had any more, and needs no picture of it.
    submission = call.services.submission
    if frames and (faults or dry_run or not await submission.is_recorded(request, allow_duplicate=allow_duplicate)):
        async with call.under_way((request.wire.model_dump_json(), "frames")):
            for frame in frames:
                await taken(partial(frame_image, call.services, *frame), frame[1])
    if faults:
        raise together(faults)
    if dry_run and frames:
        asked = replace(asked, notes=(*asked.notes, described([uri for uri, _ in frames])))
    return Prepared(asked.with_sizes(sizes), request.with_sizes(sizes), images, take)

"""From an order to files: an H.264 MP4 of exactly its frames, and a JPEG of one of them."""

# PyAV's stubs name numpy, which is not here:
# pyright: reportUnknownMemberType=false
from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import av
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image, ImageOps

from gmi_video.simulator.films.caption import lettering
from gmi_video.simulator.films.darkroom import scaled
from gmi_video.simulator.films.scene import Landscape
from gmi_video.simulator.films.spec import FPS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gmi_video.simulator.films.spec import Order

_BT709 = 1
_FADE_SECONDS = 1.6
_THUMBNAIL_WIDTH = 640


def render_film(order: Order, path: Path) -> None:
    """Write the film: yuv420p, 24 frames a second, ready to play while it still loads (+faststart)."""
    options = {"preset": "veryfast", "crf": "21", "bf": "0", "g": str(2 * FPS), "threads": "1"}
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = order.width, order.height, "yuv420p"
        context = stream.codec_context
        context.time_base = Fraction(1, FPS)
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        for number, picture in enumerate(pictures(order)):
            raw = cast("VideoFrame", VideoFrame.from_image(picture))
            frame = raw.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def render_thumbnail(order: Order, path: Path) -> None:
    """Write a JPEG of the film's first picture, at most 640 pixels wide."""
    picture = next(pictures(order))
    if picture.width > _THUMBNAIL_WIDTH:
        picture = scaled(picture, (_THUMBNAIL_WIDTH, round(picture.height * _THUMBNAIL_WIDTH / picture.width)))
    picture.save(path, "JPEG", quality=88)


def pictures(order: Order) -> Iterator[Image.Image]:
    """All frames in order: the landscape with its words, and the given start and end frame, faded in and out.

    The first frame is the start frame itself and the last is the end frame, cropped to cover.
    """
    place, words = Landscape(order), lettering(order)
    box = words.getbbox() or (0, 0, 1, 1)
    ink, alpha = words.crop(box).convert("RGB"), words.crop(box).getchannel("A")
    start, end = (_cover(picture, order) for picture in (order.start, order.end))
    for number in range(order.frames):
        picture = place.frame(number)
        picture.paste(ink, box, alpha)
        for still, when in ((start, 0), (end, order.frames - 1)):
            weight = 0.0 if still is None else _weight(number, when, order)
            if still is not None and weight:
                picture = Image.blend(picture, still, weight)
        yield picture


def _weight(number: int, when: int, order: Order) -> float:
    """How much of a still stands in that frame: all of it in its own, none further away than the fade is long."""
    away = abs(number - when)
    if order.loop:
        away = min(away, order.frames - away)
    length = max(1.0, min(_FADE_SECONDS * FPS, order.frames / 2 - 1))
    share = max(0.0, 1 - away / length)
    return share * share * (3 - 2 * share)


def _cover(data: bytes | None, order: Order) -> Image.Image | None:
    if data is None:
        return None
    with Image.open(io.BytesIO(data)) as opened:
        upright = ImageOps.exif_transpose(opened).convert("RGB")
    return ImageOps.fit(upright, (order.width, order.height), Image.Resampling.LANCZOS)

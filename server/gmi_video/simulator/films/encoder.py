"""Renders a film spec to files: an H.264 MP4 of exactly its frames, and a JPEG of the first one."""

# PyAV's stubs name numpy, which is not installed:
# pyright: reportUnknownMemberType=false

import io
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias, cast

import av
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image, ImageOps

from gmi_video.simulator.films.caption import draw_caption
from gmi_video.simulator.films.pillow_helpers import resized
from gmi_video.simulator.films.scene import Scene
from gmi_video.simulator.films.spec import FPS, FilmSpec

_BT709 = 1
_FADE_SECONDS = 1.6
_CAPTION_SECONDS = 0.8
"""How long a caption takes to replace that of the film before."""
_THUMBNAIL_WIDTH = 640


def render_film(spec: FilmSpec, path: Path, before_frame: Callable[[], None]) -> Image.Image:
    """Write the MP4: yuv420p, 24 frames per second, playable while it loads (+faststart). Returns the last frame.

    `before_frame` is called before each frame, and may raise to end the work.
    """
    image = Image.new("RGB", (spec.width, spec.height))
    options = {
        "preset": "veryfast",
        "crf": "21",
        "bf": "0",
        "g": str(2 * FPS),
        "threads": "1",
        "x264-params": "subme=1:partitions=none",
    }
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = spec.width, spec.height, "yuv420p"
        context = stream.codec_context
        context.time_base = Fraction(1, FPS)
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        for number, image in enumerate(frames(spec)):
            before_frame()
            raw = cast("VideoFrame", VideoFrame.from_image(image))
            frame = raw.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return image


def render_thumbnail(spec: FilmSpec, path: Path, before_frame: Callable[[], None]) -> None:
    """Write a JPEG of the first frame, at most 640 pixels wide; `before_frame` as in `render_film`."""
    before_frame()
    image = next(frames(spec))
    if image.width > _THUMBNAIL_WIDTH:
        image = resized(image, (_THUMBNAIL_WIDTH, round(image.height * _THUMBNAIL_WIDTH / image.width)))
    image.save(path, "JPEG", quality=88)


def frames(spec: FilmSpec) -> Iterator[Image.Image]:
    """All frames (RGB) in order: the scene with its caption; the start and end image, if given, fade out and in.

    The first frame is the start image itself and the last is the end image, cropped to the film's aspect ratio. In a
    film that goes on from another, the scene does so by itself, and only the captions fade.
    """
    scene = Scene(spec)
    start, end = (_cropped(image, spec) for image in (None if spec.after else spec.start, spec.end))
    for number, (box, colours, alpha) in enumerate(_captions(spec)):
        frame = scene.frame(number)
        frame.paste(colours, box, alpha)
        for still, position in ((start, 0), (end, spec.frames - 1)):
            weight = 0.0 if still is None else _weight(number, position, spec, _FADE_SECONDS)
            if still is not None and weight:
                frame = Image.blend(frame, still, weight)
        yield frame


_Caption: TypeAlias = tuple[tuple[int, int, int, int], Image.Image, Image.Image]


def _captions(spec: FilmSpec) -> Iterator[_Caption]:
    """Each frame's caption: where it is, its colours, and how opaque it is."""
    own = draw_caption(spec)
    before = draw_caption(spec.after) if spec.after else own
    steady = _parts(own)
    for number in range(spec.frames):
        weight = _weight(number, 0, spec, _CAPTION_SECONDS) if spec.after else 0.0
        yield _parts(Image.blend(own, before, weight)) if weight else steady


def _parts(caption: Image.Image) -> _Caption:
    box = caption.getbbox() or (0, 0, 1, 1)
    part = caption.crop(box)
    return box, part.convert("RGB"), part.getchannel("A")


def _weight(number: int, position: int, spec: FilmSpec, seconds: float) -> float:
    """The share (0 to 1) of a still image in a frame: 1 at the still's own position, 0 beyond the fade's length."""
    distance = abs(number - position)
    if spec.loop:
        distance = min(distance, spec.frames - distance)
    length = max(1.0, min(seconds * FPS, spec.frames / 2 - 1))
    share = max(0.0, 1 - distance / length)
    return share * share * (3 - 2 * share)


def _cropped(data: bytes | None, spec: FilmSpec) -> Image.Image | None:
    if data is None:
        return None
    with Image.open(io.BytesIO(data)) as opened:
        upright = ImageOps.exif_transpose(opened).convert("RGB")
    return ImageOps.fit(upright, (spec.width, spec.height), Image.Resampling.LANCZOS)

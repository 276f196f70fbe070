"""Helpers of the tests about frames: films whose frames carry their number, and reading it again."""

# PyAV's stubs name numpy, which is not installed:
# pyright: reportUnknownMemberType=false

import io
import os
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
from av.video.frame import VideoFrame
from PIL import Image, ImageDraw

BITS = 8


def numbered(number: int, size: tuple[int, int] = (320, 180)) -> Image.Image:
    """A picture that shows a number below 256 as eight bars, and nothing in its upper left corner."""
    image = Image.new("RGB", size, (40, 90, 160))
    pen = ImageDraw.Draw(image)
    width, height = size[0] / BITS, size[1]
    for bit in range(BITS):
        colour = "white" if number >> bit & 1 else "black"
        pen.rectangle((bit * width, height / 2, (bit + 1) * width - 1, height - 1), fill=colour)
    return image


def number_of(image: Image.Image) -> int:
    """The number that a picture shows."""
    grey = image.convert("L")
    across, down = grey.width / BITS, round(grey.height * 0.75)
    return sum(1 << bit for bit in range(BITS) if cast("int", grey.getpixel((int((bit + 0.5) * across), down))) > 128)


def film(
    file: Path,
    frames: int,
    *,
    size: tuple[int, int] = (320, 180),
    codec: str = "libx264",
    draw: Callable[[int, tuple[int, int]], Image.Image] = numbered,
    options: Mapping[str, str] | None = None,
    pixels: str = "yuv420p",
    pixel: Fraction | None = None,
    times: Sequence[int] = (),
) -> bytes:
    """Write a film of 24 frames per second, in the format that the file's ending says; returns its bytes.

    `pixels` is FFmpeg's name of their format, `pixel` the shape of one, `times` those of the frames in hundredths of a
    second.
    """
    given = dict(options or {})
    if codec == "libx265" and frames < 3:
        # With B-frames it reckons decoding times from a third frame, and from anything where there is none.
        given["x265-params"] = ":".join([*filter(None, [given.get("x265-params")]), "bframes=0"])
    with av.open(str(file), "w") as container:
        stream = cast("Any", container.add_stream(codec, rate=24, options=given))
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        if pixel:
            stream.codec_context.sample_aspect_ratio = pixel
        if times:
            stream.codec_context.time_base = Fraction(1, 100)
        for number in range(frames):
            frame = cast("Any", VideoFrame.from_image(draw(number, size)))
            frame.pts, frame.time_base = (times[number], Fraction(1, 100)) if times else (number, Fraction(1, 24))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    if codec == "libsvtav1" and hasattr(os, "sched_setscheduler"):
        # As root it leaves the thread that called it in real-time priority, where the tests' event loop, which turns
        # while a thread works, keeps that thread off the processor: two such tests at once stalled two processors.
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return file.read_bytes()


def last_picture(content: bytes) -> Image.Image:
    """The last frame of a film, of HD colours: every frame is decoded, one after the other."""
    with av.open(io.BytesIO(content), "r") as container:
        *_, last = cast("Any", container.decode(video=0))
    return last.to_image(src_colorspace="ITU709")


def sound(file: Path) -> bytes:
    """Write a second of silence; returns its bytes."""
    with av.open(str(file), "w") as container:
        stream = cast("Any", container.add_stream("aac", rate=44100))
        for number in range(43):
            frame = cast("Any", av.AudioFrame(format="fltp", layout="mono", samples=1024))
            frame.sample_rate, frame.pts = 44100, number * 1024
            frame.planes[0].update(bytes(frame.planes[0].buffer_size))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.read_bytes()


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of two pictures of one size, of 255."""
    assert one.size == other.size
    pairs = zip(one.convert("RGB").tobytes(), other.convert("RGB").tobytes(), strict=True)
    return sum(abs(a - b) for a, b in pairs) / (one.width * one.height * 3)

"""A program: frames of a film as one JPEG on stdout, after a line with their times; or a line with what is wrong.

Run by `decoding`, by its path and within the bounds of `foreign.process`: it imports nothing of `gmi_video`.
"""

# PyAV's stubs name numpy, which is not installed:
# pyright: reportUnknownMemberType=false

import io
import json
import struct
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from math import ceil
from typing import NamedTuple, cast

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.sidedata.sidedata import SideData, Type
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from av.video.stream import VideoStream
from PIL import Image, ImageDraw, ImageFont

MAX_PIXELS = 40_000_000
"""Largest frame (pixels); 8k has 33 million."""

MAX_FRAMES = 20_000
"""Longest film (frames): eleven minutes at 30 per second."""

CODECS = {"h264", "hevc", "av1", "libdav1d", "vp8", "vp9", "mpeg4", "prores"}
"""What is decoded: what videos of models come in. FFmpeg's other decoders are less used, and less tested."""

SHEET_SIDE = 1024
"""Longest side of a contact sheet (pixels)."""

SHEET_BYTES = 200_000
PICTURE_BYTES = 10_000_000
"""The most that a contact sheet, and a single frame, may have."""

_QUALITIES = (95, 90, 85, 75, 60, 45, 30)
_SHARP = 90
"""From this quality on colours have the resolution of the light."""
_SHEET_QUALITY = 85

_LABELLED = 100
"""Frames that are smaller on a sheet (pixels, either way) have no time written on them, which would cover them."""

_TURNS = {
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
}
"""How players turn a film's frames, by the signs of its display matrix. One that does something else they ignore."""

_SIDEWAYS = {
    Image.Transpose.ROTATE_90,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSPOSE,
    Image.Transpose.TRANSVERSE,
}

_MOST_STRETCHED = 4
"""Pixels that are longer than this many times their other side are taken for square ones."""

_UNSPECIFIED, _ITU709 = 2, 1
_HD = 720
"""A film of this height or more that does not name its colours has those of HD."""


class Fault(Exception):
    """The film can't be used; `decoding` has the sentence to each word."""


class Times(NamedTuple):
    """The times of a film's frames, in order, and where it can be entered: time and decoding time of each key frame."""

    frames: list[int]
    keys: list[tuple[int, int]]


def main(path: str, kind: str, what: str) -> None:
    """Write the answer.

    Args:
        path: the film.
        kind: FFmpeg's name of its format.
        what: `first`, `last`, or the number of frames on a contact sheet.
    """
    try:
        times, jpeg = pictures(path, kind, what)
        head = json.dumps(times)
    except Fault as fault:
        head, jpeg = str(fault), b""
    except (FFmpegError, ValueError):
        head, jpeg = "damaged", b""
    sys.stdout.buffer.write(head.encode() + b"\n" + jpeg)


def pictures(path: str, kind: str, what: str) -> tuple[list[float], bytes]:
    """The times of the frames in seconds, and the JPEG."""
    with _opened(path, kind) as film:
        times = _times(film)
    if what in {"first", "last"}:
        wanted = [times.frames[0 if what == "first" else -1]]
    else:
        wanted = _spread(times.frames, int(what))
    with _opened(path, kind) as film:
        video = _video(film)
        base, pixel = video.time_base or 0, video.sample_aspect_ratio or Fraction(1)
        found = _found(film, times, wanted)
        seconds = [float((at - times.frames[0]) * base) for at in wanted]
        if what in {"first", "last"}:
            frame = next(found)
            return seconds, _jpeg(_rgb(frame, _shown_size(frame, pixel)), PICTURE_BYTES, _QUALITIES[0])
        return seconds, _jpeg(_sheet(found, pixel, seconds), SHEET_BYTES, _SHEET_QUALITY)


def _opened(path: str, kind: str) -> InputContainer:
    # Of this format and by these decoders only (opening it decodes a little), and no other file or address that the
    # film may name.
    options = {"protocol_whitelist": "file", "enable_drefs": "0", "codec_whitelist": ",".join(sorted(CODECS))}
    return av.open(path, format=kind, options=options)


def _video(film: InputContainer) -> VideoStream:
    """The film's video, ready to be decoded."""
    stream = film.streams.best("video")
    if not isinstance(stream, VideoStream):
        raise Fault("no video")
    context = stream.codec_context
    if context.name not in CODECS:
        raise Fault("codec")
    if context.width * context.height > MAX_PIXELS:
        raise Fault("pixels")
    # What the header says of the size, the film itself may contradict.
    context.options = {"max_pixels": str(MAX_PIXELS)}
    # The memory that a decoder takes grows with its threads.
    context.thread_count = 1
    return stream


def _times(film: InputContainer) -> Times:
    """Read the film through without decoding it."""
    frames: list[int] = []
    keys: list[tuple[int, int]] = []
    for packet in film.demux(_video(film)):
        if packet.pts is None or packet.is_discard:
            continue
        if len(frames) == MAX_FRAMES:
            raise Fault("frames")
        frames.append(packet.pts)
        if packet.is_keyframe:
            keys.append((packet.pts, packet.pts if packet.dts is None else packet.dts))
    if not frames:
        raise Fault("no video")
    return Times(sorted(frames), sorted(keys))


def _spread(frames: Sequence[int], number: int) -> list[int]:
    """The times of that many frames, evenly spread in time from the first to the last; of a single one the middle.

    Fewer where the film has fewer there: the pauses between frames can differ.
    """
    first, length = frames[0], frames[-1] - frames[0]
    wanted = [first + length * i / (number - 1) for i in range(number)] if number > 1 else [first + length / 2]
    return list(dict.fromkeys(_nearest(frames, at) for at in wanted))


def _nearest(frames: Sequence[int], at: float) -> int:
    """The frame nearest to a time; of two the later one."""
    after = min(bisect_left(frames, at), len(frames) - 1)
    return min(frames[max(after - 1, 0) : after + 1], key=lambda frame: (abs(frame - at), -frame))


def _found(film: InputContainer, times: Times, wanted: Sequence[int]) -> Iterator[VideoFrame]:
    """The frames at these times, which are in order. Where there is a key frame on the way, what is before is skipped.

    The last frame of all is the one that is decoded last: it is not known to be it before the film has ended.
    """
    stream = _video(film)
    decoding = film.decode(stream)
    current: VideoFrame | None = None
    ahead: VideoFrame | None = None
    for at in wanted:
        position = times.frames[0] if current is None or current.pts is None else current.pts
        before = bisect_right(times.keys, at, key=lambda key: key[0])
        if before and times.keys[before - 1][0] > position:
            with suppress(FFmpegError):  # it can't be skipped, and is decoded
                film.seek(times.keys[before - 1][1], stream=stream)
                decoding, ahead = film.decode(stream), None
        if ahead is not None and (ahead.pts or 0) <= at:
            current, ahead = ahead, None
        while ahead is None and (frame := next(decoding, None)) is not None:
            if current is not None and frame.pts is not None and frame.pts > at:
                ahead = frame
            else:
                current = frame
        if current is None or current.is_corrupt:
            raise Fault("damaged")
        yield current


def _turn(frame: VideoFrame) -> Image.Transpose | None:
    """How a frame is turned to be shown, as the film says."""
    beside = cast("Iterator[SideData]", iter(frame.side_data))  # its stubs say that they are texts
    matrix = next((bytes(data) for data in beside if data.type == Type.DISPLAYMATRIX), b"")
    if len(matrix) < struct.calcsize("=9i"):
        return None
    a, b, _, c, d, *_ = (int(value > 0) - int(value < 0) for value in struct.unpack_from("=9i", matrix))
    return _TURNS.get((a, b, c, d))


def _shown_size(frame: VideoFrame, pixel: Fraction) -> tuple[int, int]:
    """A frame's width and height as it is shown: its pixels square, and turned."""
    width, height = frame.width, frame.height
    if 1 < pixel <= _MOST_STRETCHED and width * pixel * height <= MAX_PIXELS:
        width = round(width * pixel)
    elif 1 > pixel >= Fraction(1, _MOST_STRETCHED) and width * height / pixel <= MAX_PIXELS:
        height = round(height / pixel)
    return (height, width) if _turn(frame) in _SIDEWAYS else (width, height)


def _rgb(frame: VideoFrame, size: tuple[int, int]) -> Image.Image:
    """A frame as it is shown, in this size."""
    turn = _turn(frame)
    width, height = reversed(size) if turn in _SIDEWAYS else size
    colours = _ITU709 if frame.colorspace == _UNSPECIFIED and frame.height >= _HD else frame.colorspace
    scaling = Interpolation.AREA if width < frame.width else Interpolation.BICUBIC
    image = frame.to_image(  # pyright: ignore[reportUnknownVariableType]
        width=width, height=height, src_colorspace=colours, src_color_range=frame.color_range, interpolation=scaling
    )
    picture = cast("Image.Image", image)
    return picture if turn is None else picture.transpose(turn)


def _sheet(found: Iterator[VideoFrame], pixel: Fraction, seconds: Sequence[float]) -> Image.Image:
    """The frames in rows, each with its time in a corner."""
    sheet: Image.Image | None = None
    width = height = columns = 0
    for number, frame in enumerate(found):
        if sheet is None:
            columns, (width, height) = _grid(len(seconds), *_shown_size(frame, pixel))
            sheet = Image.new("RGB", (columns * width, ceil(len(seconds) / columns) * height))
        corner = number % columns * width, number // columns * height
        sheet.paste(_rgb(frame, (width, height)), corner)
        if min(width, height) >= _LABELLED:
            _write(sheet, corner, f"{seconds[number]:.1f} s")
    if sheet is None:
        raise Fault("damaged")
    return sheet


def _grid(number: int, width: int, height: int) -> tuple[int, tuple[int, int]]:
    """How many columns the sheet has, and the size of a frame on it: the largest that fits."""

    def scale(columns: int) -> float:
        rows = ceil(number / columns)
        return min(1.0, SHEET_SIDE / (columns * width), SHEET_SIDE / (rows * height))

    columns = max(range(1, number + 1), key=scale)
    return columns, (max(1, int(width * scale(columns))), max(1, int(height * scale(columns))))


def _write(sheet: Image.Image, corner: tuple[int, int], text: str) -> None:
    """A text on black at a corner."""
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    x, y = corner[0] + 4, corner[1] + 2
    left, top, right, bottom = pen.textbbox((x, y), text, font)
    pen.rectangle((left - 3, top - 2, right + 3, bottom + 2), fill="black")
    pen.text((x, y), text, "white", font)


def _jpeg(image: Image.Image, most: int, best: int) -> bytes:
    """An image as JPEG of at most so many bytes, no better than of quality `best`."""
    while True:
        for quality in _QUALITIES:
            if quality <= best:
                file = io.BytesIO()
                image.save(file, "JPEG", quality=quality, subsampling=0 if quality >= _SHARP else 2)
                if file.tell() <= most:
                    return file.getvalue()
        image = image.resize((max(1, image.width // 2), max(1, image.height // 2)))


if __name__ == "__main__":
    main(*sys.argv[1:])

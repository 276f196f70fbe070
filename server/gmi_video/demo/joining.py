"""Join films to one: their packets as they are where all films are encoded alike, else encoded once more."""

# PyAV's stubs name numpy, which is not installed:
# pyright: reportUnknownMemberType=false

from collections.abc import Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.video.reformatter import Colorspace

from gmi_video.demo.making import DemoError

_OPTIONS = {"movflags": "+faststart"}
_QUALITY = {"preset": "veryfast", "crf": "18", "bf": "0"}


def join(films: Sequence[Path], path: Path) -> float:
    """Write one MP4 with all frames of the films, one after the other. Returns its length in seconds.

    Where they differ, each frame gets the size of the first film's, and the film its frame rate.

    Raises:
        OSError: a film can't be read, or the file can't be written.
        DemoError: a film is damaged.
    """
    unfinished = path.with_name(path.name + ".part")
    try:
        with ExitStack() as opened:
            sources = [opened.enter_context(av.open(str(film), "r")) for film in films]
            alike = all(_encoding(source) == _encoding(sources[0]) for source in sources)
            with av.open(str(unfinished), "w", format="mp4", options=_OPTIONS) as target:
                length = (_copy if alike else _encode)(sources, target)
        unfinished.replace(path)
    except FFmpegError as error:
        raise DemoError(f"The shots can't be joined to one film: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return float(length)


def _encoding(source: InputContainer) -> tuple[object, ...]:
    """What must be the same in all films, so that one decoder plays their packets one after the other."""
    stream = source.streams.video[0]
    context = stream.codec_context
    return (context.name, context.extradata, stream.width, stream.height, stream.time_base, stream.average_rate)


def _copy(sources: Sequence[InputContainer], target: OutputContainer) -> Fraction:
    stream = target.add_stream_from_template(sources[0].streams.video[0])
    begin = 0  # of each film, in units of the time base that all share
    for source in sources:
        end = begin
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is None or packet.pts is None:  # the last one, which only ends the film
                continue
            packet.dts, packet.pts = packet.dts + begin, packet.pts + begin
            end = max(end, packet.pts + (packet.duration or 0))
            packet.stream = stream
            target.mux(packet)
        begin = end
    return begin * (sources[0].streams.video[0].time_base or Fraction(1))


def _encode(sources: Sequence[InputContainer], target: OutputContainer) -> Fraction:
    first = sources[0].streams.video[0]
    rate = first.average_rate or Fraction(24)
    stream = cast("Any", target.add_stream("libx264", rate=rate, options=_QUALITY))
    stream.width, stream.height, stream.pix_fmt = first.width, first.height, "yuv420p"
    stream.codec_context.time_base = 1 / rate
    number = 0
    for source in sources:
        for shown in source.decode(video=0):
            frame = shown.reformat(first.width, first.height, "yuv420p", dst_colorspace=Colorspace.ITU709)
            frame.pts, frame.time_base = number, 1 / rate
            target.mux(stream.encode(frame))
            number += 1
    target.mux(stream.encode(None))
    return number / rate

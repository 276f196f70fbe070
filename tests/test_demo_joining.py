"""Films joined to one: every frame is there, in order, whether the films are encoded alike or not."""

import io
from pathlib import Path
from typing import Any, cast

import av
import pytest
from PIL import Image

from gmi_video.demo.joining import join
from gmi_video.demo.making import DemoError

from .film_tools import film, number_of, numbered


def shown(file: Path) -> list[Image.Image]:
    """Its frames; each must come later than the one before."""
    with av.open(io.BytesIO(file.read_bytes()), "r") as container:
        found = [cast("Any", frame) for frame in container.decode(video=0)]
    assert [frame.pts * frame.time_base * 24 for frame in found] == list(range(len(found)))
    return [frame.to_image() for frame in found]


def packets(file: Path) -> list[bytes]:
    with av.open(str(file), "r") as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.dts is not None]


def numbered_from(first: int) -> Any:
    return lambda number, size: numbered(first + number, size)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType, reportUnknownVariableType]


def test_films_that_are_encoded_alike_are_joined_packet_by_packet(tmp_path: Path) -> None:
    parts = [tmp_path / f"{number}.mp4" for number in range(3)]
    for number, part in enumerate(parts):
        film(part, 13, draw=numbered_from(100 * number % 256 - 13 * (number > 1)), options={"bf": "0"})
    seconds = join(parts, tmp_path / "whole.mp4")
    assert seconds == 39 / 24
    assert packets(tmp_path / "whole.mp4") == [packet for part in parts for packet in packets(part)]
    assert [number_of(picture) for picture in shown(tmp_path / "whole.mp4")] == [
        *range(13),
        *range(100, 113),
        *range(187, 200),
    ]


@pytest.mark.parametrize("other", [{"size": (640, 360)}, {"codec": "mpeg4"}, {"options": {"bf": "0", "refs": "5"}}])
def test_films_that_differ_are_joined_in_the_size_of_the_first(tmp_path: Path, other: dict[str, Any]) -> None:
    film(tmp_path / "a.mp4", 5)
    film(tmp_path / "b.mp4", 7, draw=numbered_from(50), **other)
    assert join([tmp_path / "a.mp4", tmp_path / "b.mp4"], tmp_path / "whole.mp4") == 0.5
    pictures = shown(tmp_path / "whole.mp4")
    assert {picture.size for picture in pictures} == {(320, 180)}
    assert [number_of(picture) for picture in pictures] == [*range(5), *range(50, 57)]


def test_films_whose_frames_are_not_stored_in_order_are_joined_in_order(tmp_path: Path) -> None:
    for name, first in (("a", 0), ("b", 60)):
        film(tmp_path / f"{name}.mp4", 24, draw=numbered_from(first), options={"bf": "3"})
    join([tmp_path / "a.mp4", tmp_path / "b.mp4"], tmp_path / "whole.mp4")
    assert [number_of(picture) for picture in shown(tmp_path / "whole.mp4")] == [*range(24), *range(60, 84)]


def test_a_damaged_film_leaves_no_half_of_a_film(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", 5)
    (tmp_path / "b.mp4").write_bytes((tmp_path / "a.mp4").read_bytes()[:200])
    with pytest.raises(DemoError, match="can't be joined"):
        join([tmp_path / "a.mp4", tmp_path / "b.mp4"], tmp_path / "whole.mp4")
    assert {file.name for file in tmp_path.iterdir()} == {"a.mp4", "b.mp4"}

"""The program that decodes: the right frames at the right times, and files that are no films, broken or too large."""

import io
import random
import struct
from fractions import Fraction
from pathlib import Path

import pytest
from anyio import to_thread
from av import logging
from PIL import Image, ImageDraw

from gmi_video.frames import av_program, decoding
from gmi_video.frames.decoding import Decoded
from gmi_video.simulator.films.pillow_helpers import resized
from gmi_video.videos.part import NotFetched

from .film_tools import difference, film, last_picture, number_of, numbered, sound
from .full import in_full

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

KINDS = {
    "one key frame": ("a.mp4", "libx264", {"g": "300", "bf": "0"}),
    "B-frames": ("a.mp4", "libx264", {"g": "12", "bf": "3", "b_strategy": "0"}),
    "open groups": ("a.mp4", "libx264", {"x264-params": "keyint=12:bframes=3:open-gop=1:b-adapt=0"}),
    "only key frames": ("a.mov", "libx264", {"g": "1"}),
    "in fragments": ("a.mp4", "libx264", {"g": "12", "movflags": "frag_keyframe+empty_moov"}),
    "vp9": ("a.webm", "libvpx-vp9", {"g": "12", "cpu-used": "8", "deadline": "realtime"}),
    "vp8": ("a.webm", "libvpx", {"g": "12", "cpu-used": "8", "deadline": "realtime"}),
    "hevc": ("a.mp4", "libx265", {"x265-params": "keyint=12:log-level=none"}),
    "av1": ("a.mp4", "libsvtav1", {"g": "12", "preset": "8"}),
    "mkv": ("a.mkv", "libx264", {"g": "12"}),
}
ALWAYS = ("B-frames", "in fragments", "hevc", "av1")
"""Those of which also `make test` makes contact sheets."""


def shown(decoded: Decoded) -> Image.Image:
    image = Image.open(io.BytesIO(decoded.jpeg))
    image.load()
    assert image.format == "JPEG"
    return image


def noise(number: int, size: tuple[int, int]) -> Image.Image:
    return Image.frombytes("RGB", size, random.Random(number).randbytes(size[0] * size[1] * 3))


def cells(sheet: Image.Image, columns: int, number: int) -> list[Image.Image]:
    rows = -(-number // columns)
    width, height = sheet.width // columns, sheet.height // rows
    corners = [(i % columns * width, i // columns * height) for i in range(number)]
    return [sheet.crop((x, y, x + width, y + height)) for x, y in corners]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frames", [1, 47])
async def test_the_first_and_last_frame_are_exactly_those(tmp_path: Path, kind: str, frames: int) -> None:
    name, codec, options = KINDS[kind]
    film(tmp_path / name, frames, codec=codec, options=options)
    extension = name.partition(".")[2]
    first = await decoding.decode(tmp_path / name, extension, "first")
    last = await decoding.decode(tmp_path / name, extension, "last")
    assert [number_of(shown(first)), number_of(shown(last))] == [0, frames - 1]
    assert first.times == (0.0,)
    assert last.times[0] == pytest.approx((frames - 1) / 24, abs=0.002)
    assert shown(last).size == (320, 180)


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=() if kind in ALWAYS else in_full) for kind in KINDS])
@pytest.mark.parametrize(
    ("number", "columns", "numbers"),
    [(1, 1, [24]), (2, 1, [0, 47]), (3, 1, [0, 24, 47]), (8, 2, [0, 7, 13, 20, 27, 34, 40, 47])],
)
async def test_a_sheet_has_its_frames_in_order_evenly_spread_with_their_times(
    tmp_path: Path, kind: str, number: int, columns: int, numbers: list[int]
) -> None:
    name, codec, options = KINDS[kind]
    film(tmp_path / name, 48, codec=codec, options=options)
    decoded = await decoding.decode(tmp_path / name, name.partition(".")[2], str(number))
    assert [number_of(cell) for cell in cells(shown(decoded), columns, number)] == numbers
    assert decoded.times == pytest.approx([n / 24 for n in numbers], abs=0.002)


async def test_a_film_of_three_frames_has_no_more_on_its_sheet(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", 3)
    decoded = await decoding.decode(tmp_path / "a.mp4", "mp4", "8")
    assert [number_of(cell) for cell in cells(shown(decoded), 1, 3)] == [0, 1, 2]
    assert len(decoded.times) == 3


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920), (1024, 1024), (1680, 720), (64, 36)])
def test_every_sheet_is_at_most_1024_pixels_wide_and_high_and_nothing_is_enlarged(
    number: int, size: tuple[int, int]
) -> None:
    columns, (width, height) = av_program._grid(number, *size)  # pyright: ignore[reportPrivateUsage]
    assert max(columns * width, -(-number // columns) * height) <= 1024
    assert (width, height) <= size
    assert width / height == pytest.approx(size[0] / size[1], rel=0.02)


async def test_a_time_is_written_on_each_frame(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", 48)
    sheet = shown(await decoding.decode(tmp_path / "a.mp4", "mp4", "2"))
    for cell in cells(sheet, 1, 2):
        corner = cell.crop((0, 0, 40, 20)).convert("L")
        darkest, brightest = corner.getextrema()
        assert (darkest, brightest) < (30, 256)
        assert isinstance(brightest, int)
        assert brightest > 200


async def test_a_sheet_of_noise_has_at_most_200_kb(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", 8, size=(1024, 1024), draw=noise, options={"preset": "ultrafast", "crf": "10"})
    decoded = await decoding.decode(tmp_path / "a.mp4", "mp4", "8")
    assert 50_000 < len(decoded.jpeg) <= 200_000
    assert shown(decoded).width <= 1024


async def test_the_last_frame_is_the_films_pixel_for_pixel_up_to_jpeg(tmp_path: Path) -> None:
    def drawn(number: int, size: tuple[int, int]) -> Image.Image:
        hues = resized(Image.linear_gradient("L"), size)
        return Image.merge("HSV", (hues, Image.new("L", size, 140 + number), Image.new("L", size, 180))).convert("RGB")

    # Of HD height and without a word on its colours, as most are: those of SD would differ by 5 of 255.
    content = film(tmp_path / "a.mp4", 12, size=(1280, 720), draw=drawn)
    decoded = await decoding.decode(tmp_path / "a.mp4", "mp4", "last")
    assert difference(shown(decoded), last_picture(content)) < 1


def marked(_number: int, size: tuple[int, int]) -> Image.Image:
    """A picture whose upper left quarter is red."""
    image = Image.new("RGB", size, "navy")
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 2 - 1, size[1] // 2 - 1), fill="red")
    return image


def turned(content: bytes, matrix: tuple[int, int, int, int]) -> bytes:
    """An MP4 with another display matrix (a, b, c, d) in the header of its track."""
    at = content.index(b"tkhd") + 44
    a, b, c, d = (value << 16 for value in matrix)
    return content[:at] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + content[at + 36 :]


@pytest.mark.parametrize(
    "matrix",
    [(0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0), (-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0), (0, -1, -1, 0)],
    ids=["90", "180", "270", "mirrored", "upside down", "transposed", "transversed"],
)
@pytest.mark.parametrize("what", ["last", "1"])
async def test_a_film_that_says_how_it_is_turned_is_shown_so(
    tmp_path: Path, matrix: tuple[int, int, int, int], what: str
) -> None:
    content = turned(film(tmp_path / "a.mp4", 3, draw=marked), matrix)
    await to_thread.run_sync((tmp_path / "b.mp4").write_bytes, content)
    image = shown(await decoding.decode(tmp_path / "b.mp4", "mp4", what)).convert("RGB")
    a, b, c, d = matrix
    assert image.size == ((320, 180) if a else (180, 320))
    # ISO 14496-12, 6.2.2: x' = ax + cy, y' = bx + dy; the red quarter is where x and y are below the middle.
    right, down = -a - c > 0, -b - d > 0
    points = {
        (x, y): image.getpixel((image.width * (1 + 2 * x) // 4, image.height * (1 + 2 * y) // 4))
        for x in (0, 1)
        for y in (0, 1)
    }
    red = [(bool(x), bool(y)) for (x, y), colour in points.items() if isinstance(colour, tuple) and colour[0] > 128]
    assert red == [(right, down)]


@pytest.mark.parametrize(
    ("pixel", "size"),
    [("2:1", (640, 180)), ("1:2", (320, 360)), ("200:1", (320, 180)), ("1:200", (320, 180))],
)
async def test_pixels_that_are_not_square_are_made_so_and_absurd_ones_are_not(
    tmp_path: Path, pixel: str, size: tuple[int, int]
) -> None:
    film(tmp_path / "a.mp4", 3, pixel=Fraction(*map(int, pixel.split(":"))))
    image = shown(await decoding.decode(tmp_path / "a.mp4", "mp4", "last"))
    assert (image.size, number_of(image)) == (size, 2)


async def test_frames_are_spread_over_the_time_of_a_film_whose_pauses_differ(tmp_path: Path) -> None:
    times = [*range(100), 400, 700, 1000]  # in hundredths of a second
    film(tmp_path / "a.mp4", len(times), times=times)
    decoded = await decoding.decode(tmp_path / "a.mp4", "mp4", "4")
    assert decoded.times == pytest.approx((0, 4, 7, 10), abs=0.01)
    assert [number_of(cell) for cell in cells(shown(decoded), 1, 4)] == [0, 100, 101, 102]
    middle = await decoding.decode(tmp_path / "a.mp4", "mp4", "1")
    assert middle.times == pytest.approx((4,), abs=0.01)


async def test_a_film_of_tiny_frames_is_not_covered_by_its_times(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", 8, size=(32, 32))
    sheet = shown(await decoding.decode(tmp_path / "a.mp4", "mp4", "8"))
    assert all(cell.getpixel((8, 8)) == pytest.approx((40, 90, 160), abs=12) for cell in cells(sheet, 1, 8))


@pytest.mark.parametrize("size", [(16, 4096), (4096, 16), (322, 182)])
async def test_a_sheet_of_a_film_of_any_shape_is_within_its_bounds(tmp_path: Path, size: tuple[int, int]) -> None:
    film(tmp_path / "a.mp4", 9, size=size, draw=noise, options={"preset": "ultrafast"})
    for number in (1, 8):
        decoded = await decoding.decode(tmp_path / "a.mp4", "mp4", str(number))
        assert max(shown(decoded).size) <= 1024
        assert len(decoded.jpeg) <= 200_000


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.mp4", "libx264", "yuv420p10le"),
        ("a.mp4", "libx264", "yuv444p"),
        ("a.webm", "libvpx-vp9", "yuva420p"),
        ("a.mov", "prores_ks", "yuva444p10le"),
    ],
    ids=["10 bits", "full colour", "transparent", "ProRes"],
)
async def test_other_kinds_of_pixels(tmp_path: Path, name: str, codec: str, pixels: str) -> None:
    film(tmp_path / name, 12, codec=codec, pixels=pixels)
    image = shown(await decoding.decode(tmp_path / name, name.partition(".")[2], "last"))
    assert (image.size, image.mode, number_of(image)) == ((320, 180), "RGB", 11)


async def test_the_same_film_gives_the_same_bytes(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", 47)
    one = await decoding.decode(tmp_path / "a.mp4", "mp4", "last")
    assert await decoding.decode(tmp_path / "a.mp4", "mp4", "last") == one


# -- a program that goes wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "program",
    [
        "import os; os.abort()",
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "print('[0.0]\\nno picture', flush=True); import os; os.abort()",
        "print('[0.0')",
        "print('[0.0\\nhalf a line')",
        "print('[null]\\na picture')",
        "print('[]\\na picture')",
        "print(8)",
        "import sys; sys.stdout.buffer.write(bytes(range(256)) * 100)",
        "bytes(10 * 1000**3)",
        "raise SystemExit(0)",
    ],
)
async def test_a_program_that_crashes_or_writes_nonsense_is_a_damaged_film(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    await to_thread.run_sync((tmp_path / "program.py").write_text, program)
    monkeypatch.setattr(decoding, "_PROGRAM", tmp_path / "program.py")
    assert await why(tmp_path / "a.mp4", film(tmp_path / "a.mp4", 3)) == DAMAGED


async def test_a_python_that_is_gone_is_not_taken_for_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = film(tmp_path / "a.mp4", 3)
    monkeypatch.setattr("sys.executable", str(tmp_path / "gone"))
    assert await why(tmp_path / "a.mp4", content) == "what decodes videos can't be started here"


# -- what is no film that can be used --------------------------------------------------------------------------------


async def why(file: Path, content: bytes, what: str = "last") -> str:
    """Why a file can't be decoded."""
    await to_thread.run_sync(file.write_bytes, content)
    with pytest.raises(NotFetched) as raised:
        await decoding.decode(file, file.suffix[1:], what)
    return raised.value.why


DAMAGED = "it is damaged, or can't be decoded"
FTYP = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        FTYP,
        FTYP + b"<html>" * 1000,
        FTYP + random.Random(2).randbytes(100_000),
        b"\0\0\0\1ftypisom" + b"\xff" * 99,
    ],
    ids=["empty", "nothing more", "text", "noise", "a box of 16 exabytes"],
)
async def test_what_only_begins_like_a_film(tmp_path: Path, content: bytes) -> None:
    assert await why(tmp_path / "a.mp4", content) == DAMAGED
    assert await why(tmp_path / "a.mp4", content, "8") == DAMAGED


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
async def test_a_film_that_breaks_off_has_no_last_frame_that_is_not_its_own(tmp_path: Path, share: float) -> None:
    content = film(tmp_path / "a.mp4", 47, options={"g": "12"})  # the index is at its end
    assert await why(tmp_path / "a.mp4", content[: int(len(content) * share)]) in {DAMAGED, "it holds no video"}


async def test_a_film_whose_pictures_are_noise(tmp_path: Path) -> None:
    content = film(tmp_path / "a.mp4", 47, options={"g": "12"})
    start, end = content.index(b"mdat") + 4, content.index(b"moov") - 4
    assert await why(tmp_path / "a.mp4", content[:start] + b"\xff" * (end - start) + content[end:]) == DAMAGED


async def test_a_last_frame_that_is_damaged_is_not_taken_for_it(tmp_path: Path) -> None:
    content = film(tmp_path / "a.mp4", 12, draw=noise, options={"g": "300", "bf": "0"})
    middle = content.index(b"moov") - 10_000  # of the last frame, which has 27,000 bytes
    damaged = bytes(255 - byte for byte in content[middle : middle + 40])
    assert await why(tmp_path / "a.mp4", content[:middle] + damaged + content[middle + 40 :]) == DAMAGED
    assert shown(await decoding.decode(tmp_path / "a.mp4", "mp4", "first")).size == (320, 180)


async def test_sound_alone(tmp_path: Path) -> None:
    assert await why(tmp_path / "a.mp4", sound(tmp_path / "a.mp4")) == "it holds no video"


async def test_a_codec_that_no_model_uses(tmp_path: Path) -> None:
    content = film(tmp_path / "a.mkv", 3, codec="mpeg2video")
    assert await why(tmp_path / "a.mkv", content) == "it is of a kind that is not decoded here"


def test_a_decoder_that_is_not_needed_is_not_even_opened(tmp_path: Path) -> None:
    film(tmp_path / "a.mkv", 3, codec="mpeg2video")
    level = logging.get_level()
    logging.set_level(logging.ERROR)
    try:
        with logging.Capture() as logged:
            av_program._opened(str(tmp_path / "a.mkv"), "matroska").close()  # pyright: ignore[reportPrivateUsage]
    finally:
        logging.set_level(level)
    assert any("mpeg2video) not on whitelist" in text for _, _, text in logged)


async def test_frames_of_more_than_40_million_pixels(tmp_path: Path) -> None:
    fast = {"preset": "ultrafast", "threads": "1"}
    content = film(tmp_path / "a.mp4", 1, size=(8000, 5008), options=fast)
    assert await why(tmp_path / "a.mp4", content) == "its frames are larger than 40 million pixels"


async def test_more_than_20_000_frames(tmp_path: Path) -> None:
    one = numbered(0, (16, 16))
    content = film(
        tmp_path / "a.mp4", 20_001, size=(16, 16), draw=lambda _number, _size: one, options={"preset": "ultrafast"}
    )
    assert await why(tmp_path / "a.mp4", content) == "it has more than 20,000 frames"


async def test_a_film_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await to_thread.run_sync((tmp_path / "program.py").write_text, "import time; time.sleep(3600)")
    monkeypatch.setattr(decoding, "_PROGRAM", tmp_path / "program.py")
    with pytest.raises(NotFetched, match=r"it can't be decoded in 0.01 s"):
        await decoding.decode(tmp_path / "a.mp4", "mp4", "last", seconds=0.01)


async def test_a_list_of_other_files_is_not_followed(tmp_path: Path) -> None:
    film(tmp_path / "b.mp4", 3)
    for content in (b"#EXTM3U\n#EXTINF:1,\nb.mp4\n#EXT-X-ENDLIST\n", b"ffconcat version 1.0\nfile b.mp4\n"):
        assert await why(tmp_path / "a.mp4", content) == DAMAGED
        assert await why(tmp_path / "a.mkv", content) == DAMAGED

"""Combinations of which the vendor does not document what happens: said before and after a video costs."""

import io
import struct
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gmi_video.images import formats
from gmi_video.images.shape import size_of

from .conftest import World
from .image_tools import chunk, drawn

pytestmark = pytest.mark.anyio

UNDOCUMENTED = "The vendor does not document what happens then"
URL = "https://example.com/a.png"


async def said(world: World, era: str = "2026-07-28", **call: Any) -> str:
    """The notes of a dry run, which the answer of the real call must have too."""
    world.sim.web[URL] = drawn()
    async with world.host(era=era, name="claude-code") as host:
        dry = await host.call_ok("generate_video", prompt="a fox", dry_run=True, **call)
        made = await host.call_ok("generate_video", prompt="a fox", **call)
    notes = dry["summary"].partition("Nothing was sent.")[2].strip()
    assert notes in made["summary"]
    return notes


async def test_a_loop_with_an_end_frame_is_noted_before_and_after_it_costs(world: World, era: str) -> None:
    notes = await said(world, era, loop=True, frame0_image=URL, frame1_image=URL)
    assert notes == (
        f'It has both "loop" and an end frame ("frame1_image"). {UNDOCUMENTED}; leaving out one of them '
        "would avoid that."
    )


async def test_an_end_frame_without_a_start_frame_is_noted(world: World) -> None:
    assert await said(world, frame1_image=URL) == f"It has an end frame and no start frame. {UNDOCUMENTED}."


@pytest.mark.parametrize(
    "call", [{"loop": True}, {"loop": True, "frame0_image": URL}, {"frame0_image": URL, "frame1_image": URL}, {}]
)
async def test_what_is_documented_is_not_noted(world: World, call: dict[str, Any]) -> None:
    assert await said(world, **call) == ""


async def test_a_frame_of_another_shape_is_noted_before_and_after_it_costs(
    world: World, folder: Path, era: str
) -> None:
    (folder / "a.jpg").write_bytes(drawn("JPEG", size=(1600, 1200)))
    world.environment["GMI_IMAGE_DIRS"] = str(folder)
    notes = await said(world, era, frame0_image=str(folder / "a.jpg"))
    assert notes == (
        f'The start image ("frame0_image") is 1600 x 1200 pixels, and the video "16:9". {UNDOCUMENTED}; the aspect '
        "ratio 4:3, or a picture of the same shape, would avoid that."
    )
    assert await said(world, era, frame0_image=str(folder / "a.jpg"), aspect_ratio="4:3") == ""


async def test_both_frames_are_noted_each_by_its_own_shape(world: World, folder: Path) -> None:
    (folder / "wide.png").write_bytes(drawn(size=(210, 90)))
    (folder / "tall.png").write_bytes(drawn(size=(90, 160)))
    world.environment["GMI_IMAGE_DIRS"] = str(folder)
    notes = await said(world, frame0_image=str(folder / "wide.png"), frame1_image=str(folder / "tall.png"))
    assert "the aspect ratio 21:9, or" in notes
    assert "the aspect ratio 9:16, or" in notes
    one = await said(world, frame0_image=str(folder / "wide.png"), frame1_image=URL)
    assert "The end image" not in one


@pytest.mark.parametrize(
    ("size", "ratio"),
    [((1920, 1080), "16:9"), ((1366, 768), "16:9"), ((854, 480), "16:9"), ((1024, 1024), "1:1"), ((1000, 1020), "1:1"),
     ((2560, 1080), "21:9"), ((32, 18), "16:9"), ((1080, 1920), "9:16")],
)  # fmt: skip
async def test_a_shape_that_is_nearly_the_same_is_not_noted(
    world: World, folder: Path, size: tuple[int, int], ratio: str
) -> None:
    (folder / "a.png").write_bytes(drawn(size=size))
    world.environment["GMI_IMAGE_DIRS"] = str(folder)
    assert await said(world, frame0_image=str(folder / "a.png"), aspect_ratio=ratio) == ""


@pytest.mark.parametrize("size", [(1920, 1200), (1000, 600)])
async def test_where_no_ratio_is_nearer_only_cropping_is_advised(
    world: World, folder: Path, size: tuple[int, int]
) -> None:
    (folder / "a.png").write_bytes(drawn(size=size))
    world.environment["GMI_IMAGE_DIRS"] = str(folder)
    notes = await said(world, frame0_image=str(folder / "a.png"))
    assert notes.endswith("a picture of the same shape would avoid that.")


async def test_nothing_is_said_of_the_shape_behind_a_url_and_it_is_not_fetched(world: World) -> None:
    assert await said(world, frame0_image=URL, aspect_ratio="1:1") == ""
    assert world.sim.outside_requests == []


async def test_another_model_is_noted_by_its_own_names_and_only_for_a_ratio_that_was_asked_for(
    world: World, folder: Path
) -> None:
    (folder / "a.png").write_bytes(drawn(size=(400, 300)))
    world.environment["GMI_IMAGE_DIRS"] = str(folder)
    given = {"image_url": str(folder / "a.png")}
    notes = await said(world, model="pixverse-v5.6-i2v", model_parameters=given | {"aspect_ratio": "1:1"})
    assert notes.startswith('The start image ("image_url") is 400 x 300 pixels, and the video "1:1". What ')
    assert 'What "pixverse-v5.6-i2v" does then is not known here' in notes
    assert "the aspect ratio 4:3, or" in notes
    assert await said(world, model="pixverse-v5.6-i2v", model_parameters=given) == ""
    looped = {"loop": True, "end_frame_url": URL}
    notes = await said(world, model="luma-ray-3-2-generate", model_parameters=looped)
    assert notes.startswith('It has both "loop" and an end frame ("end_frame_url"). What "luma-ray-3-2-generate"')


# -- the size of an image as it is shown -------------------------------------------------------------------------


def exif_of(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_counts(kind: str, orientation: int) -> None:
    file = io.BytesIO()
    Image.new("RGB", (40, 30)).save(file, kind, exif=exif_of(orientation))
    picture = formats.read(file.getvalue())
    assert isinstance(picture, formats.Picture)
    assert size_of(picture) == ((30, 40) if orientation > 4 else (40, 30))


async def test_a_photo_taken_upright_fits_a_portrait_video(world: World, folder: Path) -> None:
    Image.new("RGB", (160, 90)).save(folder / "a.jpg", exif=exif_of(6))
    Image.new("RGB", (160, 90)).save(folder / "a.webp", exif=exif_of(6))
    world.environment["GMI_IMAGE_DIRS"] = str(folder)
    for name in ("a.jpg", "a.webp"):
        assert await said(world, frame0_image=str(folder / name), aspect_ratio="9:16") == ""
        assert "90 x 160 pixels" in await said(world, frame0_image=str(folder / name))


@pytest.mark.parametrize(
    "exif",
    [b"", b"II*\0", b"MM\0*\0\0\0\x08", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff" + b"\1" * 60_000,
     b"II*\0\x08\0\0\0\x01\0\x12\x01\x04\0\x01\0\0\0\x06\0\0\0", b"not a TIFF at all"],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_an_exif_part_that_is_damaged_or_hostile_leaves_the_image_as_it_is(kind: str, exif: bytes) -> None:
    whole = drawn(kind, size=(40, 30))
    if kind == "PNG":
        content = whole[:33] + chunk(b"eXIf", exif * (300 if len(exif) > 99 else 1)) + whole[33:]
    else:
        part = b"Exif\0\0" + exif
        content = whole[:2] + b"\xff" * 100_000 + b"\xe1" + struct.pack(">H", len(part) + 2) + part + whole[2:]
    picture = formats.read(content)
    assert isinstance(picture, formats.Picture)
    assert size_of(picture) == (40, 30)

"""Local images on their way to a public URL: converted, uploaded once, and only from the folders that are set."""

import io
import os
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import TaskGroup
from mcp_types import ElicitRequestParams, ElicitResult
from PIL import Image

from gmi_video.errors import Garbled, Rejected, Unavailable
from gmi_video.images.upload import FRESH_SECONDS, Images
from gmi_video.settings import Settings
from gmi_video.upstream.client import Queue

from .conftest import KEY, World
from .image_tools import SECRET, drawn, uploaded, url_of

pytestmark = pytest.mark.anyio


# -- what is accepted --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
async def test_a_picture_is_uploaded_byte_for_byte_and_without_the_key(
    world: World, images: Images, folder: Path, kind: str
) -> None:
    picture = drawn(kind)
    (folder / "start.jpg").write_bytes(picture)
    url = await url_of(images, str(folder / "start.jpg"), "frame0_image")
    assert uploaded(world, url) == picture
    assert url.endswith(f".{kind.lower()}")
    asked, put = world.sim.calls
    assert (asked.endpoint, asked.has_authorization) == ("upload_url", True)
    assert (put.endpoint, put.has_authorization) == ("upload", False)


async def test_a_progressive_jpeg_with_metadata_and_a_thumbnail_is_whole(
    images: Images, world: World, folder: Path
) -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "\xff\xd9 not the end"
    Image.effect_noise((200, 120), 80).save(file, "JPEG", progressive=True, exif=exif, comment=drawn("JPEG"))
    (folder / "a.jpg").write_bytes(file.getvalue())
    assert uploaded(world, await url_of(images, str(folder / "a.jpg"), "image")) == file.getvalue()


async def test_a_dry_run_reads_and_checks_but_sends_nothing(world: World, images: Images, folder: Path) -> None:
    (folder / "a.png").write_bytes(drawn())
    await images.read(str(folder / "a.png"), "frame0_image")
    assert world.sim.calls == []


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "BMP", "TIFF", "AVIF"])
async def test_other_formats_are_made_into_png(images: Images, world: World, folder: Path, kind: str) -> None:
    (folder / "a.bin").write_bytes(drawn(kind, colour="green"))
    sent = uploaded(world, await url_of(images, str(folder / "a.bin"), "frame0_image"))
    with Image.open(io.BytesIO(sent)) as picture:
        assert (picture.format, picture.size) == ("PNG", (32, 18))
        seen = picture.convert("RGB").getpixel((16, 9))
    assert isinstance(seen, tuple)
    red, green, blue = seen
    assert green > 100 > max(red, blue) + 50


async def test_transparency_and_rotation_survive_the_conversion(images: Images, world: World, folder: Path) -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    Image.new("RGBA", (40, 20), (255, 0, 0, 0)).save(file, "WEBP", exif=exif, lossless=True)
    (folder / "a.webp").write_bytes(file.getvalue())
    sent = uploaded(world, await url_of(images, str(folder / "a.webp"), "frame0_image"))
    with Image.open(io.BytesIO(sent)) as picture:
        assert (picture.size, picture.mode) == ((20, 40), "RGBA")


async def test_a_home_shorthand_and_an_allowed_folder_that_is_itself_a_symlink_work(
    queue: Queue, tasks: TaskGroup, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "a.png").write_bytes(drawn())
    (tmp_path / "Pictures").symlink_to("disk")
    monkeypatch.setenv("HOME", str(tmp_path))
    images = Images(queue, (tmp_path / "Pictures",), tasks)
    assert uploaded(world, await url_of(images, "~/Pictures/a.png", "frame0_image")) == drawn()


async def test_a_symlink_that_stays_inside_is_followed(images: Images, world: World, folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "a.png").write_bytes(drawn())
    (folder / "latest.png").symlink_to("deep/a.png")
    assert uploaded(world, await url_of(images, str(folder / "latest.png"), "frame0_image")) == drawn()


async def test_the_same_content_is_uploaded_once_however_many_ask_for_it_at_once(
    world: World, images: Images, folder: Path
) -> None:
    world.sim.behave(latency=0.5)
    (folder / "a.png").write_bytes(drawn())
    (folder / "copy of a.png").write_bytes(drawn())
    urls: set[str] = set()

    async def ask(name: str) -> None:
        urls.add(await url_of(images, str(folder / name), "frame0_image"))

    async with anyio.create_task_group() as tasks:
        for name in ("a.png", "copy of a.png") * 3:
            tasks.start_soon(ask, name)
    await ask("a.png")
    assert len(urls) == 1
    assert world.count("upload") == 1


async def test_an_upload_is_used_again_for_some_minutes_and_then_repeated(
    world: World, images: Images, folder: Path
) -> None:
    (folder / "a.png").write_bytes(drawn())
    first = await url_of(images, str(folder / "a.png"), "frame0_image")
    await anyio.sleep(FRESH_SECONDS - 60)
    assert await url_of(images, str(folder / "a.png"), "frame0_image") == first
    await anyio.sleep(120)
    assert await url_of(images, str(folder / "a.png"), "frame0_image") != first
    assert world.count("upload") == 2


async def test_a_failed_upload_leaves_nothing_behind_and_the_next_one_passes(
    world: World, images: Images, folder: Path
) -> None:
    (folder / "a.png").write_bytes(drawn())
    world.sim.fail("upload", "500", times=None)
    with pytest.raises(Unavailable):
        await url_of(images, str(folder / "a.png"), "frame0_image")
    world.sim.clear_faults()
    assert await url_of(images, str(folder / "a.png"), "frame0_image")


async def test_a_signed_address_that_has_run_out_is_asked_for_again(world: World, images: Images, folder: Path) -> None:
    (folder / "a.png").write_bytes(drawn())
    world.sim.answer("upload", b'{"error": "expired"}', 403)
    assert uploaded(world, await url_of(images, str(folder / "a.png"), "frame0_image")) == drawn()
    assert world.count("upload_url") == 2


async def test_a_storage_that_always_refuses_is_not_mistaken_for_a_wrong_key(
    world: World, images: Images, folder: Path
) -> None:
    (folder / "a.png").write_bytes(drawn())
    world.sim.answer("upload", b"<Error><Code>SignatureDoesNotMatch</Code></Error>", 403, times=None)
    with pytest.raises(Rejected) as caught:
        await url_of(images, str(folder / "a.png"), "frame0_image")
    assert "refused the upload (HTTP 403)" in caught.value.message
    assert "GMI_API_KEY" not in str(caught.value)
    assert world.count("upload") == 2


@pytest.mark.parametrize(
    ("upload_url", "public_url"),
    [
        ("http://127.0.0.1:8090/uploads/x", "javascript:alert(1)"),
        ("http://127.0.0.1:8090/uploads/x", "https://a.example/x.png) and [more](https://b.example"),
        ("http://storage.example/x", "https://storage.example/x.png"),
        ("ftp://storage.example/x", "https://storage.example/x.png"),
        ("http://[", "https://storage.example/x.png"),
    ],
)
async def test_an_unsafe_place_for_the_image_is_not_used(
    world: World, images: Images, folder: Path, upload_url: str, public_url: str
) -> None:
    (folder / "a.png").write_bytes(drawn())
    world.sim.answer("upload_url", f'{{"upload_url": "{upload_url}", "public_url": "{public_url}"}}'.encode())
    with pytest.raises(Garbled, match="Nothing was uploaded"):
        await url_of(images, str(folder / "a.png"), "frame0_image")
    assert world.count("upload") == 0
    assert world.sim.outside_requests == []


# -- the setting -------------------------------------------------------------------------------------------------


def problems(value: str) -> tuple[str, ...]:
    return Settings.from_environment({"GMI_API_KEY": KEY, "GMI_IMAGE_DIRS": value}).problems


def test_the_folders_are_read_from_the_environment_with_the_home_shorthand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b c").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    value = os.pathsep.join(["~/a", "", f" {tmp_path / 'b c'} "])
    settings = Settings.from_environment({"GMI_API_KEY": KEY, "GMI_IMAGE_DIRS": value})
    assert settings.problems == ()
    assert settings.image_dirs == (tmp_path / "a", tmp_path / "b c")


@pytest.mark.parametrize("value", ["", "  ", "${user_config.image_dirs}", os.pathsep])
def test_no_folder_is_allowed_unless_one_is_named(value: str) -> None:
    settings = Settings.from_environment({"GMI_API_KEY": KEY, "GMI_IMAGE_DIRS": value})
    assert (settings.image_dirs, settings.problems) == ((), ())


def test_every_wrong_folder_is_named_with_what_is_wrong_with_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    value = os.pathsep.join(["relative", str(tmp_path / "missing"), str(tmp_path / "file"), "~nobody-here/a"])
    relative, missing, file, nowhere = problems(value)
    assert "'relative' is not an absolute path" in relative
    assert "does not exist" in missing
    assert "is not a folder" in file
    assert "can't be read as a folder" in nowhere
    assert all(problem.startswith("GMI_IMAGE_DIRS: ") for problem in (relative, missing, file, nowhere))


# -- through generate_video --------------------------------------------------------------------------------------


async def test_a_local_file_becomes_the_first_frame_of_a_video(world: World, folder: Path, era: str) -> None:
    (folder / "a.png").write_bytes(drawn())
    (folder / "b.webp").write_bytes(drawn("WEBP", colour="red"))
    async with world.host(era=era, GMI_IMAGE_DIRS=str(folder)) as host:
        answer = await host.call_ok(
            "generate_video",
            prompt="a fox",
            frame0_image=str(folder / "a.png"),
            frame1_image=str(folder / "b.webp"),
        )
    (job,) = world.sim.jobs
    assert answer["status"] == "success"
    first, last = job.payload["frame0_image"], job.payload["frame1_image"]
    assert first.startswith(f"{world.sim.files_url}/uploads/")
    assert (answer["parameters"]["frame0_image"], answer["parameters"]["frame1_image"]) == (first, last)
    assert job.images["frame0_image"] == drawn()
    assert job.images["frame1_image"].startswith(b"\x89PNG")
    puts = [call for call in world.sim.calls if call.endpoint == "upload"]
    assert [put.has_authorization for put in puts] == [False, False]


async def test_another_models_image_parameter_takes_a_file_too(world: World, folder: Path) -> None:
    (folder / "a.jpg").write_bytes(drawn("JPEG"))
    async with world.host(GMI_IMAGE_DIRS=str(folder)) as host:
        await host.call_ok(
            "generate_video",
            prompt="it moves",
            model="pixverse-v5.6-i2v",
            model_parameters={"image_url": str(folder / "a.jpg")},
        )
    (job,) = world.sim.jobs
    assert job.images["image_url"] == drawn("JPEG")


async def test_the_same_call_with_a_file_finds_its_job_and_uploads_nothing_again(world: World, folder: Path) -> None:
    (folder / "a.png").write_bytes(drawn())
    call = {"prompt": "a fox", "frame0_image": str(folder / "a.png"), "wait": False}
    async with world.host(GMI_IMAGE_DIRS=str(folder)) as host:
        first = await host.call_ok("generate_video", **call)
        again = await host.call_ok("generate_video", **call)
    assert again["reused"]
    assert again["request_id"] == first["request_id"]
    assert world.count("upload") == 1


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_file_that_is_not_allowed_or_no_image_stops_the_call_before_anything_is_uploaded(
    world: World, folder: Path, era: str, *, dry_run: bool
) -> None:
    (folder / "key.png").write_text(SECRET)
    (folder / "out.png").symlink_to("/etc/passwd")
    async with world.host(era=era, GMI_IMAGE_DIRS=str(folder)) as host:
        for name in ("key.png", "out.png", "missing.png"):
            path = str(folder / name)
            answer = await host.call_error("generate_video", prompt="a fox", frame1_image=path, dry_run=dry_run)
            assert answer["error"]["message"].startswith(f"The end image '{path}' (frame1_image) ")
            assert answer["error"]["charged"] == "no"
            assert SECRET not in str(answer)
    assert world.sim.jobs == []
    assert world.count("submit") == world.count("upload_url") == 0


async def test_a_dry_run_with_a_file_uploads_nothing(world: World, folder: Path) -> None:
    (folder / "a.png").write_bytes(drawn())
    async with world.host(GMI_IMAGE_DIRS=str(folder)) as host:
        answer = await host.call_ok("generate_video", prompt="a fox", frame0_image=str(folder / "a.png"), dry_run=True)
    assert answer["parameters"]["frame0_image"] == str(folder / "a.png")
    assert world.count("upload_url") == world.count("upload") == world.count("submit") == 0


async def test_an_upload_that_fails_costs_nothing_and_says_so(world: World, folder: Path) -> None:
    (folder / "a.png").write_bytes(drawn())
    world.sim.fail("upload", "404", times=None)
    async with world.host(GMI_IMAGE_DIRS=str(folder)) as host:
        answer = await host.call_error("generate_video", prompt="a fox", frame0_image=str(folder / "a.png"))
    assert "refused the upload" in answer["error"]["message"]
    assert answer["error"]["charged"] == "no"
    assert world.count("submit") == 0


async def test_without_an_allowed_folder_the_error_names_the_setting_to_make(world: World, folder: Path) -> None:
    async with world.host() as host:
        answer = await host.call_error("generate_video", prompt="a fox", frame0_image=str(folder / "a.png"))
        assert "GMI_IMAGE_DIRS" in answer["next_step"]
    async with world.host(GMI_IMAGE_DIRS="pictures") as host:
        answer = await host.call_error("generate_video", prompt="a fox")
        assert "GMI_IMAGE_DIRS: 'pictures' is not an absolute path" in answer["error"]["message"]


async def test_a_loopback_url_never_reaches_the_queue(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        answer = await host.call_error("generate_video", prompt="a fox", frame0_image="http://127.0.0.1:8080/a.png")
    assert "can't reach" in answer["error"]["message"]
    assert world.count("submit") == 0


async def test_a_file_that_is_replaced_while_the_user_is_asked_is_the_one_of_the_call_that_submits(
    world: World, folder: Path, era: str
) -> None:
    # Until 2025-11-25 the question is asked within the call; in 2026-07-28 the call ends with it and is made again.
    path = folder / "a.png"
    path.write_bytes(drawn(colour="navy"))

    async def agree(_context: Any, _params: ElicitRequestParams) -> ElicitResult:
        path.write_bytes(drawn(colour="red"))
        return ElicitResult(action="accept", content={"go_ahead": True})

    world.environment |= {"GMI_IMAGE_DIRS": str(folder), "GMI_CONFIRM_ABOVE_USD": "0.1"}
    async with world.host(era=era, options={"elicitation_callback": agree}) as host:
        await host.call_ok("generate_video", prompt="a fox", frame0_image=str(path))
    (job,) = world.sim.jobs
    assert job.images["frame0_image"] == drawn(colour="navy" if era == "legacy" else "red")
    assert world.count("upload") == 1

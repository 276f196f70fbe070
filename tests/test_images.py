"""Local images and image URLs: what is accepted, what is refused, and what is never sent."""

import io
import os
import socket
import struct
import subprocess
import sys
import textwrap
import zlib
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest
from anyio.abc import TaskGroup
from PIL import Image

from gmi_video.errors import Garbled, InvalidRequest, Rejected, Unavailable
from gmi_video.images import formats
from gmi_video.images.files import Folders, content
from gmi_video.images.upload import FRESH_SECONDS, Images
from gmi_video.settings import Settings
from gmi_video.simulator import SimulatedTransport
from gmi_video.upstream.client import Queue
from gmi_video.upstream.transport import Transport

from .conftest import KEY, World, now

pytestmark = pytest.mark.anyio

SECRET = "AKIA-must-not-leak"


def drawn(kind: str = "PNG", size: tuple[int, int] = (32, 18), colour: str = "navy", mode: str = "RGB") -> bytes:
    """An image file of one colour."""
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, kind)
    return file.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    """A PNG chunk with its checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The one folder that images may come from."""
    (tmp_path / "pictures").mkdir()
    return tmp_path / "pictures"


@pytest.fixture
async def queue(world: World) -> AsyncGenerator[Queue]:
    settings = Settings(api_key=KEY, base_url=world.sim.api_url)
    transport = Transport(settings, SimulatedTransport(world.sim), now)
    yield Queue(transport)
    await transport.aclose()


@pytest.fixture
async def tasks() -> AsyncGenerator[TaskGroup]:
    """A task group in place of the server's own."""
    async with anyio.create_task_group() as group:
        yield group
        group.cancel_scope.cancel()


@pytest.fixture
def images(queue: Queue, folder: Path, tasks: TaskGroup) -> Images:
    return Images(queue, (folder,), tasks)


@pytest.fixture
def uploads(world: World) -> "Uploads":
    return Uploads(world)


class Uploads:
    """The files in the simulator's storage."""

    def __init__(self, world: World) -> None:
        self._world = world

    def contents(self) -> list[bytes]:
        return [upload.body for upload in self._world.sim.uploads.by_name.values() if upload.body is not None]

    def at(self, url: str) -> bytes:
        upload = self._world.sim.uploads.by_name[url.rpartition("/")[2]]
        assert upload.body is not None
        return upload.body


async def url_of(images: Images, value: str, argument: str) -> str:
    """What generate_video makes of an image: read, then uploaded where it is a local file."""
    image = await images.read(value, argument)
    return value if image is None else await images.upload(image)


async def refusal(images: Images, value: str | Path, world: World) -> InvalidRequest:
    """The error of a dry run and of a real call, which must be the same; neither may have sent anything."""
    with pytest.raises(InvalidRequest) as dry:
        await images.read(str(value), "frame0_image")
    with pytest.raises(InvalidRequest) as real:
        await url_of(images, str(value), "frame0_image")
    assert str(dry.value) == str(real.value)
    assert real.value.message.startswith("frame0_image")
    assert real.value.message.endswith("Nothing was sent.")
    assert real.value.next_step.endswith(".")
    assert SECRET not in str(real.value)
    assert world.sim.calls == []
    assert world.sim.outside_requests == []
    return real.value


# -- what goes through -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
async def test_a_picture_is_uploaded_byte_for_byte_and_without_the_key(
    world: World, images: Images, uploads: Uploads, folder: Path, kind: str
) -> None:
    picture = drawn(kind)
    (folder / "start.jpg").write_bytes(picture)
    url = await url_of(images, str(folder / "start.jpg"), "frame0_image")
    assert uploads.at(url) == picture
    assert url.endswith(f".{kind.lower()}")
    asked, put = world.sim.calls
    assert (asked.endpoint, asked.has_authorization) == ("upload_url", True)
    assert (put.endpoint, put.has_authorization) == ("upload", False)


async def test_a_progressive_jpeg_with_metadata_and_a_thumbnail_is_whole(
    images: Images, uploads: Uploads, folder: Path
) -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "\xff\xd9 not the end"
    Image.effect_noise((200, 120), 80).save(file, "JPEG", progressive=True, exif=exif, comment=drawn("JPEG"))
    (folder / "a.jpg").write_bytes(file.getvalue())
    assert uploads.at(await url_of(images, str(folder / "a.jpg"), "image")) == file.getvalue()


async def test_a_dry_run_reads_and_checks_but_sends_nothing(world: World, images: Images, folder: Path) -> None:
    (folder / "a.png").write_bytes(drawn())
    await images.read(str(folder / "a.png"), "frame0_image")
    assert world.sim.calls == []


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "BMP", "TIFF", "AVIF"])
async def test_other_formats_are_made_into_png(images: Images, uploads: Uploads, folder: Path, kind: str) -> None:
    (folder / "a.bin").write_bytes(drawn(kind, colour="green"))
    sent = uploads.at(await url_of(images, str(folder / "a.bin"), "frame0_image"))
    with Image.open(io.BytesIO(sent)) as picture:
        assert (picture.format, picture.size) == ("PNG", (32, 18))
        seen = picture.convert("RGB").getpixel((16, 9))
    assert isinstance(seen, tuple)
    red, green, blue = seen
    assert green > 100 > max(red, blue) + 50


async def test_transparency_and_rotation_survive_the_conversion(images: Images, uploads: Uploads, folder: Path) -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    Image.new("RGBA", (40, 20), (255, 0, 0, 0)).save(file, "WEBP", exif=exif, lossless=True)
    (folder / "a.webp").write_bytes(file.getvalue())
    sent = uploads.at(await url_of(images, str(folder / "a.webp"), "frame0_image"))
    with Image.open(io.BytesIO(sent)) as picture:
        assert (picture.size, picture.mode) == ((20, 40), "RGBA")


async def test_a_home_shorthand_and_an_allowed_folder_that_is_itself_a_symlink_work(
    queue: Queue, tasks: TaskGroup, uploads: Uploads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "a.png").write_bytes(drawn())
    (tmp_path / "Pictures").symlink_to("disk")
    monkeypatch.setenv("HOME", str(tmp_path))
    images = Images(queue, (tmp_path / "Pictures",), tasks)
    assert uploads.at(await url_of(images, "~/Pictures/a.png", "frame0_image")) == drawn()


async def test_a_symlink_that_stays_inside_is_followed(images: Images, uploads: Uploads, folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "a.png").write_bytes(drawn())
    (folder / "latest.png").symlink_to("deep/a.png")
    assert uploads.at(await url_of(images, str(folder / "latest.png"), "frame0_image")) == drawn()


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


async def test_an_upload_is_trusted_for_some_minutes_and_then_made_again(
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


async def test_a_signed_address_that_has_run_out_is_asked_for_again(
    world: World, images: Images, uploads: Uploads, folder: Path
) -> None:
    (folder / "a.png").write_bytes(drawn())
    world.sim.answer("upload", b'{"error": "expired"}', 403)
    assert uploads.at(await url_of(images, str(folder / "a.png"), "frame0_image")) == drawn()
    assert world.count("upload_url") == 2


async def test_a_storage_that_refuses_for_good_is_not_mistaken_for_a_wrong_key(
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


# -- attacks on the file -----------------------------------------------------------------------------------------


async def test_traversal_out_of_the_folder(world: World, images: Images, folder: Path) -> None:
    (folder.parent / "secret.png").write_bytes(drawn())
    inside = str(folder)
    for value in (f"{inside}/../secret.png", f"{inside}/./x/../../secret.png", "/etc/passwd", f"{inside}-other/a.png"):
        error = await refusal(images, value, world)
        assert "does not lead to a file below an allowed folder" in error.message
        assert inside in error.next_step


async def test_what_is_outside_is_refused_alike_whether_it_exists_or_not(
    world: World, images: Images, folder: Path
) -> None:
    (folder.parent / "there.png").write_bytes(drawn())
    there = await refusal(images, folder.parent / "there.png", world)
    nowhere = await refusal(images, folder.parent / "where.png", world)
    assert str(there).replace("there.png", "") == str(nowhere).replace("where.png", "")


async def test_a_symlink_out_of_the_folder(world: World, images: Images, folder: Path) -> None:
    (folder.parent / "secret.png").write_bytes(drawn())
    (folder / "a.png").symlink_to("../secret.png")
    error = await refusal(images, folder / "a.png", world)
    assert "does not lead to a file below" in error.message
    assert "secret" not in str(error)


async def test_a_symlinked_folder(world: World, images: Images, folder: Path) -> None:
    (folder.parent / "private").mkdir()
    (folder.parent / "private" / "a.png").write_bytes(drawn())
    (folder / "shared").symlink_to("../private")
    assert "does not lead to a file below" in (await refusal(images, folder / "shared" / "a.png", world)).message


async def test_symlinks_in_a_circle(world: World, images: Images, folder: Path) -> None:
    (folder / "a.png").symlink_to("b.png")
    (folder / "b.png").symlink_to("a.png")
    await refusal(images, folder / "a.png", world)


async def test_a_key_file_renamed_png(world: World, images: Images, folder: Path) -> None:
    (folder / "a.png").write_text(f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n")
    assert "is not a picture, whatever its name says" in (await refusal(images, folder / "a.png", world)).message


@pytest.mark.parametrize(
    "beginning",
    [b"%PDF-1.7\n", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"BM\0\0\0\0\0\0\0\0", b"RIFF\0\0\0\0WEBP",
     b"II*\0", b"\0\0\0\x1cftypavif", b"\0\0\0\x1cftypheic", b"<svg>", b"%!PS-Adobe-3.0 EPSF\n", b"GIF"],
)  # fmt: skip
async def test_a_key_file_that_begins_like_a_picture(
    world: World, images: Images, folder: Path, beginning: bytes
) -> None:
    (folder / "a.png").write_bytes(beginning + SECRET.encode() * 20)
    await refusal(images, folder / "a.png", world)


async def test_a_png_header_with_a_true_checksum_and_a_key_behind_it(
    world: World, images: Images, folder: Path
) -> None:
    head = drawn()[: 8 + 25]
    (folder / "a.png").write_bytes(head + SECRET.encode() * 9)
    assert "breaks off" in (await refusal(images, folder / "a.png", world)).message
    (folder / "b.png").write_bytes(head + chunk(b"tEXt", SECRET.encode()) + chunk(b"IEND", b""))
    assert "what follows is not one" in (await refusal(images, folder / "b.png", world)).message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a FIFO is a thing of POSIX")
async def test_a_fifo_is_refused_without_waiting_for_its_writer(world: World, images: Images, folder: Path) -> None:
    os.mkfifo(folder / "a.png")
    assert "a device, a pipe or a socket" in (await refusal(images, folder / "a.png", world)).message


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="a socket in a folder is a thing of POSIX")
async def test_a_socket(world: World, images: Images, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)  # the whole path can be longer than a socket's name may be
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("a.png")
        assert "can't be read" in (await refusal(images, folder / "a.png", world)).message


async def test_a_5_gb_sparse_file_is_refused_unread(world: World, images: Images, folder: Path) -> None:
    with (folder / "a.png").open("wb") as file:
        file.write(drawn())
        file.truncate(5 * 1000**3)
    assert "is larger than 20 MB" in (await refusal(images, folder / "a.png", world)).message


async def test_the_last_byte_that_is_allowed_and_the_first_that_is_not(
    world: World, images: Images, folder: Path
) -> None:
    (folder / "a.png").write_bytes(b"\0" * (formats.MAX_BYTES + 1))
    assert "is larger than 20 MB" in (await refusal(images, folder / "a.png", world)).message
    picture = drawn()
    padding = chunk(b"tEXt", b"a" * (formats.MAX_BYTES - len(picture) - 12))
    whole = picture[:-12] + padding + picture[-12:]
    assert len(whole) == formats.MAX_BYTES
    (folder / "a.png").write_bytes(whole)
    await images.read(str(folder / "a.png"), "frame0_image")


async def test_a_file_that_is_replaced_between_the_check_and_the_upload_is_checked_again(
    world: World, images: Images, folder: Path
) -> None:
    path = folder / "a.png"
    path.write_bytes(drawn())
    await images.read(str(path), "frame0_image")
    path.write_text(SECRET)
    with pytest.raises(InvalidRequest):
        await url_of(images, str(path), "frame0_image")
    assert world.sim.calls == []


async def test_a_file_that_is_replaced_while_it_is_uploaded_is_uploaded_as_it_was_checked(
    world: World, images: Images, uploads: Uploads, folder: Path
) -> None:
    world.sim.behave(latency=5)
    path = folder / "a.png"
    path.write_bytes(drawn())

    async def swap() -> None:
        while world.count("upload_url") == 0:  # noqa: ASYNC110 - the simulator's log has no event
            await anyio.sleep(0.5)
        path.write_text(SECRET)

    url = ""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(swap)
        url = await url_of(images, str(path), "frame0_image")
    assert path.read_text() == SECRET
    assert uploads.at(url) == drawn()


@pytest.mark.parametrize("swapped", ["a.png", "inner", "inner/deep"])
def test_a_path_that_becomes_a_symlink_after_it_was_confined_is_not_followed(folder: Path, swapped: str) -> None:
    outside = folder.parent / "outside"
    for place in (folder / "inner" / "deep", outside / "deep", outside / "inner" / "deep"):
        place.mkdir(parents=True)
        (place / "a.png").write_text(SECRET)
    (folder / "a.png").write_bytes(drawn())
    path = folder / "a.png" if swapped == "a.png" else folder / "inner" / "deep" / "a.png"
    located = Folders((folder,)).locate(str(path), "frame0_image")
    (folder / swapped).rename(folder / "gone")
    (folder / swapped).symlink_to(
        outside / ("deep" if swapped == "inner/deep" else "" if swapped == "inner" else "deep/a.png")
    )
    assert path.read_text() == SECRET
    with pytest.raises(OSError, match=r"symbolic links|Not a directory"):
        content(located)


async def test_a_directory(world: World, images: Images, folder: Path) -> None:
    (folder / "a.png").mkdir()
    assert "is not a file but a folder" in (await refusal(images, folder / "a.png", world)).message
    await refusal(images, folder, world)


async def test_an_empty_file_and_one_that_is_not_there(world: World, images: Images, folder: Path) -> None:
    (folder / "a.png").touch()
    assert "is empty" in (await refusal(images, folder / "a.png", world)).message
    assert "does not exist" in (await refusal(images, folder / "b.png", world)).message


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
async def test_a_picture_that_is_torn_anywhere(world: World, images: Images, folder: Path, kind: str) -> None:
    picture = drawn(kind, size=(8, 8))
    for length in range(1, len(picture), 7):
        (folder / "a.png").write_bytes(picture[:length])
        await refusal(images, folder / "a.png", world)


async def test_fill_bytes_after_a_jpegs_scan_are_read_in_linear_time(
    world: World, images: Images, folder: Path
) -> None:
    # A search whose matches are two bytes long, however many fill bytes there are, looks at each byte at most twice.
    assert all(formats.JPEG_NEXT_MARKER.findall(b"\xff" * fill + b"\xd9") == [b"\xff\xd9"] for fill in (1, 2, 3, 1000))
    picture = drawn("JPEG")
    scan = picture.index(b"\xff\xda")
    (folder / "a.jpg").write_bytes(picture[: scan + 14] + b"\xff" * 200_000)
    assert "breaks off" in (await refusal(images, folder / "a.jpg", world)).message
    (folder / "b.jpg").write_bytes(picture[:-2] + b"\xff" * 200_000 + b"\xd9")
    await images.read(str(folder / "b.jpg"), "frame0_image")


async def test_a_picture_with_one_wrong_bit_in_a_png_chunk(world: World, images: Images, folder: Path) -> None:
    picture = bytearray(drawn())
    picture[45] ^= 1
    (folder / "a.png").write_bytes(picture)
    await refusal(images, folder / "a.png", world)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
async def test_a_polyglot_loses_its_other_half(images: Images, uploads: Uploads, folder: Path, kind: str) -> None:
    picture = drawn(kind)
    (folder / "a.png").write_bytes(picture + b"PK\x03\x04" + SECRET.encode() + b"<script>alert(1)</script>\xff\xd9")
    assert uploads.at(await url_of(images, str(folder / "a.png"), "frame0_image")) == picture


async def test_a_picture_that_unpacks_to_gigabytes(world: World, images: Images, folder: Path) -> None:
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    (folder / "a.png").write_bytes(bomb)
    assert "50000×50000 pixels" in (await refusal(images, folder / "a.png", world)).message
    gif = bytearray(drawn("GIF"))
    gif[6:10] = struct.pack("<HH", 60_000, 60_000)
    (folder / "a.gif").write_bytes(gif)
    await refusal(images, folder / "a.gif", world)


async def test_a_heic_is_refused_with_what_to_do(world: World, images: Images, folder: Path) -> None:
    (folder / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 100)
    error = await refusal(images, folder / "a.heic", world)
    assert "HEIC" in error.message
    assert error.next_step == "Convert it to PNG or JPEG first."


def test_without_pillow_the_refusal_says_how_to_install_it_and_png_still_passes(folder: Path) -> None:
    (folder / "a.webp").write_bytes(drawn("WEBP"))
    (folder / "a.png").write_bytes(drawn())
    program = textwrap.dedent("""
        import sys
        sys.modules["PIL"] = None  # as if it were not installed
        from pathlib import Path
        from gmi_video.images import formats
        print(formats.read(Path(sys.argv[1], "a.png").read_bytes()).file_type)
        try:
            formats.read(Path(sys.argv[1], "a.webp").read_bytes())
        except formats.NotAPicture as error:
            print(error, error.remedy)
    """)
    path = os.pathsep.join(entry for entry in sys.path if entry)
    ran = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program, str(folder)],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    first, second = ran.stdout.splitlines()
    assert first == "png"
    assert "is a WEBP picture" in second
    assert f'run `{sys.executable} -m pip install ".[images]"` in the folder of the clone' in second


async def test_a_nul_byte_in_the_path(world: World, images: Images, folder: Path) -> None:
    (folder / "a.png").write_bytes(drawn())
    await refusal(images, f"{folder}/a.png\0.txt", world)
    await refusal(images, "\0", world)


async def test_a_very_long_path(world: World, images: Images, folder: Path) -> None:
    for value in (f"{folder}/{'a' * 300}.png", f"{folder}/{'a/' * 2500}b.png", f"{folder}/{'../' * 1000}etc/passwd"):
        assert len(str(await refusal(images, value, world))) < 900


@contextmanager
def unprivileged() -> Generator[None]:
    """Run as the user `nobody` if the tests run as root, who may read every file."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="POSIX permissions")
async def test_an_unreadable_file(
    world: World, queue: Queue, tasks: TaskGroup, tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = tmp_path_factory.getbasetemp().parent.parent  # everyone may enter here
    folder = base / f"gmi-video-unreadable-{os.getpid()}"
    folder.mkdir(mode=0o755)
    try:
        (folder / "a.png").write_bytes(drawn())
        (folder / "a.png").chmod(0)
        with unprivileged():
            error = await refusal(Images(queue, (folder,), tasks), folder / "a.png", world)
        assert "may not be read by this server" in error.message
    finally:
        (folder / "a.png").unlink()
        folder.rmdir()


@pytest.mark.skipif(sys.platform != "linux", reason="where a folder in another case is another folder")
async def test_a_path_in_another_case(world: World, images: Images, folder: Path) -> None:
    (folder.parent / "Pictures").mkdir()
    (folder.parent / "Pictures" / "a.png").write_bytes(drawn())
    (folder / "a.png").write_bytes(drawn())
    assert "below an allowed folder" in (await refusal(images, folder.parent / "Pictures" / "a.png", world)).message
    assert "does not exist" in (await refusal(images, folder / "A.PNG", world)).message


@pytest.mark.parametrize(
    "value", ["a.png", "./a.png", "../a.png", "example.com/a.png", " /etc/passwd", "", "  ", "~nobody-here/a.png"]
)
async def test_a_relative_path(world: World, images: Images, value: str) -> None:
    assert "Give the absolute path of an image below" in (await refusal(images, value, world)).next_step


@pytest.mark.parametrize("value", [r"C:\Users\me\a.png", "C:/Users/me/a.png", r"\\server\share\a.png"])
async def test_a_windows_path_is_seen_as_a_path_and_not_as_a_url(world: World, images: Images, value: str) -> None:
    assert "is a Windows path" in (await refusal(images, value, world)).message


async def test_a_path_without_any_allowed_folder_names_the_setting_to_make(
    world: World, queue: Queue, tasks: TaskGroup, folder: Path
) -> None:
    (folder / "a.png").write_bytes(drawn())
    error = await refusal(Images(queue, (), tasks), folder / "a.png", world)
    assert "GMI_IMAGE_DIRS" in error.next_step


# -- attacks on the URL ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://storage.googleapis.com/bucket/a%20picture.png?X-Goog-Signature=abc&x=1#top",
        "http://example.com:8080/a.png",
        "HTTPS://EXAMPLE.COM./a.png",
        "https://xn--mnchen-3ya.de/a.png",
        "https://8.8.8.8/a.png",
        "https://[2606:4700:4700::1111]/a.png",
        "https://my_bucket.s3.amazonaws.com/a.png",
        "https://example.com/@user/a:b.png",
        "https://127.0.0.1.example.com/a.png",
        "https://localhost.example.com/a.png",
    ],
)
async def test_a_public_url_goes_through_as_it_is_and_is_never_fetched(world: World, images: Images, url: str) -> None:
    await images.read(url, "frame0_image")
    assert await url_of(images, url, "frame0_image") == url
    assert world.sim.calls == []
    assert world.sim.outside_requests == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001",
        "127.0.0.1.", "2130706433.", "0", "0.0.0.0", "0x0",  # noqa: S104 - an address to be refused
        "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "2852039166",
        "100.64.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "1.2.3.4.5", "4294967296",
        "1.2.3.256", "08.8.8.8", "example.0x1", "0x", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]", "[::ffff:8.8.8.8]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
        "[2002:a00:1::1]", "[2002:808:808::1]",
        "[2001:0:7f00:1::1]", "[fe80::1]", "[fe80::1%25eth0]", "[2606:4700::1%25eth0]",
        "[fc00::1]", "[ff02::1]", "[2001:db8::1]", "[::1",
        "[v1.fe]", "[127.0.0.1]", "[localhost]", "localhost", "LOCALHOST", "localhost.", "a.localhost", "a.LocalHost.",
        "printer.local", "metadata.google.internal", "router.lan", "nas.home.arpa", "wiki.corp", "a.invalid",
        "x.onion", "intranet", "metadata", "example..com", ".example.com", "-a.example.com", "a-.example.com",
        "127%2e0.0.1", "exam%70le.com", "127。0。0。1", "①②⑦.⓪.⓪.①",
        "ｌｏｃａｌｈｏｓｔ",  # noqa: RUF001 - wide letters are the attack
        "example.com\\@127.0.0.1", "exa mple.com", "example.com\t", "\texample.com", "loc\nalhost", "a" * 64 + ".com",
        "a." * 130 + "com", "$x.com", "", ":80", "example.com:99999", "example.com:0", "example.com:a",
    ],
)  # fmt: skip
async def test_a_host_that_the_vendors_servers_must_not_or_cannot_reach(
    world: World, images: Images, host: str
) -> None:
    error = await refusal(images, f"http://{host}/a.png", world)
    assert "public http(s) URL" in error.next_step


@pytest.mark.parametrize(
    "url",
    [
        "https://user:pass@example.com/a.png", "https://user@example.com/a.png", "https://@example.com/a.png",
        "https://:@example.com/a.png", f"https://example.com:{SECRET}@127.0.0.1/a.png", "https://a@b@example.com/a.png",
    ],
)  # fmt: skip
async def test_a_url_with_credentials(world: World, images: Images, url: str) -> None:
    assert "is a URL with" in (await refusal(images, url, world)).message


@pytest.mark.parametrize(
    "value",
    [
        f"data:image/png;base64,{SECRET}", "file:///etc/passwd", "FILE:///etc/passwd", "blob:https://example.com/1",
        "ftp://example.com/a.png", "javascript:alert(1)", "gs://bucket/a.png", "s3://bucket/a.png",
        "gopher://127.0.0.1/", "http:/example.com/a.png", "http:example.com/a.png", "http:///example.com/a.png",
        "https:", "http://", "https://?", "jar:http://example.com!/a", "x" * 5000 + ":",
        "https://example.com/" + "a" * 2048, "https://example.com/a b.png", "https://example.com/a\x00.png",
        "https://example.com/<script>", 'https://example.com/"', "https://example.com/`", "https://example.com/ä.png",
    ],
)  # fmt: skip
async def test_an_address_that_is_no_public_http_url(world: World, images: Images, value: str) -> None:
    error = await refusal(images, value, world)
    assert "GMI_IMAGE_DIRS" in error.next_step
    assert len(str(error)) < 600


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


# -- the whole way: a host, our server, the queue ----------------------------------------------------------------


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
async def test_a_file_that_is_none_of_ours_stops_the_call_before_anything_is_uploaded(
    world: World, folder: Path, era: str, *, dry_run: bool
) -> None:
    (folder / "key.png").write_text(SECRET)
    (folder / "out.png").symlink_to("/etc/passwd")
    async with world.host(era=era, GMI_IMAGE_DIRS=str(folder)) as host:
        for name in ("key.png", "out.png", "missing.png"):
            path = str(folder / name)
            answer = await host.call_error("generate_video", prompt="a fox", frame1_image=path, dry_run=dry_run)
            assert answer["error"]["message"].startswith("frame1_image: ")
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

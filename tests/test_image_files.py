"""Attacks with local files: what is outside the allowed folders, or no image, is refused and nothing is sent."""

import os
import socket
import struct
import subprocess
import sys
import textwrap
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest
from anyio.abc import TaskGroup

from gmi_video.errors import InvalidRequest
from gmi_video.images import formats
from gmi_video.images.conversion import to_png
from gmi_video.images.files import Folders, content
from gmi_video.images.refusals import KEEP
from gmi_video.images.upload import Images
from gmi_video.upstream.client import Queue

from .conftest import World
from .image_tools import SECRET, chunk, drawn, refusal, uploaded, url_of

pytestmark = pytest.mark.anyio


async def test_traversal_out_of_the_folder(world: World, images: Images, folder: Path) -> None:
    (folder.parent / "secret.png").write_bytes(drawn())
    inside = str(folder)
    for value in (f"{inside}/../secret.png", f"{inside}/./x/../../secret.png", "/etc/passwd", f"{inside}-other/a.png"):
        error = await refusal(images, value, world)
        assert "is not in a folder that this server may read images from" in error.message
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
    assert "is a link to a place outside the folders" in error.message
    assert "secret" not in str(error)


async def test_a_symlinked_folder(world: World, images: Images, folder: Path) -> None:
    (folder.parent / "private").mkdir()
    (folder.parent / "private" / "a.png").write_bytes(drawn())
    (folder / "shared").symlink_to("../private")
    assert "is a link to a place outside" in (await refusal(images, folder / "shared" / "a.png", world)).message


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
    world: World, images: Images, folder: Path
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
    assert uploaded(world, url) == drawn()


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
    assert "is a folder, not an image" in (await refusal(images, folder, world)).message


async def test_an_empty_file_and_one_that_is_not_there(world: World, images: Images, folder: Path) -> None:
    (folder / "a.png").touch()
    assert "is empty" in (await refusal(images, folder / "a.png", world)).message
    assert "does not exist" in (await refusal(images, folder / "b.png", world)).message


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
async def test_a_picture_that_is_truncated_anywhere(world: World, images: Images, folder: Path, kind: str) -> None:
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


async def test_a_file_of_millions_of_tiny_parts_is_given_up_after_some_thousand(
    world: World, images: Images, folder: Path
) -> None:
    picture, png = drawn("JPEG"), drawn()
    scan = picture.index(b"\xff\xda")
    for name, hostile in {
        "segments": picture[:2] + b"\xff\xfe\0\2" * 200_000 + picture[2:],
        "scans": picture[:scan] + b"\xff\xda\0\2" * 200_000 + picture[scan:],
        "chunks": png[:33] + chunk(b"tEXt", b"") * 200_000 + png[33:],
    }.items():
        (folder / name).write_bytes(hostile)
        assert "what follows is not one" in (await refusal(images, folder / name, world)).message


async def test_a_frame_header_too_short_for_a_size_is_not_read_past_its_end(
    world: World, images: Images, folder: Path
) -> None:
    (folder / "a.jpg").write_bytes(b"\xff\xd8\xff\xc0\0\2\xff\xda\0\2\xff\xfe\0\2\xff\xd9")
    assert "what follows is not one" in (await refusal(images, folder / "a.jpg", world)).message


async def test_a_picture_that_takes_too_long_to_convert_is_given_up(folder: Path) -> None:
    (folder / "a.webp").write_bytes(drawn("WEBP", size=(4000, 4000)))
    picture = formats.read((folder / "a.webp").read_bytes())
    assert isinstance(picture, formats.Convertible)
    with pytest.raises(formats.NotAPicture, match=r"can't be converted in 0.01 s"):
        await to_png(picture, seconds=0.01)


async def test_a_python_that_is_gone_is_not_taken_for_a_broken_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "gone"))
    with pytest.raises(formats.NotAPicture, match="what converts it can't be started here") as raised:
        await to_png(formats.Convertible("WEBP", drawn("WEBP")))
    assert "restart this server" in raised.value.remedy


async def test_a_picture_with_one_wrong_bit_in_a_png_chunk(world: World, images: Images, folder: Path) -> None:
    picture = bytearray(drawn())
    picture[45] ^= 1
    (folder / "a.png").write_bytes(picture)
    await refusal(images, folder / "a.png", world)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
async def test_the_other_half_of_a_polyglot_is_not_uploaded(
    images: Images, world: World, folder: Path, kind: str
) -> None:
    picture = drawn(kind)
    (folder / "a.png").write_bytes(picture + b"PK\x03\x04" + SECRET.encode() + b"<script>alert(1)</script>\xff\xd9")
    assert uploaded(world, await url_of(images, str(folder / "a.png"), "frame0_image")) == picture


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
    assert error.next_step == f"Convert it to PNG or JPEG first. {KEEP}"


def test_without_pillow_the_refusal_says_how_to_install_it_and_png_still_passes(folder: Path) -> None:
    (folder / "a.webp").write_bytes(drawn("WEBP"))
    (folder / "a.png").write_bytes(drawn())
    program = textwrap.dedent("""
        import sys
        sys.modules["PIL"] = None  # as if it were not installed
        from pathlib import Path
        import anyio
        from gmi_video.images import conversion, formats
        print(formats.read(Path(sys.argv[1], "a.png").read_bytes()).file_type)
        try:
            anyio.run(conversion.to_png, formats.read(Path(sys.argv[1], "a.webp").read_bytes()))
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
    assert "is not in a folder that" in (await refusal(images, folder.parent / "Pictures" / "a.png", world)).message
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

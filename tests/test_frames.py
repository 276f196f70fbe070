"""The assistant sees a video: frames of it beside the answer of get_status, and its pictures as resources."""

import base64
import io
import sys
import tempfile
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import MCPError
from mcp_types import BlobResourceContents, ImageContent, ResourceTemplateReference
from PIL import Image

from gmi_video.frames import decoding
from gmi_video.mcp.frames import COMPARE
from gmi_video.simulator import Script
from gmi_video.simulator.faults import FilmFault

from .conftest import Host, World, answer_of
from .film_tools import difference, film, last_picture, number_of
from .full import in_full
from .image_tools import drawn
from .test_film_frames import cells
from .test_saved_videos import film as film_of
from .test_upload_places import ELSEWHERE_ON_THIS_MACHINE, IN_A_PRIVATE_NETWORK, NOT_ENCRYPTED

pytestmark = [
    pytest.mark.anyio,
    # trio's, for the streams that httpx leaves when a response is not read to its end; there is no way to close them.
    pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning"),
]

FOX = {"prompt": "a fox", "resolution": "540p"}


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path / "tmp"


@pytest.fixture(autouse=True)
def short_films(world: World) -> None:
    world.sim.behave(film_seconds=0.2)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the extra `frames` were not installed."""
    monkeypatch.setitem(sys.modules, "av", None)
    assert not decoding.is_installed()


def left_in(temporary: Path) -> list[Path]:
    """What the server has left there; the simulator has its films there too."""
    return list(temporary.glob("gmi-video-*"))


def send(world: World, content: bytes, **headers: str) -> None:
    """Let every film be this one."""
    world.sim.answer("film", content, headers={"content-type": "video/mp4"} | headers, times=None)


def pictures(host: Host) -> list[Image.Image]:
    """The pictures in the last answer."""
    blocks = [block for block in host.results[-1].content if isinstance(block, ImageContent)]
    assert {block.mime_type for block in blocks} <= {"image/jpeg"}
    return [Image.open(io.BytesIO(base64.b64decode(block.data))) for block in blocks]


async def made_video(host: Host) -> str:
    return (await host.call_ok("generate_video", **FOX))["request_id"]


# -- all being well --------------------------------------------------------------------------------------------------


async def test_frames_come_on_one_picture_beside_the_answer_with_their_times(
    world: World, era: str, tmp_path: Path, temporary: Path
) -> None:
    send(world, film(tmp_path / "a.mp4", 49, size=(1280, 720)))
    async with world.host(era=era) as host:
        request_id = await made_video(host)
        answer = await host.call_ok("get_status", request_id=request_id, frames=5)
        (sheet,) = pictures(host)
        (block,) = [block for block in host.results[-1].content if isinstance(block, ImageContent)]
    assert "The picture shows 5 frames, at 0, 0.5, 1, 1.5 and 2 s." in answer["summary"]
    assert answer["next_step"].startswith(f"{COMPARE} Show the user the link")
    assert [number_of(cell) for cell in cells(sheet, 2, 5)] == [0, 12, 24, 36, 48]
    assert sheet.width <= 1024
    assert len(base64.b64decode(block.data)) <= 200_000
    assert left_in(temporary) == []


async def test_without_frames_nothing_is_fetched(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        request_id = await made_video(host)
        answer = await host.call_ok("get_status", request_id=request_id)
        assert pictures(host) == []
    assert world.count("film") == 0
    assert "picture" not in answer["summary"]


async def test_frames_of_a_video_that_is_waited_for(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(100))
    async with world.host(era=era) as host:
        started = await host.call_ok("generate_video", **FOX, wait=False)
        answer = await host.call_ok("get_status", request_id=started["request_id"], wait=True, frames=1)
        assert len(pictures(host)) == 1
    assert "The picture shows the frame at 0.1 s." in answer["summary"]


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (Script.takes(1000), "Its frames can be seen once it is done."),
        (Script.fails(0.5, "no"), "There are no frames to see."),
    ],
)
async def test_frames_of_no_finished_video_are_a_word(world: World, era: str, script: Script, says: str) -> None:
    world.sim.script("Luma-Ray2", script)
    async with world.host(era=era) as host:
        started = await host.call("generate_video", **FOX, wait=False)
        await anyio.sleep(1)
        answer = await host.call_ok("get_status", request_id=started["request_id"], frames=4)
        assert pictures(host) == []
    assert answer["summary"].endswith(says)
    assert world.count("film") == 0


@pytest.mark.parametrize("frames", [-1, 9, 1_000_000])
async def test_more_than_eight_frames_or_fewer_than_none_are_refused(world: World, era: str, frames: int) -> None:
    async with world.host(era=era) as host:
        answer = await host.call_error("get_status", request_id="x", frames=frames)
    assert '"frames"' in answer["error"]["message"]


async def test_the_film_is_fetched_without_the_key(world: World) -> None:
    async with world.host(GMI_ORG_ID="org-1") as host:
        await host.call_ok("get_status", request_id=await made_video(host), frames=2)
    assert [call.has_authorization for call in world.sim.calls if call.endpoint == "film"] == [False]


async def test_ten_calls_at_once_and_one_later_fetch_the_video_once(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        asked = {"request_id": await made_video(host), "frames": 2}
        answers: list[dict[str, Any]] = []

        async def ask() -> None:
            answers.append(answer_of(await host.client.call_tool("get_status", asked)))

        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(ask)
        await ask()
    assert {"The picture shows 2 frames" in answer["summary"] for answer in answers} == {True}
    assert (len(answers), world.count("film")) == (11, 1)


# -- what goes wrong is a note ---------------------------------------------------------------------------------------

FTYP = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"


async def no_frames(world: World, era: str) -> str:
    """The end of the summary of an answer whose frames could not be had."""
    async with world.host(era=era) as host:
        answer = await host.call_ok("get_status", request_id=await made_video(host), frames=3)
        assert pictures(host) == []
    assert answer["summary"].startswith("The video is ready: [watch or download it](http")
    assert answer["next_step"].startswith("Show the user the link")
    return answer["summary"].partition("Its frames ")[2]


BY_LINK = "the user can look at it by the link."


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "what its link leads to is not a video; "),
        (b"<!doctype html><title>Sign in</title>", "what its link leads to is not a video; "),
        (FTYP, "it is damaged, or can't be decoded; "),
        (FTYP + b"\0\0\x04\0mdat" + b"\xff" * 1016, "it is damaged, or can't be decoded; "),
    ],
    ids=["empty", "a page", "a beginning", "noise"],
)
async def test_a_file_that_is_no_film_is_a_note(world: World, era: str, content: bytes, says: str) -> None:
    send(world, content)
    assert await no_frames(world, era) == f"can't be shown: {says}{BY_LINK}"


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("403_expired", "its link does not work (any more): HTTP 403; ask for its status for a fresh link."),
        ("200_html", f"what its link leads to is not a video; {BY_LINK}"),
        ("cut", "its transfer broke off; ask for its status later to try again."),
    ],
)
async def test_a_film_that_can_not_be_fetched_is_a_note(
    world: World, era: str, temporary: Path, fault: FilmFault, says: str
) -> None:
    world.sim.behave(film_validator="none")
    world.sim.fail("film", fault, times=None)
    assert await no_frames(world, era) == f"can't be shown: {says}"
    assert left_in(temporary) == []


async def test_a_film_whose_end_is_missing_is_a_note(world: World, era: str, tmp_path: Path) -> None:
    content = film(tmp_path / "a.mp4", 24, options={"movflags": "+faststart"})
    send(world, content[:-500])
    assert (await no_frames(world, era)).startswith("can't be shown: its end is missing")


async def test_a_film_of_more_than_500_mb_is_not_fetched(world: World, era: str) -> None:
    send(world, FTYP, **{"content-length": "600000000"})
    says = "can't be shown: it is larger than 500 MB; the user can download it by the link."
    assert await no_frames(world, era) == says


@pytest.mark.parametrize("url", [*ELSEWHERE_ON_THIS_MACHINE[:2], *IN_A_PRIVATE_NETWORK[:2], *NOT_ENCRYPTED[:1]])
async def test_a_redirect_to_a_place_that_is_not_public_is_not_followed(world: World, url: str) -> None:
    world.sim.answer("film", b"", 302, {"location": url}, times=None)
    assert (await no_frames(world, "2026-07-28")).startswith("can't be shown: its link leads to a place that is not a")
    assert world.sim.outside_requests == []


@in_full
async def test_a_film_that_comes_slowly_is_there_at_a_later_call(world: World, era: str) -> None:
    world.sim.behave(film_pause=18, film_seconds=1)
    async with world.host(era=era) as host:
        request_id = await made_video(host)
        first = await host.call_ok("get_status", request_id=request_id, frames=2)
        assert "Its frames are not there yet; the same call shows them in a moment." in first["summary"]
        # Nobody waits for it meanwhile.
        await anyio.sleep(300)
        began = anyio.current_time()
        await host.call_ok("get_status", request_id=request_id, frames=2)
        assert len(pictures(host)) == 1
        assert anyio.current_time() - began < 1
    assert world.count("film") == 1


@in_full
@pytest.mark.parametrize(("name", "seconds"), [("google-adk", 5), ("an unknown host", 60), ("claude-code", 61)])
async def test_an_answer_waits_for_frames_no_longer_than_its_host(
    world: World, era: str, name: str, seconds: float
) -> None:
    world.sim.behave(film_pause=19, film_seconds=5)
    async with world.host(era=era) as host:
        request_id = await made_video(host)
    async with world.host(era=era, name=name) as host:
        began = anyio.current_time()
        answer = await host.call_ok("get_status", request_id=request_id, frames=2)
        assert anyio.current_time() - began < seconds
    assert "Its frames are not there yet; the same call shows them in a moment." in answer["summary"]


@pytest.mark.parametrize("installed", [True, False])
async def test_frames_are_had_in_the_end_where_a_call_may_not_wait_for_them(
    world: World, era: str, monkeypatch: pytest.MonkeyPatch, *, installed: bool
) -> None:
    if not installed:
        monkeypatch.setitem(sys.modules, "av", None)
    async with world.host(era=era, GMI_MAX_WAIT_SECONDS="0") as host:
        started = await host.call_ok("generate_video", **FOX)
        for _ in range(2):
            await anyio.sleep(30)
            await host.call_ok("get_status", request_id=started["request_id"], frames=2)
        assert len(pictures(host)) == 1


async def test_a_host_that_gave_up_without_a_word_and_asks_again_is_answered_at_once(world: World, era: str) -> None:
    world.sim.behave(film_pause=19, film_seconds=5)
    async with world.host(era=era, name="mcp") as host:
        asked = {"request_id": await made_video(host), "frames": 2}
        async with anyio.create_task_group() as group:
            group.start_soon(host.client.call_tool, "get_status", asked)
            await anyio.sleep(6)
            began = anyio.current_time()
            await host.call_ok("get_status", **asked)
            assert anyio.current_time() - began < 2.5
        began = anyio.current_time()
        await host.call_ok("get_status", **asked)
        assert anyio.current_time() - began < 5, "it has learned how long this host waits"


async def test_a_film_without_an_end_holds_up_no_answer_and_leaves_no_file(
    world: World, era: str, temporary: Path
) -> None:
    world.sim.behave(film_pause=19, film_seconds=5, film_validator="none")
    async with world.host(era=era) as host:
        request_id = await made_video(host)
        world.sim.script("Luma-Ray2", Script.takes(10))
        began = anyio.current_time()
        await host.call_ok("get_status", request_id=request_id, frames=2)
        assert anyio.current_time() - began < 65
        await anyio.sleep(600)
        assert left_in(temporary) == []


async def test_a_folder_for_temporary_files_that_is_gone_is_a_note(
    world: World, era: str, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "gone"))
    assert "this server's folder for temporary files is full or can't be written" in await no_frames(world, era)


# -- without the extra -----------------------------------------------------------------------------------------------

INSTALL = f'have the user run `{sys.executable} -m pip install ".[frames]"` in the folder of the clone and restart'


@pytest.mark.usefixtures("bare")
async def test_without_the_extra_the_thumbnail_comes_and_a_word_on_what_to_install(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        request_id = await made_video(host)
        answer = await host.call_ok("get_status", request_id=request_id, frames=4)
        (thumbnail,) = pictures(host)
    assert thumbnail.size == (640, 360)
    assert f"what decodes videos is not installed here; {INSTALL} the server." in answer["summary"]
    assert answer["summary"].endswith("The picture is its thumbnail.")


@pytest.mark.usefixtures("bare")
async def test_without_the_extra_a_thumbnail_that_is_a_film_is_a_note(world: World, era: str) -> None:
    world.sim.behave(thumbnail="mp4")
    says = await no_frames(world, era)
    assert INSTALL in says
    assert says.endswith("Nor can its thumbnail: what its link leads to is not a JPEG picture.")


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("content", [b"\xff\xd8\xff" + bytes(5000), drawn("JPEG")[:-100]], ids=["noise", "cut off"])
async def test_a_thumbnail_that_only_begins_like_a_picture_is_a_note(world: World, era: str, content: bytes) -> None:
    world.sim.answer("film", content, headers={"content-type": "image/jpeg"}, times=None)
    says = await no_frames(world, era)
    assert says.endswith("Nor can its thumbnail: what its link leads to is not a whole JPEG picture.")


# -- resources -------------------------------------------------------------------------------------------------------


async def read(host: Host, uri: str) -> Image.Image:
    (content,) = (await host.client.read_resource(uri, cache_mode="bypass")).contents
    assert isinstance(content, BlobResourceContents)
    assert content.mime_type == "image/jpeg"
    image = Image.open(io.BytesIO(base64.b64decode(content.blob)))
    assert image.format == "JPEG"
    return image


async def test_the_thumbnail_and_the_frames_are_resources(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        request_id = await made_video(host)
        uri = f"gmi-video://requests/{request_id}"
        thumbnail = await read(host, f"{uri}/thumbnail")
        first, last = await read(host, f"{uri}/first-frame"), await read(host, f"{uri}/last-frame")
        templates = (await host.client.list_resource_templates()).resource_templates
    assert (thumbnail.size, first.size, last.size) == ((640, 360), (960, 540), (960, 540))
    assert difference(last, last_picture(await film_of(world))) < 2
    assert {template.uri_template: template.mime_type for template in templates}.items() >= {
        ("gmi-video://requests/{request_id}/thumbnail", "image/jpeg"),
        ("gmi-video://requests/{request_id}/first-frame", "image/jpeg"),
        ("gmi-video://requests/{request_id}/last-frame", "image/jpeg"),
    }


@pytest.mark.parametrize("name", ["thumbnail", "first-frame", "last-frame"])
async def test_the_ids_of_finished_requests_complete_for_each_of_them(world: World, era: str, name: str) -> None:
    async with world.host(era=era) as host:
        request_id = await made_video(host)
        reference = ResourceTemplateReference(uri=f"gmi-video://requests/{{request_id}}/{name}")
        found = await host.client.complete(reference, {"name": "request_id", "value": request_id[:3]})
    assert found.completion.values == [request_id]


@pytest.mark.parametrize("name", ["thumbnail", "last-frame"])
async def test_a_picture_that_does_not_exist_is_an_error_that_says_why(world: World, era: str, name: str) -> None:
    async with world.host(era=era) as host:
        request_id = await made_video(host)
        world.sim.script("Luma-Ray2", Script.takes(1000))
        running = await host.call_ok("generate_video", prompt="a cat", wait=False)
        with pytest.raises(MCPError, match="is not finished"):
            await read(host, f"gmi-video://requests/{running['request_id']}/{name}")
        with pytest.raises(MCPError) as unknown:
            await read(host, f"gmi-video://requests/none/{name}")
        assert unknown.value.error.code == -32602
        world.sim.fail("film", "200_html", times=None)
        world.sim.behave(thumbnail="mp4")
        with pytest.raises(MCPError, match="what its link leads to is not a"):
            await read(host, f"gmi-video://requests/{request_id}/{name}")


@in_full
async def test_a_picture_that_comes_slowly_is_an_error_that_does_not_blame_the_queue(world: World, era: str) -> None:
    world.sim.behave(film_pause=19, film_seconds=5)
    async with world.host(era=era, name="an unknown host") as host:
        request_id = await made_video(host)
        with pytest.raises(MCPError, match=r"It is still being fetched\. Read it again in a moment\."):
            await read(host, f"gmi-video://requests/{request_id}/last-frame")


@pytest.mark.usefixtures("bare")
async def test_without_the_extra_a_frame_is_an_error_that_says_what_to_install(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        request_id = await made_video(host)
        await read(host, f"gmi-video://requests/{request_id}/thumbnail")
        with pytest.raises(MCPError, match="Have the user run"):
            await read(host, f"gmi-video://requests/{request_id}/last-frame")

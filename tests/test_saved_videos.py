"""Saved videos: each finished one is in the folder once, and whatever goes wrong there, the answer still comes."""

import json
import re
import shutil
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import trio

from gmi_video.mcp import saving
from gmi_video.simulator import Fault, Pause, Script, SimulatedTransport
from gmi_video.simulator.faults import FilmFault
from gmi_video.videos import fetch
from gmi_video.videos.names import SHORTEST_ID

from .conftest import KEY, Host, World, answer_of, now
from .foreign_words import VALUES, places
from .test_tasks import DECLARES_TASKS, begun, until_settled
from .test_upload_places import ELSEWHERE_ON_THIS_MACHINE, IN_A_PRIVATE_NETWORK, NOT_ENCRYPTED

pytestmark = [
    pytest.mark.anyio,
    # trio's, for the streams that httpx leaves when a response is not read to its end; there is no way to close them.
    pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning"),
]

FOX = {"prompt": "a Red Fox, in the snow!", "resolution": "540p"}
FROM_NOWHERE = "which this server does not fetch from; the user can open the link themselves."


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    (tmp_path / "videos").mkdir()
    return tmp_path / "videos"


@pytest.fixture(autouse=True)
def short_films(world: World) -> None:
    world.sim.behave(film_seconds=0.2)


def saving_host(world: World, videos: Path, **options: Any) -> AbstractAsyncContextManager[Host]:
    """A host whose server saves in `videos`."""
    return world.host(GMI_OUTPUT_DIR=str(videos), **options)


def names(videos: Path) -> list[str]:
    return sorted(path.name for path in videos.iterdir())


def read(path: Path | str) -> bytes:
    return Path(path).read_bytes()


def is_there(path: str) -> bool:
    return Path(path).is_file()


async def film(world: World, number: int = 0) -> bytes:
    """The film of a job, as the simulator sends it."""
    world.sim.clear_faults()
    async with httpx.AsyncClient(transport=SimulatedTransport(world.sim)) as client:
        return (await client.get(f"{world.sim.files_url}/films/{world.sim.jobs[number].request_id}.mp4")).content


async def status_of_each(hosts: list[Host], request_id: str) -> list[dict[str, Any]]:
    """Ask all of them at once."""
    answers: list[dict[str, Any]] = []

    async def ask(host: Host) -> None:
        answers.append(answer_of(await host.client.call_tool("get_status", {"request_id": request_id})))

    async with anyio.create_task_group() as group:
        for host in hosts:
            group.start_soon(ask, host)
    return answers


# -- all being well ------------------------------------------------------------------------------------------------


async def test_a_video_is_saved_with_a_name_that_a_person_finds_and_its_request_beside_it(
    world: World, videos: Path, era: str
) -> None:
    async with saving_host(world, videos, era=era) as host:
        made = await host.call_ok("generate_video", **FOX)
    saved = Path(made["saved_to"])
    request_id = made["request_id"]
    assert saved.parent == videos
    assert re.fullmatch(rf"2025-06-1[56] a-red-fox-in-the-snow 540p 5s {request_id[:4]}\.mp4", saved.name)
    assert names(videos) == [saved.with_suffix(".json").name, saved.name]
    assert read(saved) == await film(world)
    said = json.loads(saved.with_suffix(".json").read_text(encoding="utf-8"))
    assert (said["request_id"], said["file"], said["bytes"]) == (request_id, saved.name, len(read(saved)))
    assert (said["model"], said["prompt"]) == ("Luma-Ray2", FOX["prompt"])
    assert said["parameters"]["resolution"] == "540p"
    assert said["video_url"] == made["video_url"]
    assert said["estimated_cost_usd"] == made["estimated_cost_usd"]
    assert said["created_at"].startswith("2025-06-15T")
    assert "say where the video is saved" in made["next_step"]


async def test_without_a_folder_nothing_is_fetched(world: World, era: str) -> None:
    async with world.host(era=era, GMI_OUTPUT_DIR="${user_config.videos}") as host:
        made = await host.call_ok("generate_video", **FOX)
    assert "saved" not in json.dumps(made)
    assert world.count("film") == 0


async def test_a_video_that_was_made_before_is_saved_when_it_is_looked_at_and_once_only(
    world: World, videos: Path, era: str
) -> None:
    async with world.host(era=era) as host:
        made = await host.call_ok("generate_video", **FOX)
    async with saving_host(world, videos, era=era) as host:
        first = await host.call_ok("get_status", request_id=made["request_id"])
        again = await host.call_ok("get_status", request_id=made["request_id"], wait=True)
        reused = await host.call_ok("generate_video", **FOX)
    async with saving_host(world, videos, era=era) as restarted:
        later = await restarted.call_ok("get_status", request_id=made["request_id"])
    assert {answer["saved_to"] for answer in (first, again, reused, later)} == {first["saved_to"]}
    assert (len(names(videos)), world.count("film")) == (2, 1)


async def test_a_video_that_is_followed_as_a_task_is_saved(world: World, videos: Path) -> None:
    async with saving_host(world, videos, options=DECLARES_TASKS) as host:
        task = await until_settled(host, await begun(host, resolution="540p"))
    assert is_there(task["result"]["structuredContent"]["saved_to"])


async def test_the_film_is_fetched_without_the_key(world: World, videos: Path) -> None:
    async with saving_host(world, videos, GMI_ORG_ID="org-1") as host:
        await host.call_ok("generate_video", **FOX)
    assert [call.has_authorization for call in world.sim.calls if call.endpoint == "film"] == [False]
    assert KEY not in "".join(read(videos / name).decode(errors="replace") for name in names(videos))


async def test_a_queue_that_does_not_echo_the_payload_still_gives_a_name(world: World, videos: Path, era: str) -> None:
    world.sim.behave(echo_payload=False)
    async with saving_host(world, videos, era=era) as host:
        made = await host.call_ok("generate_video", **FOX)
    assert " a-red-fox-in-the-snow 540p 5s " in made["saved_to"]


@pytest.mark.parametrize("words", VALUES)
async def test_words_of_others_can_not_act_by_the_name_of_a_file(world: World, videos: Path, words: str) -> None:
    payload = {"prompt": VALUES[words], "resolution": VALUES[words], "duration": "5s"}
    job = world.sim.add_history("Luma-Ray2", payload=payload, created_at=now() - 100, took_seconds=20)
    async with saving_host(world, videos) as host:
        saved = await host.call_ok("get_status", request_id=job.request_id)
        for name in names(videos):
            assert re.fullmatch(r"[\w -]+\.(mp4|json)", name)
            assert name == name.strip()
        (videos / Path(saved["saved_to"]).name).unlink()
        gone = await host.call_ok("get_status", request_id=job.request_id)
    assert "is not there any more" in gone["summary"]
    assert [*places(saved), *places(gone)] == []


# -- many at once --------------------------------------------------------------------------------------------------


async def test_ten_looks_at_the_same_video_at_once_fetch_it_once(world: World, videos: Path, era: str) -> None:
    async with world.host() as host:
        made = await host.call_ok("generate_video", **FOX)
    async with saving_host(world, videos, era=era) as host:
        answers = await status_of_each([host] * 10, made["request_id"])
    assert len({answer["saved_to"] for answer in answers}) == 1
    assert (len(names(videos)), world.count("film")) == (2, 1)


async def test_two_copies_of_the_server_that_save_the_same_video_end_in_one_file(world: World, videos: Path) -> None:
    async with world.host() as host:
        made = await host.call_ok("generate_video", **FOX)
    world.sim.behave(film_pause=2)
    async with saving_host(world, videos) as one, saving_host(world, videos) as other:
        answers = await status_of_each([one, other], made["request_id"])
    assert len({answer["saved_to"] for answer in answers}) == 1
    assert (len(names(videos)), world.count("film")) == (2, 1)


async def test_a_copy_goes_on_where_the_one_before_it_fails(world: World, videos: Path) -> None:
    async with world.host() as host:
        made = await host.call_ok("generate_video", **FOX)
    world.sim.fail("film", "200_html")
    with world.sim.pause_at("film:received") as pause:
        async with (
            saving_host(world, videos) as one,
            saving_host(world, videos) as other,
            anyio.create_task_group() as g,
        ):
            g.start_soon(status_of_each, [one], made["request_id"])
            await pause.reached()
            g.start_soon(status_of_each, [other], made["request_id"])
            await anyio.sleep(3)
            assert names(videos) == [f".{made['request_id']}.part"]
            pause.release()
    assert (len(names(videos)), world.count("film")) == (2, 2)


async def test_ids_that_begin_alike_get_longer_short_ids(world: World, videos: Path) -> None:
    async with world.host() as host:
        made = await host.call_ok("generate_video", **FOX)
    taken = videos / f"holiday {made['request_id'][:SHORTEST_ID].upper()}.jpg"
    taken.write_bytes(b"a picture of the user's")
    async with saving_host(world, videos) as host:
        saved = await host.call_ok("get_status", request_id=made["request_id"])
        again = await host.call_ok("get_status", request_id=made["request_id"])
    assert Path(saved["saved_to"]).stem.endswith(f" {made['request_id'][: SHORTEST_ID + 1]}")
    assert again["saved_to"] == saved["saved_to"]
    assert read(taken) == b"a picture of the user's"


# -- what the user does with the folder ----------------------------------------------------------------------------


async def test_a_video_that_the_user_has_deleted_is_not_fetched_again_until_its_sidecar_goes_too(
    world: World, videos: Path, era: str
) -> None:
    async with saving_host(world, videos, era=era) as host:
        made = await host.call_ok("generate_video", **FOX)
        saved = Path(made["saved_to"])
        (videos / saved.name).unlink()
        looked = await host.call_ok("get_status", request_id=made["request_id"])
        assert "saved_to" not in looked
        assert "is not there any more" in looked["summary"]
        assert f'delete "{saved.with_suffix(".json").name}" there' in looked["summary"]
        assert world.count("film") == 1
        saved.with_suffix(".json").unlink()
        looked = await host.call_ok("get_status", request_id=made["request_id"])
        assert looked["saved_to"] == str(saved)


async def test_a_video_that_the_user_has_renamed_together_with_its_sidecar_is_found(world: World, videos: Path) -> None:
    async with saving_host(world, videos) as host:
        made = await host.call_ok("generate_video", **FOX)
        new = videos / f"the best one {made['request_id'][:8]}.mp4"
        (videos / Path(made["saved_to"]).name).rename(new)
        Path(made["saved_to"]).with_suffix(".json").rename(new.with_suffix(".json"))
        looked = await host.call_ok("get_status", request_id=made["request_id"])
    assert (looked["saved_to"], world.count("film")) == (str(new), 1)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"request_id": 7}', b"\xff" * 100, b"[" * 100_000])
async def test_json_in_the_folder_that_is_no_sidecar_is_left_alone(world: World, videos: Path, content: bytes) -> None:
    async with world.host() as host:
        made = await host.call_ok("generate_video", **FOX)
    other = videos / f"notes {made['request_id'][:SHORTEST_ID]}.json"
    other.write_bytes(content)
    async with saving_host(world, videos) as host:
        assert is_there((await host.call_ok("get_status", request_id=made["request_id"]))["saved_to"])
    assert read(other) == content


# -- slow transfers, and servers that end ----------------------------------------------------------------------------


async def test_a_slow_transfer_does_not_hold_up_the_answer_and_goes_on(world: World, videos: Path, era: str) -> None:
    world.sim.behave(film_pause=60)
    async with saving_host(world, videos, era=era) as host:
        made = await host.call_ok("generate_video", **FOX)
        assert trio.current_time() < 20 + saving.PATIENCE_SECONDS + 5
        assert "saved_to" not in made
        assert f'It is still being saved in "{videos}".' in made["summary"]
        assert f'get_status with {{"request_id": "{made["request_id"]}"}} says in a moment' in made["next_step"]
        await anyio.sleep(600)
        looked = await host.call_ok("get_status", request_id=made["request_id"])
    assert is_there(looked["saved_to"])
    assert world.count("film") == 1


@pytest.mark.parametrize("times", [(10, 6, 10), (4, 2, 4), (4, 3.5, 5)])
async def test_an_answer_comes_within_the_calls_time_while_a_transfer_is_slow(
    world: World, videos: Path, era: str, times: tuple[int, float, float]
) -> None:
    limit, takes, answer = times
    world.sim.script("Luma-Ray2", Script.takes(takes))
    world.sim.behave(film_pause=60)
    async with saving_host(world, videos, era=era, GMI_MAX_WAIT_SECONDS=str(limit)) as host:
        made = await host.call_ok("generate_video", **FOX)
    # Also where the video was there at the last moment: a host that gives up after 5 s has the link before.
    assert trio.current_time() <= answer
    assert made["video_url"]
    assert "still being saved" in made["summary"]


async def test_a_server_that_ends_during_a_transfer_leaves_nothing_and_the_next_look_saves(
    world: World, videos: Path
) -> None:
    world.sim.behave(film_pause=60)
    async with saving_host(world, videos) as host:
        made = await host.call_ok("generate_video", **FOX)
        assert names(videos) == [f".{made['request_id']}.part"]
    assert names(videos) == []
    world.sim.behave(film_pause=0)
    async with saving_host(world, videos) as host:
        saved = (await host.call_ok("get_status", request_id=made["request_id"]))["saved_to"]
    assert read(saved) == await film(world)


@pytest.mark.parametrize("left", ["an older film", "a sidecar of a video that never got its name", "a moved video"])
async def test_what_a_killed_server_has_left_is_completed_or_replaced(world: World, videos: Path, left: str) -> None:
    async with saving_host(world, videos) as host:
        made = await host.call_ok("generate_video", **FOX)
    saved, request_id = Path(made["saved_to"]), made["request_id"]
    sidecar, part = saved.with_suffix(".json"), videos / f".{request_id}.part"
    sidecar.rename(videos / f".{request_id}.json.part")
    match left:
        case "an older film":
            (videos / saved.name).unlink()
            (videos / f".{request_id}.json.part").unlink()
            part.write_bytes(b"x" * 1_000_000)
        case "a sidecar of a video that never got its name":
            (videos / saved.name).rename(part)
        case _:
            pass
    async with saving_host(world, videos) as host:
        looked = await host.call_ok("get_status", request_id=request_id)
    assert looked["saved_to"] == made["saved_to"]
    assert names(videos) == sorted([saved.name, sidecar.name])
    assert json.loads(sidecar.read_text(encoding="utf-8"))["request_id"] == request_id
    assert read(saved) == await film(world)
    assert world.count("film") == (2 if left == "a moved video" else 3)


# -- transfers that fail -------------------------------------------------------------------------------------------


async def test_a_transfer_that_breaks_in_its_middle_is_resumed_or_begun_again(world: World, videos: Path) -> None:
    for number, options in enumerate(({}, {"film_ranges": False}, {"film_validator": "changing"})):
        world.sim.behave(**{"film_ranges": True, "film_validator": "etag"} | options)
        world.sim.fail("film", "cut", times=2)
        async with saving_host(world, videos) as host:
            made = await host.call_ok("generate_video", **FOX, allow_duplicate=True)
        assert read(made["saved_to"]) == await film(world, number)
    assert len(names(videos)) == 6


FAULTS: dict[FilmFault | Fault, str] = {
    "403_expired": "its link does not work (any more): HTTP 403; ask for its status for a fresh link.",
    "404": "its link does not work (any more): HTTP 404; ask for its status for a fresh link.",
    "200_html": "what its link leads to is not a video; the user can look at it by the link.",
    "empty_200": "what its link leads to is not a video; the user can look at it by the link.",
    "huge": "what its link leads to is not a video; the user can look at it by the link.",
    "400": "the host of its link answers HTTP 400; ask for its status later to try again.",
    "503": "the host of its link answers HTTP 503; ask for its status later to try again.",
    "refused": "the host of its link could not be reached; ask for its status later to try again.",
    "dropped_before": "its transfer broke off; ask for its status later to try again.",
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_video_that_can_not_be_fetched_is_a_note_and_the_answer_comes(
    world: World, videos: Path, era: str, fault: FilmFault | Fault
) -> None:
    world.sim.fail("film", fault, times=None)
    async with saving_host(world, videos, era=era) as host:
        made = await host.call_ok("generate_video", **FOX)
        assert f'It was not saved in "{videos}": {FAULTS[fault]}' in made["summary"]
        looked = await host.call_ok("get_status", request_id=made["request_id"])
        assert FAULTS[fault] in looked["summary"]
        assert names(videos) == []
        world.sim.clear_faults()
        saved = await host.call_ok("get_status", request_id=made["request_id"])
    assert made["status"] == looked["status"] == "success"
    assert made["video_url"]
    assert is_there(saved["saved_to"])


@pytest.mark.parametrize("share", [0.5, 0.99])
async def test_a_video_whose_end_is_missing_without_a_broken_connection_is_not_kept(
    world: World, videos: Path, era: str, share: float
) -> None:
    async with world.host() as host:
        made = await host.call_ok("generate_video", **FOX)
    content = await film(world)
    async with saving_host(world, videos, era=era) as host:
        world.sim.answer("film", content[: int(len(content) * share)], 200, {"content-type": "video/mp4"})
        looked = await host.call_ok("get_status", request_id=made["request_id"])
        assert "its end is missing; ask for its status later to try again." in looked["summary"]
        assert names(videos) == []
        looked = await host.call_ok("get_status", request_id=made["request_id"])
    assert read(looked["saved_to"]) == content


async def test_what_the_last_try_has_met_is_said_while_the_next_one_takes_long(world: World, videos: Path) -> None:
    world.sim.fail("film", "timeout_before", times=None)
    async with saving_host(world, videos) as host:
        made = await host.call_ok("generate_video", **FOX)
        assert f'It is still being saved in "{videos}".' in made["summary"]
        await anyio.sleep(300)
        looked = await host.call_ok("get_status", request_id=made["request_id"])
        assert (
            f'still being saved in "{videos}" (the last try failed: the host of its link did not' in looked["summary"]
        )
        await anyio.sleep(300)
    assert names(videos) == []


async def test_a_transfer_that_always_breaks_off_is_given_up(world: World, videos: Path) -> None:
    world.sim.behave(film_ranges=False)
    world.sim.fail("film", "cut", times=None)
    async with saving_host(world, videos) as host:
        await host.call_ok("generate_video", **FOX)
        await anyio.sleep(300)
        assert (names(videos), world.count("film")) == ([], fetch.ATTEMPTS)


@pytest.mark.parametrize("kind", ["loopback", "private", "in clear"])
async def test_a_redirect_to_a_place_that_is_not_public_is_not_followed(world: World, videos: Path, kind: str) -> None:
    kinds = {"loopback": ELSEWHERE_ON_THIS_MACHINE, "private": IN_A_PRIVATE_NETWORK, "in clear": NOT_ENCRYPTED}
    async with world.host() as host:
        made = await host.call_ok("generate_video", **FOX)
    async with saving_host(world, videos) as host:
        for url in kinds[kind]:
            world.sim.answer("film", b"", 302, {"location": url}, times=None)
            looked = await host.call_ok("get_status", request_id=made["request_id"])
            # httpx itself takes an address that it can't read for a broken answer, which is tried again.
            assert FROM_NOWHERE in looked["summary"] or url == "https://0177.0.0.1/x", url
            await anyio.sleep(60)
            assert (names(videos), world.sim.outside_requests) == ([], [])
            world.sim.clear_faults()


async def test_a_redirect_within_the_queues_own_host_is_followed_and_a_circle_ends(world: World, videos: Path) -> None:
    async with saving_host(world, videos) as host:
        made = await host.call_ok("generate_video", prompt="a wolf", wait=False)
        await anyio.sleep(30)
        path = f"/films/{made['request_id']}.mp4"
        world.sim.answer("film", b"", 307, {"location": path}, times=None)
        looked = await host.call_ok("get_status", request_id=made["request_id"])
        assert f"its address redirects more than {fetch.MAX_REDIRECTS} times" in looked["summary"]
        world.sim.clear_faults()
        world.sim.answer("film", b"", 307, {"location": path}, times=fetch.MAX_REDIRECTS)
        looked = await host.call_ok("get_status", request_id=made["request_id"])
    assert is_there(looked["saved_to"])


# -- the folder ----------------------------------------------------------------------------------------------------


async def test_a_folder_that_can_not_be_used_is_a_note_with_a_remedy_and_the_video_is_made(
    world: World, tmp_path: Path, era: str
) -> None:
    (tmp_path / "a file").write_bytes(b"")
    wrong = {
        str(tmp_path / "missing"): "the folder does not exist; have the user make it",
        "videos": "GMI_OUTPUT_DIR is not an absolute path; have the user correct it",
        str(tmp_path / "a file"): "GMI_OUTPUT_DIR is not a folder; have the user correct it",
        f"{tmp_path}/a\x1bb": "GMI_OUTPUT_DIR has characters in its name that can't be shown",
        str(tmp_path / ("x" * 300)): "GMI_OUTPUT_DIR can't be read as a folder",
    }
    for folder, says in wrong.items():
        async with world.host(era=era, GMI_OUTPUT_DIR=folder) as host:
            made = await host.call_ok("generate_video", **FOX)
        assert f": {says}" in made["summary"]
        assert "saved_to" not in made
    assert world.count("film") == 0
    assert len(world.sim.jobs) == 1


async def test_a_folder_that_is_made_later_is_used_without_a_restart(world: World, tmp_path: Path) -> None:
    async with saving_host(world, tmp_path / "later") as host:
        made = await host.call_ok("generate_video", **FOX)
        (tmp_path / "later").mkdir()
        looked = await host.call_ok("get_status", request_id=made["request_id"])
    assert is_there(looked["saved_to"])


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder that also root can't write to")
async def test_a_folder_that_can_not_be_written_is_a_note(world: World, era: str) -> None:
    async with saving_host(world, Path("/sys/kernel"), era=era) as host:
        made = await host.call_ok("generate_video", **FOX)
    assert (
        'It was not saved in "/sys/kernel": this server may not write there; have the user allow it, then ask for its '
        "status again." in made["summary"]
    )
    assert world.count("film") == 0


async def test_a_folder_that_vanishes_during_a_transfer_is_a_note(world: World, videos: Path, era: str) -> None:
    made: dict[str, Any] = {}
    with world.sim.pause_at("film:received") as pause:
        async with saving_host(world, videos, era=era) as host, anyio.create_task_group() as group:
            group.start_soon(pause_and_remove, pause, videos)
            made = await host.call_ok("generate_video", **FOX)
    assert "the folder was removed or changed meanwhile; ask for its status again." in made["summary"]


async def pause_and_remove(pause: Pause, videos: Path) -> None:
    await pause.reached()
    shutil.rmtree(videos)
    pause.release()

"""A video that goes on from another: its last frame is fetched, uploaded and known by its content, and nothing else."""

import io
import sys
import tempfile
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp_types import ElicitRequestParams, ElicitResult
from PIL import Image

from gmi_video.frames import decoding
from gmi_video.images.refusals import KEEP
from gmi_video.simulator import Script, catalog
from gmi_video.simulator.faults import FilmFault

from .conftest import Host, World
from .film_tools import difference, film, last_picture, number_of
from .full import in_full
from .image_tools import drawn, uploaded
from .test_saved_videos import film as film_of

pytestmark = [
    pytest.mark.anyio,
    # trio's, for the streams that httpx leaves when a response is not read to its end; there is no way to close them.
    pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning"),
]

FOX = {"prompt": "a fox", "resolution": "540p"}
TURNS = {"prompt": "and then she turns around", "resolution": "540p"}


@pytest.fixture(autouse=True)
def short_films(world: World) -> None:
    world.sim.behave(film_seconds=0.5)


def last_of(request_id: str) -> str:
    return f"gmi-video://requests/{request_id}/last-frame"


def first_of(request_id: str) -> str:
    return f"gmi-video://requests/{request_id}/first-frame"


async def made_video(host: Host) -> str:
    return (await host.call_ok("generate_video", **FOX))["request_id"]


def sent(world: World, number: int, name: str) -> Any:
    """What a job was submitted with."""
    return world.sim.jobs[number].payload[name]


def picture(world: World, url: str) -> Image.Image:
    image = Image.open(io.BytesIO(uploaded(world, url)))
    assert image.format == "JPEG"
    return image


# -- the new shot starts where the last one ended ----------------------------------------------------------------------


async def test_the_uploaded_picture_is_the_films_last_frame(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        request_id = await made_video(host)
        made = await host.call_ok("generate_video", **TURNS, frame0_image=last_of(request_id))
    frame = picture(world, sent(world, 1, "frame0_image"))
    assert difference(frame, last_picture(await film_of(world))) < 2
    assert made["parameters"]["frame0_image"] == sent(world, 1, "frame0_image")


async def test_each_frame_is_the_one_that_was_asked_for(world: World, era: str, tmp_path: Path) -> None:
    content = film(tmp_path / "a.mp4", 47, size=(960, 540))
    async with world.host(era=era) as host:
        request_id = await made_video(host)
        world.sim.answer("film", content, headers={"content-type": "video/mp4"}, times=None)
        await host.call_ok(
            "generate_video", **TURNS, frame0_image=last_of(request_id), frame1_image=first_of(request_id)
        )
    numbers = [number_of(picture(world, sent(world, 1, name))) for name in ("frame0_image", "frame1_image")]
    assert numbers == [46, 0]


async def test_the_next_film_begins_with_the_picture_that_the_last_one_ended_with(world: World) -> None:
    async with world.host() as host:
        request_id = await made_video(host)
        await host.call_ok("generate_video", **TURNS, frame0_image=last_of(request_id))
    before, after = await film_of(world, 0), await film_of(world, 1)
    assert difference(last_picture(before), first_picture(after)) < 3


def first_picture(content: bytes) -> Image.Image:
    import av  # noqa: PLC0415 - one test's

    with av.open(io.BytesIO(content), "r") as container:
        frame: Any = next(container.decode(video=0))
    return frame.to_image(src_colorspace="ITU709")


@in_full
async def test_three_shots_are_three_calls(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        request_id = await made_video(host)
        for number in (1, 2):
            made = await host.call_ok("generate_video", **TURNS, frame0_image=last_of(request_id))
            request_id = made["request_id"]
            assert request_id == world.sim.jobs[number].request_id
    assert world.count("upload") == 2


async def test_other_models_take_it_by_their_own_names_and_in_lists(world: World, era: str) -> None:
    images = catalog.parameter("reference_images", "array", "Images", required=True)
    prompt = catalog.parameter("prompt", "string", "", required=True)
    world.sim.behave(wrong_value="accepted")  # its check knows no lists
    world.sim.add_model(catalog.model("many-images", "A test.", [prompt, images], {"price": 1000}))
    async with world.host(era=era) as host:
        last = last_of(await made_video(host))
        one = {"model": "pixverse-v5.6-i2v", "model_parameters": {"image_url": last}}
        await host.call_ok("generate_video", prompt="she turns", **one)
        several = {"reference_images": [last, "https://example.com/a.png"]}
        await host.call_ok("generate_video", prompt="she turns", model="many-images", model_parameters=several)
    frame = last_picture(await film_of(world))
    for url in (sent(world, 1, "image_url"), sent(world, 2, "reference_images")[0]):
        assert difference(picture(world, url), frame) < 2
    assert sent(world, 2, "reference_images")[1] == "https://example.com/a.png"
    assert world.count("upload") == 1


# -- the same call is the same job -----------------------------------------------------------------------------------


async def test_the_same_call_is_the_same_job_also_after_a_restart(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        again = {**TURNS, "frame0_image": last_of(await made_video(host))}
        first = await host.call_ok("generate_video", **again)
        second = await host.call_ok("generate_video", **again)
    async with world.host(era=era) as restarted:
        third = await restarted.call_ok("generate_video", **again)
    assert len({answer["request_id"] for answer in (first, second, third)}) == 1
    assert (second["reused"], third["reused"]) == (True, True)
    assert (len(world.sim.jobs), world.count("upload"), world.count("film")) == (2, 1, 1)


@pytest.mark.parametrize("fault", ["403_expired", "200_html"])
async def test_the_same_call_is_the_same_job_when_the_earlier_videos_link_is_dead(
    world: World, era: str, fault: FilmFault
) -> None:
    async with world.host(era=era) as host:
        again = {**TURNS, "frame0_image": last_of(await made_video(host))}
        first = await host.call_ok("generate_video", **again)
        world.sim.fail("film", fault, times=None)
    async with world.host(era=era, GMI_CONFIRM_ABOVE_USD="0") as restarted:
        second = await restarted.call_ok("generate_video", **again)
    assert (second["request_id"], second["reused"]) == (first["request_id"], True)
    assert len(world.sim.jobs) == 2


async def test_the_same_call_is_the_same_job_when_the_earlier_video_is_encoded_anew(
    world: World, era: str, tmp_path: Path
) -> None:
    async with world.host(era=era) as host:
        again = {**TURNS, "frame0_image": last_of(await made_video(host))}
        await host.call_ok("generate_video", **again)
        world.sim.answer("film", film(tmp_path / "a.mp4", 12), headers={"content-type": "video/mp4"}, times=None)
    async with world.host(era=era) as restarted:
        assert (await restarted.call_ok("generate_video", **again))["reused"]
    assert len(world.sim.jobs) == 2


async def test_the_same_call_while_the_first_runs_is_the_same_job(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        again = {**TURNS, "frame0_image": last_of(await made_video(host))}
        world.sim.script("Luma-Ray2", Script.takes(100))
        answers: list[str] = []

        async def ask() -> None:
            answers.append((await host.call_ok("generate_video", **again))["request_id"])

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            group.start_soon(ask)
    assert len(set(answers)) == 1
    assert (len(world.sim.jobs), world.count("upload"), world.count("film")) == (2, 1, 1)


async def test_a_submit_that_made_no_job_after_all_is_made_with_the_picture_and_not_with_what_stands_for_it(
    world: World, era: str
) -> None:
    async with world.host(era=era) as host:
        again = {**TURNS, "frame0_image": last_of(await made_video(host))}
        world.sim.fail("submit", "timeout_before")
        assert (await host.call_error("generate_video", **again))["status"] == "unknown"
    await anyio.sleep(16 * 60)
    async with world.host(era=era) as later:
        await later.call_ok("generate_video", **again)
    assert len(world.sim.jobs) == 2
    assert difference(picture(world, sent(world, 1, "frame0_image")), last_picture(await film_of(world))) < 2


async def test_a_submit_that_made_no_job_after_all_and_whose_picture_can_not_be_had_is_refused(
    world: World, era: str
) -> None:
    async with world.host(era=era) as host:
        again = {**TURNS, "frame0_image": last_of(await made_video(host))}
        world.sim.fail("submit", "timeout_before")
        await host.call_error("generate_video", **again)
    await anyio.sleep(16 * 60)
    world.sim.fail("film", "403_expired", times=None)
    async with world.host(era=era) as later:
        answer = await later.call_error("generate_video", **again)
    assert "its link does not work (any more)" in answer["error"]["message"]
    assert answer["error"]["charged"] == "no"
    assert (len(world.sim.jobs), world.count("submit")) == (1, 2)


@pytest.mark.parametrize("again", [False, True])
async def test_a_failed_upload_of_the_frame_submits_nothing_and_the_same_call_goes_on_from_it(
    world: World, era: str, *, again: bool
) -> None:
    async with world.host(era=era) as host:
        call = {**TURNS, "frame0_image": last_of(await made_video(host)), "allow_duplicate": again}
        world.sim.fail("upload", "500", times=None)
        answer = await host.call_error("generate_video", **call)
        assert (answer["error"]["charged"], len(world.sim.jobs)) == ("no", 1)
        world.sim.clear_faults()
        await host.call_ok("generate_video", **call)
    assert (len(world.sim.jobs), world.count("film")) == (2, 1)


async def test_a_host_that_cancels_in_the_middle_pays_once(world: World, era: str) -> None:
    world.sim.behave(film_pause=3)
    async with world.host(era=era) as host:
        call = {**TURNS, "frame0_image": last_of(await made_video(host))}
        for seconds in (1, 5, 6):
            with anyio.move_on_after(seconds):
                await host.call("generate_video", **call)
        while "request_id" not in await host.call("generate_video", **call):
            # It takes a cancelled call for the host's limit.
            assert host.results[-1].is_error
    assert (len(world.sim.jobs), world.count("film"), world.count("submit")) == (2, 1, 2)


async def test_a_budget_and_a_limit_hold_for_a_video_that_goes_on_from_another(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        call = {**TURNS, "frame0_image": last_of(await made_video(host))}
        refused = await host.call_error("generate_video", **call, max_cost_usd=0.01)
        assert "budget" in refused["error"]["message"]
    async with world.host(era=era, GMI_SPEND_LIMIT_USD="0.8") as host:
        refused = await host.call_error("generate_video", **call)
        assert "GMI_SPEND_LIMIT_USD" in refused["error"]["message"]
    assert (len(world.sim.jobs), world.count("submit")) == (1, 1)


async def test_the_same_call_at_a_server_whose_encoder_is_another_is_the_same_job(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.host() as host:
        again = {**TURNS, "frame0_image": last_of(await made_video(host))}
        first = await host.call_ok("generate_video", **again)
    program = (Path(decoding.__file__).parent / "av_program.py").read_text(encoding="utf-8")
    assert "(95, 90," in program
    (tmp_path / "other.py").write_text(program.replace("(95, 90,", "(80, 70,"), encoding="utf-8")
    monkeypatch.setattr(decoding, "_PROGRAM", tmp_path / "other.py")
    async with world.host() as upgraded:
        second = await upgraded.call_ok("generate_video", **again)
        await upgraded.call_ok("generate_video", **again, allow_duplicate=True)
    assert first["request_id"] == second["request_id"]
    one, other = (uploaded(world, sent(world, number, "frame0_image")) for number in (1, 2))
    assert one != other


async def test_the_same_frame_of_two_films_is_two_jobs(world: World) -> None:
    async with world.host() as host:
        request_id = await made_video(host)
        other = (await host.call_ok("generate_video", prompt="a hare", resolution="540p"))["request_id"]
        for frame in (last_of(request_id), last_of(other)):
            await host.call_ok("generate_video", **TURNS, frame0_image=frame)
    assert len(world.sim.jobs) == 4


async def test_the_first_and_the_last_frame_are_two_jobs(world: World) -> None:
    async with world.host() as host:
        request_id = await made_video(host)
        for frame in (last_of(request_id), first_of(request_id)):
            await host.call_ok("generate_video", **TURNS, frame0_image=frame)
    assert len(world.sim.jobs) == 3


async def test_a_question_about_the_price_fetches_the_video_once(world: World, era: str) -> None:
    asked: list[str] = []

    async def user(_: Any, question: ElicitRequestParams) -> ElicitResult:
        asked.append(question.message)
        return ElicitResult(action="accept", content={"go_ahead": True})

    async with world.host(era=era) as host:
        request_id = await made_video(host)
    async with world.host(era=era, options={"elicitation_callback": user}, GMI_CONFIRM_ABOVE_USD="0") as host:
        await host.call_ok("generate_video", **TURNS, frame0_image=last_of(request_id))
    assert len(asked) == 1
    assert (len(world.sim.jobs), world.count("film"), world.count("upload")) == (2, 1, 1)


# -- a dry run -------------------------------------------------------------------------------------------------------


async def test_a_dry_run_looks_at_the_frame_and_uploads_nothing(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        request_id = await made_video(host)
        frames = {"frame0_image": last_of(request_id), "frame1_image": first_of(request_id)}
        dry = await host.call_ok("generate_video", **TURNS, **frames, dry_run=True)
        assert (world.count("upload_url"), world.count("upload"), len(world.sim.jobs)) == (0, 0, 1)
        await host.call_ok("generate_video", **TURNS, **frames)
    assert dry["parameters"]["frame0_image"] == last_of(request_id)
    uploads = f"the last frame of request {request_id} and the first frame of request {request_id} would be uploaded."
    assert f"Without dry_run, {uploads}" in dry["summary"]
    assert world.count("film") == 2


async def test_a_dry_run_is_refused_for_what_the_call_would_be_refused_for(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        request_id = await made_video(host)
        world.sim.fail("film", "200_html", times=None)
        call = {**TURNS, "frame0_image": last_of(request_id)}
        dry = await host.call_error("generate_video", **call, dry_run=True)
        real = await host.call_error("generate_video", **call)
    assert dry == real
    assert len(world.sim.jobs) == 1


async def test_a_frame_of_another_shape_than_the_video_is_noted(world: World) -> None:
    async with world.host() as host:
        last = last_of(await made_video(host))
        dry = await host.call_ok("generate_video", **TURNS, frame0_image=last, aspect_ratio="9:16", dry_run=True)
    assert "is 960 x 540 pixels" in dry["summary"]


# -- what can't be continued -------------------------------------------------------------------------------------------


async def refused(host: Host, world: World, uri: str, jobs: int) -> tuple[str, str]:
    """The fault and the remedy of a call that must send nothing."""
    answer = await host.call_error("generate_video", **TURNS, frame0_image=uri)
    assert answer["error"]["charged"] == "no"
    message = answer["error"]["message"]
    assert message.startswith(f"The start image '{uri}' (frame0_image) ")
    assert message.endswith(" Nothing was sent.")
    assert answer["next_step"].endswith(f" {KEEP}")
    assert (world.count("upload_url"), len(world.sim.jobs)) == (0, jobs)
    remedy = answer["next_step"].removesuffix(f" {KEEP}")
    return message.removeprefix(f"The start image '{uri}' (frame0_image) ").removesuffix(" Nothing was sent."), remedy


async def test_an_unknown_request(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        fault, remedy = await refused(host, world, last_of("no-such-id"), 0)
    assert fault == "is of a request that this account does not have."
    assert remedy == "list_requests has their ids."


@pytest.mark.parametrize(
    "uri",
    [
        "gmi-video://requests/abc/outcome",
        "gmi-video://requests/abc/thumbnail",
        "gmi-video://requests/abc/middle-frame",
        "gmi-video://requests//last-frame",
        "gmi-video://requests/a%2Fb/last-frame",
        "gmi-video://requests/../last-frame",
        "gmi-video:requests/abc/last-frame",
        "gmi-video://requests/abc/last-frame?x=1",
        "gmi-video://requests/abc/last-frame\n",
        f"gmi-video://requests/{'a' * 129}/last-frame",
        "gmi-video://models/Luma-Ray2",
    ],
)
async def test_an_address_that_is_no_frame(world: World, uri: str) -> None:
    async with world.host() as host:
        answer = await host.call_error("generate_video", **TURNS, frame0_image=uri)
    assert "is no frame of a video. Nothing was sent." in answer["error"]["message"]
    assert answer["next_step"].startswith("Give gmi-video://requests/{request_id}/last-frame, or first-frame, with")
    assert (world.count("get"), world.count("upload_url"), len(world.sim.jobs)) == (0, 0, 0)


async def test_a_video_that_is_not_finished(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(1000))
    async with world.host(era=era) as host:
        running = (await host.call_ok("generate_video", **FOX, wait=False))["request_id"]
        fault, remedy = await refused(host, world, last_of(running), 1)
        assert fault.startswith("does not exist yet: that video is not finished (queued")
        waits = (
            f'get_status with {{"request_id": "{running}", "wait": true}} waits for it; then make the same call again.'
        )
        assert remedy == waits


async def test_a_video_that_failed(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.fails(1))
    async with world.host(era=era) as host:
        failed = (await host.call_error("generate_video", **FOX))["request_id"]
        fault, remedy = await refused(host, world, last_of(failed), 1)
    assert fault == "does not exist: that request ended without a video (failed)."
    assert remedy == "Ask the user which video to go on from; list_requests has them."


async def test_without_the_extra_it_says_what_to_install_and_what_else_would_do(
    world: World, era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.host(era=era) as host:
        request_id = await made_video(host)
        monkeypatch.setitem(sys.modules, "av", None)
        fault, remedy = await refused(host, world, last_of(request_id), 1)
    assert fault == "can't be taken from its video: what decodes videos is not installed here."
    install = f'Have the user run `{sys.executable} -m pip install ".[frames]"` in the folder of the clone and restart'
    assert remedy == f"{install} the server; or ask them for a picture of that frame."


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<html>", "what its link leads to is not a video"),
        (b"\x00\x00\x00\x20ftypisom" + bytes(24), "it is damaged, or can't be decoded"),
    ],
)
async def test_a_film_that_can_not_be_had(world: World, era: str, content: bytes, says: str) -> None:
    async with world.host(era=era) as host:
        request_id = await made_video(host)
        world.sim.answer("film", content, times=None)
        fault, remedy = await refused(host, world, last_of(request_id), 1)
    assert fault == f"can't be taken from its video: {says}."
    # Making the same call again would not help.
    assert remedy == "Ask the user for a picture of that frame."


async def test_a_folder_for_temporary_files_that_is_gone_is_for_the_user_to_mend(
    world: World, era: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.host(era=era) as host:
        request_id = await made_video(host)
        await film_of(world)  # the simulator has its films there, too
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
        _, remedy = await refused(host, world, last_of(request_id), 1)
    assert remedy == "Have the user make room there; or ask them for a picture of that frame."


async def test_a_link_that_is_dead_may_be_a_fresh_one_at_the_next_call(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        request_id = await made_video(host)
        world.sim.fail("film", "403_expired", times=None)
        fault, remedy = await refused(host, world, last_of(request_id), 1)
    assert fault == "can't be taken from its video: its link does not work (any more): HTTP 403."
    assert remedy == "Make the same call again in a minute, or ask the user for a picture of that frame."


async def test_a_frame_that_is_given_twice_and_can_not_be_had_is_named_for_both(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        answer = await host.call_error(
            "generate_video", **TURNS, frame0_image=last_of("none"), frame1_image=last_of("none")
        )
    assert "(frame0_image)" in answer["error"]["message"]
    assert "(frame1_image)" in answer["error"]["message"]


async def test_a_queue_that_is_down_is_not_taken_for_an_unknown_request(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        request_id = await made_video(host)
    async with world.host(era=era) as host:
        world.sim.fail("get", "503", times=None)
        answer = await host.call_error("generate_video", **TURNS, frame0_image=last_of(request_id))
    assert answer["error"]["charged"] == "no"
    assert "does not have" not in answer["error"]["message"]
    assert len(world.sim.jobs) == 1


async def test_two_images_that_can_not_be_used_are_both_named_and_the_allowed_folders_are_kept(
    world: World, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.png").write_bytes(drawn())
    async with world.host(GMI_IMAGE_DIRS=str(folder)) as host:
        images = {"frame0_image": last_of("none"), "frame1_image": str(tmp_path / "other" / "a.png")}
        answer = await host.call_error("generate_video", **TURNS, **images)
    assert "The start image" in answer["error"]["message"]
    assert "The end image" in answer["error"]["message"]
    assert f"{folder}:{tmp_path / 'other'}" in answer["next_step"]


async def test_a_host_that_gives_up_soon_is_answered_before_it_does(world: World, era: str) -> None:
    world.sim.behave(film_pause=3)
    async with world.host(era=era) as host:
        call = {**TURNS, "frame0_image": last_of(await made_video(host))}
    async with world.host(era=era, name="google-adk") as host:
        answer, calls = {}, 0
        while "request_id" not in answer:
            began, calls = anyio.current_time(), calls + 1
            answer = await host.call("generate_video", **call)
            assert anyio.current_time() - began < 5, "Google ADK gives up then"
            assert "request_id" in answer or "is still being fetched" in answer["error"]["message"]
    assert calls > 1
    assert (len(world.sim.jobs), world.count("film")) == (2, 1)


@pytest.mark.parametrize("seconds", ["0", "1"])
async def test_a_frame_is_had_in_the_end_where_a_call_may_not_wait_for_it(world: World, era: str, seconds: str) -> None:
    async with world.host(era=era) as host:
        call = {**TURNS, "frame0_image": last_of(await made_video(host))}
    answer: dict[str, Any] = {}
    async with world.host(era=era, GMI_MAX_WAIT_SECONDS=seconds) as host:
        for _ in range(3):
            answer = await host.call("generate_video", **call)
            await anyio.sleep(30)
    assert "request_id" in answer
    assert (len(world.sim.jobs), world.count("film")) == (2, 1)


async def test_a_film_that_comes_slowly_is_gone_on_with_by_the_same_call(world: World, era: str) -> None:
    world.sim.behave(film_pause=8)
    async with world.host(era=era) as host:
        call = {**TURNS, "frame0_image": last_of(await made_video(host))}
    async with world.host(era=era, GMI_MAX_WAIT_SECONDS="20") as host:
        answer = await host.call_error("generate_video", **call)
        assert "is still being fetched. Nothing was submitted, nothing was charged." in answer["error"]["message"]
        assert answer["next_step"].startswith("Make the same call again now")
        for _ in range(20):
            answer = await host.call("generate_video", **call)
            if "request_id" in answer:
                break
            await anyio.sleep(5)
    assert (len(world.sim.jobs), world.count("film")) == (2, 1)

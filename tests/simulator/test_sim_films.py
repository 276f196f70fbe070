"""Films: real ones, of exactly what was asked, checked by decoding them."""

import io
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import anyio
import av
import httpx
import pytest
from PIL import Image, ImageChops, ImageOps, ImageStat

from gmi_video.simulator import Script, Simulator
from gmi_video.simulator.films.spec import Order
from gmi_video.simulator.films.store import FilmStore
from gmi_video.simulator.serve import fetch_over_http, running

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
Submit = Callable[..., Any]
Shoot = Callable[..., Awaitable[bytes]]
Frames = list[Image.Image]


@pytest.fixture(autouse=True)
def short_and_at_once(sim: Simulator) -> None:
    sim.script("*", Script.synchronous())
    sim.behave(film_seconds=0.5)


@pytest.fixture
def shoot(client: httpx.AsyncClient, submit: Submit) -> Shoot:
    """Submits and downloads the film, as anybody may: without the key."""

    async def go(model: str = "Luma-Ray2", **payload: Any) -> bytes:
        asked = {"resolution": "540p", **payload} if model == "Luma-Ray2" else payload
        url = (await submit(model, **asked))["outcome"]["video_url"]
        film = await client.get(url, headers={"Authorization": ""})
        assert film.headers["content-type"] == "video/mp4"
        assert not [name for name in film.headers if name.startswith("access-control")]
        return film.content

    return go


def decoded(film: bytes) -> Frames:
    with av.open(io.BytesIO(film), "r") as container:
        return [frame.to_image() for frame in container.decode(video=0)]  # pyright: ignore[reportUnknownMemberType] - PyAV leaves it untyped


def apart(one: Image.Image, other: Image.Image) -> float:
    """How different two pictures are: the mean difference of their channels, 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3


def picture(colour: str, size: tuple[int, int] = (800, 600)) -> bytes:
    drawn = Image.new("RGB", size, colour)
    drawn.paste((255, 255, 255), (size[0] // 4, size[1] // 4, size[0] // 2, size[1] // 2))
    held = io.BytesIO()
    drawn.save(held, "PNG")
    return held.getvalue()


async def test_a_film_is_h264_of_the_exact_size_length_and_number_of_frames(sim: Simulator, shoot: Shoot) -> None:
    sim.behave(film_seconds=None)
    film = await shoot(duration="5s", aspect_ratio="16:9")
    with av.open(io.BytesIO(film), "r") as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height, stream.frames, stream.average_rate) == (960, 540, 120, 24)
        assert container.duration == 5 * av.time_base
        assert len(container.streams) == 1
    assert len(decoded(film)) == 120
    assert film.index(b"moov") < film.index(b"mdat"), "it plays while it still loads"


@pytest.mark.parametrize(
    ("aspect_ratio", "size"),
    [
        ("9:16", (540, 960)),
        ("1:1", (540, 540)),
        ("4:3", (720, 540)),
        ("3:4", (540, 720)),
        ("21:9", (1260, 540)),
        ("9:21", (540, 1260)),
    ],
)
async def test_every_aspect_ratio_has_its_size(shoot: Shoot, aspect_ratio: str, size: tuple[int, int]) -> None:
    frames = decoded(await shoot(aspect_ratio=aspect_ratio))
    assert (frames[0].size, len(frames)) == (size, 12)


@pytest.mark.parametrize(
    ("model", "payload", "expected"),
    [
        ("Luma-Ray2", {"resolution": "720p", "duration": "9s"}, (1280, 720, 216)),
        ("Luma-Ray2", {"resolution": "1080p", "aspect_ratio": "9:16"}, (1080, 1920, 120)),
        ("Luma-Ray2", {"resolution": "4k", "duration": "9s"}, (3840, 2160, 216)),
        ("Luma-Ray2", {"resolution": "4k", "aspect_ratio": "21:9"}, (5040, 2160, 120)),
        ("luma-ray-3-2-generate", {"duration": "10s"}, (1280, 720, 240)),
        ("Veo3", {"durationSeconds": "6", "aspectRatio": "9:16"}, (720, 1280, 144)),
        ("Veo3", {}, (1280, 720, 192)),
        ("kling-v3-text-to-video", {"duration": "15", "aspect_ratio": "1:1"}, (720, 720, 360)),
        ("wan2.6-t2v", {"size": "1920*1080", "duration": 10}, (1920, 1080, 240)),
    ],
)
async def test_every_model_is_read_by_its_own_names(
    sim: Simulator, submit: Submit, model: str, payload: dict[str, Any], expected: tuple[int, int, int]
) -> None:
    sim.behave(film_seconds=None)
    await submit(model, **payload)
    order = sim.order(sim.jobs[0])
    assert (order.width, order.height, order.frames) == expected


async def test_a_loop_ends_where_it_begins_and_others_drift_on(sim: Simulator, shoot: Shoot) -> None:
    sim.behave(film_seconds=1)
    looping, drifting = [decoded(await shoot(loop=loop, aspect_ratio="1:1")) for loop in (True, False)]
    for frames, seamless in ((looping, True), (drifting, False)):
        steps = sorted(apart(one, other) for one, other in pairwise(frames))
        assert steps[len(steps) // 2] > 0.1, "something moves"
        assert (apart(frames[-1], frames[0]) < 1.5 * steps[-1]) is seamless


async def test_a_film_starts_and_ends_with_the_frames_it_was_given(sim: Simulator, shoot: Shoot) -> None:
    sim.web = {"https://pictures.test/a.png": picture("navy"), "https://pictures.test/b.png": picture("maroon")}
    frames = decoded(
        await shoot(frame0_image="https://pictures.test/a.png", frame1_image="https://pictures.test/b.png")
    )
    for frame, data in ((frames[0], picture("navy")), (frames[-1], picture("maroon"))):
        drawn = Image.open(io.BytesIO(data)).crop((0, 75, 800, 525))
        drawn = ImageOps.scale(drawn, 960 / 800)
        assert apart(frame, drawn) < 4
    assert apart(frames[6], frames[0]) > 10


async def test_a_broken_picture_is_a_job_that_failed(sim: Simulator, client: httpx.AsyncClient, submit: Submit) -> None:
    sim.web = {"https://pictures.test/page.html": b"<html>", "https://pictures.test/torn.png": picture("navy")[:60]}
    for url, why in (
        ("https://nowhere.test/a.png", "host not found"),
        ("https://pictures.test/page.html", "not an image"),
        ("https://pictures.test/torn.png", "not an image"),
        (f"{sim.files_url}/uploads/none.png", "404 not found"),
        ("file:///etc/passwd", "not a public http(s) URL"),
    ):
        made = await submit(frame0_image=url)
        await anyio.sleep(5)
        record = (await client.get(f"/requests/{made['request_id']}")).json()
        assert record["status"] == "failed"
        assert record["outcome"]["error"] == f"failed to download frame0_image from {url}: {why}"


async def test_an_upload_and_an_earlier_thumbnail_may_be_the_first_frame(
    client: httpx.AsyncClient, submit: Submit, shoot: Shoot
) -> None:
    address = (await client.post("/upload-url", json={"file_type": "png"})).json()
    kind = {"Content-Type": "image/png", "Authorization": ""}
    del client.headers["Authorization"]
    await client.put(address["upload_url"], content=picture("navy"), headers={"Content-Type": kind["Content-Type"]})
    client.headers["Authorization"] = "Bearer simulated-key"
    first = decoded(await shoot(frame0_image=address["public_url"]))[0]
    thumbnail = (await submit(resolution="540p", frame0_image=address["public_url"]))["outcome"]["thumbnail_image_url"]
    again = decoded(await shoot("pixverse-v5.6-i2v", image_url=thumbnail))[0]
    assert apart(first, again) < 4


async def test_a_picture_from_the_internet_is_fetched_when_the_job_is_made(sim: Simulator, shoot: Shoot) -> None:
    asked: list[str] = []

    async def fetch(url: str) -> bytes:
        asked.append(url)
        return picture("maroon")

    sim.fetch = fetch
    frames = decoded(await shoot(frame1_image="https://pictures.test/b.png", aspect_ratio="1:1"))
    red, green, blue = ImageStat.Stat(frames[-1]).mean
    assert asked == ["https://pictures.test/b.png"]
    assert red > green + 40
    assert abs(green - blue) < 5


@pytest.mark.parametrize(
    "prompt",
    [
        "日本の山々と湖の静かな朝 🐉👩‍👩‍👧",
        "مساء الخير",
        "\x00\x1b[31m\r\n\t",
        "\ud800 alone",
        "e\u0301\u0489" * 40,
        "W" * 3000,
        "many words " * 500,
        "{braces} %s",
    ],
    ids=["cjk and emoji", "arabic", "controls", "surrogate", "combining", "one word", "long", "braces"],
)
async def test_any_prompt_can_be_written_on_a_film(sim: Simulator, shoot: Shoot, prompt: str) -> None:
    sim.behave(film_seconds=0.1)
    for aspect_ratio in ("9:21", "21:9"):
        assert len(decoded(await shoot(prompt=prompt, aspect_ratio=aspect_ratio))) == 2


async def test_two_prompts_are_two_places_and_one_is_always_the_same(shoot: Shoot) -> None:
    one, other, again = [await shoot(prompt=prompt) for prompt in ("a fox", "a storm at sea", "a fox")]
    assert one == again
    assert apart(decoded(one)[0], decoded(other)[0]) > 10


async def test_a_thumbnail_is_a_jpeg_of_the_first_frame(
    client: httpx.AsyncClient, submit: Submit, shoot: Shoot
) -> None:
    outcome = (await submit(resolution="540p"))["outcome"]
    answer = await client.get(outcome["thumbnail_image_url"])
    assert answer.headers["content-type"] == "image/jpeg"
    still = Image.open(io.BytesIO(answer.content))
    assert (still.format, still.size) == ("JPEG", (640, 360))
    assert apart(still, ImageOps.scale(decoded(await shoot())[0], 640 / 960)) < 4


async def test_a_film_is_there_when_its_job_is_done_and_not_before(
    sim: Simulator, client: httpx.AsyncClient, submit: Submit
) -> None:
    sim.script("*", Script.takes(10))
    await submit(resolution="540p")
    url = f"{sim.files_url}/films/{sim.jobs[0].request_id}.mp4"
    assert (await client.get(url)).status_code == 404
    await anyio.sleep(10)
    assert (await client.get(url)).status_code == 200
    assert (await client.get(url.replace(".mp4", ".gif"))).status_code == 404


@pytest.mark.parametrize(
    ("asked", "start", "end"), [("bytes=0-99", 0, 100), ("bytes=100-", 100, None), ("bytes=-10", -10, None)]
)
async def test_a_player_may_ask_for_a_part(
    client: httpx.AsyncClient, submit: Submit, asked: str, start: int, end: int | None
) -> None:
    url = (await submit(resolution="540p", aspect_ratio="1:1"))["outcome"]["video_url"]
    whole = (await client.get(url)).content
    part = await client.get(url, headers={"Range": asked})
    assert (part.status_code, part.content) == (206, whole[start:end])
    beyond = await client.get(url, headers={"Range": f"bytes={len(whole)}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(whole)}")


def small(prompt: str) -> Order:
    return Order(prompt=prompt, caption="simulated", width=128, height=128, frames=6, loop=False)


def kept(store: FilmStore) -> list[str]:
    return [path.name for path in store.folder.iterdir()]


class TestOnAsyncio:
    """As in production: a thread draws, and one drawing serves all who wait."""

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.fixture
    def store(self) -> FilmStore:
        return FilmStore(most_bytes=10**9)

    async def test_those_who_ask_at_once_wait_for_one_drawing(self, store: FilmStore) -> None:
        films: list[bytes] = []

        async def watch() -> None:
            films.append(await store.film(small("a fox")))

        async with anyio.create_task_group() as audience:
            for _ in range(4):
                audience.start_soon(watch)
        assert (len(films), len(set(films)), store.rendered) == (4, 1, 1)

    async def test_old_films_make_room_for_new_ones(self) -> None:
        store = FilmStore(most_bytes=1)
        await store.film(small("a fox"))
        await store.film(small("a hare"))
        assert kept(store) == [f"{small('a hare').digest}.mp4"]

    async def test_a_picture_comes_over_http_or_the_error_says_why(self) -> None:
        sim = Simulator()
        upload = sim.uploads.sign("png", sim.clock())
        upload.body = b"\x89PNG"
        async with running(sim) as base_url:
            assert await fetch_over_http(f"{base_url}/uploads/{upload.name}") == b"\x89PNG"
            with pytest.raises(httpx.HTTPStatusError):
                await fetch_over_http(f"{base_url}/uploads/none.png")
            upload.body = b"x" * (20 * 1024 * 1024 + 1)
            with pytest.raises(ValueError, match="larger"):
                await fetch_over_http(f"{base_url}/uploads/{upload.name}")

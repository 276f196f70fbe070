"""Films: real video files with exactly what was asked for, checked by decoding them."""

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
from gmi_video.simulator.films.spec import FilmSpec
from gmi_video.simulator.films.store import FilmStore
from gmi_video.simulator.media import Media
from gmi_video.simulator.serve import fetch_over_http, running

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
Submit = Callable[..., Any]
Film = Callable[..., Awaitable[bytes]]
Frames = list[Image.Image]


@pytest.fixture(autouse=True)
def short_films_without_waiting(sim: Simulator) -> None:
    sim.script("*", Script.synchronous())
    sim.behave(film_seconds=0.5)


@pytest.fixture
def film_of(client: httpx.AsyncClient, submit: Submit) -> Film:
    """Submits and downloads the film without the key: film URLs are public."""

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


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of two images over all channels, 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3


def png(colour: str, size: tuple[int, int] = (800, 600)) -> bytes:
    drawn = Image.new("RGB", size, colour)
    drawn.paste((255, 255, 255), (size[0] // 4, size[1] // 4, size[0] // 2, size[1] // 2))
    held = io.BytesIO()
    drawn.save(held, "PNG")
    return held.getvalue()


async def test_a_film_is_h264_of_the_exact_size_length_and_number_of_frames(sim: Simulator, film_of: Film) -> None:
    sim.behave(film_seconds=None)
    film = await film_of(duration="5s", aspect_ratio="16:9")
    with av.open(io.BytesIO(film), "r") as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height, stream.frames, stream.average_rate) == (960, 540, 120, 24)
        assert container.duration == 5 * av.time_base
        assert len(container.streams) == 1
    assert len(decoded(film)) == 120
    assert film.index(b"moov") < film.index(b"mdat"), "it is playable while it loads"


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
async def test_every_aspect_ratio_has_its_size(film_of: Film, aspect_ratio: str, size: tuple[int, int]) -> None:
    frames = decoded(await film_of(aspect_ratio=aspect_ratio))
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
async def test_every_models_own_parameter_names_are_read(
    sim: Simulator, submit: Submit, model: str, payload: dict[str, Any], expected: tuple[int, int, int]
) -> None:
    sim.behave(film_seconds=None)
    await submit(model, **payload)
    spec = Media(sim).spec(sim.jobs[0])
    assert (spec.width, spec.height, spec.frames) == expected


async def test_a_loop_ends_where_it_begins_and_other_films_do_not(sim: Simulator, film_of: Film) -> None:
    sim.behave(film_seconds=1)
    looping, moving = [decoded(await film_of(loop=loop, aspect_ratio="1:1")) for loop in (True, False)]
    for frames, seamless in ((looping, True), (moving, False)):
        steps = sorted(difference(one, other) for one, other in pairwise(frames))
        assert steps[len(steps) // 2] > 0.1, "something moves"
        assert (difference(frames[-1], frames[0]) < 1.5 * steps[-1]) is seamless


async def test_a_film_starts_and_ends_with_the_given_images(sim: Simulator, film_of: Film) -> None:
    sim.web = {"https://images.test/a.png": png("navy"), "https://images.test/b.png": png("maroon")}
    frames = decoded(await film_of(frame0_image="https://images.test/a.png", frame1_image="https://images.test/b.png"))
    for frame, data in ((frames[0], png("navy")), (frames[-1], png("maroon"))):
        drawn = Image.open(io.BytesIO(data)).crop((0, 75, 800, 525))
        drawn = ImageOps.scale(drawn, 960 / 800)
        assert difference(frame, drawn) < 4
    assert difference(frames[6], frames[0]) > 10


async def test_a_job_whose_image_is_not_available_fails(
    sim: Simulator, client: httpx.AsyncClient, submit: Submit
) -> None:
    sim.web = {"https://images.test/page.html": b"<html>", "https://images.test/torn.png": png("navy")[:60]}
    for url, why in (
        ("https://nowhere.test/a.png", "host not found"),
        ("https://images.test/page.html", "not an image"),
        ("https://images.test/torn.png", "not an image"),
        (f"{sim.files_url}/uploads/none.png", "404 not found"),
        ("file:///etc/passwd", "not a public http(s) URL"),
    ):
        made = await submit(frame0_image=url)
        await anyio.sleep(5)
        record = (await client.get(f"/requests/{made['request_id']}")).json()
        assert record["status"] == "failed"
        assert record["outcome"]["error"] == f"failed to download frame0_image from {url}: {why}"


async def test_an_upload_and_an_earlier_thumbnail_can_be_the_first_frame(
    client: httpx.AsyncClient, submit: Submit, film_of: Film
) -> None:
    address = (await client.post("/upload-url", json={"file_type": "png"})).json()
    kind = {"Content-Type": "image/png", "Authorization": ""}
    del client.headers["Authorization"]
    await client.put(address["upload_url"], content=png("navy"), headers={"Content-Type": kind["Content-Type"]})
    client.headers["Authorization"] = "Bearer simulated-key"
    first = decoded(await film_of(frame0_image=address["public_url"]))[0]
    thumbnail = (await submit(resolution="540p", frame0_image=address["public_url"]))["outcome"]["thumbnail_image_url"]
    again = decoded(await film_of("pixverse-v5.6-i2v", image_url=thumbnail))[0]
    assert difference(first, again) < 4


async def test_an_image_on_another_host_is_downloaded_when_the_job_is_made(sim: Simulator, film_of: Film) -> None:
    asked: list[str] = []

    async def fetch(url: str) -> bytes:
        asked.append(url)
        return png("maroon")

    sim.fetch = fetch
    frames = decoded(await film_of(frame1_image="https://images.test/b.png", aspect_ratio="1:1"))
    red, green, blue = ImageStat.Stat(frames[-1]).mean
    assert asked == ["https://images.test/b.png"]
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
async def test_any_prompt_can_be_drawn_on_a_film(sim: Simulator, film_of: Film, prompt: str) -> None:
    sim.behave(film_seconds=0.1)
    for aspect_ratio in ("9:21", "21:9"):
        assert len(decoded(await film_of(prompt=prompt, aspect_ratio=aspect_ratio))) == 2


async def test_two_prompts_give_two_films_and_one_prompt_always_the_same(film_of: Film) -> None:
    one, other, again = [await film_of(prompt=prompt) for prompt in ("a fox", "a storm at sea", "a fox")]
    assert one == again
    assert difference(decoded(one)[0], decoded(other)[0]) > 10


async def test_a_thumbnail_is_a_jpeg_of_the_first_frame(
    client: httpx.AsyncClient, submit: Submit, film_of: Film
) -> None:
    outcome = (await submit(resolution="540p"))["outcome"]
    answer = await client.get(outcome["thumbnail_image_url"])
    assert answer.headers["content-type"] == "image/jpeg"
    still = Image.open(io.BytesIO(answer.content))
    assert (still.format, still.size) == ("JPEG", (640, 360))
    assert difference(still, ImageOps.scale(decoded(await film_of())[0], 640 / 960)) < 4


async def test_a_film_exists_once_its_job_is_done(sim: Simulator, client: httpx.AsyncClient, submit: Submit) -> None:
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
async def test_a_byte_range_can_be_requested(
    client: httpx.AsyncClient, submit: Submit, asked: str, start: int, end: int | None
) -> None:
    url = (await submit(resolution="540p", aspect_ratio="1:1"))["outcome"]["video_url"]
    whole = (await client.get(url)).content
    part = await client.get(url, headers={"Range": asked})
    assert (part.status_code, part.content) == (206, whole[start:end])
    beyond = await client.get(url, headers={"Range": f"bytes={len(whole)}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(whole)}")


def small(prompt: str) -> FilmSpec:
    return FilmSpec(prompt=prompt, caption="simulated", width=128, height=128, frames=6, loop=False)


def kept(store: FilmStore) -> list[str]:
    return [path.name for path in store.folder.iterdir()]


class TestOnAsyncio:
    """As in production, on asyncio: one rendering serves all concurrent requests."""

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.fixture
    def store(self) -> FilmStore:
        return FilmStore(max_bytes=10**9)

    async def test_concurrent_requests_share_one_rendering(self, store: FilmStore) -> None:
        films: list[bytes] = []

        async def request() -> None:
            films.append(await store.film(small("a fox")))

        async with anyio.create_task_group() as requests:
            for _ in range(4):
                requests.start_soon(request)
        assert (len(films), len(set(films)), store.rendered) == (4, 1, 1)

    async def test_a_film_is_drawn_while_its_job_renders_and_not_again_when_it_is_requested(self) -> None:
        sim = Simulator(scripts={"*": Script.takes(3600)})
        sim.behave(film_seconds=0.1)
        media = Media(sim)
        submitted: list[object] = []
        sim.on_job = submitted.append
        made = sim.make_job("Luma-Ray2", {"prompt": "a fox", "resolution": "540p"}, "simulated-org")
        assert submitted == [made]
        await media.draw(made)
        assert made.status(sim.clock()) == "queued"
        assert media.films.rendered == 2, "the film and its thumbnail"
        await media.thumbnail(made)
        await media.films.film(media.spec(made))
        assert media.films.rendered == 2

    async def test_the_film_of_a_job_that_fails_is_not_drawn(self) -> None:
        sim = Simulator(scripts={"*": Script.fails(3600)})
        media = Media(sim)
        await media.draw(sim.make_job("Luma-Ray2", {"prompt": "a fox"}, "simulated-org"))
        assert media.films.rendered == 0

    async def test_a_drawing_that_is_cancelled_ends_before_the_film_does(self, store: FilmStore) -> None:
        long = FilmSpec(prompt="x", caption="x", width=64, height=64, frames=20_000, loop=False)
        with anyio.move_on_after(0.5) as limit:
            await store.film(long)
        assert limit.cancelled_caught
        assert store.rendered == 0

    async def test_old_films_are_deleted_for_new_ones(self) -> None:
        store = FilmStore(max_bytes=1)
        await store.film(small("a fox"))
        await store.film(small("a hare"))
        assert kept(store) == [f"{small('a hare').digest}.mp4"]

    async def test_an_image_is_downloaded_over_http_or_the_error_says_why(self) -> None:
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

"""What can go wrong with a film: cut off, expired, a page in its place, no parts, a changing tag, slow."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import trio

from gmi_video.simulator import Script, Simulator
from gmi_video.simulator.media import PIECE_BYTES
from gmi_video.simulator.serve import parse_fault

from .sockets import OverASocket

pytestmark = pytest.mark.anyio
Submit = Callable[..., Any]


@pytest.fixture(autouse=True)
def short_films_without_waiting(sim: Simulator) -> None:
    sim.script("*", Script.synchronous())
    sim.behave(film_seconds=0.1)


@pytest.fixture
async def url(submit: Submit) -> str:
    return (await submit(resolution="540p"))["outcome"]["video_url"]


async def arrived(client: httpx.AsyncClient, url: str) -> bytes:
    """What arrives of a film before its connection breaks."""
    body = bytearray()

    async def read() -> None:
        async with client.stream("GET", url) as answer:
            assert answer.status_code == 200
            assert int(answer.headers["content-length"]) > 1000
            async for piece in answer.aiter_raw():
                body.extend(piece)

    with pytest.raises(httpx.RemoteProtocolError):
        await read()
    return bytes(body)


async def test_a_film_is_cut_in_its_middle_and_the_rest_can_be_asked_for(
    sim: Simulator, client: httpx.AsyncClient, url: str
) -> None:
    sim.fail("film", "cut", times=2)
    half = await arrived(client, url)
    again = await arrived(client, url)
    whole = await client.get(url)
    assert half == again == whole.content[: len(whole.content) // 2]
    rest = await client.get(url, headers={"Range": f"bytes={len(half)}-", "If-Range": whole.headers["etag"]})
    assert (rest.status_code, half + rest.content) == (206, whole.content)


async def test_a_link_expires_and_a_page_stands_in_the_place_of_a_film(
    sim: Simulator, client: httpx.AsyncClient, url: str
) -> None:
    sim.fail("film", "403_expired")
    sim.fail("film", "200_html")
    assert (await client.get(url)).status_code == 403
    page = await client.get(url)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html")
    assert (await client.get(url)).headers["content-type"] == "video/mp4"
    with pytest.raises(ValueError, match="no fault"):
        sim.fail("get", "cut")
    assert parse_fault("film=cut") == ("film", "cut")


async def test_without_ranges_or_with_another_tag_the_whole_film_comes(
    sim: Simulator, client: httpx.AsyncClient, url: str
) -> None:
    first = await client.get(url)
    some = {"Range": "bytes=10-", "If-Range": first.headers["etag"]}
    assert (await client.get(url, headers=some)).status_code == 206
    assert (await client.get(url, headers=some | {"If-Range": '"another"'})).status_code == 200
    sim.behave(film_validator="changing")
    assert (await client.get(url, headers=some)).status_code == 200
    assert (await client.get(url)).headers["etag"] != (await client.get(url)).headers["etag"]
    sim.behave(film_validator="last_modified")
    timed = await client.get(url)
    assert "etag" not in timed.headers
    some["If-Range"] = timed.headers["last-modified"]
    assert (await client.get(url, headers=some)).status_code == 206
    sim.behave(film_ranges=False)
    whole = await client.get(url, headers=some)
    assert (whole.status_code, whole.content, "accept-ranges" in whole.headers) == (200, first.content, False)
    sim.behave(film_validator="none")
    assert not {"etag", "last-modified"} & (await client.get(url)).headers.keys()


async def test_a_slow_film_comes_in_pieces(sim: Simulator, client: httpx.AsyncClient, url: str) -> None:
    whole = (await client.get(url)).content
    sim.behave(film_pause=7)
    before = trio.current_time()
    slow = await client.get(url)
    assert slow.content == whole
    assert trio.current_time() - before == 7 * -(-len(whole) // PIECE_BYTES)


class TestOverASocket(OverASocket):
    """The break of a connection, as a real server shows it."""

    async def test_a_film_is_cut_in_its_middle(self, sim: Simulator, client: httpx.AsyncClient, url: str) -> None:
        sim.fail("film", "cut")
        half = await arrived(client, url)
        whole = (await client.get(url)).content
        assert half == whole[: len(whole) // 2]

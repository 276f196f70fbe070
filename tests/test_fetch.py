"""Attacks with the address of a finished video: what is fetched is from a public host, whole, and bounded."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import trio

from gmi_video.settings import Settings
from gmi_video.simulator import Script, SimulatedTransport
from gmi_video.videos import fetch
from gmi_video.videos.fetch import Fetcher
from gmi_video.videos.formats import extension_of
from gmi_video.videos.part import NotFetched

from .conftest import KEY, World
from .test_upload_places import ANOTHER, ELSEWHERE_ON_THIS_MACHINE, IN_A_PRIVATE_NETWORK, PUBLIC, STORAGE, Internet

pytestmark = [
    pytest.mark.anyio,
    # trio's, for the streams that httpx leaves when a response is not read to its end; there is no way to close them.
    pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning"),
]

FILM = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2" + bytes(range(256)) * 4000
OTHER = b"\x00\x00\x00\x20ftypmp42\x00\x00\x02\x00isomiso2" + b"another film" * 50_000
URL = f"https://{STORAGE}/x.mp4"


class Storage(httpx.AsyncBaseTransport):
    """A host that answers as it is told to, one answer after the other, and keeps the headers it was sent."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[httpx.Headers] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.headers)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Pieces(httpx.AsyncByteStream):
    """A body in pieces that breaks off where it is told to, or has no end."""

    def __init__(self, *pieces: bytes, breaks: bool = False, forever: bool = False, pause: float = 0) -> None:
        self._pieces = pieces
        self._breaks = breaks
        self._forever = forever
        self._pause = pause
        self.sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        while self._forever:
            await trio.sleep(self._pause)
            self.sent += 1
            yield self._pieces[-1]
        if self._breaks:
            raise httpx.RemoteProtocolError("peer closed connection")


def whole(content: bytes = FILM, tag: str = '"1"') -> httpx.Response:
    return httpx.Response(200, headers={"etag": tag, "content-length": str(len(content))}, stream=Pieces(content))


def half(tag: str = '"1"', **headers: str) -> httpx.Response:
    named = {"content-length": str(len(FILM))} | ({"etag": tag} if tag else {}) | headers
    return httpx.Response(200, headers=named, stream=Pieces(FILM[:300_000], FILM[300_000:500_000], breaks=True))


def rest(start: int = 500_000, tag: str = '"1"', total: int = len(FILM)) -> httpx.Response:
    headers = {"content-range": f"bytes {start}-{total - 1}/{total}"} | ({"etag": tag} if tag else {})
    return httpx.Response(206, headers=headers, stream=Pieces(FILM[start:]))


def beginning() -> httpx.Response:
    """As many bytes as are missing after `half`, but those of the beginning, and it says so."""
    missing = len(FILM) - 500_000
    headers = {"etag": '"1"', "content-range": f"bytes 0-{missing - 1}/{len(FILM)}"}
    return httpx.Response(206, headers=headers, stream=Pieces(FILM[:missing]))


async def public(_host: str, _port: int) -> list[str]:
    return [PUBLIC]


async def fetched(file: Path, *answers: httpx.Response | Exception, max_bytes: int = fetch.MAX_BYTES) -> Storage:
    """Fetch a film from a host with these answers."""
    storage = Storage(*answers)
    fetcher = Fetcher(Settings.from_environment({"GMI_API_KEY": KEY, "GMI_ORG_ID": "org-1"}), storage, public)
    try:
        size = await fetcher.fetch(URL, file, lambda head: bool(extension_of(head)), max_bytes=max_bytes)
        assert size == len(read(file))
    finally:
        await fetcher.aclose()
    return storage


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "film.part").touch()
    return tmp_path / "film.part"


def read(file: Path) -> bytes:
    return file.read_bytes()


# -- what is sent --------------------------------------------------------------------------------------------------


async def test_no_header_of_ours_but_a_name_goes_to_a_foreign_host(file: Path) -> None:
    storage = await fetched(file, whole())
    (headers,) = storage.asked
    assert dict(headers) == {
        "host": STORAGE,
        "accept": "*/*",
        "accept-encoding": "identity",
        "connection": "close",
        "user-agent": headers["user-agent"],
    }
    assert headers["user-agent"].startswith("gmi-video-mcp/")


# -- where it is fetched from --------------------------------------------------------------------------------------


def internet(*addresses: str, dead: tuple[str, ...] = ()) -> tuple[Internet, str]:
    """A simulator whose films have a public name, and the link to one."""
    found = Internet(*addresses, dead=dead)
    found.sim.behave(film_seconds=0.1)
    job = found.sim.make_job("Luma-Ray2", {"prompt": "a fox", "resolution": "540p"}, "o", script=Script.synchronous())
    return found, f"https://{STORAGE}/films/{job.request_id}.mp4"


async def from_internet(net: Internet, url: str, file: Path) -> None:
    settings = Settings.from_environment({"GMI_API_KEY": KEY, "GMI_BASE_URL": net.sim.api_url})
    fetcher = Fetcher(settings, net, net.resolve)
    try:
        await fetcher.fetch(url, file, lambda head: bool(extension_of(head)))
    finally:
        await fetcher.aclose()


async def test_a_film_is_fetched_at_the_address_that_was_checked_and_the_next_one_where_nobody_answers(
    file: Path,
) -> None:
    net, url = internet(ANOTHER, PUBLIC, dead=(ANOTHER,))
    await from_internet(net, url, file)
    assert extension_of(read(file)) == "mp4"
    assert (net.resolved, net.reached) == ([STORAGE], [ANOTHER, PUBLIC])


@pytest.mark.parametrize("private", ["127.0.0.1", "10.0.0.5", "169.254.169.254", "::1", "fd00::1", "64:ff9b::a00:5"])
async def test_a_public_name_with_a_private_address_is_not_fetched_from(file: Path, private: str) -> None:
    net, url = internet(PUBLIC, private)
    with pytest.raises(NotFetched, match="not a public https host"):
        await from_internet(net, url, file)
    assert net.reached == []


async def test_a_redirect_of_a_public_host_is_checked_like_the_link_itself(file: Path) -> None:
    net, url = internet(PUBLIC)
    for place in ["http://127.0.0.1:8090/x", net.sim.api_url.replace("https", "http"), *IN_A_PRIVATE_NETWORK]:
        net.sim.answer("film", b"", 302, {"location": place})
        with pytest.raises(NotFetched, match="not a public https host"):
            await from_internet(net, url, file)
    assert set(net.reached) == {PUBLIC}


async def test_a_name_that_leads_elsewhere_after_a_redirect_is_checked_again(file: Path) -> None:
    net, url = internet(PUBLIC)
    net.answers = [[PUBLIC], ["127.0.0.1"]]
    net.sim.answer("film", b"", 302, {"location": url})
    with pytest.raises(NotFetched, match="not a public https host"):
        await from_internet(net, url, file)
    assert net.reached == [PUBLIC]


async def test_a_link_to_loopback_is_fetched_from_the_port_of_a_queue_on_loopback_only(
    file: Path, world: World
) -> None:
    job = world.sim.make_job("Luma-Ray2", {"prompt": "a"}, "o", script=Script.synchronous())
    world.sim.behave(film_seconds=0.1)
    fetcher = Fetcher(Settings.from_environment(world.environment), SimulatedTransport(world.sim))
    await fetcher.fetch(f"{world.sim.base_url}/films/{job.request_id}.mp4", file, lambda head: bool(extension_of(head)))
    for url in ELSEWHERE_ON_THIS_MACHINE:
        with pytest.raises(NotFetched):
            await fetcher.fetch(url, file, bool)
    await fetcher.aclose()
    assert world.sim.outside_requests == []


# -- transfers that break off ----------------------------------------------------------------------------------------


async def test_a_broken_transfer_is_resumed_where_it_broke_off(file: Path) -> None:
    storage = await fetched(file, half(), rest())
    assert read(file) == FILM
    asked = [(headers.get("range"), headers.get("if-range")) for headers in storage.asked]
    assert asked == [(None, None), ("bytes=500000-", '"1"')]


async def test_a_broken_transfer_is_resumed_by_the_time_of_the_last_change_but_not_by_a_weak_tag(file: Path) -> None:
    time = "Mon, 24 Nov 2025 10:00:00 GMT"
    storage = await fetched(file, half("", **{"last-modified": time}), rest(tag=""))
    assert (storage.asked[1]["if-range"], read(file)) == (time, FILM)
    storage = await fetched(file, half('W/"1"'), whole())
    assert ("range" in storage.asked[1], read(file)) == (False, FILM)


@pytest.mark.parametrize(
    "answers",
    [
        [half(), whole(OTHER, '"2"')],
        [half(), rest(tag='"2"'), whole(OTHER, '"2"')],
        [half(), rest(start=499_999), whole(OTHER)],
        [half(), beginning(), whole(OTHER)],
        [half(), rest(total=len(FILM) + 1), whole(OTHER)],
        [half(), httpx.Response(206), whole(OTHER)],
        [half(), httpx.Response(416), whole(OTHER)],
        [half(), httpx.Response(503), httpx.ConnectError("gone"), whole(OTHER)],
        [httpx.ReadTimeout("slow"), whole(OTHER)],
        [half(tag=""), whole(OTHER)],
    ],
    ids=[
        "changed",
        "206 of another",
        "other part",
        "the beginning",
        "other total",
        "206 of nothing",
        "416",
        "503",
        "late",
        "no tag",
    ],
)
async def test_two_versions_of_a_file_are_never_mixed(file: Path, answers: list[httpx.Response | Exception]) -> None:
    await fetched(file, *answers)
    assert read(file) == OTHER


async def test_a_length_that_is_not_reached_is_a_broken_transfer(file: Path) -> None:
    short = httpx.Response(200, headers={"content-length": "9999999", "etag": '"1"'}, stream=Pieces(FILM))
    with pytest.raises(NotFetched, match="broke off"):
        await fetched(file, short, *[httpx.Response(200, stream=Pieces(FILM, breaks=True)) for _ in range(3)])


# -- bounds --------------------------------------------------------------------------------------------------------


async def test_what_is_larger_than_the_bound_is_not_fetched_whether_it_says_so_or_not(file: Path) -> None:
    with pytest.raises(NotFetched, match="larger than"):
        await fetched(file, httpx.Response(200, headers={"content-length": str(3 * 1024**3)}, stream=Pieces(FILM)))
    assert read(file) == b""
    with pytest.raises(NotFetched, match="larger than"):
        await fetched(file, httpx.Response(200, stream=Pieces(FILM, forever=True)), max_bytes=5_000_000)
    assert len(read(file)) <= 5_000_000


async def test_a_page_without_end_is_left_after_its_first_bytes(file: Path) -> None:
    page = Pieces(b"<!doctype html>" + b" " * 1000, forever=True)
    with pytest.raises(NotFetched, match="is not a video"):
        await fetched(file, httpx.Response(200, stream=page))
    assert (page.sent, read(file)) == (0, b"")


async def test_a_film_that_drips_without_end_is_given_up(file: Path) -> None:
    drip = Pieces(FILM, b"x", forever=True, pause=10)
    with pytest.raises(NotFetched, match="took longer than 30 min"):
        await fetched(file, httpx.Response(200, stream=drip))
    assert trio.current_time() == fetch.FETCH_SECONDS

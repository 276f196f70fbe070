"""Attacks with the place that the queue names for an image: nothing is put anywhere but to a public https host."""

import shutil
import ssl
from collections.abc import Sequence
from pathlib import Path

import anyio
import httpx
import pytest
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSListener

from gmi_video.errors import Garbled, Rejected, Unavailable
from gmi_video.images.upload import Images
from gmi_video.settings import Settings
from gmi_video.simulator import SimulatedTransport, Simulator
from gmi_video.upstream.addresses import Place
from gmi_video.upstream.client import Queue
from gmi_video.upstream.transport import Transport

from .conftest import KEY, World, now
from .image_tools import drawn, uploaded, url_of

pytestmark = pytest.mark.anyio

STORAGE = "storage.example"
PUBLIC, ANOTHER = "93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"

ELSEWHERE_ON_THIS_MACHINE = [
    "http://127.0.0.1:8091/x", "http://127.0.0.1/x", "http://localhost:22/x", "http://[::1]:8091/x",
    "https://127.0.0.1/x", "https://localhost/x", "https://localhost./x", "https://127.0.0.2:8090/x", "http://127.0.0.2:8090/x",
    "https://2130706433/x", "https://0x7f.1/x", "https://0177.0.0.1/x", "https://127.1/x", "https://127.0.0.1./x",
    "https://[::ffff:127.0.0.1]/x", "https://[::ffff:7f00:1]/x", "https://[::127.0.0.1]/x", "https://[2002:7f00:1::]/x",
    "https://[64:ff9b::7f00:1]/x", "https://[64:ff9b:1::7f00:1]/x", "https://[2001:0:7f00:1::]/x", "https://0.0.0.0/x",
    "https://[::]/x", "https://a.localhost/x",
]  # fmt: skip
IN_A_PRIVATE_NETWORK = [
    "https://10.0.0.5/x", "https://172.16.0.1/x", "https://192.168.1.1/x", "https://169.254.169.254/latest/meta-data",
    "https://100.64.0.1/x", "https://[fc00::1]/x", "https://[fe80::1]/x", "https://[fe80::1%25eth0]/x",
    "https://[::ffff:10.0.0.5]/x", "https://224.0.0.1/x", "https://[ff02::1]/x", "https://240.0.0.1/x",
    "https://router.lan/x", "https://printer.local/x", "https://intranet/x", "https://metadata.google.internal/x",
]  # fmt: skip
READ_IN_TWO_WAYS = [
    "https://storage.example\\@127.0.0.1/x", "https://127.0.0.1#@storage.example/x", "https://user:pw@storage.example/x",
    "https://@127.0.0.1/x", "https://storage.example:0/x", "https://storage.example:99999/x", "https:///x", "https://[/x",
    "https://storage.example /x", "https://\u017ftorage.example/x", "https://127。0。0。1/x", "//storage.example/x",
]  # fmt: skip
NOT_ENCRYPTED = ["http://storage.example/x", "http://93.184.215.14/x", "ftp://storage.example/x", "file:///etc/passwd"]


class Internet(httpx.AsyncBaseTransport):
    """Names and addresses in front of a simulator whose storage has a public name."""

    def __init__(self, *addresses: str, dead: Sequence[str] = ()) -> None:
        self.sim = Simulator(
            api_key=KEY, clock=now, seed=1, base_url="https://queue.example", files_url=f"https://{STORAGE}"
        )
        self.answers = [list(addresses)]
        """What a name resolves to, each time; the last one for ever."""
        self.resolved: list[str] = []
        self.reached: list[str] = []
        self._dead = dead
        self._simulated = SimulatedTransport(self.sim)

    async def resolve(self, host: str, port: int) -> list[str]:
        assert port == 443
        self.resolved.append(host)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not found:
            raise OSError("no such host")
        return found

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "queue.example":
            return await self._simulated.handle_async_request(request)
        self.reached.append(request.url.host)
        if request.url.host in self._dead:
            raise httpx.ConnectError("refused")
        assert request.extensions["sni_hostname"] == request.headers["host"] == STORAGE
        assert "authorization" not in request.headers
        named = httpx.Request(
            request.method, request.url.copy_with(host=STORAGE), headers=request.headers, content=await request.aread(),
            extensions=request.extensions,
        )  # fmt: skip
        return await self._simulated.handle_async_request(named)


async def put(internet: Internet, folder: Path, **environment: str) -> bytes:
    """Upload a picture; what the storage has then."""
    (folder / "a.png").write_bytes(drawn())
    settings = Settings.from_environment({"GMI_API_KEY": KEY, "GMI_BASE_URL": internet.sim.api_url} | environment)
    transport = Transport(settings, internet, now, internet.resolve)
    url = ""
    try:
        async with anyio.create_task_group() as tasks:
            url = await url_of(Images(Queue(transport), (folder,), tasks), str(folder / "a.png"), "frame0_image")
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
    finally:
        await transport.aclose()
    return uploaded(World(internet.sim, {}), url)


def answer(sim: Simulator, url: str) -> None:
    body = httpx.Response(200, json={"upload_url": url, "public_url": "https://storage.example/x.png"}).content
    sim.answer("upload_url", body)


@pytest.mark.parametrize("kind", ["loopback", "private", "two ways", "in clear"])
async def test_a_place_that_is_not_public_https_gets_nothing(
    world: World, images: Images, folder: Path, kind: str
) -> None:
    (folder / "a.png").write_bytes(drawn())
    kinds = {
        "loopback": ELSEWHERE_ON_THIS_MACHINE,
        "private": IN_A_PRIVATE_NETWORK,
        "two ways": READ_IN_TWO_WAYS,
        "in clear": NOT_ENCRYPTED,
    }
    for url in kinds[kind]:
        answer(world.sim, url)
        with pytest.raises(Garbled, match="Nothing was uploaded"):
            await url_of(images, str(folder / "a.png"), "frame0_image")
        assert world.sim.outside_requests == [], url
        assert world.count("upload") == 0


@pytest.mark.parametrize("url", ["http://127.0.0.1:8090/x", "https://127.0.0.1:443/x", "http://localhost:443/x"])
async def test_with_a_queue_on_the_internet_nothing_is_put_to_loopback(folder: Path, url: str) -> None:
    internet = Internet(PUBLIC)
    answer(internet.sim, url)
    with pytest.raises(Garbled, match="Nothing was uploaded"):
        await put(internet, folder)
    assert internet.reached == []


async def test_a_public_place_is_reached_at_the_address_that_was_checked(folder: Path) -> None:
    internet = Internet(PUBLIC)
    assert await put(internet, folder) == drawn()
    assert (internet.resolved, internet.reached) == ([STORAGE], [PUBLIC])


@pytest.mark.parametrize("private", ["127.0.0.1", "10.0.0.5", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00::1",
    "64:ff9b::a00:5", "64:ff9b:1::808:808", "2002:7f00:1::", "fe80::1%eth0", "100.64.0.1", "no address"])  # fmt: skip
async def test_a_public_name_with_a_private_address_among_others(folder: Path, private: str) -> None:
    for addresses in ([private], [PUBLIC, private], [private, PUBLIC]):
        internet = Internet(*addresses)
        with pytest.raises(Garbled, match="Nothing was uploaded"):
            await put(internet, folder)
        assert internet.reached == []


async def test_a_name_that_leads_elsewhere_the_second_time_is_asked_for_once(folder: Path) -> None:
    internet = Internet()
    internet.answers = [[PUBLIC], ["127.0.0.1"]]
    internet.sim.fail("upload", "503", times=2)
    assert await put(internet, folder) == drawn()
    assert internet.resolved == [STORAGE]
    assert internet.reached == [PUBLIC] * 3


async def test_an_ipv4_address_seen_through_nat64_is_public_like_the_address_itself(folder: Path) -> None:
    internet = Internet("64:ff9b::5db8:d70e")
    assert await put(internet, folder) == drawn()


async def test_the_next_address_is_tried_where_nobody_answers_at_the_first(folder: Path) -> None:
    internet = Internet(ANOTHER, PUBLIC, dead=[ANOTHER])
    assert await put(internet, folder) == drawn()
    assert internet.reached == [ANOTHER, PUBLIC]


async def test_a_storage_without_an_address_is_asked_for_again_and_then_named(folder: Path) -> None:
    internet = Internet()
    with pytest.raises(Unavailable, match="The storage that GMI Cloud names for images was not found"):
        await put(internet, folder)
    assert len(internet.resolved) == 4
    internet.answers = [[], [PUBLIC]]
    assert await put(internet, folder) == drawn()


async def test_a_redirect_of_the_storage_is_not_followed(world: World, images: Images, folder: Path) -> None:
    (folder / "a.png").write_bytes(drawn())
    world.sim.answer("upload", b"", 307, {"location": "http://127.0.0.1:22/x"}, times=None)
    with pytest.raises(Rejected, match="HTTP 307"):
        await url_of(images, str(folder / "a.png"), "frame0_image")
    assert world.sim.outside_requests == []


async def test_behind_a_proxy_the_proxy_resolves_but_a_name_that_is_private_here_is_refused() -> None:
    async def private(_host: str, _port: int) -> list[str]:
        return ["10.0.0.5"]

    async def unknown(_host: str, _port: int) -> list[str]:
        raise OSError

    environment = {"GMI_API_KEY": KEY, "HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "direct.example"}
    settings = Settings.from_environment(environment)
    transport = Transport(settings, None, now, unknown)
    place = await transport.place("https://storage.example/x?signature=%2F")
    assert (place.addresses, place.urls) == ((), ["https://storage.example/x?signature=%2F"])
    with pytest.raises(Unavailable):
        await transport.place("https://direct.example/x")
    with pytest.raises(Garbled):
        await Transport(settings, None, now, private).place("https://storage.example/x")
    with pytest.raises(Garbled):
        await transport.place("https://10.0.0.5/x")


async def test_a_place_on_loopback_is_refused_in_words_by_generate_video(world: World, folder: Path, era: str) -> None:
    (folder / "a.png").write_bytes(drawn())
    answer(world.sim, "http://127.0.0.1:6379/x")
    async with world.host(era=era, GMI_IMAGE_DIRS=str(folder)) as host:
        said = await host.call_error("generate_video", prompt="a fox", frame0_image=str(folder / "a.png"))
    assert "names no safe place for the image" in said["error"]["message"]
    assert said["error"]["charged"] == "no"
    assert world.count("submit") == world.count("upload") == 0
    assert world.sim.outside_requests == []


async def test_a_link_given_as_an_image_is_not_fetched_by_this_server(world: World, era: str) -> None:
    world.sim.web["https://pictures.example/a.png"] = drawn()
    async with world.host(era=era) as host:
        await host.call_ok("generate_video", prompt="a fox", frame0_image="https://pictures.example/a.png", wait=False)
    assert world.sim.outside_requests == []
    assert world.count("submit") == 1


async def test_a_cookie_that_the_queue_sets_is_sent_to_nobody(world: World, folder: Path) -> None:
    """The storage of a queue on loopback has its host name, and cookies know no ports."""
    sent: list[str] = []

    class Setting(SimulatedTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            sent.append(request.headers.get("cookie", ""))
            response = await super().handle_async_request(request)
            response.headers["set-cookie"] = f"number{len(sent)}=must-not-be-kept; Path=/"
            return response

    (folder / "a.png").write_bytes(drawn())
    transport = Transport(Settings.from_environment(world.environment), Setting(world.sim), now)
    async with anyio.create_task_group() as tasks:
        images = Images(Queue(transport), (folder,), tasks)
        assert uploaded(world, await url_of(images, str(folder / "a.png"), "frame0_image")) == drawn()
    await transport.aclose()
    assert sent == ["", ""]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_storage_at_a_checked_address_must_have_the_certificate_of_its_name(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    await anyio.run_process(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={STORAGE}", "-addext",
         f"subjectAltName=DNS:{STORAGE}", "-keyout", str(key), "-out", str(certificate)]
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    heard: list[bytes] = []

    async def take(stream: ByteStream) -> None:
        async with stream:
            heard.append(await stream.receive())
            await stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    _, port = listener.extra(SocketAttribute.local_address)  # noqa: S610 - anyio's extra, not Django's
    settings = Settings.from_environment({"GMI_API_KEY": KEY, "SSL_CERT_FILE": str(certificate)})
    transport = Transport(settings, None)
    async with TLSListener(listener, context, standard_compatible=False) as tls, anyio.create_task_group() as tasks:
        tasks.start_soon(tls.serve, take)
        place = Place(httpx.URL(f"https://{STORAGE}:{port}/x?signature=%2F"), ("127.0.0.1",))
        await transport.put(place, b"a picture", "image/png", seconds=10)
        other = Place(httpx.URL(f"https://other.example:{port}/x"), ("127.0.0.1",))
        with pytest.raises(Unavailable, match="could not be reached"):
            await transport.put(other, b"a picture", "image/png", seconds=10)
        await transport.aclose()
        tasks.cancel_scope.cancel()
    (request,) = heard
    assert request.startswith(b"PUT /x?signature=%2F HTTP/1.1\r\n")
    assert f"host: {STORAGE}:{port}\r\n".encode() in request.lower()
    assert KEY.encode() not in request

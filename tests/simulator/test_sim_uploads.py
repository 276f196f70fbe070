"""Uploads: what a signed URL accepts, and what it refuses."""

import httpx
import pytest
import trio

from gmi_video.simulator import Script, SimulatedTransport, Simulator
from gmi_video.simulator.uploads import CONTENT_TYPES

pytestmark = pytest.mark.anyio
JPEG = b"\xff\xd8\xff\xe0 not really a JPEG"


@pytest.fixture
def anonymous(sim: Simulator) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=SimulatedTransport(sim))


async def signed(client: httpx.AsyncClient, file_type: str = "jpeg") -> tuple[str, str]:
    answer = (await client.post("/upload-url", json={"file_type": file_type})).json()
    return answer["upload_url"], answer["public_url"]


@pytest.mark.parametrize(("file_type", "content_type"), CONTENT_TYPES.items())
async def test_a_file_is_uploaded_with_its_signed_type_and_downloaded(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, file_type: str, content_type: str
) -> None:
    upload_url, public = await signed(client, file_type)
    assert (await anonymous.get(public)).status_code == 404
    assert (await anonymous.put(upload_url, content=JPEG, headers={"Content-Type": content_type})).status_code == 200
    downloaded = await anonymous.get(public)
    assert (downloaded.content, downloaded.headers["content-type"]) == (JPEG, content_type)


@pytest.mark.parametrize(
    ("file_type", "headers", "status"),
    [
        ("jpg", {"Content-Type": "image/jpeg"}, 403),
        ("jpeg", {"Content-Type": "image/jpg"}, 403),
        ("mp3", {"Content-Type": "audio/mp3"}, 403),
        ("jpeg", {"Content-Type": "image/jpeg; charset=utf-8"}, 403),
        ("jpeg", {}, 400),
        ("jpeg", {"Content-Type": "image/jpeg", "Authorization": "Bearer simulated-key"}, 400),
    ],
)
async def test_an_upload_with_wrong_headers_is_refused(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, file_type: str, headers: dict[str, str], status: int
) -> None:
    upload_url, public = await signed(client, file_type)
    assert (await anonymous.put(upload_url, content=JPEG, headers=headers)).status_code == status
    assert (await anonymous.get(public)).status_code == 404


async def test_a_signature_is_valid_for_one_file_and_899_seconds(
    sim: Simulator, client: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    upload_url, _ = await signed(client)
    other, _ = await signed(client)
    crossed = other.split("?")[0] + "?" + upload_url.split("?")[1]
    kind = {"Content-Type": "image/jpeg"}
    assert (await anonymous.put(crossed, content=JPEG, headers=kind)).status_code == 403
    await trio.sleep(898)
    assert (await anonymous.put(upload_url, content=JPEG, headers=kind)).status_code == 200
    await trio.sleep(1)
    assert (await anonymous.put(other, content=JPEG, headers=kind)).status_code == 400
    sim.behave(expired_upload_status=403)
    assert (await anonymous.put(other, content=JPEG, headers=kind)).status_code == 403


@pytest.mark.parametrize("body", [{"file_type": "gif"}, {"file_type": "JPEG"}, {"file_type": 1}, {}])
async def test_another_file_type_gets_no_url(client: httpx.AsyncClient, body: dict[str, object]) -> None:
    assert (await client.post("/upload-url", json=body)).status_code == 400


async def test_a_signed_url_needs_the_key(client: httpx.AsyncClient) -> None:
    answer = await client.post("/upload-url", json={"file_type": "png"}, headers={"Authorization": ""})
    assert answer.status_code == 401


async def test_files_can_be_on_another_host() -> None:
    sim = Simulator(files_url="https://storage.simulated.test", scripts={"*": Script.synchronous()})
    headers = {"Authorization": "Bearer simulated-key"}
    async with httpx.AsyncClient(transport=SimulatedTransport(sim), base_url=sim.api_url, headers=headers) as client:
        upload_url, _ = await signed(client)
        body = {"model": "Luma-Ray2", "payload": {"prompt": "a fox"}}
        outcome = (await client.post("/requests", json=body)).json()["outcome"]
        assert (await client.head(upload_url)).status_code == 404
    assert upload_url.startswith("https://storage.simulated.test/uploads/")
    assert outcome["video_url"].startswith("https://storage.simulated.test/films/")
    assert sim.outside_requests == []


async def test_an_upload_can_have_a_fault(
    sim: Simulator, client: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    upload_url, public = await signed(client)
    sim.fail("upload", "dropped_after")
    with pytest.raises(httpx.RemoteProtocolError):
        await anonymous.put(upload_url, content=JPEG, headers={"Content-Type": "image/jpeg"})
    assert (await anonymous.get(public)).content == JPEG

"""The bucket: what a signed address takes, and what it refuses."""

import httpx
import pytest
import trio

from gmi_video.simulator import Script, SimulatedTransport, Simulator
from gmi_video.simulator.uploads import CONTENT_TYPES

pytestmark = pytest.mark.anyio
JPEG = b"\xff\xd8\xff\xe0 a small lie"


@pytest.fixture
def anonymous(sim: Simulator) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=SimulatedTransport(sim))


async def signed(client: httpx.AsyncClient, file_type: str = "jpeg") -> tuple[str, str]:
    answer = (await client.post("/upload-url", json={"file_type": file_type})).json()
    return answer["upload_url"], answer["public_url"]


@pytest.mark.parametrize(("file_type", "content_type"), CONTENT_TYPES.items())
async def test_a_file_goes_up_by_its_signed_type_and_comes_back(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, file_type: str, content_type: str
) -> None:
    there, public = await signed(client, file_type)
    assert (await anonymous.get(public)).status_code == 404
    assert (await anonymous.put(there, content=JPEG, headers={"Content-Type": content_type})).status_code == 200
    back = await anonymous.get(public)
    assert (back.content, back.headers["content-type"]) == (JPEG, content_type)


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
async def test_an_upload_off_its_terms_is_refused(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, file_type: str, headers: dict[str, str], status: int
) -> None:
    there, public = await signed(client, file_type)
    assert (await anonymous.put(there, content=JPEG, headers=headers)).status_code == status
    assert (await anonymous.get(public)).status_code == 404


async def test_a_signature_is_for_one_file_and_for_899_seconds(
    sim: Simulator, client: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    there, _ = await signed(client)
    other, _ = await signed(client)
    crossed = other.split("?")[0] + "?" + there.split("?")[1]
    kind = {"Content-Type": "image/jpeg"}
    assert (await anonymous.put(crossed, content=JPEG, headers=kind)).status_code == 403
    await trio.sleep(898)
    assert (await anonymous.put(there, content=JPEG, headers=kind)).status_code == 200
    await trio.sleep(1)
    assert (await anonymous.put(other, content=JPEG, headers=kind)).status_code == 400
    sim.behave(expired_upload_status=403)
    assert (await anonymous.put(other, content=JPEG, headers=kind)).status_code == 403


@pytest.mark.parametrize("body", [{"file_type": "gif"}, {"file_type": "JPEG"}, {"file_type": 1}, {}])
async def test_another_file_type_gets_no_address(client: httpx.AsyncClient, body: dict[str, object]) -> None:
    assert (await client.post("/upload-url", json=body)).status_code == 400


async def test_an_address_is_for_those_with_the_key(client: httpx.AsyncClient) -> None:
    answer = await client.post("/upload-url", json={"file_type": "png"}, headers={"Authorization": ""})
    assert answer.status_code == 401


async def test_files_may_live_on_another_host() -> None:
    sim = Simulator(files_url="https://storage.simulated.test", scripts={"*": Script.synchronous()})
    headers = {"Authorization": "Bearer simulated-key"}
    async with httpx.AsyncClient(transport=SimulatedTransport(sim), base_url=sim.api_url, headers=headers) as client:
        there, _ = await signed(client)
        body = {"model": "Luma-Ray2", "payload": {"prompt": "a fox"}}
        outcome = (await client.post("/requests", json=body)).json()["outcome"]
        assert (await client.head(there)).status_code == 404
    assert there.startswith("https://storage.simulated.test/uploads/")
    assert outcome["video_url"].startswith("https://storage.simulated.test/films/")
    assert sim.strays == []


async def test_a_fault_may_befall_an_upload(
    sim: Simulator, client: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    there, public = await signed(client)
    sim.fail("upload", "dropped_after")
    with pytest.raises(httpx.RemoteProtocolError):
        await anonymous.put(there, content=JPEG, headers={"Content-Type": "image/jpeg"})
    assert (await anonymous.get(public)).content == JPEG

"""Every named fault: what the caller receives, and how many jobs exist afterwards."""

from collections.abc import Callable
from typing import Any

import anyio
import httpx
import pytest
import trio

from gmi_video.simulator import FAULTS, Fault, SimulatedTransport, Simulator
from gmi_video.simulator.faults import EFFECTS, ELSEWHERE, HUGE_BYTES
from gmi_video.simulator.serve import running

from .sockets import OverASocket

pytestmark = pytest.mark.anyio
Submit = Callable[..., Any]
BODY = {"model": "Luma-Ray2", "payload": {"prompt": "a fox"}}

EXPECTED: dict[Fault, tuple[int | type[Exception], int]] = {
    "refused": (httpx.ConnectError, 0),
    "400": (400, 0),
    "401": (401, 0),
    "402": (402, 0),
    "404": (404, 0),
    "404_no_access": (404, 0),
    "405": (405, 0),
    "408": (408, 0),
    "425": (425, 0),
    "429": (429, 0),
    "429_header": (429, 0),
    "429_body": (429, 0),
    "429_record": (200, 1),
    "500_refused_value": (500, 0),
    "500_credentials": (500, 0),
    "500": (500, 0),
    "500_after": (500, 1),
    "502_html": (502, 0),
    "502_html_after": (502, 1),
    "503": (503, 0),
    "503_after": (503, 1),
    "timeout_before": (httpx.ReadTimeout, 0),
    "timeout_after": (httpx.ReadTimeout, 1),
    "dropped_before": (httpx.RemoteProtocolError, 0),
    "dropped_after": (httpx.RemoteProtocolError, 1),
    "truncated_json": (200, 1),
    "wrong_types": (200, 1),
    "not_json": (200, 1),
    "empty_200": (200, 1),
    "redirect": (302, 0),
    "huge": (200, 1),
    "429_after": (429, 1),
    "500_credentials_after": (500, 1),
    "500_refused_value_after": (500, 1),
}


def test_every_fault_is_in_the_table_above() -> None:
    assert set(EXPECTED) == set(FAULTS) == set(EFFECTS)


@pytest.mark.parametrize("fault", EXPECTED)
async def test_a_fault_has_its_response_and_makes_a_job_or_not(
    sim: Simulator, client: httpx.AsyncClient, submit: Submit, fault: Fault
) -> None:
    sim.fail("submit", fault)
    expected, jobs = EXPECTED[fault]
    if isinstance(expected, int):
        async with client.stream("POST", "/requests", json=BODY) as answer:
            assert answer.status_code == expected
    else:
        with pytest.raises(expected):
            await client.post("/requests", json=BODY)
    assert len(sim.jobs) == jobs
    assert [call.fault for call in sim.calls] == ([] if fault == "refused" else [fault])
    await submit()
    assert len(sim.jobs) == jobs + 1, "the fault is used up"


async def test_a_timeout_takes_exactly_the_callers_read_timeout(sim: Simulator, client: httpx.AsyncClient) -> None:
    sim.fail("get", "timeout_before")
    with pytest.raises(httpx.ReadTimeout):
        await client.get("/requests/x", timeout=httpx.Timeout(5, read=42))
    assert trio.current_time() == 42


async def test_a_rate_limit_gives_its_delay_as_header_or_body_or_failed_record(
    sim: Simulator, client: httpx.AsyncClient
) -> None:
    for fault in ("429_header", "429_body", "429_record"):
        sim.fail("submit", fault)
    assert (await client.post("/requests", json=BODY)).headers["retry-after"] == "30"
    text = "Rate limit exceeded for model Luma-Ray2: 2 requests per 60 seconds. Retry in 29970 ms."
    assert (await client.post("/requests", json=BODY)).json() == {
        "error": text,
        "rate_limit": {"limit_type": "RPM", "limit": 2, "interval_seconds": 60, "retry_after_ms": 29970},
    }
    record = (await client.post("/requests", json=BODY)).json()
    assert (record["status"], record["outcome"]) == ("failed", {"error": text})


async def test_a_503_names_a_request_that_exists_only_after_503_after(
    sim: Simulator, client: httpx.AsyncClient
) -> None:
    sim.fail("submit", "503")
    sim.fail("submit", "503_after")
    absent, present = [(await client.post("/requests", json=BODY)).json()["request_id"] for _ in range(2)]
    assert (await client.get(f"/requests/{absent}")).status_code == 404
    assert (await client.get(f"/requests/{present}")).status_code == 200


async def test_wrong_types_change_the_type_of_every_field(
    sim: Simulator, client: httpx.AsyncClient, submit: Submit
) -> None:
    made = await submit()
    for endpoint, path in (("get", f"/requests/{made['request_id']}"), ("list", "/requests"), ("models", "/models")):
        right = (await client.get(path)).json()
        sim.fail(endpoint, "wrong_types")  # pyright: ignore[reportArgumentType] - the tuple widens the literal to str
        wrong = (await client.get(path)).json()
        assert list(wrong) == list(right)
        assert all(type(wrong[key]) is not type(right[key]) for key in right)


async def test_broken_bodies_are_not_json(sim: Simulator, client: httpx.AsyncClient) -> None:
    for fault in ("truncated_json", "not_json", "empty_200", "502_html"):
        sim.fail("models", fault)
        answer = await client.get("/models")
        with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
            answer.json()


async def test_a_huge_body_is_streamed_in_pieces(sim: Simulator, client: httpx.AsyncClient) -> None:
    sim.fail("get", "huge")
    async with client.stream("GET", "/requests/x") as answer:
        assert answer.headers["content-length"] == str(HUGE_BYTES)
        sizes = [len(piece) async for piece in answer.aiter_raw()]
    assert sum(sizes) == HUGE_BYTES
    assert max(sizes) <= 65536


async def test_requests_to_other_hosts_are_recorded_with_whether_they_carried_a_key(
    sim: Simulator, client: httpx.AsyncClient
) -> None:
    sim.fail("models", "redirect", times=2)
    assert (await client.get("/models")).headers["location"] == ELSEWHERE
    with pytest.raises(httpx.ConnectError):
        await client.get("/models", follow_redirects=True)
    with pytest.raises(httpx.ConnectError):
        await client.get(ELSEWHERE)
    recorded = [(outside.url, outside.has_authorization) for outside in sim.outside_requests]
    assert recorded == [(ELSEWHERE, False), (ELSEWHERE, True)]


async def test_faults_are_queued_in_order_and_can_start_later_and_last_forever(
    sim: Simulator, client: httpx.AsyncClient
) -> None:
    sim.fail("models", "503", times=2, after=1)
    sim.fail("models", "402", times=None)
    seen = [(await client.get("/models")).status_code for _ in range(5)]
    assert seen == [200, 503, 503, 402, 402]
    sim.clear_faults()
    assert (await client.get("/models")).status_code == 200


async def test_a_refused_connection_waits_in_the_queue_like_any_fault(
    sim: Simulator, client: httpx.AsyncClient
) -> None:
    sim.fail("models", "refused", after=1)
    assert (await client.get("/models")).status_code == 200
    with pytest.raises(httpx.ConnectError):
        await client.get("/models")
    assert (await client.get("/models")).status_code == 200


async def test_raw_bytes_are_sent_as_they_are(sim: Simulator, client: httpx.AsyncClient) -> None:
    sim.answer("submit", b"\xff\x00{", 299, {"Content-Type": "text/odd"}, takes_effect=True)
    answer = await client.post("/requests", json=BODY)
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (299, b"\xff\x00{", "text/odd")
    assert len(sim.jobs) == 1


def test_an_unknown_fault_is_refused(sim: Simulator) -> None:
    with pytest.raises(ValueError, match="no fault"):
        sim.fail("submit", "418")  # pyright: ignore[reportArgumentType] - the point of the test
    with pytest.raises(ValueError, match="no endpoint"):
        sim.fail("cancel", "500")  # pyright: ignore[reportArgumentType] - the point of the test
    with pytest.raises(ValueError, match="submit only"):
        sim.fail("get", "429_record")
    with pytest.raises(ValueError, match="at least once"):
        sim.fail("get", "500", times=0)


class TestOverASocket(OverASocket):
    """The same faults, as far as a real server can show them."""

    async def test_socket_and_transport_give_the_same_responses(
        self, sim: Simulator, client: httpx.AsyncClient
    ) -> None:
        headers = dict(client.headers)
        async with httpx.AsyncClient(transport=SimulatedTransport(sim), base_url=sim.api_url, headers=headers) as inner:
            for method, path in (
                ("GET", "/models"),
                ("GET", "/models/Luma-Ray2"),
                ("GET", "/nix"),
                ("GET", "/requests"),
            ):
                outside, inside = [await http.request(method, path) for http in (client, inner)]
                assert (outside.status_code, outside.content) == (inside.status_code, inside.content)
                assert sorted(set(outside.headers) - {"connection"}) == sorted(inside.headers)

    @pytest.mark.parametrize("fault", [fault for fault in EXPECTED if fault != "huge"])
    async def test_a_fault_is_the_same_over_a_socket(
        self, sim: Simulator, client: httpx.AsyncClient, fault: Fault
    ) -> None:
        if fault.startswith("timeout"):
            client.timeout = httpx.Timeout(30, read=0.3)
        sim.fail("submit", fault)
        expected, jobs = EXPECTED[fault]
        if isinstance(expected, int):
            assert (await client.post("/requests", json=BODY)).status_code == expected
        else:
            with pytest.raises(httpx.RemoteProtocolError if fault == "refused" else expected):
                await client.post("/requests", json=BODY)
        assert len(sim.jobs) == jobs

    async def test_the_port_is_closed_afterwards(self) -> None:
        sim = Simulator()
        async with running(sim) as base_url:
            assert base_url == sim.base_url
            host, port = base_url.removeprefix("http://").split(":")
        with pytest.raises(OSError, match="connect"):
            await anyio.connect_tcp(host, int(port))

"""The API key leaves the process only in the header that it is for, however the queue echoes it."""

import json
import logging
from typing import Any

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from gmi_video.errors import UpstreamError
from gmi_video.mcp.app import create_server
from gmi_video.settings import Settings
from gmi_video.simulator import Endpoint, SimulatedTransport, Simulator
from gmi_video.upstream.client import Queue
from gmi_video.upstream.transport import Transport
from tests.conftest import World, now

from . import ABANDONED_BODIES

pytestmark = [pytest.mark.anyio, *ABANDONED_BODIES]

KEYS = ("eyJhbGciOiJIUzI1NiJ9.must-not-leak.c2lnbmF0dXJl", 'must"not\\leak/at+all=')
ENDPOINTS: tuple[Endpoint, ...] = ("submit", "get", "list", "models", "model")


def echoes(key: str) -> list[tuple[int, bytes, dict[str, str]]]:
    """Responses with the key in every place and spelling."""
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in key).encode()
    error = f"invalid token: Bearer {key}"
    record = {
        "request_id": "6f1ed1e2",
        "status": f"queued {key}",
        "model": key,
        "payload": {"prompt": key, key: key},
        "outcome": {"error": error, "video_url": f"https://films.example/{key}.mp4"},
    }
    parameter = {"name": key, "type": key, "description": key, "options": [key], "default_value": key}
    model = {"model": key, "display_name": key, "brief_description": key, "parameters": [parameter]}
    return [
        (401, json.dumps({"error": error}).encode(), {"www-authenticate": f"Bearer {key}"}),
        (500, json.dumps({"error": {"message": error}}).encode(), {"retry-after": key, "date": key}),
        (400, b'{"error": "' + escaped + b'"}', {}),
        (502, f"<html>{key}</html>".encode(), {"content-type": "text/html"}),
        (302, b"", {"location": f"https://elsewhere.example/?key={key}"}),
        (429, json.dumps({"error": f"Retry in 10 ms. {key}", "rate_limit": {"retry_after_ms": key}}).encode(), {}),
        (200, json.dumps(record).encode(), {}),
        (200, json.dumps({**record, "status": "failed"}).encode(), {}),
        (200, json.dumps({"requests": [record, {**record, "status": "success"}], "total": 1}).encode(), {}),
        (200, json.dumps({"model_ids": [key, "Luma-Ray2"]}).encode(), {}),
        (200, json.dumps(model).encode(), {}),
        (200, b'{"request_id": "' + escaped, {}),
    ]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_a_key_that_the_queue_echoes_everywhere_is_in_no_answer_and_no_log(
    key: str, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    sim = Simulator(api_key=key, clock=now, seed=1)
    seen: list[str] = []
    caplog.set_level(logging.DEBUG)
    for status, body, headers in echoes(key):
        sim.clear_faults()
        sim.answer(endpoint, body, status, headers, times=None)
        world = World(sim, {"GMI_API_KEY": key, "GMI_BASE_URL": sim.api_url, "GMI_MAX_WAIT_SECONDS": "9"})
        async with world.host(GMI_LOG_LEVEL="DEBUG") as host:
            for tool, arguments in (
                ("generate_video", {"prompt": f"a fox {status}"}),
                ("get_status", {"request_id": "6f1ed1e2", "wait": True}),
                ("list_requests", {}),
                ("list_models", {}),
                ("list_models", {"model": "Veo3"}),
            ):
                seen.append(json.dumps(await host.call(tool, **arguments), ensure_ascii=False))
            seen += [result.model_dump_json() for result in host.results]
            seen += [message or "" for _, _, message in host.progress]
            seen.append((await host.client.list_resources()).model_dump_json())
    seen += [repr(vars(record)) + record.getMessage() for record in caplog.records]
    assert caplog.records
    _must_not_hold(key, seen)
    assert sim.outside_requests == []


async def test_no_attribute_of_an_error_holds_the_key() -> None:
    key = KEYS[0]
    sim = Simulator(api_key=key, clock=now, seed=1)
    settings = Settings.from_environment({"GMI_API_KEY": key, "GMI_BASE_URL": sim.api_url})
    http = Transport(settings, SimulatedTransport(sim), now)
    seen = [repr(settings), str(settings), repr(http)]
    for status, body, headers in echoes(key):
        sim.clear_faults()
        sim.answer("get", body, status, headers, times=None)
        try:
            seen.append(repr(await Queue(http).get_request("6f1ed1e2")))
        except UpstreamError as error:
            seen += [repr(error), str(error), repr(vars(error)), repr(error.__cause__)]
    await http.aclose()
    _must_not_hold(key, seen)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_headers_that_come_back_over_a_real_socket_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """httpcore writes every header to its debug log; only a real connection has it do so."""
    key = KEYS[0]
    caplog.set_level(logging.DEBUG)

    async def echo(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            head = f"HTTP/1.1 401 {key}\r\nwww-authenticate: {key}\r\nconnection: close\r\ncontent-length: 2\r\n\r\n"
            await stream.send(head.encode() + b"{}")

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    _, port = listener.extra(SocketAttribute.local_address)  # noqa: S610 - anyio's extra, not Django's
    answer: dict[str, Any] = {}
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, echo)
        settings = {"GMI_API_KEY": key, "GMI_BASE_URL": f"http://127.0.0.1:{port}", "GMI_LOG_LEVEL": "DEBUG"}
        server = create_server(Settings.from_environment(settings))
        async with World(Simulator(), {}).host(server) as host:
            answer = await host.call_error("list_models")
        tasks.cancel_scope.cancel()
    assert "did not accept the API key" in answer["summary"]
    _must_not_hold(key, [json.dumps(answer), *(repr(vars(record)) + record.getMessage() for record in caplog.records)])


def _must_not_hold(key: str, texts: list[str]) -> None:
    spellings = {key, json.dumps(key)[1:-1], key.replace("\\", "/").replace('"', "'"), repr(key)[1:-1]}
    for text in texts:
        for spelling in spellings:
            assert spelling not in text, text[max(0, text.find(spelling) - 300) :][:600]

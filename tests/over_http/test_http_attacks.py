"""The attack page: what reaches the server over HTTP without right, without end, or in two ways."""

import ast
import gc
import inspect
import json
import socket
import struct
import textwrap
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import anyio
import httpx
import pytest
from anyio.abc import SocketAttribute, SocketStream

from gmi_video.http import bodies, connections, policy
from gmi_video.simulator import Simulator
from tests.conftest import ERAS, KEY

from .servers import LISTED, REMOTE, SECONDS, TOKEN, Served, error_of, message, served, simulator
from .test_http_calls import until

pytestmark = pytest.mark.anyio

PUBLIC = "0.0.0.0"  # noqa: S104 - an address that other machines could reach; the tests' server is on 127.0.0.1


def head(*lines: str, path: str = "/mcp", method: str = "POST", host: str = "127.0.0.1") -> bytes:
    """The head of a request by hand."""
    usual = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Authorization: Bearer {TOKEN}"]
    return "\r\n".join([*usual, *lines, "", ""]).encode("latin-1")


async def still_serves(server: Served, sim: Simulator | None = None) -> None:
    """Someone who is let in is answered."""
    async with server.client() as client:
        with anyio.fail_after(SECONDS):
            assert (await client.post("/mcp", **LISTED)).status_code == 200
    assert sim is None or not sim.calls, "nothing of the attack has reached the queue"


# -- tokens --------------------------------------------------------------------------------------------------------

WRONG = {
    "missing": None,
    "empty": "",
    "no scheme": TOKEN,
    "no token": "Bearer",
    "another": "Bearer wrong-wrong-wrong-wrong",
    "a prefix": f"Bearer {TOKEN[:-1]}",
    "the token and more": f"Bearer {TOKEN}x",
    "another case": f"Bearer {TOKEN.upper()}",
    "another scheme": f"Basic {TOKEN}",
    "two": f"Bearer {TOKEN},{TOKEN}",
    "a null": f"Bearer {TOKEN[:10]}\u00ff{TOKEN[10:]}",
    "the key": f"Bearer {KEY}",
}


async def test_a_wrong_token_is_refused_before_anything_else(era: str) -> None:
    sim = simulator()
    async with served(sim, REMOTE, address=PUBLIC) as server:
        async with httpx.AsyncClient(base_url=server.url) as client:
            for name, shown in WRONG.items():
                call = message(era, "tools/call", name="generate_video", arguments={"prompt": "a fox"})
                call["headers"] |= {} if shown is None else {"Authorization": shown.encode("latin-1")}
                for path in ("/mcp", "/metrics", "/other"):
                    answer = await client.post(path, **call)
                    error = ' error="invalid_token",' if shown else ""
                    assert answer.status_code == 401, name
                    assert answer.headers["www-authenticate"] == f'Bearer{error} realm="gmi-video-mcp"', name
                    assert "GMI_MCP_TOKEN" in error_of(answer)
                    assert TOKEN not in answer.text
        await still_serves(server, sim)


def test_the_time_of_a_comparison_tells_nothing_of_the_token() -> None:
    # By structure, because a time can't be asserted: one comparison, by compare_digest, of digests of one length.
    tree = ast.parse(textwrap.dedent(inspect.getsource(policy.Policy.admits)))
    compared = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and "compare_digest" in ast.unparse(node.func)
    ]
    assert [ast.unparse(node) for node in compared] == ["hmac.compare_digest(_digest(shown.strip()), self.token)"]
    others = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    assert others == ["scheme.lower() == 'bearer'"]
    first = next(node for node in ast.walk(tree) if isinstance(node, ast.BoolOp))
    assert ast.unparse(first.values[0]) == "same", "the token is compared whatever the scheme is"


async def test_the_scheme_may_be_written_in_any_case_and_the_token_stands_alone() -> None:
    async with served(simulator(), REMOTE, address=PUBLIC) as server, server.client() as client:
        client.headers["Authorization"] = f"bearer  {TOKEN}"
        assert (await client.post("/mcp", **LISTED)).status_code == 200


async def test_a_token_that_is_set_is_needed_on_loopback_too() -> None:
    async with served(simulator(), GMI_MCP_TOKEN=TOKEN) as server:
        async with httpx.AsyncClient(base_url=server.url) as client:
            assert (await client.post("/mcp", **LISTED)).status_code == 401
        await still_serves(server)


# -- foreign hosts and pages -----------------------------------------------------------------------------------------


async def test_dns_rebinding_a_foreign_host_is_refused() -> None:
    sim = simulator()
    async with served(sim) as server:
        for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "", "[::2]:80"):
            for method in ("POST", "OPTIONS", "GET", "DELETE"):
                answer = await server.raw(head("Content-Length: 2", method=method, host=host) + b"{}")
                assert answer.startswith(b"HTTP/1.1 421 "), (host, method, answer)
        await still_serves(server, sim)


async def test_every_name_of_loopback_is_served() -> None:
    async with served(simulator()) as server, server.client() as client:
        for host in ("127.0.0.1", "127.0.0.1:1", "localhost", "localhost:8765", "[::1]", "[::1]:8765"):
            listed = dict(LISTED)
            listed["headers"] = {**LISTED["headers"], "Host": host}
            assert (await client.post("/mcp", **listed)).status_code == 200, host


async def test_on_another_address_only_the_names_that_are_set_are_served() -> None:
    async with served(simulator(), REMOTE, address=PUBLIC) as server, server.client() as client:
        for host, status in (("video.example.com", 200), ("video.example.com:443", 200), ("localhost", 421)):
            listed = dict(LISTED)
            listed["headers"] = {**LISTED["headers"], "Host": host}
            assert (await client.post("/mcp", **listed)).status_code == status


FOREIGN = [
    "https://evil.example",
    "null",
    "http://localhost.evil.example",
    "https://127.0.0.1",
    "http://127.0.0.1.evil.example:80",
]


async def test_a_foreign_page_is_refused_and_gets_no_permission() -> None:
    sim = simulator()
    async with served(sim) as server, server.client() as client:
        for origin in FOREIGN:
            client.headers["Origin"] = origin
            answer = await client.post("/mcp", **LISTED)
            asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
            preflight = await client.options("/mcp", headers=asked)
            for each in (answer, preflight):
                assert each.status_code == 403, origin
                assert not [name for name in each.headers if name.startswith("access-control")]
    assert not sim.calls


async def test_a_page_that_is_set_may_call_with_all_headers_and_read_what_it_needs() -> None:
    async with served(simulator(), REMOTE, address=PUBLIC) as server, server.client() as client:
        client.headers["Origin"] = "https://app.example.com"
        wanted = (
            "authorization, content-type, mcp-protocol-version, mcp-session-id, mcp-method, mcp-name, x-gmi-api-key"
        )
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": wanted}
        del client.headers["Authorization"]  # a browser sends none with this question
        preflight = await client.options("/mcp", headers=asked)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == "https://app.example.com"
        allowed = preflight.headers["access-control-allow-headers"].lower()
        assert all(name in allowed for name in wanted.split(", "))
        refused = await client.post("/mcp", **LISTED)
        assert refused.status_code == 401
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        answer = await client.post("/mcp", **LISTED)
    assert answer.status_code == 200
    for each in (refused, answer):
        assert each.headers["access-control-allow-origin"] == "https://app.example.com"
        assert "Mcp-Session-Id" in each.headers["access-control-expose-headers"]


# -- bodies --------------------------------------------------------------------------------------------------------


async def test_a_body_of_100_mb_is_refused_by_its_length_before_it_is_sent() -> None:
    async with served(simulator()) as server:
        answer = await server.raw(head("Content-Type: application/json", "Content-Length: 104857600"))
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in answer.lower()
        await still_serves(server)


async def test_a_stream_of_100_mb_is_refused_early() -> None:
    sent = 0

    async def stream() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1600):
            sent += 64 * 1024
            yield b" " * 64 * 1024

    async with served(simulator()) as server, server.client() as client:
        try:
            answer = await client.post("/mcp", content=stream(), headers={"Content-Type": "application/json"})
            assert answer.status_code == 413
            assert "4,194,304 bytes" in error_of(answer)
        except httpx.TransportError:
            pass  # the connection was closed while the client was still sending
        assert sent < 30 * 1024 * 1024, "what the sockets hold is beyond what was read"
        await still_serves(server)


async def test_long_bodies_together_are_refused_where_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_BYTES_TOGETHER", 100_000)
    async with served(simulator()) as server, server.client() as client:
        first = await anyio.connect_tcp("127.0.0.1", server.port)
        await first.send(head("Content-Type: application/json", "Content-Length: 90000") + b" " * 80_000)
        with anyio.fail_after(SECONDS):
            while (await client.post("/mcp", content=b" " * 50_000)).status_code != 503:
                pass
        await first.aclose()
        with anyio.fail_after(SECONDS):
            while (await client.post("/mcp", **LISTED, extensions={})).status_code != 200:
                pass
        assert (await client.post("/mcp", content=b" " * 50_000)).status_code != 503, "the room is free again"


NO_REQUESTS = (
    b"", b"{", b"[]", b"[" * 100_000, b"{}", b"\xff\xfe", b'{"jsonrpc": "2.0", "id": 1}', b"9" * 5000, b"null", b"nan",
)  # fmt: skip


async def test_a_body_that_is_no_request_is_refused_and_nothing_fails(
    era: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(simulator()) as server, server.client() as client:
        for body in NO_REQUESTS:
            headers = message(era, "tools/list")["headers"] | {"Content-Type": "application/json"}
            answer = await client.post("/mcp", content=body, headers=headers)
            assert 400 <= answer.status_code < 500, body[:20]
            assert json.loads(answer.content)["error"]
        await still_serves(server)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


HALF = "\ud800"
"""Half of a surrogate pair: JSON can carry it, UTF-8 can't."""


async def test_text_that_is_no_unicode_breaks_nothing_wherever_it_stands(
    era: str, caplog: pytest.LogCaptureFixture
) -> None:
    sim = simulator()
    async with served(sim) as server, server.client() as client:
        for place in ("prompt", "name", "token", "id", "method"):
            asked = message(era, "tools/call", name="generate_video", arguments={"prompt": ""})
            body = asked["json"]
            if place == "prompt":
                body["params"]["arguments"]["prompt"] = HALF
            elif place == "name":
                body["params"]["arguments"][HALF] = 1
            elif place == "token":
                body["params"].setdefault("_meta", {})["progressToken"] = HALF
            else:
                body[place] = HALF
            headers = asked["headers"] | {"Content-Type": "application/json"}
            answer = await client.post("/mcp", content=json.dumps(body).encode(), headers=headers)
            assert answer.status_code < 500, place
            assert json.loads(answer.content), place
        await still_serves(server, sim)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_more_values_than_can_be_parsed_in_a_moment_are_refused() -> None:
    async with served(simulator()) as server, server.client() as client:
        answer = await client.post("/mcp", content=b"[" + b"0," * 600_000 + b"0]", headers=LISTED["headers"])
        assert answer.status_code == 413
        assert "500,000 values" in error_of(answer)


async def test_a_slow_body_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SECONDS", 0.3)
    async with served(simulator()) as server:
        answer = await server.raw(head("Content-Type: application/json", "Content-Length: 100") + b'{"a')
        assert answer.startswith(b"HTTP/1.1 408 ")
        await still_serves(server)


# -- connections -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent", [b"", b"POST /mcp HTTP/1.1\r\nHost: a", b"POST /mcp HTTP/1.1\r\n"], ids=["nothing", "half a head", "a line"]
)
async def test_a_connection_that_sends_no_whole_head_is_ended(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    async with served(simulator()) as server:
        if sent:
            assert await server.raw(sent) == b""
        else:
            stream = await anyio.connect_tcp("127.0.0.1", server.port)
            await _ended(stream)
        await still_serves(server)


async def test_a_head_that_drips_is_ended_on_a_connection_that_was_used_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    async with served(simulator()) as server:
        stream = await anyio.connect_tcp("127.0.0.1", server.port)
        await stream.send(head(method="GET", path="/healthz"))
        assert (await stream.receive()).startswith(b"HTTP/1.1 200 ")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_drip, stream)
            await _ended(stream)
            tasks.cancel_scope.cancel()
        await still_serves(server)


async def test_a_head_without_end_is_refused() -> None:
    async with served(simulator()) as server:
        answer = await server.raw(head(*[f"X-{number}: {'a' * 1000}" for number in range(60)])[:-2])
        assert answer.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 ")) or not answer
        await still_serves(server)


async def test_idle_connections_make_room_and_keep_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST", 50)
    async with served(simulator()) as server:
        idle = [await anyio.connect_tcp("127.0.0.1", server.port) for _ in range(200)]
        await still_serves(server)
        await _ended(idle[0])
        await idle[-1].send(head(method="GET", path="/healthz"))
        assert (await idle[-1].receive()).startswith(b"HTTP/1.1 200 "), "the youngest are kept"
        for stream in idle:
            await stream.aclose()


def _all_objects() -> list[Any]:
    gc.collect()
    return gc.get_objects()


async def test_connections_that_were_reset_leave_nothing() -> None:
    async with served(simulator()) as server:
        for _ in range(5):
            stream = await anyio.connect_tcp("127.0.0.1", server.port)
            await stream.send(head(path="/healthz", method="GET"))
            await stream.receive()
            reset = struct.pack("ii", 1, 0)
            raw = stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - not Django's
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            await stream.aclose()
        await still_serves(server)
        # Well before the time of a connection between two requests is over.
        await until(lambda: not any(isinstance(found, connections.BoundedProtocol) for found in _all_objects()))


async def test_idle_connections_do_not_end_a_call_that_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST", 20)
    sim = simulator()
    answers: list[int] = []
    async with served(sim) as server, anyio.create_task_group() as tasks:
        pause = sim.pause_at("list:received")

        async def call() -> None:
            async with server.client() as client:
                asked = message(ERAS[1], "tools/call", name="list_requests", arguments={})
                answers.append((await client.post("/mcp", **asked)).status_code)

        tasks.start_soon(call)
        await pause.reached()
        idle = [await anyio.connect_tcp("127.0.0.1", server.port) for _ in range(100)]
        pause.release()
        await until(lambda: answers)
        for stream in idle:
            await stream.aclose()
    assert answers == [200]


async def _drip(stream: SocketStream) -> None:
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        while True:
            await stream.send(b"G")
            await anyio.sleep(0.02)


async def _ended(stream: SocketStream) -> None:
    with anyio.fail_after(SECONDS), pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
        await stream.receive()
    await stream.aclose()


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux has it")
async def test_the_system_ends_a_connection_whose_client_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "UNREAD_SECONDS", 1)
    options: list[int] = []
    bound = connections.BoundedProtocol.connection_made

    def connection_made(protocol: connections.BoundedProtocol, transport: anyio.abc.SocketStream) -> None:
        bound(protocol, transport)  # pyright: ignore[reportArgumentType]
        found: socket.socket = protocol.transport.get_extra_info("socket")
        options.append(found.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT))

    monkeypatch.setattr(connections.BoundedProtocol, "connection_made", connection_made)
    async with served(simulator()) as server:
        await still_serves(server)
    assert options == [1000]


# -- requests that can be read in two ways ---------------------------------------------------------------------------

BODY = json.dumps(LISTED["json"]).encode()
USUAL = (*(f"{name}: {value}" for name, value in LISTED["headers"].items()), "Content-Type: application/json")
HIDDEN = b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"

SMUGGLED = {
    "length and chunks": (["Content-Length: 5", "Transfer-Encoding: chunked"], b"0\r\n\r\n" + HIDDEN),
    "chunks and length": (["Transfer-Encoding: chunked", "Content-Length: 60"], b"0\r\n\r\n" + HIDDEN),
    "two lengths": (["Content-Length: 5", "Content-Length: 6"], b"{}   " + HIDDEN),
    "a list of lengths": (["Content-Length: 5, 6"], b"{}   " + HIDDEN),
    "two codings": (["Transfer-Encoding: gzip, chunked"], b"0\r\n\r\n" + HIDDEN),
    "a coding twice": (["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], b"0\r\n\r\n" + HIDDEN),
    "a coding with a tab": (["Transfer-Encoding:\x0bchunked"], b"0\r\n\r\n" + HIDDEN),
    "a name with a space": (["Transfer-Encoding : chunked"], b"0\r\n\r\n" + HIDDEN),
    "a folded line": (["Content-Length: 5", " Transfer-Encoding: chunked"], b"{}   " + HIDDEN),
    "a negative length": (["Content-Length: -1"], HIDDEN),
    "a signed length": (["Content-Length: +5"], b"{}   " + HIDDEN),
    "a length with a line": (["Content-Length: 5\nTransfer-Encoding: chunked"], b"{}   " + HIDDEN),
    "a chunk with a sign": (["Transfer-Encoding: chunked"], b"-1\r\n" + HIDDEN),
    "two hosts": (["Host: evil.example", "Content-Length: 2"], b"{}" + HIDDEN),
    "two tokens": (["Authorization: Bearer other", "Content-Length: 2"], b"{}" + HIDDEN),
    "two keys": (["X-GMI-API-Key: a", "X-GMI-API-Key: b", "Content-Length: 2"], b"{}" + HIDDEN),
    "two sessions": (["Mcp-Session-Id: a", "Mcp-Session-Id: b", "Content-Length: 2"], b"{}" + HIDDEN),
    "two versions": (
        ["Mcp-Protocol-Version: 2025-06-18", f"Mcp-Protocol-Version: {ERAS[1]}", "Content-Length: 2"],
        b"{}",
    ),
}


@pytest.mark.parametrize("path", ["/mcp", "/healthz"])
async def test_a_request_that_a_proxy_could_read_otherwise_is_refused_and_nothing_after_it_is_read(path: str) -> None:
    sim = simulator()
    async with served(sim, REMOTE, address=PUBLIC) as server:
        for way, (lines, rest) in SMUGGLED.items():
            answer = await server.raw(head(*lines, path=path, method="POST" if path == "/mcp" else "GET") + rest)
            assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 ", b"HTTP/1.1 421 ")), (way, answer)
            assert answer.count(b"HTTP/1.1") == 1, (way, "the hidden request was answered")
        await still_serves(server, sim)


async def test_requests_in_a_row_are_each_answered() -> None:
    # What the tests above rely on: where nothing is wrong, what follows on a connection is a request.
    one = head(*USUAL, f"Content-Length: {len(BODY)}") + BODY
    last = head(*USUAL, f"Content-Length: {len(BODY)}", "Connection: close") + BODY
    async with served(simulator(), REMOTE, address=PUBLIC) as server:
        assert (await server.raw(one + one + last)).count(b"HTTP/1.1 200 OK") == 3


# -- secrets -------------------------------------------------------------------------------------------------------


async def test_no_key_token_or_session_is_in_the_log_at_any_level(caplog: pytest.LogCaptureFixture, era: str) -> None:
    caplog.set_level("DEBUG")
    sims = {KEY: simulator()}
    async with served(sims, GMI_MCP_TOKEN=TOKEN) as server:
        async with server.host(era, key=KEY) as host:
            await host.call_ok("generate_video", prompt="a fox")
        async with server.client(KEY) as client:
            await client.get(f"/mcp?key={KEY}&token={TOKEN}")
            await client.post(f"/{KEY}/{TOKEN}", **LISTED)
            await client.post("/mcp", **LISTED, auth=("user", KEY))
            begun = await client.post("/mcp", **message(ERAS[0], "initialize", protocolVersion="2025-11-25",
                capabilities={}, clientInfo={"name": "a", "version": "1"}))  # fmt: skip
    ours = [r for r in caplog.records if not r.name.startswith(("httpx", "httpcore", "mcp.client", "client"))]
    said = "\n".join(f"{record.getMessage()} {record.exc_text or ''}" for record in ours)
    assert "gmi_video.access" in {record.name for record in ours}
    for secret in (KEY, TOKEN, begun.headers["mcp-session-id"]):
        assert secret not in said

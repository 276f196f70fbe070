"""Proxies and certificates of the environment: none sees the key, and what is wrong is named with its variable."""

import json
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gmi_video.mcp.app import create_server
from gmi_video.network import Network
from gmi_video.settings import Settings
from gmi_video.simulator import Simulator

from .conftest import ERAS, KEY, World
from .full import in_full
from .stdio import Server, cloud, event_loop

CALLS: dict[str, dict[str, Any]] = {
    "generate_video": {"prompt": "a fox"},
    "get_status": {"request_id": "550e8400-e29b-41d4-a716-446655440000"},
    "list_requests": {},
    "list_models": {},
}
QUEUE = "https://queue.example/api"


class Proxy:
    """A listener on loopback that keeps the first bytes of every connection and refuses each."""

    def __init__(self, listener: socket.socket) -> None:
        self.address = f"127.0.0.1:{listener.getsockname()[1]}"
        self.heard: list[bytes] = []


@contextmanager
def proxy() -> Generator[Proxy]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found = Proxy(listener)

        def listen() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    found.heard.append(connection.recv(65536))
                    connection.sendall(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield found
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


# -- the key -----------------------------------------------------------------------------------------------------


@in_full
@pytest.mark.slow
@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_the_key_for_a_queue_on_loopback_goes_through_no_proxy(name: str) -> None:
    with proxy() as found, event_loop() as portal, cloud(portal, api_key=KEY) as queue:
        server = Server("2026-07-28", **queue.environment(**{name: f"http://{found.address}"}))
        server.open()
        assert server.call("list_requests")["total"] == 0
        assert server.end() == 0
        assert queue.count("list") == 1
    assert found.heard == []


@pytest.mark.slow
def test_an_https_queue_on_loopback_is_reached_through_no_proxy() -> None:
    """Nothing is there; what counts is that no proxy was asked."""
    with proxy() as found, socket.create_server(("127.0.0.1", 0)) as unused:
        base = f"https://127.0.0.1:{unused.getsockname()[1]}"
        unused.close()
        environment = {"ALL_PROXY": found.address, "HTTPS_PROXY": found.address}
        server = Server("2026-07-28", GMI_API_KEY=KEY, GMI_BASE_URL=base, GMI_MAX_WAIT_SECONDS="1", **environment)
        server.open()
        server.call("get_status", request_id="a")
        assert server.end() == 0
    assert found.heard == []


@in_full
@pytest.mark.slow
@pytest.mark.parametrize("era", ERAS)
def test_a_proxy_for_https_hears_the_name_of_the_queue_and_not_the_key(era: str) -> None:
    with proxy() as found:
        environment = {"HTTPS_PROXY": found.address, "HTTP_PROXY": found.address, "GMI_MAX_WAIT_SECONDS": "1"}
        server = Server(era, GMI_API_KEY=KEY, GMI_BASE_URL=QUEUE, **environment)
        server.open()
        answer = server.call("get_status", request_id="a")
        assert server.end() == 0
    assert found.heard
    assert all(heard.startswith(b"CONNECT queue.example:443 HTTP/1.1\r\n") for heard in found.heard)
    assert KEY.encode() not in b"".join(found.heard)
    assert "proxy" in answer["error"]["message"]
    assert "HTTPS_PROXY" in answer["next_step"]


# -- what an operator can get wrong --------------------------------------------------------------------------------

MALFORMED = ["http://[", "http://proxy:port", "http://", "http://a b:3128", "ftp://proxy:21", "://", "http://proxy:99999",
             "http://prox\u00fd:3128"]  # fmt: skip


def wrong_settings(folder: Path) -> dict[str, str]:
    """Each a variable and a value that can't be used, by what the error must name."""
    (folder / "none.pem").write_text("no certificate")
    (folder / "empty.pem").touch()
    (folder / "empty").mkdir()
    return {
        "ALL_PROXY=socks5://127.0.0.1:1080": "SOCKS",
        "all_proxy=socks5h://127.0.0.1:1080": "SOCKS",
        "HTTPS_PROXY=http://[": "is not a proxy's address",
        "https_proxy=ftp://user:hunter2@proxy": "kind of proxy",
        "NO_PROXY=https://[::1,queue.example": "neither a host name nor an address",
        f"SSL_CERT_FILE={folder}/missing.pem": "does not exist",
        f"SSL_CERT_FILE={folder}": "does not name a file",
        f"SSL_CERT_FILE={folder}/none.pem": "can't be used",
        f"SSL_CERT_FILE={folder}/empty.pem": "can't be used",
        f"SSL_CERT_DIR={folder}/missing": "does not exist",
        f"SSL_CERT_DIR={folder}/none.pem": "does not name a folder",
        f"SSL_CERT_DIR={folder}/empty": "can't be used",
        f"SSLKEYLOGFILE={folder}/missing/log": "can't be used",
    }


@pytest.mark.anyio
async def test_a_wrong_proxy_or_certificate_is_named_by_every_tool(
    tmp_path: Path, era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for setting, says in wrong_settings(tmp_path).items():
        name, _, value = setting.partition("=")
        needs = {"HTTPS_PROXY": "http://127.0.0.1:1"} if name == "NO_PROXY" else {}
        world = World(Simulator(), needs | {"GMI_API_KEY": KEY, "GMI_BASE_URL": QUEUE, name: value})
        if name == "SSLKEYLOGFILE":
            monkeypatch.setenv(name, value)  # read by Python's own ssl module
        server = create_server(Settings.from_environment({"GMI_LEDGER_URL": "none"} | world.environment))
        async with world.host(server, era=era) as host:
            assert len((await host.client.list_tools()).tools) == 4
            for tool, arguments in CALLS.items():
                answer = await host.call_error(tool, **arguments)
                assert name in answer["error"]["message"], (setting, answer)
                assert says in answer["error"]["message"], (setting, answer)
                assert answer["error"]["charged"] == "no"
                assert "hunter2" not in json.dumps(answer)
                assert "`env` block" in answer["next_step"]


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["ALL_PROXY=socks5://127.0.0.1:1080", "SSL_CERT_FILE=missing.pem"])
def test_with_a_wrong_proxy_or_certificate_the_server_starts_and_lists_its_tools(setting: str) -> None:
    name, _, value = setting.partition("=")
    server = Server("legacy", GMI_API_KEY=KEY, GMI_BASE_URL=QUEUE, **{name: value})
    server.open()
    assert len(server.result(server.ask("tools/list"))["tools"]) == 4
    assert name in server.call("list_models")["error"]["message"]
    assert server.end() == 0
    assert name in server.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "HTTPS_PROXY"])
def test_a_subscription_with_a_wrong_proxy_or_certificate_does_not_end_the_server(tmp_path: Path, name: str) -> None:
    (tmp_path / "none.pem").write_text("no certificate")
    value = str(tmp_path / "none.pem") if name == "SSL_CERT_FILE" else "http://["
    server = Server("legacy", GMI_API_KEY=KEY, GMI_BASE_URL=QUEUE, **{name: value})
    server.open()
    server.result(server.ask("resources/subscribe", uri="gmi-video://requests/a/outcome"))
    assert name in server.call("list_models")["error"]["message"]
    assert name in server.call("list_requests")["error"]["message"]
    assert server.end() == 0


@pytest.mark.parametrize("value", MALFORMED)
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "all_proxy"])
def test_a_malformed_proxy_is_named_when_the_settings_are_read(name: str, value: str) -> None:
    (problem,) = Settings.from_environment({"GMI_API_KEY": KEY, name: value}).problems
    assert problem.startswith(f"{name} ")
    assert "It must be http://host:port" in problem


def test_a_wrong_proxy_that_is_not_used_is_no_problem() -> None:
    for environment in (
        {"HTTPS_PROXY": "http://[", "NO_PROXY": "example, .gmicloud.ai"},
        {"HTTPS_PROXY": "http://[", "NO_PROXY": "*"},
        {"HTTPS_PROXY": "http://[", "GMI_BASE_URL": "http://127.0.0.1:8090"},
        {"HTTPS_PROXY": "http://[", "https_proxy": "http://proxy:3128"},
        {"HTTPS_PROXY": "${user_config.proxy}"},
        {"HTTP_PROXY": "http://["},
    ):
        assert Settings.from_environment({"GMI_API_KEY": KEY} | environment).problems == ()


@pytest.mark.parametrize(
    ("environment", "host", "proxy"),
    [
        ({"HTTPS_PROXY": "proxy:3128"}, "a.example", "http://proxy:3128"),
        ({"HTTPS_PROXY": "http://upper:1", "https_proxy": "http://lower:1"}, "a.example", "http://lower:1"),
        ({"ALL_PROXY": "http://all:1"}, "a.example", "http://all:1"),
        ({"ALL_PROXY": "http://all:1", "HTTPS_PROXY": "http://https:1"}, "a.example", "http://https:1"),
        ({"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "a.example"}, "a.example", ""),
        ({"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "a.example"}, "b.a.example", ""),
        ({"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "a.example"}, "ba.example", "http://proxy:1"),
        ({"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "x, *.a.example:443"}, "b.a.example", ""),
        ({"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "[2001:db8::1]"}, "2001:db8::1", ""),
        ({"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "*"}, "a.example", ""),
        ({"HTTPS_PROXY": "http://proxy:1"}, "localhost", ""),
        ({"HTTPS_PROXY": "http://proxy:1"}, "::1", ""),
        ({"HTTP_PROXY": "http://proxy:1"}, "a.example", ""),
        ({}, "a.example", ""),
    ],
)  # fmt: skip
def test_which_proxy_is_used_for_a_host(environment: dict[str, str], host: str, proxy: str) -> None:
    assert Network.from_environment(environment).proxy_for(host) == proxy

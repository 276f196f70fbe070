"""A server on a free port of this machine, in this event loop or as a process, and those who call it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import anyio
import httpx
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import Implementation

from gmi_video.http.policy import policy_for
from gmi_video.http.run import serving
from gmi_video.settings import KEY_HEADER, Settings
from gmi_video.simulator import Script, SimulatedTransport, Simulator
from tests.conftest import ERAS, KEY, Host

SECONDS = 60
"""The longest wait for anything; none is meant to be near it."""

TOKEN = "a-token-that-nobody-guesses-0123456789"

REMOTE = {
    "GMI_MCP_TOKEN": TOKEN,
    "GMI_MCP_ALLOWED_HOSTS": "127.0.0.1,video.example.com",
    "GMI_MCP_ALLOWED_ORIGINS": "https://app.example.com",
}
"""The settings of a server that other machines can reach; these tests reach it by 127.0.0.1 all the same."""


class Clouds(httpx.AsyncBaseTransport):
    """The queue, with an account for each key: whatever is sent with a key arrives at that key's simulator only."""

    def __init__(self, sims: Mapping[str, Simulator]) -> None:
        self._sims = {key: SimulatedTransport(sim) for key, sim in sims.items()}
        self._any = next(iter(self._sims.values()))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        return await self._sims.get(key, self._any).handle_async_request(request)


@dataclass
class Served:
    """A server that is up."""

    port: int
    stop: Any = None
    path: str = "/mcp"
    token: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def headers(self, key: str = "") -> dict[str, str]:
        """What a caller sends to be let in."""
        given = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return given | ({KEY_HEADER: key} if key else {})

    @asynccontextmanager
    async def host(self, era: str, *, key: str = "", name: str = "claude-code") -> AsyncGenerator[Host]:
        """A host of this era, connected."""
        async with (
            httpx2.AsyncClient(headers=self.headers(key), timeout=SECONDS) as http,
            Client(
                streamable_http_client(self.url + self.path, http_client=http),
                mode=era,
                client_info=Implementation(name=name, version="1"),
            ) as client,
        ):
            yield Host(client)

    @asynccontextmanager
    async def client(self, key: str = "") -> AsyncGenerator[httpx.AsyncClient]:
        """A client that speaks by hand."""
        async with httpx.AsyncClient(base_url=self.url, timeout=SECONDS, headers=self.headers(key)) as client:
            yield client

    async def raw(self, sent: bytes) -> bytes:
        """What is answered to bytes, until the server ends the connection."""
        stream = await anyio.connect_tcp("127.0.0.1", self.port)
        async with stream:
            await stream.send(sent)
            received = b""
            with anyio.fail_after(SECONDS):
                try:
                    while True:
                        received += await stream.receive()
                except (anyio.EndOfStream, anyio.BrokenResourceError):
                    return received


def message(era: str, method: str, **params: Any) -> dict[str, Any]:
    """A request by hand: the arguments of a POST."""
    headers = {"accept": "application/json, text/event-stream"}
    if era != ERAS[0]:
        headers |= {"mcp-protocol-version": era, "mcp-method": method}
        headers |= {"mcp-name": params["name"]} if "name" in params else {}
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": era,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "by-hand", "version": "1"},
        } | params.get("_meta", {})
    return {"headers": headers, "json": {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}}


LISTED = message(ERAS[1], "tools/list")
"""A request that everyone may make who is let in."""


@asynccontextmanager
async def served(
    sims: Simulator | Mapping[str, Simulator],
    environment: Mapping[str, str] | None = None,
    *,
    address: str = "127.0.0.1",
    with_metrics: bool = False,
    name: str = "",
    **more: str,
) -> AsyncGenerator[Served]:
    """A server in this event loop.

    Args:
        sims: the queue; several by key are for callers with keys of their own.
        environment: its settings.
        address: decides what is needed of a caller; the server listens on 127.0.0.1 in any case.
        with_metrics: whether `/metrics` is served.
        name: of this copy, for a load balancer.
        more: further settings.
    """
    each = {sims.api_key: sims} if isinstance(sims, Simulator) else dict(sims)
    first = next(iter(each.values()))
    own = {"GMI_API_KEY": first.api_key} if isinstance(sims, Simulator) else {}
    settings = Settings.from_environment(
        {"GMI_BASE_URL": first.api_url, "GMI_MAX_REQUESTS_PER_SECOND": "100"} | own | dict(environment or {}) | more,
        remote=True,
    )
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        port = listener.getsockname()[1]
        async with serving(
            settings, policy_for(settings, address), listener, with_metrics=with_metrics, name=name,
            transport=Clouds(each),
        ) as stop:  # fmt: skip
            yield Served(port, stop, token=settings.mcp_token)


def simulator(key: str = KEY, *, takes: float = 0.2, seed: int = 1) -> Simulator:
    """A queue whose jobs take so many seconds."""
    return Simulator(api_key=key, seed=seed, scripts={"*": Script.takes(takes)})


class Process:
    """`gmi-video-mcp serve --http` as a process, on a port that it chooses.

    Args:
        arguments: further options.
        environment: its `GMI_` variables.
    """

    started: ClassVar[list["Process"]] = []
    """Those of the test that runs; whatever becomes of it, they are ended after it."""

    def __init__(self, *arguments: str, log: Path, **environment: str) -> None:
        self.started.append(self)
        self._log = log
        with log.open("wb") as stderr:
            self._child = subprocess.Popen(  # noqa: S603 - our own interpreter
                [sys.executable, "-m", "gmi_video", "serve", "--http", "--port", "0", *arguments],
                env={name: value for name, value in os.environ.items() if not name.startswith("GMI_")} | environment,
                stdin=subprocess.DEVNULL,
                stderr=stderr,
            )
        self._token = environment.get("GMI_MCP_TOKEN", "")

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    async def up(self) -> Served:
        """Wait until it serves."""
        with anyio.fail_after(SECONDS):
            while not (found := re.search(r"serves MCP at http://[^ ]+?:(\d+)(/\S*),", self.log)):
                assert self._child.poll() is None, self.log
                await anyio.sleep(0.05)
        return Served(int(found[1]), path=found[2], token=self._token)

    def signal(self, how: signal.Signals = signal.SIGTERM) -> None:
        self._child.send_signal(how)

    async def ended(self) -> int:
        """Wait for its end; the exit code."""
        try:
            with anyio.fail_after(SECONDS):
                while self._child.poll() is None:  # noqa: ASYNC110 - another process has no event to wait for
                    await anyio.sleep(0.02)
        finally:
            self.kill()
        return self._child.returncode

    def kill(self) -> None:
        self._child.kill()
        self._child.wait()


def error_of(response: httpx.Response) -> str:
    """The message of a JSON-RPC error."""
    return json.loads(response.content)["error"]["message"]

"""Fixtures: the real MCP client, our server, and the simulator as its upstream, in virtual time."""

import json
import os
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
import trio
from anyio.abc import TaskGroup
from mcp import Client
from mcp_types import CallToolResult, ImageContent, Implementation, TextContent
from trio.testing import MockClock

from gmi_video.images.upload import Images
from gmi_video.mcp.app import create_server
from gmi_video.mcp.sdk import StrictServer
from gmi_video.settings import Settings
from gmi_video.simulator import SimulatedTransport, Simulator, catalog
from gmi_video.upstream.client import Queue
from gmi_video.upstream.transport import Transport

from .postgres import Postgres, running
from .virtual_time import ThreadsHoldTime

EPOCH = 1_750_000_000

NEEDS_UNIX = (
    "doctor/test_doctor_command.py",
    "over_http/test_http_process.py",
    "reliability/test_bombs.py",
    "test_demo.py",
    "test_ledger_troubles.py",
    "test_pictures.py",
    "test_shutdown.py",
)
"""Tests with a terminal or the limits of Unix, whose modules can't be imported on Windows."""

collect_ignore = [*NEEDS_UNIX] if os.name == "nt" else []

KEY = "simulated-key-eyJhbGciOi-must-not-leak"
ERAS = ("legacy", "2026-07-28")


@pytest.fixture(autouse=True)
def state_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default ledger of each test is its own, and never that of whoever runs the tests."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


@pytest.fixture(scope="session")
def postgres() -> Generator[Postgres]:
    """A database server; without PostgreSQL on the machine the test is skipped."""
    with running() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgres"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new ledger, in each store that processes can share."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path}/ledger.sqlite3"
    server: Postgres = request.getfixturevalue("postgres")
    return server.url(server.new_database())


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """trio with virtual time: the clock jumps to the next deadline whenever every task waits."""
    clock = MockClock(autojump_threshold=0)
    return "trio", {"clock": clock, "instruments": [ThreadsHoldTime(clock)]}


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    """Both protocol eras, as the client's `mode`."""
    return request.param


def per_video(name: str, millionths: int | None) -> dict[str, Any]:
    """The record of a model with nothing but a prompt, and a price a video in millionths of a dollar."""
    prompt = catalog.parameter("prompt", "string", "", required=True)
    price = {"price": millionths, "pricing_type": "per_video", "unit": "video"}
    return catalog.model(name, "A test.", [prompt], price)


def now() -> float:
    """Unix seconds, by the jumping clock."""
    return EPOCH + trio.current_time()


@dataclass
class Host:
    """An assistant's host: an MCP client that keeps the progress messages and results that it receives."""

    client: Client
    progress: list[tuple[float, float | None, str | None]] = field(default_factory=list[Any])
    results: list[CallToolResult] = field(default_factory=list[CallToolResult])

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool. Returns its answer, which must be the same as text and as structured content."""
        result = await self.client.call_tool(tool, arguments, progress_callback=self._on_progress)
        self.results.append(result)
        answer = answer_of(result)
        if result.structured_content is not None:
            assert result.structured_content == answer
        return answer

    async def call_error(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool that must answer with an error."""
        answer = await self.call(tool, **arguments)
        assert self.results[-1].is_error, answer
        return answer

    async def call_ok(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool that must not answer with an error."""
        answer = await self.call(tool, **arguments)
        assert not self.results[-1].is_error, answer
        return answer

    async def _on_progress(self, progress: float, total: float | None, message: str | None) -> None:
        self.progress.append((progress, total, message))


def answer_of(result: CallToolResult) -> dict[str, Any]:
    """The object in the text block of a tool's answer, which stands first; beside it there are only pictures."""
    block, *pictures = result.content
    assert isinstance(block, TextContent)
    assert all(isinstance(picture, ImageContent) for picture in pictures)
    return json.loads(block.text)


@dataclass
class World:
    """The simulator, and any number of servers and hosts that use it."""

    sim: Simulator
    environment: dict[str, str]

    def server(self, **environment: str) -> StrictServer:
        """A new server, as after a restart: it shares nothing with an older one but the ledger."""
        # Without an address of its own a ledger would be in the state folder of whoever runs the tests.
        settings = Settings.from_environment({"GMI_LEDGER_URL": "none"} | self.environment | environment)
        return create_server(settings, transport=SimulatedTransport(self.sim), now=now)

    @asynccontextmanager
    async def host(
        self,
        server: StrictServer | None = None,
        *,
        era: str = "2026-07-28",
        name: str = "claude-code",
        options: dict[str, Any] | None = None,
        **environment: str,
    ) -> AsyncGenerator[Host]:
        """A host called `name`, connected to `server` or to a new one. The default one waits without limit."""
        client = Client(
            server or self.server(**environment),
            mode=era,
            client_info=Implementation(name=name, version="1"),
            **(options or {}),
        )
        async with client:
            yield Host(client)

    def count(self, endpoint: str) -> int:
        """How many calls of an endpoint have arrived at the queue."""
        return sum(call.endpoint == endpoint for call in self.sim.calls)


@pytest.fixture
def world(tmp_path: Path) -> World:
    sim = Simulator(api_key=KEY, clock=now, seed=1)
    ledger = f"sqlite://{tmp_path / 'ledger.sqlite3'}"
    return World(sim, {"GMI_API_KEY": KEY, "GMI_BASE_URL": sim.api_url, "GMI_LEDGER_URL": ledger})


# -- without a server: the queue's client, and the images that it uploads -----------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The one folder that images may come from."""
    (tmp_path / "pictures").mkdir()
    return tmp_path / "pictures"


@pytest.fixture
async def queue(world: World) -> AsyncGenerator[Queue]:
    transport = Transport(Settings.from_environment(world.environment), SimulatedTransport(world.sim), now)
    yield Queue(transport)
    await transport.aclose()


@pytest.fixture
async def tasks() -> AsyncGenerator[TaskGroup]:
    """A task group in place of the server's own."""
    async with anyio.create_task_group() as group:
        yield group
        group.cancel_scope.cancel()


@pytest.fixture
def images(queue: Queue, folder: Path, tasks: TaskGroup) -> Images:
    return Images(queue, (folder,), tasks)

"""Servers that are killed: whatever they were doing, nothing is written, released or sent from that moment on."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from gmi_video.mcp.app import create_server
from gmi_video.settings import Settings
from gmi_video.simulator import SimulatedTransport, Simulator
from tests.conftest import Host, World, now


class KilledError(Exception):
    """Raised in a killed server by everything that could still have an effect."""


@dataclass
class Process:
    """A server process and the host that is connected to it."""

    sim: Simulator
    killed: bool = False

    def kill(self) -> None:
        """From now on nothing of this server has an effect: its ledger keeps what was committed before."""
        self.killed = True

    def now(self) -> float:
        """The machine's clock, which the ledger reads before each transaction."""
        if self.killed:
            raise KilledError
        return now()


class Network(httpx.AsyncBaseTransport):
    """The simulator, for as long as the process lives. What was sent before arrives."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._simulated = SimulatedTransport(process.sim)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._process.now()
        return await self._simulated.handle_async_request(request)


@asynccontextmanager
async def process(world: World, *, era: str = "2026-07-28", **environment: str) -> AsyncGenerator[tuple[Process, Host]]:
    """A new server that can be killed, and a host that is connected to it; leaving the block ends both."""
    running = Process(world.sim)
    settings = Settings.from_environment(world.environment | environment)
    server = create_server(settings, transport=Network(running), now=running.now)
    try:
        async with world.host(server, era=era) as host:
            yield running, host
    except* KilledError:
        assert running.killed

"""The simulator behind a real server on a loopback port, in real time, for classes of tests."""

from collections.abc import AsyncIterator

import httpx
import pytest

from gmi_video.simulator import Simulator
from gmi_video.simulator.serve import running


class OverASocket:
    """Replaces the fixtures of virtual time."""

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.fixture
    def sim(self) -> Simulator:
        return Simulator(seed=1)

    @pytest.fixture
    async def client(self, sim: Simulator) -> AsyncIterator[httpx.AsyncClient]:
        headers = {"Authorization": f"Bearer {sim.api_key}"}
        async with running(sim), httpx.AsyncClient(base_url=sim.api_url, headers=headers, timeout=30) as connected:
            yield connected

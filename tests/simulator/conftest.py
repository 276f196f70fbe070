"""A simulator under virtual time, a client for it, and the schemas that client and simulator are tested against."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from jsonschema import Draft202012Validator
from trio.testing import MockClock

from gmi_video.simulator import SimulatedTransport, Simulator
from tests.conftest import ThreadsHoldTime

EPOCH = 1_750_000_000
SCHEMAS = Path(__file__).parents[2] / "schemas" / "upstream"


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    clock = MockClock(autojump_threshold=0)
    return "trio", {"clock": clock, "instruments": [ThreadsHoldTime(clock)]}


@pytest.fixture
def sim() -> Simulator:
    return Simulator(clock=lambda: EPOCH + trio.current_time(), seed=1)


@pytest.fixture
async def client(sim: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {sim.api_key}"}
    async with httpx.AsyncClient(transport=SimulatedTransport(sim), base_url=sim.api_url, headers=headers) as connected:
        yield connected


@pytest.fixture
def submit(client: httpx.AsyncClient) -> Callable[..., Any]:
    """Submits a payload with a prompt and returns the response's JSON."""

    async def go(model: str = "Luma-Ray2", **payload: Any) -> dict[str, Any]:
        # json.dumps escapes a lone surrogate, which JSON can carry and httpx would refuse.
        body = json.dumps({"model": model, "payload": {"prompt": "a fox", **payload}})
        response = await client.post("/requests", content=body)
        assert response.status_code == 200, response.text
        return response.json()

    return go


@pytest.fixture
def validate() -> Callable[[str, Any], None]:
    """Validates a body against the schema of that name."""

    def check(name: str, body: Any) -> None:
        schema = json.loads((SCHEMAS / f"{name}.json").read_text())
        Draft202012Validator(schema).validate(body)  # pyright: ignore[reportUnknownMemberType] - a private parameter

    return check

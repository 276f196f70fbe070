"""A doctor in this process: its report of the simulator's queue, with a home folder of its own."""

import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from gmi_video.doctor.command import show
from gmi_video.doctor.examination import Examination
from gmi_video.doctor.machine import Machine
from gmi_video.simulator import SimulatedTransport, Simulator
from tests.conftest import KEY, World, now

HELD_BACK = KEY[:12]
"""The beginning of the key; longer pieces of it are found by it too."""


class Report(NamedTuple):
    """A report as JSON and as text, and the exit code."""

    json: dict[str, Any]
    text: str
    exit_code: int

    def check(self, name: str) -> dict[str, Any]:
        """The one check of that name."""
        (found,) = [check for check in self.json["checks"] if check["name"] == name]
        return found

    def host(self, name: str) -> dict[str, Any]:
        """What is said of a host."""
        (found,) = [host for host in self.json["hosts"] if host["name"] == name]
        return found

    @property
    def states(self) -> dict[str, str]:
        """The state of each check that is not ok, by its name."""
        found = [*self.json["checks"], *self.json["hosts"]]
        return {check["name"]: check["state"] for check in found if check["state"] != "ok"}


Ask = Callable[..., Awaitable[Report]]


@pytest.fixture
def sim(world: World) -> Simulator:
    return world.sim


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "user").mkdir()
    return tmp_path / "user"


@pytest.fixture
def doctor(world: World, home: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Make a report with these variables besides those of the world. The key must be in neither form of it."""

    async def ask(*, transport: httpx.AsyncBaseTransport | None = None, **environment: str) -> Report:
        machine = Machine("linux", home, Path(sys.executable))
        shown: list[str] = []
        codes: set[int] = set()
        for as_json in (True, False):
            over = transport or SimulatedTransport(world.sim)
            examination = Examination(machine, world.environment | environment, transport=over, now=now)
            codes.add(await show(examination, as_json=as_json))
            shown.append(capsys.readouterr().out)
        assert HELD_BACK not in "".join(shown)
        assert not world.sim.jobs, "it costs nothing"
        (code,) = codes
        return Report(json.loads(shown[0]), shown[1], code)

    return ask

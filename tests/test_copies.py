"""Eight copies of the server, each a process, with one ledger and one queue: what is paid, over both stores."""

import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from gmi_video.upstream.luma_ray2 import LUMA_RAY2

from .conftest import per_video
from .full import in_full
from .stdio import Cloud, Server, cloud, event_loop

pytestmark = pytest.mark.slow

WORKER = Path(__file__).with_name("core_worker.py")
COPIES = 8
ROUNDS = 50
CALLS = 40
LIMIT = 10
DOLLAR = "One-Dollar"
"""A model whose jobs cost $1 each."""


@pytest.fixture
def queue() -> Generator[Cloud]:
    with event_loop() as portal, cloud(portal) as found:
        found.sim.add_model(per_video(DOLLAR, 1_000_000))
        yield found


class Copy:
    """One process; any number of calls at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def send(self, call: int, prompt: str, model: str = LUMA_RAY2) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"call": call, "model": model, "prompt": prompt}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())


@contextmanager
def copies(environment: dict[str, str]) -> Generator[list[Copy]]:
    command = [sys.executable, str(WORKER)]
    with ExitStack() as stack:
        started: list[Copy] = []
        for _ in range(COPIES):
            process = subprocess.Popen(  # noqa: S603 - our own interpreter
                command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            started.append(Copy(stack.enter_context(process)))
        assert all(copy.answer() == {"ready": True} for copy in started)
        yield started


@in_full
def test_of_one_call_in_eight_copies_one_job_is_made_in_each_round(queue: Cloud, ledger_url: str) -> None:
    environment = queue.environment(GMI_LEDGER_URL=ledger_url, GMI_MAX_REQUESTS_PER_SECOND="100")
    with copies(environment) as all_copies:
        for number in range(ROUNDS):
            for copy in all_copies:
                copy.send(number, f"fox number {number}")
            answers = [copy.answer() for copy in all_copies]
            assert len(queue.sim.jobs) == number + 1
            expected = {"call": number, "request_id": queue.sim.jobs[-1].request_id, "note": ""}
            assert answers == [expected] * COPIES
    assert queue.count("submit") == ROUNDS


@in_full
@pytest.mark.parametrize("lag", [0, 5])
def test_of_forty_calls_in_eight_copies_a_limit_for_ten_lets_ten_be_made(
    queue: Cloud, ledger_url: str, lag: int
) -> None:
    queue.sim.behave(list_lag=lag)
    environment = queue.environment(
        GMI_LEDGER_URL=ledger_url, GMI_MAX_REQUESTS_PER_SECOND="100", GMI_SPEND_LIMIT_USD=str(LIMIT)
    )
    with copies(environment) as all_copies:
        for call in range(CALLS):
            all_copies[call % COPIES].send(call, f"fox number {call}", DOLLAR)
        answers = [copy.answer() for copy in all_copies for _ in range(CALLS // COPIES)]
    made = {job.request_id for job in queue.sim.jobs}
    assert len(made) == LIMIT == queue.count("submit")
    assert {answer["request_id"] for answer in answers if "request_id" in answer} == made
    assert [answer.get("error") for answer in answers].count("SpendingRefused") == CALLS - LIMIT


def test_eight_whole_servers_with_one_call_make_one_job(queue: Cloud, ledger_url: str) -> None:
    environment = queue.environment(GMI_LEDGER_URL=ledger_url)
    servers = [Server("2026-07-28", **environment) for _ in range(COPIES)]
    for server in servers:
        server.open()
    calls = [server.start("generate_video", prompt="a fox in eight hosts", wait=False) for server in servers]
    answers = [server.result(call)["structuredContent"] for server, call in zip(servers, calls, strict=True)]
    (job,) = queue.sim.jobs
    assert {answer["request_id"] for answer in answers} == {job.request_id}
    assert [answer.get("reused", False) for answer in answers].count(False) == 1
    assert [server.end() for server in servers] == [0] * COPIES

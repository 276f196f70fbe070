"""One ledger and several real processes: races that one wins, and kills at every statement."""

import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from gmi_video.jobs.ledger import Claimed, Intent

from .ledger_worker import new

WORKER = Path(__file__).with_name("ledger_worker.py")
COPIES = 8


class Worker:
    """A worker process, and its lines in both directions."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def send(self, **command: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())

    def ask(self, **command: Any) -> dict[str, Any]:
        self.send(**command)
        return self.answer()


@contextmanager
def worker(kind: str, url: str) -> Generator[Worker]:
    process = subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, str(WORKER), kind, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        yield Worker(process)


@pytest.fixture
def workers(ledger_url: str) -> Generator[list[Worker]]:
    """Eight copies, started at the same time, so that they also race for the migration."""
    with ExitStack() as stack:
        found = [stack.enter_context(worker("copy", ledger_url)) for _ in range(COPIES)]
        assert all(one.answer() == {"ready": True} for one in found)
        yield found


def race(workers: list[Worker], **command: Any) -> list[dict[str, Any]]:
    for one in workers:
        one.send(**command)
    answers = [one.answer() for one in workers]
    assert [answer["trouble"] for answer in answers] == [""] * len(workers)
    return answers


def test_of_eight_copies_with_the_same_claim_one_wins(workers: list[Worker]) -> None:
    for number in range(50):
        answers = race(workers, operation="claim", fingerprint=f"round {number}")
        outcomes = sorted(answer["outcome"] for answer in answers)
        assert outcomes == ["Claimed", *["Existing"] * (COPIES - 1)]
        assert len({answer["id"] for answer in answers}) == 1


def test_of_forty_claims_over_eight_copies_a_limit_for_ten_lets_ten_win(workers: list[Worker]) -> None:
    # Five calls each without waiting for an answer, so that every copy is always busy.
    for call in range(5):
        for place, one in enumerate(workers):
            one.send(operation="claim", fingerprint=f"{place} {call}", limit=10)
    answers = [one.answer() for one in workers for _ in range(5)]
    outcomes = [answer["outcome"] for answer in answers]
    assert {answer["trouble"] for answer in answers} == {""}
    assert (outcomes.count("Claimed"), outcomes.count("OverLimit")) == (10, 30)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only the lease shows that a process was killed")
def test_of_eight_copies_one_adopts_what_a_killed_one_left(workers: list[Worker], ledger_url: str) -> None:
    with worker("kill", ledger_url) as victims:
        victims.answer()
        for number in range(10):
            fingerprint = f"left {number}"
            victims.ask(operation="claim", fingerprint=fingerprint, kill_before=1000)
            answers = race(workers, operation="adopt", fingerprint=fingerprint)
            assert sorted(answer["outcome"] for answer in answers) == ["Intent", *["NoneType"] * (COPIES - 1)]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only the lease shows that a process was killed")
def test_a_kill_before_any_statement_leaves_nothing_or_an_intent_to_adopt(ledger_url: str) -> None:
    claims = states_after_kills(ledger_url, "claim")
    # Either nothing was recorded, or the intent can be adopted.
    assert claims[:-1] == [None] * (len(claims) - 1)
    assert claims[-1] == "sending"
    assert len(claims) > 6
    settled = states_after_kills(ledger_url, "made")
    assert settled[:-1] == ["sending"] * (len(settled) - 1)
    assert settled[-1] == "made"
    assert len(settled) > 4


def states_after_kills(url: str, what: str) -> list[str | None]:
    """The state that a second process finds after a kill before each statement of an operation, and after all of it."""
    states: list[str | None] = []
    with worker("kill", url) as victims:
        victims.answer()
        killed = True
        while killed:
            number = len(states) + 1
            command = {"fingerprint": f"{what} {number}", "request_id": f"{what} {number}"}
            if what == "made":
                victims.ask(operation="claim", kill_before=1000, **command)
            answer = victims.ask(operation=what, kill_before=number, **command)
            killed = answer["killed"]
            assert killed or answer["status"] == 0
            states.append(anyio.run(state_of, url, command["fingerprint"]))
    return states


async def state_of(url: str, fingerprint: str) -> str | None:
    """The state that another process finds. It must be able to adopt or claim the intent."""
    ledger = new(url)
    found = await ledger.find(fingerprint)
    if found is None:
        assert isinstance(await ledger.claim(fingerprint, usd=1.0), Claimed)
    else:
        assert not found.busy
        assert isinstance(await ledger.adopt(found.intent), Intent) == (found.intent.state == "sending")
    assert ledger.trouble == ""
    await ledger.aclose()
    return found.intent.state if found else None

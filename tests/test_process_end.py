"""The end of the server while a submit is under way: its grace, and what the next process knows of the job."""

import signal
import sqlite3
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest

from .full import in_full
from .stdio import Cloud, Server, cloud, event_loop

pytestmark = pytest.mark.slow

STOPPING = "1 submit under way"
PROMPT = "a fox in its last second"

ENDINGS = pytest.mark.parametrize(
    "how", [None, signal.SIGINT, signal.SIGTERM], ids=["end of input", "SIGINT", "SIGTERM"]
)


@pytest.fixture
def queue() -> Generator[Cloud]:
    with event_loop() as portal, cloud(portal) as found:
        yield found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


def server(queue: Cloud, file: Path) -> Server:
    started = Server("2026-07-28", **queue.environment(GMI_LEDGER_URL=f"sqlite://{file}", GMI_LOG_LEVEL="INFO"))
    started.open()
    return started


def rows(file: Path) -> list[tuple[str, str, float]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("SELECT state, request_id, lease_until FROM gmi_video_intents").fetchall()


@ENDINGS
@pytest.mark.parametrize("point", ["submit:received", "submit:made"])
def test_a_submit_that_is_answered_within_the_grace_is_recorded(
    queue: Cloud, file: Path, how: signal.Signals | None, point: str
) -> None:
    first = server(queue, file)
    pause = queue.pause_at(point)
    first.start("generate_video", prompt=PROMPT)
    queue.reached(pause)
    first.begin_end(how)
    first.logged(STOPPING)
    queue.release(pause)
    assert first.ended() == 0
    (job,) = queue.sim.jobs
    assert rows(file) == [("made", job.request_id, 0.0)]
    calls = len(queue.sim.calls)
    second = server(queue, file)
    again = second.call("generate_video", prompt=PROMPT, wait=False)
    assert (again["request_id"], again["reused"]) == (job.request_id, True)
    asked = sorted(call.endpoint for call in queue.sim.calls[calls : calls + 3])
    assert asked == ["get", "list", "model"], "it need not be looked for: the list was asked for beside the model"
    assert second.end() == 0
    assert len(queue.sim.jobs) == 1


@in_full
@ENDINGS
def test_a_submit_that_is_not_answered_within_the_grace_is_looked_for_by_the_next_process(
    queue: Cloud, file: Path, how: signal.Signals | None
) -> None:
    first = server(queue, file)
    pause = queue.pause_at("submit:made")
    first.start("generate_video", prompt=PROMPT)
    queue.reached(pause)
    assert first.end(how) == 0
    queue.release(pause)
    (job,) = queue.sim.jobs
    assert rows(file) == [("unknown", "", 0.0)], "no lease is left, so the next process need not wait"
    second = server(queue, file)
    again = second.call("generate_video", prompt=PROMPT, wait=False)
    assert (again["request_id"], again["reused"]) == (job.request_id, True)
    assert second.end() == 0
    assert len(queue.sim.jobs) == 1


@in_full
@ENDINGS
def test_nothing_is_submitted_once_the_server_is_ending(queue: Cloud, file: Path, how: signal.Signals | None) -> None:
    first = server(queue, file)
    submit, listing = queue.pause_at("submit:received"), queue.pause_at("list:made")
    first.start("generate_video", prompt=PROMPT)
    queue.reached(listing)
    queue.release(listing)
    queue.reached(submit)
    late = queue.pause_at("list:made")
    first.start("generate_video", prompt="a wolf that comes too late")
    queue.reached(late)
    first.begin_end(how)
    first.logged(STOPPING)
    queue.release(late)
    assert first.ended() == 0
    assert queue.count("submit") == 1
    assert sorted({row[0] for row in rows(file)} - {"refused"}) == ["unknown"]
    queue.release(submit)

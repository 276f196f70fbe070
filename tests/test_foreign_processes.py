"""The process that foreign bytes are read in: bounded in memory and time, without the key, and never left behind."""

import os
import signal
import sys
import time
from collections.abc import Generator
from pathlib import Path

import anyio
import pytest

from gmi_video.foreign import process

from .conftest import KEY
from .stdio import SECONDS, Cloud, Server, cloud, event_loop
from .test_image_processes import children, conversion_of, runs

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
def anyio_backend() -> str:
    """As in production, in real time."""
    return "asyncio"


async def run(folder: Path, program: str, *arguments: object, given: bytes = b"", seconds: float = SECONDS) -> str:
    """What a program writes, or its exit code where that is not 0."""
    file = anyio.Path(folder / "program.py")
    await file.write_text(program, encoding="utf-8")
    done = await process.run(Path(file), *arguments, given=given, seconds=seconds)
    return f"ended with {done.code}" if done.code else done.output.decode()


async def test_a_program_gets_its_arguments_and_input_and_its_output_is_returned(tmp_path: Path) -> None:
    program = "import sys; print(sys.argv[1:], sys.stdin.read(), __name__)"
    assert await run(tmp_path, program, "a", 3, given=b"given") == "['a', '3'] given __main__\n"


async def test_it_has_neither_the_key_nor_any_other_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GMI_API_KEY", KEY)
    monkeypatch.setenv("GMI_LEDGER_URL", "none")
    program = "import os; print([name for name in os.environ if name.startswith('GMI_')])"
    assert await run(tmp_path, program) == "[]\n"


@pytest.mark.skipif(sys.platform != "linux", reason="macOS and Windows don't bound it")
async def test_it_can_not_take_more_than_two_gigabytes(tmp_path: Path) -> None:
    assert await run(tmp_path, "print(len(bytes(3 * 1000**3)))") == "ended with 1"
    assert await run(tmp_path, "print(len(bytes(1000**3)))") == "1000000000\n"


async def test_one_that_does_not_end_is_ended(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        await run(tmp_path, "while True: pass", seconds=0.5)


async def test_one_that_waits_without_end_is_ended(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        await run(tmp_path, "import time; time.sleep(3600)", seconds=0.5)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_a_caller_that_is_cancelled_ends_it(tmp_path: Path) -> None:
    before, found = set(children(os.getpid())), set[int]()
    deadline = time.monotonic() + SECONDS
    async with anyio.create_task_group() as group:
        group.start_soon(run, tmp_path, "import time; time.sleep(3600)")
        while not (found := set(children(os.getpid())) - before):
            assert time.monotonic() < deadline
            await anyio.sleep(0.02)
        group.cancel_scope.cancel()
    while any(map(runs, found)):
        assert time.monotonic() < deadline
        await anyio.sleep(0.02)


# -- the server as a process -------------------------------------------------------------------------------------------


@pytest.fixture
def queue() -> Generator[Cloud]:
    with event_loop() as portal, cloud(portal) as found:
        found.sim.behave(film_seconds=0.2)
        yield found


def with_video(queue: Cloud) -> tuple[Server, str]:
    """A server, and the id of a finished video."""
    started = Server("2026-07-28", **queue.environment(GMI_LEDGER_URL="none"))
    started.open()
    job = queue.sim.add_history(
        "Luma-Ray2", payload={"prompt": "a fox", "resolution": "540p"}, created_at=time.time() - 100, took_seconds=20
    )
    return started, job.request_id


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_other_calls_are_answered_while_frames_are_decoded(queue: Cloud) -> None:
    started, request_id = with_video(queue)
    slow = started.start("get_status", request_id=request_id, frames=4)
    child = conversion_of(started)
    os.kill(child, signal.SIGSTOP)  # however fast this machine is
    assert started.call("list_requests")["total"] == 1
    os.kill(child, signal.SIGCONT)
    assert [block["type"] for block in started.result(slow)["content"]] == ["text", "image"]
    assert started.end() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("how", [None, signal.SIGINT, signal.SIGTERM], ids=["end of input", "SIGINT", "SIGTERM"])
def test_decoding_does_not_outlive_the_server_and_leaves_no_film(
    queue: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: signal.Signals | None
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    started, request_id = with_video(queue)
    frame = f"gmi-video://requests/{request_id}/last-frame"
    started.start("generate_video", prompt="she turns", frame0_image=frame)
    child = conversion_of(started)
    os.kill(child, signal.SIGSTOP)
    assert started.end(how) == 0
    deadline = time.monotonic() + SECONDS
    while runs(child):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert list(tmp_path.glob("gmi-video-*")) == []
    assert queue.count("submit") == queue.count("upload") == 0

"""Hostile images given to the real process: it goes on answering, and nothing outlives it."""

import os
import signal
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from .image_tools import drawn
from .stdio import SECONDS, Cloud, Server, cloud, event_loop

pytestmark = pytest.mark.slow


@pytest.fixture
def queue() -> Generator[Cloud]:
    with event_loop() as portal, cloud(portal) as found:
        yield found


def server(queue: Cloud, folder: Path) -> Server:
    started = Server("2026-07-28", **queue.environment(GMI_LEDGER_URL="none", GMI_IMAGE_DIRS=str(folder)))
    started.open()
    return started


def children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text("ascii").split()]


def runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()[0] not in {"Z", "X"}
    except FileNotFoundError:
        return False


def command(process: int) -> bytes:
    return Path(f"/proc/{process}/cmdline").read_bytes()


def conversion_of(started: Server) -> int:
    """Wait until the server has started a process that converts, and that process runs its own program; its id.

    Until then the server's thread waits for it (vfork), and stopping it would stop the server.
    """
    deadline = time.monotonic() + SECONDS
    while not (found := children(started.pid)) or command(found[0]) == command(started.pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found[0]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("how", [None, signal.SIGINT, signal.SIGTERM], ids=["end of input", "SIGINT", "SIGTERM"])
def test_the_conversion_of_a_huge_picture_does_not_outlive_the_server(
    queue: Cloud, folder: Path, how: signal.Signals | None
) -> None:
    (folder / "a.webp").write_bytes(drawn("WEBP", size=(7000, 7000)))
    started = server(queue, folder)
    started.start("generate_video", prompt="a fox", frame0_image=str(folder / "a.webp"), dry_run=True)
    child = conversion_of(started)
    assert started.end(how) == 0
    deadline = time.monotonic() + SECONDS
    while runs(child):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert queue.count("submit") == queue.count("upload") == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_other_calls_are_answered_while_a_huge_picture_is_converted(queue: Cloud, folder: Path) -> None:
    (folder / "a.webp").write_bytes(drawn("WEBP", size=(7000, 7000)))
    started = server(queue, folder)
    slow = started.start("generate_video", prompt="a fox", frame0_image=str(folder / "a.webp"), dry_run=True)
    child = conversion_of(started)
    os.kill(child, signal.SIGSTOP)  # however fast this machine is
    assert started.call("list_requests")["total"] == 0
    os.kill(child, signal.SIGCONT)
    assert started.result(slow)["isError"] is False
    assert started.end() == 0


@pytest.mark.parametrize("dry_run", [False, True])
def test_20_mb_of_fill_bytes_in_a_jpegs_scan_are_refused_and_the_server_ends(
    queue: Cloud, folder: Path, *, dry_run: bool
) -> None:
    picture = drawn("JPEG")
    (folder / "a.jpg").write_bytes(picture[: picture.index(b"\xff\xda") + 14] + b"\xff" * 19_000_000)
    started = server(queue, folder)
    answer = started.call("generate_video", prompt="a fox", frame0_image=str(folder / "a.jpg"), dry_run=dry_run)
    assert "breaks off" in answer["error"]["message"]
    started.start("generate_video", prompt="a fox", frame0_image=str(folder / "a.jpg"), dry_run=dry_run)
    assert started.end(signal.SIGTERM) == 0
    assert queue.count("submit") == queue.count("upload") == 0

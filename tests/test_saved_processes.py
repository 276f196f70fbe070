"""Real processes that save a video: killed in the middle, two at once, and on a disk that is full."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from gmi_video.simulator import Script

from .conftest import ERAS
from .full import in_full
from .stdio import Cloud, Server, cloud, event_loop

pytestmark = [pytest.mark.slow, in_full]

FOX = {"prompt": "a fox", "resolution": "540p"}


@pytest.fixture
def queue() -> Generator[Cloud]:
    with event_loop() as portal, cloud(portal, scripts={"*": Script.synchronous()}) as found:
        found.sim.behave(film_seconds=0.2)
        yield found


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    (tmp_path / "videos").mkdir()
    return tmp_path / "videos"


def started(queue: Cloud, videos: Path, era: str, kind: type[Server] = Server) -> Server:
    server = kind(era, **queue.environment(GMI_LEDGER_URL="none", GMI_OUTPUT_DIR=str(videos)))
    server.open()
    return server


ENDS = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "end of input": None}
"""How a server ends."""


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("how", ENDS.values(), ids=ENDS)
def test_a_server_that_ends_in_the_middle_of_a_transfer_and_the_next_one_that_looks(
    queue: Cloud, videos: Path, how: signal.Signals | None, era: str
) -> None:
    pause = queue.pause_at("film:made")
    first = started(queue, videos, era)
    first.start("generate_video", **FOX)
    queue.reached(pause)
    (job,) = queue.sim.jobs
    part = videos / f".{job.request_id}.part"
    assert part.exists()
    first.end(how)
    assert part.exists() == (how is signal.SIGKILL)
    if part.exists():
        part.write_bytes(b"half of a film, or another one" * 100_000)
    queue.release(pause)
    second = started(queue, videos, era)
    looked = second.call("get_status", request_id=job.request_id)
    saved = Path(looked["saved_to"])
    assert sorted(path.name for path in videos.iterdir()) == sorted([saved.name, saved.with_suffix(".json").name])
    assert saved.read_bytes()[4:8] == b"ftyp"
    assert b"half of a film" not in saved.read_bytes()
    assert second.call("get_status", request_id=job.request_id)["saved_to"] == looked["saved_to"]
    assert second.end() == 0
    assert second.stderr == ""


def test_two_processes_that_save_the_same_video_at_once_end_in_one_file(queue: Cloud, videos: Path) -> None:
    pause = queue.pause_at("film:made")
    servers = [started(queue, videos, era) for era in ERAS]
    first = servers[0].start("generate_video", **FOX)
    queue.reached(pause)
    (job,) = queue.sim.jobs
    asked = servers[1].start("get_status", request_id=job.request_id)
    servers[1].result(servers[1].ask("tools/list"))
    queue.release(pause)
    saved = {
        server.result(request)["structuredContent"]["saved_to"]
        for server, request in zip(servers, (first, asked), strict=True)
    }
    assert len(saved) == 1
    assert (len(list(videos.iterdir())), queue.count("film")) == (2, 1)
    for server in servers:
        assert server.end() == 0


class OnASmallDisk(Server):
    """The server with a disk of 12 KB of its own as its folder, in a name space of its own."""

    mount = 'mount -t tmpfs -o size=12k none "$GMI_OUTPUT_DIR"'
    command = ("unshare", "-rm", "sh", "-c")
    served = (*command, f'{mount} && exec "$0" -m gmi_video', sys.executable)
    program = ("-c", f"import os; os.execvp('unshare', {served!r})")

    @classmethod
    def is_possible(cls) -> bool:
        """Whether this user may make such a disk here."""
        try:
            with tempfile.TemporaryDirectory() as folder:
                tried = subprocess.run(  # noqa: S603 - our own command
                    [*cls.command, cls.mount], env={"GMI_OUTPUT_DIR": folder, "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
                    capture_output=True, check=False,
                )  # fmt: skip
        except OSError:
            return False
        return tried.returncode == 0


@pytest.mark.skipif(not OnASmallDisk.is_possible(), reason="needs Linux, where a user may mount a disk of their own")
@pytest.mark.parametrize("era", ERAS)
def test_a_full_disk_is_a_note_and_the_answer_comes(queue: Cloud, videos: Path, era: str) -> None:
    server = started(queue, videos, era, OnASmallDisk)
    made = server.call("generate_video", **FOX)
    assert made["status"] == "success"
    assert made["video_url"]
    assert (
        f'It was not saved in "{videos}": the disk is full; make room on it, then ask for its status again.'
        in made["summary"]
    )
    assert "saved_to" not in made
    assert server.end() == 0
    assert server.stderr == ""


def test_a_script_that_the_system_can_not_write_in_names_is_left_out(queue: Cloud, videos: Path) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    server = Server("legacy", **queue.environment(GMI_LEDGER_URL="none", GMI_OUTPUT_DIR=str(videos), **ascii_only))
    server.open()
    saved = server.call("generate_video", prompt="лиса", resolution="540p")["saved_to"]
    assert " video 540p 5s " in saved
    assert "лиса" in Path(saved).with_suffix(".json").read_text(encoding="utf-8")
    assert server.end() == 0


def test_a_folder_that_can_not_be_used_is_in_the_log_at_the_start(queue: Cloud, videos: Path) -> None:
    server = started(queue, videos / "missing", "2026-07-28")
    server.logged("Finished videos are not saved in")
    assert server.end() == 0
    assert "the folder does not exist" in server.stderr

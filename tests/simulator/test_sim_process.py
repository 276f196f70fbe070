"""The simulator as a process of its own, over a real socket."""

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from gmi_video.simulator.serve import parse_fault

SERVER = Path(__file__).parents[2] / "server"
BODY = {"model": "Luma-Ray2", "payload": {"prompt": "a fox", "resolution": "540p"}}


@contextmanager
def process(*options: str) -> Generator[tuple[subprocess.Popen[str], httpx.Client]]:
    """A process, and a client configured only from what the process printed."""
    command = [sys.executable, "-m", "gmi_video.simulator", "--port", "0", *options]
    environment = {**os.environ, "PYTHONPATH": str(SERVER)}
    with subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:  # noqa: S603 - our own interpreter and module
        try:
            assert child.stdout is not None
            printed = "".join(child.stdout.readline() for _ in range(4))
            url, key = (re.search(rf"{name}=(\S+)", printed) for name in ("GMI_BASE_URL", "GMI_API_KEY"))
            assert url is not None
            assert key is not None
            with httpx.Client(base_url=url[1], headers={"Authorization": f"Bearer {key[1]}"}, timeout=30) as client:
                yield child, client
        finally:
            child.kill()


def test_a_process_serves_a_job_and_its_film_and_exits_when_interrupted() -> None:
    with process("--takes", "0", "--key", "my-key", "--fault", "submit=dropped_after", "--fault", "list=503") as (
        child,
        client,
    ):
        assert client.headers["authorization"] == "Bearer my-key"
        with pytest.raises(httpx.RemoteProtocolError):
            client.post("/requests", json=BODY)
        assert client.get("/requests").status_code == 503
        rows = client.get("/requests").json()["requests"]
        assert [row["status"] for row in rows] == ["success"]
        film = httpx.get(rows[0]["outcome"]["video_url"], timeout=30)
        assert (film.status_code, film.content[4:8]) == (200, b"ftyp")
        client.close()
        child.send_signal(signal.SIGINT)
        assert child.wait(10) == 0
        assert child.stderr is not None
        assert child.stderr.read() == ""


def test_a_misspelt_fault_is_refused() -> None:
    assert parse_fault("submit=timeout_after") == ("submit", "timeout_after")
    for wrong in ("submit", "submit=418", "cancel=500", "=500"):
        with pytest.raises(argparse.ArgumentTypeError, match="there are: "):
            parse_fault(wrong)


@pytest.mark.parametrize("option", ["--fault=submit=418", "--takes=long"])
def test_a_wrong_option_is_reported_and_ends_the_process(option: str) -> None:
    ended = run_to_its_end(option)
    assert ended.returncode == 2
    assert option.split("=", maxsplit=1)[0] in ended.stderr


def run_to_its_end(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gmi_video.simulator", *options]
    environment = {**os.environ, "PYTHONPATH": str(SERVER)}
    run: Callable[..., subprocess.CompletedProcess[str]] = subprocess.run
    return run(command, env=environment, text=True, capture_output=True, timeout=30, check=False)


def test_a_misspelt_fault_on_the_command_line_is_answered_with_those_there_are() -> None:
    ended = run_to_its_end("--fault", "submit=timeout")
    assert ended.returncode == 2
    assert "no fault 'timeout'; there are: refused, 400" in ended.stderr


def test_a_port_that_is_taken_is_said_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run_to_its_end("--port", str(port))
    assert ended.returncode == 1
    assert f"Can't listen on 127.0.0.1 port {port}" in ended.stderr
    assert "Traceback" not in ended.stderr

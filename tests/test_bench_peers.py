"""bench/peers: the stand-in and the client that measure other servers, by real requests; no registry is needed."""

import json
import os
import re
import ssl
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from shutil import which
from typing import NamedTuple

import httpx
import pytest
from bench.peers.__main__ import measured
from bench.peers.calls import Place
from bench.peers.process import DiedError, Process, start
from bench.peers.report import comparison
from bench.peers.stand_in import StandIn, certificate, serving
from bench.peers.table import Server
from bench.peers.vendors import REASON, Fal, MiniMax, Nothing, Replicate, Vendor

from .full import in_full
from .stdio import event_loop

ROOT = Path(__file__).parents[1]
LONG = 1000
"""Seconds of a job that no test sees the end of."""


class Form(NamedTuple):
    """How a vendor's client asks for one video and what it reads."""

    vendor: Vendor
    submit: str
    status: str
    result: str
    id_field: str
    words: tuple[str, str, str]
    """The status of a job that runs, has succeeded, has failed."""
    film: tuple[str, ...]
    """Where the result has the film's address."""


FORMS = [
    Form(
        MiniMax(),
        "/v1/video_generation",
        "/v1/query/video_generation?task_id={}",
        "/v1/files/retrieve?file_id={}",
        "task_id",
        ("Processing", "Success", "Fail"),
        ("file", "download_url"),
    ),
    Form(
        Fal(),
        "/fal-ai/model",
        "/owner/model/requests/{}/status",
        "/owner/model/requests/{}",
        "request_id",
        ("IN_PROGRESS", "COMPLETED", "COMPLETED"),
        ("video", "url"),
    ),
    Form(
        Replicate(),
        "/models/owner/name/predictions",
        "/predictions/{}",
        "/predictions/{}",
        "id",
        ("processing", "succeeded", "failed"),
        ("output",),
    ),
]

each_form = pytest.mark.parametrize("form", FORMS, ids=[type(form.vendor).__name__ for form in FORMS])


@each_form
@pytest.mark.parametrize("state", ["runs", "ends", "fails"])
def test_a_job_is_told_in_the_vendors_form(form: Form, state: str) -> None:
    stand_in = StandIn(form.vendor, LONG if state == "runs" else 0, fails=state == "fails")
    with serving(stand_in) as queue, httpx.Client(base_url=queue.url) as client:
        job = client.post(form.submit, json={"prompt": "a fox"}).raise_for_status().json()[form.id_field]
        record = client.get(form.status.format(job)).raise_for_status().json()
        assert record["status"] == form.words[["runs", "ends", "fails"].index(state)]
        if state == "ends":
            result = client.get(form.result.format(job)).json()
            for name in form.film:
                result = result[name]
            assert result == f"{queue.url}/{job}.mp4"
        assert queue.jobs == [job]
        assert [json.loads(body) for body in queue.submits] == [{"prompt": "a fox"}]
        assert queue.requests[:2] == [f"POST {form.submit}", f"GET {form.status.format(job)}"]


@each_form
def test_a_bad_gateway_makes_the_job_or_not_as_it_is_told(form: Form) -> None:
    stand_in = StandIn(form.vendor, LONG, ("before", "after"))
    with serving(stand_in) as queue, httpx.Client(base_url=queue.url) as client:
        seen = [(client.post(form.submit, json={}).status_code // 100, len(queue.jobs)) for _ in range(3)]
        assert seen == [(5, 0), (5, 1), (2, 2)]
        assert len(queue.submits) == 3


def test_a_failed_job_of_fal_has_no_result() -> None:
    with serving(StandIn(Fal(), 0, fails=True)) as queue, httpx.Client(base_url=queue.url) as client:
        job = client.post("/fal-ai/model", json={}).json()["request_id"]
        assert client.get(f"/owner/model/requests/{job}/status").json()["error"] == REASON
        assert client.get(f"/owner/model/requests/{job}").status_code == 422


def test_what_nobody_made_is_not_found() -> None:
    with serving(StandIn(Fal(), 0)) as queue:
        assert httpx.get(f"{queue.url}/owner/model/requests/job-0001").status_code == 404
        assert not queue.submits


def test_a_prediction_that_is_waited_for_is_answered_at_its_end() -> None:
    with serving(StandIn(Replicate(), 0.1)) as queue:
        for prefer, status in (("wait", "succeeded"), ("wait=0.01", "processing")):
            made = httpx.post(f"{queue.url}/predictions", json={}, headers={"prefer": prefer}).json()
            assert made["status"] == status


def test_who_wants_to_leave_the_machine_is_stopped_and_seen() -> None:
    with serving(StandIn(Nothing(), 0)) as queue, httpx.Client(proxy=queue.url) as client:
        with pytest.raises(httpx.ProxyError):
            client.get("https://api.example.com/")
        assert queue.requests == ["CONNECT api.example.com:443"]


@pytest.mark.skipif(not which("openssl"), reason="openssl is not installed")
def test_a_client_that_trusts_the_certificate_speaks_tls_to_it(tmp_path: Path) -> None:
    file = certificate(tmp_path)
    with serving(StandIn(Fal(), 0), file) as queue:
        assert queue.url.startswith("https:")
        trusting = ssl.create_default_context(cafile=str(file))
        assert httpx.post(f"{queue.url}/fal-ai/model", json={}, verify=trusting).status_code == 200
        with pytest.raises(httpx.ConnectError):
            httpx.post(f"{queue.url}/fal-ai/model", json={})
        assert len(queue.jobs) == 1


_GREETS = """
import json
print("Starting")
for line in iter(input, None):
    asked = json.loads(line)
    if asked.get("method") == "tools/call":
        break
    if "id" in asked:
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": {"tools": [{"name": "one"}]}}), flush=True)
"""


def test_a_greeting_on_stdout_is_dropped_and_an_end_is_noticed(tmp_path: Path) -> None:
    command, environment = [sys.executable, "-c", _GREETS], {"HOME": str(tmp_path)}
    started = start(command, environment)
    assert (started.tools, started.bytes) == ([{"name": "one"}], len('[{"name":"one"}]'))
    assert started.wall > 0 < started.cpu
    process = Process(command, environment)
    process.open()
    with pytest.raises(DiedError):
        process.ask("tools/call")
    process.kill()


# It sends what it knows of its arguments, and tells a failure as a success, as some servers do.
_FORWARDS = """
import json, os, urllib.request
for line in iter(input, None):
    asked = json.loads(line)
    if asked["method"] == "initialize" or "id" not in asked:
        result = {}
    elif asked["method"] == "tools/list":
        result = {"tools": [{"name": "make"}]}
    else:
        sent = {name: value for name, value in asked["params"]["arguments"].items() if name in ("prompt", "length")}
        try:
            text = urllib.request.urlopen(os.environ["AT"] + "/fal-ai/model", json.dumps(sent).encode()).read().decode()
        except OSError as error:
            text = f"No | luck: {error}"
        result = {"content": [{"type": "text", "text": text}]}
    if "id" in asked:
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"""

_FORWARDER = Server(
    name="forwarder",
    version="1",
    made_for="this test",
    program="",
    vendor=Fal,
    settings=lambda url: {"AT": url},
    tool="make",
    arguments={"prompt": "a fox"},
    too_long={"length": 180},
)


@pytest.mark.parametrize("unmeasured", ["", "not measured: why"])
def test_what_a_server_does_is_told_row_by_row(tmp_path: Path, unmeasured: str) -> None:
    command = [sys.executable, "-c", _FORWARDS]
    server = replace(_FORWARDER, unmeasured=unmeasured)
    with event_loop() as portal:
        figures = measured(server, command, tmp_path, Place(portal, tmp_path), 0)
    rows = dict(line.strip("| ").split(" | ") for line in comparison([figures], 15).splitlines()[2:])
    assert rows["tools"] == "1"
    assert rows["a length of three minutes"] == "sent as it is: the API decides"
    assert rows["an argument that does not exist"] == "ignored, sent without it"
    about_jobs = (rows["requests for one job of 15 s"], rows["two 502s, no job made by them"], rows["a failed job"])
    if unmeasured:
        assert set(about_jobs) == {unmeasured}
        return
    assert about_jobs[0].startswith("1, answered after ")
    once = r"1 POST, {}; after [\d.]+ s isError false, “No / luck: .*502.*”\. The same call again: a video, {} in all"
    assert re.fullmatch(once.format("0 jobs", "1 job"), about_jobs[1])
    assert re.fullmatch(once.format("1 job", "3 jobs"), rows["two 502s, each after its job was made and paid"])
    assert about_jobs[2].startswith("isError false, “")


@pytest.mark.slow
@in_full
def test_without_a_registry_nothing_is_measured_and_that_is_said(tmp_path: Path) -> None:
    nowhere = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}
    command = [sys.executable, "-m", "bench.peers", "--folder", str(tmp_path)]
    done = subprocess.run(  # noqa: S603 - our own program
        command, env=os.environ | nowhere, capture_output=True, text=True, check=False, timeout=120, cwd=ROOT
    )
    assert done.returncode == 2, done.stderr
    assert "nothing was measured" in done.stdout
    assert "ERROR: " in done.stdout, "what pip said"

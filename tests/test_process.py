"""The real process over real pipes: bytes in, bytes out, in both eras, and how it ends."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from gmi_video.simulator import Endpoint, Fault

from . import stdio
from .conftest import ERAS, KEY, World
from .full import in_full
from .stdio import Server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cloud() -> Generator[httpx.Client]:
    """A simulator as a process of its own, whose jobs take 4 s; as a client that may ask it what it knows."""
    command = [sys.executable, "-m", "gmi_video", "simulate", "--port", "0", "--takes", "4", "--key", KEY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:  # noqa: S603 - our own interpreter and module
        try:
            assert child.stdout is not None
            url = re.search(r"GMI_BASE_URL=(\S+)", "".join(child.stdout.readline() for _ in range(3)))
            assert url is not None
            with httpx.Client(base_url=url[1], headers={"Authorization": f"Bearer {KEY}"}) as client:
                yield client
        finally:
            child.kill()


@pytest.fixture
def environment(cloud: httpx.Client) -> dict[str, str]:
    return {"GMI_API_KEY": KEY, "GMI_BASE_URL": str(cloud.base_url).rstrip("/")}


@pytest.mark.parametrize("era", ERAS)
def test_a_raw_session_makes_a_video_and_the_key_is_nowhere(environment: dict[str, str], era: str) -> None:
    server = Server(era, GMI_LOG_LEVEL="DEBUG", **environment)
    said = server.open()
    assert "next_step" in said["instructions"]
    tools = server.result(server.ask("tools/list"))["tools"]
    assert [tool["name"] for tool in tools] == ["generate_video", "get_status", "list_requests", "list_models"]
    assert len(server.stdout.splitlines()[-1]) < 12 * 1024, "an assistant pays for every byte of this line"
    answer = server.call("generate_video", prompt=f"a fox in the {era} era", resolution="540p")
    assert answer["status"] == "success"
    assert "/films/" in answer["video_url"]
    read = server.result(server.ask("resources/read", uri=answer["outcome_uri"]))
    assert answer["video_url"] in read["contents"][0]["text"]
    assert server.end() == 0
    assert KEY.encode() not in server.stdout
    assert "DEBUG" in server.stderr, "the level was heard, so that the next line means something"
    assert KEY not in server.stderr


@in_full
@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18"])
def test_a_host_of_an_older_protocol_version_makes_a_video(environment: dict[str, str], version: str) -> None:
    server = Server("legacy", **environment)
    assert server.open(version)["protocolVersion"] == version
    assert server.call("generate_video", prompt=f"a fox of {version}")["status"] == "success"
    assert server.end() == 0


ENDINGS = pytest.mark.parametrize(
    "how", [None, signal.SIGINT, signal.SIGTERM], ids=["end of input", "SIGINT", "SIGTERM"]
)


@ENDINGS
def test_an_idle_server_ends_cleanly(environment: dict[str, str], how: signal.Signals | None) -> None:
    server = Server("legacy", **environment)
    server.open()
    assert server.end(how) == 0
    assert server.stderr == ""


@in_full
@ENDINGS
def test_a_server_ends_cleanly_while_a_call_is_open_and_the_job_goes_on(
    cloud: httpx.Client, environment: dict[str, str], how: signal.Signals | None
) -> None:
    server = Server("2026-07-28", **environment)
    server.open()
    request_id = server.started_job(f"a fox, until {how}")
    assert server.end(how) == 0
    assert server.stderr == ""
    assert cloud.get(f"/requests/{request_id}").json()["status"] in {"queued", "processing", "success"}


def test_a_job_outlives_a_server_that_is_killed_and_the_next_one_finds_it(environment: dict[str, str]) -> None:
    first = Server("2026-07-28", **environment)
    first.open()
    request_id = first.started_job("a fox that outlives us")
    first.end(signal.SIGKILL)
    second = Server("legacy", **environment)
    second.open()
    again = second.call("generate_video", prompt="a fox that outlives us", wait=False)
    assert (again["request_id"], again["reused"]) == (request_id, True)
    assert second.call("get_status", request_id=request_id, wait=True)["status"] == "success"
    assert second.end() == 0


class Importing(Server):
    """The server, which logs every import."""

    program = ("-X", "importtime", "-m", "gmi_video")


def test_no_database_is_imported_before_the_first_submit(environment: dict[str, str], tmp_path: Path) -> None:
    modules = ("sqlite3", "platformdirs", "psycopg")
    server = Importing("2026-07-28", GMI_LEDGER_URL=f"sqlite://{tmp_path}/ledger.sqlite3", **environment)
    server.open()
    server.result(server.ask("tools/list"))
    server.call("list_models")
    server.call("list_requests")
    server.call("generate_video", prompt="a fox that is not made", dry_run=True)
    assert server.end() == 0
    assert not set(modules) & imported(server)
    server = Importing("2026-07-28", GMI_LEDGER_URL=f"sqlite://{tmp_path}/ledger.sqlite3", **environment)
    server.open()
    server.call("generate_video", prompt="a fox that is made", wait=False)
    assert server.end() == 0
    assert set(modules) & imported(server) == {"sqlite3"}, "no module but the store's own"


def test_what_the_first_call_needs_is_loaded_after_the_tools_were_listed_and_nothing_is_sent(era: str) -> None:
    with stdio.event_loop() as portal, stdio.cloud(portal) as queue:
        server = Importing(era, **queue.environment(GMI_LEDGER_URL="none"))
        server.open()
        server.result(server.ask("tools/list"))
        assert "httpcore" not in imported(server)
        for module in ("jsonschema", "httpcore"):
            server.logged(f"| {module}\n")
        assert server.end() == 0
        assert not queue.sim.calls


def imported(server: Server) -> set[str]:
    lines = server.stderr.splitlines()
    return {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}


@pytest.mark.parametrize("era", ERAS)
def test_an_unknown_prompt_is_answered_and_leaves_nothing_on_stderr(environment: dict[str, str], era: str) -> None:
    server = Server(era, **environment)
    server.open()
    server.ask("prompts/get", name="none")
    error = server.message()["error"]
    assert (error["code"], error["message"]) == (-32602, "Unknown prompt: “none”. There are: direct_video, storyboard.")
    assert server.end() == 0
    assert server.stderr == ""


def test_a_misspelt_setting_is_named_at_the_start_and_a_foreign_one_too(environment: dict[str, str]) -> None:
    server = Server("legacy", GMI_SPENDING_LIMIT_USD="1", GMI_MODEL="kimi", **environment)
    server.open()
    answer = server.call("generate_video", prompt="a fox")
    assert "GMI_SPENDING_LIMIT_USD is not a setting" in answer["error"]["message"]
    assert "GMI_MODEL" not in answer["error"]["message"]
    assert server.end() == 0
    assert "GMI_SPENDING_LIMIT_USD is not a setting of this server; the nearest is GMI_SPEND_LIMIT_USD" in server.stderr
    assert "GMI_MODEL is not a setting of this server and is ignored" in server.stderr


def test_without_a_key_it_starts_lists_its_tools_and_says_where_to_put_one() -> None:
    server = Server("legacy")
    server.open()
    assert server.result(server.ask("tools/list"))["tools"]
    answer = server.call("list_requests")
    assert "GMI_API_KEY is not set" in answer["error"]["message"]
    assert "`env` block" in answer["next_step"]
    assert server.end() == 0
    assert "GMI_API_KEY is not set" in server.stderr


# -- what an operator can get wrong: in process, for every tool ------------------------------------------------------

ENDPOINTS: tuple[Endpoint, ...] = ("submit", "get", "list", "models", "model")
CALLS: dict[str, dict[str, Any]] = {
    "generate_video": {"prompt": "a fox"},
    "get_status": {"request_id": "550e8400-e29b-41d4-a716-446655440000"},
    "list_requests": {},
    "list_models": {},
}


class SetUp(NamedTuple):
    """A wrong set-up, and what the answer must hold of it."""

    environment: dict[str, str]
    fault: Fault | None
    says: str
    advises: str


SET_UPS = {
    "no key": SetUp({"GMI_API_KEY": ""}, None, "GMI_API_KEY is not set", "`env` block"),
    "a placeholder": SetUp({"GMI_API_KEY": "${user_config.key}"}, None, "GMI_API_KEY is not set", "`env` block"),
    "an example's": SetUp({"GMI_API_KEY": "YOUR-GMI-CLOUD-API-KEY"}, None, "still holds a placeholder", "`env` block"),
    "a wrong key": SetUp({"GMI_API_KEY": "another-that-must-not-leak"}, None, "did not accept", "GMI_API_KEY"),
    "a dead host": SetUp({}, "refused", "could not be reached", "GMI_BASE_URL"),
    "an HTML page": SetUp({}, "502_html", "HTTP 502", "again"),
    "the wrong host": SetUp({}, "405", "HTTP 405", "GMI_BASE_URL"),
}


@pytest.mark.anyio
@pytest.mark.parametrize("tool", CALLS)
@pytest.mark.parametrize("wrong", SET_UPS.values(), ids=SET_UPS)
async def test_a_wrong_set_up_is_a_tool_error_that_says_what_to_do(
    world: World, caplog: pytest.LogCaptureFixture, tool: str, wrong: SetUp
) -> None:
    caplog.set_level("DEBUG")
    for endpoint in ENDPOINTS if wrong.fault else ():
        world.sim.fail(endpoint, wrong.fault or "refused", times=None)
    async with world.host(world.server(**wrong.environment)) as host:
        answer = await host.call_error(tool, **CALLS[tool])
    assert wrong.says in answer["error"]["message"]
    assert wrong.advises in answer["next_step"]
    assert not world.sim.jobs
    for secret in (KEY, "must-not-leak"):
        assert secret not in json.dumps(answer)
        assert secret not in caplog.text

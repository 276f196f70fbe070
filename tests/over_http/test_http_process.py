"""`gmi-video-mcp serve --http` as a process: what keeps it from starting, its health, its log, and its end."""

import json
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from gmi_video.http.connections import MOST, SPARE_DESCRIPTORS
from gmi_video.http.policy import Refused, policy_for
from gmi_video.settings import Settings
from gmi_video.simulator import Script
from gmi_video.simulator.serve import running
from tests.conftest import ERAS, KEY
from tests.full import FULL, in_full

from .servers import LISTED, REMOTE, SECONDS, TOKEN, Process, served, simulator
from .test_http_calls import until

pytestmark = pytest.mark.anyio

CONNECTIONS = 10_000 if FULL else 2_000

EVERYWHERE = "0.0.0.0"  # noqa: S104 - the address that is to be refused


# -- what keeps it from starting -----------------------------------------------------------------------------------


def refused(address: str, **environment: str) -> str:
    with pytest.raises(Refused) as found:
        policy_for(Settings.from_environment(environment, remote=True), address)
    return str(found.value)


@pytest.mark.parametrize("address", [EVERYWHERE, "::", "192.0.2.1", "video.example.com", ""])
@pytest.mark.parametrize("missing", REMOTE)
def test_on_an_address_that_others_can_reach_each_missing_setting_is_named(address: str, missing: str) -> None:
    said = refused(address, **{name: value for name, value in REMOTE.items() if name != missing})
    assert f"{missing} is not set" in said
    assert sum(name in said for name in REMOTE) == 1
    assert "which other machines can reach" in said


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "LOCALHOST"])
def test_on_loopback_nothing_is_needed(address: str) -> None:
    assert policy_for(Settings.from_environment({}, remote=True), address).token == b""


WRONG = [
    ("GMI_MCP_TOKEN", "short"),
    ("GMI_MCP_TOKEN", "a token with spaces in it"),
    ("GMI_MCP_TOKEN", "YOUR-TOKEN-GOES-HERE"),
    ("GMI_MCP_TOKEN", "${GMI_MCP_TOKEN}"),
    ("GMI_MCP_ALLOWED_HOSTS", "*"),
    ("GMI_MCP_ALLOWED_HOSTS", "https://video.example.com"),
    ("GMI_MCP_ALLOWED_HOSTS", "good.example.com, *.example.com"),
    ("GMI_MCP_ALLOWED_ORIGINS", "*"),
    ("GMI_MCP_ALLOWED_ORIGINS", "app.example.com"),
    ("GMI_MCP_ALLOWED_ORIGINS", "https://app.example.com/path"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_what_can_not_be_read_is_named(name: str, value: str) -> None:
    said = refused(EVERYWHERE, **REMOTE | {name: value})
    assert said.count("\n- ") == 1
    assert name in said
    assert name != "GMI_MCP_TOKEN" or value not in said, "it may be a secret"


def test_a_token_that_the_host_has_not_filled_in_does_not_mean_that_none_is_needed() -> None:
    assert "GMI_MCP_TOKEN holds a placeholder" in refused("127.0.0.1", GMI_MCP_TOKEN="${TOKEN}")


def test_no_web_page_can_be_said_and_then_none_may_call() -> None:
    policy = policy_for(
        Settings.from_environment(REMOTE | {"GMI_MCP_ALLOWED_ORIGINS": "none"}, remote=True), EVERYWHERE
    )
    assert policy.origins == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--http", "--host", EVERYWHERE], "GMI_MCP_TOKEN is not set"),
        (["--http", "--path", "mcp"], "--path must begin with a slash"),
        (["--http", "--path", "/healthz"], "--path must begin with a slash"),
        (["--http", "--name", "copy 1"], "--name may have letters, digits, - and _"),
        (["--http", "--host", "192.0.2.1.invalid"], "GMI_MCP_TOKEN is not set"),
        (["--port", "1"], "add --http"),
        (["--http", "--port", "70000"], "Can't listen on 127.0.0.1 port 70000"),
    ],
)
def test_it_does_not_start_and_says_why(arguments: list[str], said: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "gmi_video", "serve", *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


@pytest.mark.slow
def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", "gmi_video", "serve", "--http", "--port", port],
            capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
    assert (done.returncode, f"port {port}: Address already in use" in done.stderr) == (2, True)


# -- health --------------------------------------------------------------------------------------------------------


async def health(client: httpx.AsyncClient) -> tuple[int, int]:
    return (await client.get("/healthz")).status_code, (await client.get("/readyz")).status_code


async def test_health_needs_no_token_no_host_and_asks_the_queue_nothing() -> None:
    sim = simulator()
    async with (
        served(sim, REMOTE, address=EVERYWHERE) as server,
        httpx.AsyncClient(base_url=server.url, headers={"Host": "10.1.2.3:8765"}) as client,
    ):
        assert await health(client) == (200, 200)
        assert (await client.post("/healthz")).status_code == 421
    assert not sim.calls


@pytest.mark.parametrize(
    "environment",
    [{"GMI_BASE_URL": "ftp://queue"}, {"GMI_API_KEY": "YOUR-GMI-CLOUD-API-KEY"}, {"GMI_SPENDING_LIMIT_USD": "5"}],
    ids=str,
)
async def test_with_a_wrong_setting_it_is_up_and_not_ready(environment: dict[str, str]) -> None:
    async with served(simulator(), environment) as server, server.client() as client:
        assert await health(client) == (200, 503)


async def test_with_a_ledger_that_can_not_be_used_it_is_not_ready(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    ledger = f"sqlite://{tmp_path}/file/ledger.sqlite3"
    async with served(simulator(), GMI_LEDGER_URL=ledger) as server, server.client() as client:
        assert await health(client) == (200, 503)


async def test_without_a_ledger_by_choice_it_is_ready() -> None:
    async with served(simulator(), GMI_LEDGER_URL="none") as server, server.client() as client:
        assert await health(client) == (200, 200)


# -- metrics -------------------------------------------------------------------------------------------------------


async def test_metrics_tell_submits_looks_waits_faults_and_dollars_and_no_secret(era: str) -> None:
    sim = simulator()
    sim.fail("list", "503")
    async with served(sim, with_metrics=True) as server:
        async with server.host(era) as host:
            made = await host.call_ok("generate_video", prompt="a secret fox")
        async with server.client() as client:
            text = (await client.get("/metrics")).text
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert values["gmi_video_submits_total"] == "1.0"
    assert values["gmi_video_jobs_total"] == "1.0"
    assert float(values["gmi_video_dollars_total"]) == made["estimated_cost_usd"]
    assert values["gmi_video_waits_total"] == "1.0"
    assert values["gmi_video_waiting"] == "0.0"
    assert values['gmi_video_faults_total{call="list",fault="http_5xx"}'] == "1.0"
    assert float(values["gmi_video_looks_total"]) >= 3
    assert values["gmi_video_accounts"] == "1.0"
    for secret in (KEY, made["request_id"], "fox"):
        assert secret not in text


async def test_metrics_need_the_token_and_the_flag() -> None:
    async with served(simulator(), with_metrics=True, GMI_MCP_TOKEN=TOKEN) as server:
        async with httpx.AsyncClient(base_url=server.url) as client:
            assert (await client.get("/metrics")).status_code == 401
        async with server.client() as client:
            assert (await client.get("/metrics")).status_code == 200
    async with served(simulator()) as server, server.client() as client:
        assert (await client.get("/metrics")).status_code == 404


# -- the process ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "how", [pytest.param(signal.SIGTERM, id="SIGTERM"), pytest.param(signal.SIGINT, id="SIGINT", marks=in_full)]
)
async def test_the_process_ends_with_calls_open_and_the_next_one_goes_on(
    tmp_path: Path, era: str, how: signal.Signals
) -> None:
    sim = simulator()
    sim.script("Luma-Ray2", Script.stuck())
    async with running(sim):
        environment = {
            "GMI_API_KEY": KEY,
            "GMI_BASE_URL": sim.api_url,
            "GMI_LOG_LEVEL": "DEBUG",
            "GMI_MCP_TOKEN": TOKEN,
        }
        process = Process("--path", "/video", "--metrics", log=tmp_path / "log", **environment)
        server = await process.up()
        assert server.path == "/video"
        answers: list[dict[str, Any]] = []
        async with anyio.create_task_group() as tasks:
            answered = anyio.Event()

            async def call(era: str) -> None:
                async with server.host(era) as host:
                    await host.client.list_tools()
                    answers.append(await host.call_ok("generate_video", prompt=f"a fox of {era}"))
                    if len(answers) == len(ERAS):
                        answered.set()
                    await answered.wait()

            for each in ERAS:
                tasks.start_soon(call, each)
            async with server.client() as client:
                with anyio.fail_after(SECONDS):
                    while "gmi_video_waiting 2.0" not in (await client.get("/metrics")).text:  # noqa: ASYNC110 - another process
                        await anyio.sleep(0.05)
            process.signal(how)
            assert await process.ended() == 0
        assert sorted(answer["request_id"] for answer in answers) == sorted(job.request_id for job in sim.jobs)
        second = Process(log=tmp_path / "second", **environment)
        async with (await second.up()).host(era) as host:
            again = await host.call_ok("generate_video", prompt=f"a fox of {era}", wait=False)
        second.signal(how)
        assert await second.ended() == 0
    assert again["reused"]
    assert len(sim.jobs) == len(ERAS)
    assert KEY not in process.log + second.log
    assert TOKEN not in process.log + second.log
    assert "Traceback" not in process.log + second.log
    assert "gmi_video.access: 127.0.0.1 POST /video 200" in process.log


@pytest.mark.slow
@in_full
async def test_a_process_that_hangs_in_a_submit_ends_all_the_same(tmp_path: Path) -> None:
    sim = simulator()
    async with running(sim):
        process = Process(log=tmp_path / "log", GMI_API_KEY=KEY, GMI_BASE_URL=sim.api_url)
        server = await process.up()
        pause = sim.pause_at("submit:made")
        async with server.client() as client, anyio.create_task_group() as tasks:
            call = json.loads(json.dumps(LISTED))
            call["headers"] |= {"mcp-method": "tools/call", "mcp-name": "generate_video"}
            call["json"]["method"] = "tools/call"
            call["json"]["params"] |= {"name": "generate_video", "arguments": {"prompt": "a fox"}}

            async def post() -> None:
                assert (await client.post("/mcp", **call)).status_code == 503

            tasks.start_soon(post)
            await pause.reached()
            process.signal()
            assert await process.ended() == 0
        pause.release()
    assert len(sim.jobs) == 1


def descriptors(process: Process) -> int:
    return len(list(Path(f"/proc/{process.pid}/fd").iterdir()))


@pytest.mark.slow
@pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_NOFILE)[0] < CONNECTIONS + 500, reason="this process may not have as many"
)
async def test_thousands_of_idle_connections_are_bounded_and_calls_go_on(tmp_path: Path) -> None:
    sim = simulator()
    async with running(sim):
        process = Process(log=tmp_path / "log", GMI_API_KEY=KEY, GMI_BASE_URL=sim.api_url)
        server = await process.up()
        streams = [await anyio.connect_tcp("127.0.0.1", server.port) for _ in range(CONNECTIONS)]
        async with server.host(ERAS[1]) as host:
            await host.call_ok("list_requests")
        assert descriptors(process) < MOST + SPARE_DESCRIPTORS
        for stream in streams:
            await stream.aclose()
        await until(lambda: descriptors(process) < 100)
        process.signal()
        assert await process.ended() == 0
    assert "Traceback" not in process.log

"""API keys over HTTP: whose pays, and that nothing of one caller's reaches another, however their calls interleave."""

import re
from collections.abc import Sequence
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gmi_video.http import accounts
from gmi_video.settings import Settings
from gmi_video.simulator import Simulator
from tests.conftest import ERAS, KEY, Host
from tests.full import FULL

from .servers import LISTED, SECONDS, error_of, message, served, simulator

pytestmark = pytest.mark.anyio

OTHER = "another-key-eyJhbGciOi-must-not-leak-either"


def two() -> dict[str, Simulator]:
    return {KEY: simulator(KEY, seed=1), OTHER: simulator(OTHER, seed=2)}


# -- whose key -----------------------------------------------------------------------------------------------------


async def test_without_a_key_of_its_own_each_caller_pays_with_theirs(era: str) -> None:
    sims = two()
    async with served(sims) as server:
        for key in sims:
            async with server.host(era, key=key) as host:
                await host.call_ok("generate_video", prompt="a fox")
    assert [len(sim.jobs) for sim in sims.values()] == [1, 1]


async def test_a_caller_without_a_key_sees_the_tools_and_is_told_where_it_belongs(era: str) -> None:
    sims = two()
    async with served(sims) as server, server.host(era) as host:
        assert len((await host.client.list_tools()).tools) == 4
        answer = await host.call_error("generate_video", prompt="a fox")
    assert "the header X-GMI-API-Key held none" in answer["error"]["message"]
    assert "header X-GMI-API-Key of this server's entry" in answer["next_step"]
    assert not any(sim.calls for sim in sims.values())


@pytest.mark.parametrize("key", ["YOUR-GMI-CLOUD-API-KEY", "${GMI_API_KEY}", "<key>", "k" * 5000, "ké"])
async def test_what_is_no_key_is_named_and_not_sent(key: str) -> None:
    sims = two()
    async with served(sims) as server, server.client() as client:
        call: dict[str, Any] = message(ERAS[1], "tools/call", name="list_requests", arguments={})
        call["headers"]["X-GMI-API-Key"] = key.encode("latin-1")
        answer = (await client.post("/mcp", **call)).text
    assert re.search(r"X-GMI-API-Key holds a (placeholder|character that no key has)", answer)
    assert key not in answer
    assert not any(sim.calls for sim in sims.values())


async def test_a_wrong_key_is_told_to_its_caller_only() -> None:
    sims = two()
    async with served(sims) as server:
        async with server.host(ERAS[1], key="a-wrong-key-0123456789") as wrong:
            answer = await wrong.call_error("list_requests")
        assert "header X-GMI-API-Key of this server's entry" in answer["next_step"]
        assert "GMI_API_KEY" not in str(answer)
        async with server.host(ERAS[1], key=KEY) as right:
            await right.call_ok("list_requests")


async def test_a_wrong_key_of_the_server_is_for_whoever_runs_it() -> None:
    sim = simulator()
    async with served(sim) as server, server.host(ERAS[1]) as host:
        sim.api_key = "a-key-that-was-made-anew"
        answer = await host.call_error("list_requests")
    assert "whoever runs this server has to check its GMI_API_KEY" in answer["next_step"]


async def test_a_server_with_a_key_of_its_own_refuses_a_callers_instead_of_paying_with_its_own() -> None:
    sim = simulator()
    async with served(sim) as server, server.client(OTHER) as client:
        answer = await client.post("/mcp", **LISTED)
    assert answer.status_code == 400
    assert "leave out X-GMI-API-Key" in error_of(answer)
    assert not sim.calls


async def test_files_of_the_servers_machine_are_out_of_reach(era: str, tmp_path: Any) -> None:
    (tmp_path / "secret.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    sim = simulator()
    async with served(sim, GMI_IMAGE_DIRS=str(tmp_path)) as server, server.host(era) as host:
        tools = {tool.name: tool for tool in (await host.client.list_tools()).tools}
        assert str(tmp_path) not in str(tools["generate_video"])
        for name in ("secret.png", "none.png"):
            answer = await host.call_error("generate_video", prompt="a fox", frame0_image=str(tmp_path / name))
            assert "does not run on the user's machine" in answer["error"]["message"]
            assert "GMI_IMAGE_DIRS" not in str(answer), "no setting would help"
    assert not any(call.endpoint.startswith("upload") for call in sim.calls)


def test_the_settings_that_have_no_effect_are_named() -> None:
    environment = {"GMI_IMAGE_DIRS": "/pictures", "GMI_OUTPUT_DIR": "/videos"}
    shared = Settings.from_environment(environment, remote=True)
    assert [re.findall(r"GMI_\w+", warning)[0] for warning in shared.warnings] == list(environment)
    assert (shared.image_dirs, shared.output_dir, shared.problems) == ((), "", ())
    own = Settings.from_environment(environment | {"GMI_API_KEY": KEY}, remote=True)
    assert own.output_dir == "/videos", "the videos of the server's own key are its operator's"


# -- two callers ---------------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from([KEY, OTHER]),
        st.sampled_from(ERAS),
        st.sampled_from(["make", "wait", "status", "list", "foreign", "resources", "read", "task", "break off"]),
        st.integers(0, 3),
    ),
    min_size=4,
    max_size=14,
)
"""Who calls, in which era, what, and about which prompt. Both callers ask for the same prompts."""


class Caller:
    """One caller: what it was told, which must be of its own account only."""

    def __init__(self, key: str, sims: dict[str, Simulator]) -> None:
        self.mine = sims[key]
        (self.foreign,) = (sim for other, sim in sims.items() if other != key)
        self.told: list[str] = []

    async def do(self, host: Host, what: str, number: int) -> None:
        prompt = f"video number {number}"
        if what == "make":
            await host.call_ok("generate_video", prompt=prompt, wait=False)
        elif what == "wait":
            await host.call_ok("generate_video", prompt=prompt)
        elif what == "break off":
            with anyio.move_on_after(0.02):
                await host.call("generate_video", prompt=prompt)
        elif what == "list":
            await host.call_ok("list_requests", limit=100)
        elif what == "resources":
            self.told.append(str(await host.client.list_resources()))
        elif what == "status" and self.mine.jobs:
            await host.call_ok("get_status", request_id=self.mine.jobs[-1].request_id)
        elif what in {"foreign", "task", "read"} and self.foreign.jobs:
            # Its id alone must not open it.
            job = self.foreign.jobs[-1].request_id
            if what == "foreign":
                answer = await host.call_error("get_status", request_id=job, wait=True)
                assert "video_url" not in answer
            else:
                with pytest.raises(Exception, match=r"(?i)does not exist|not found|unknown|no request"):
                    await host.client.read_resource(f"gmi-video://requests/{job}/outcome")
        self.told += [str(result) for result in host.results]
        self.told += [str(said) for said in host.progress]


@pytest.mark.slow
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@given(steps=STEPS)
@settings(
    max_examples=60 if FULL else 4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_two_callers_in_any_order_never_see_the_others(
    steps: Sequence[tuple[str, str, str, int]], tmp_path_factory: pytest.TempPathFactory, anyio_backend: str
) -> None:
    assert anyio_backend == "asyncio"
    sims = two()
    callers = {key: Caller(key, sims) for key in sims}
    ledger = f"sqlite://{tmp_path_factory.mktemp('ledger')}/ledger.sqlite3"
    async with served(sims, GMI_LEDGER_URL=ledger) as server, anyio.create_task_group() as tasks:

        async def step(key: str, era: str, what: str, number: int) -> None:
            with anyio.fail_after(SECONDS):
                async with server.host(era, key=key) as host:
                    await callers[key].do(host, what, number)

        for given_step in steps:
            tasks.start_soon(step, *given_step)
            await anyio.sleep(0.002)
    for key, caller in callers.items():
        (other,) = sims.keys() - {key}
        told = " ".join(caller.told)
        for job in caller.foreign.jobs:
            shown = told.replace(f"request {job.request_id} does not exist", "")
            assert f"/films/{job.request_id}" not in shown
        assert other not in told
        assert key not in told
        prompts = [job.payload["prompt"] for job in caller.mine.jobs]
        assert len(prompts) == len(set(prompts)), "each video once for each account"
        assert all(call.has_authorization for call in caller.mine.calls if call.endpoint != "film")


async def test_a_session_of_one_key_is_none_for_another() -> None:
    async with served(two()) as server, server.client(KEY) as mine, server.client(OTHER) as theirs:
        asked = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
        begun = await mine.post("/mcp", **message(ERAS[0], "initialize", **asked))
        session = {"mcp-session-id": begun.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
        listing: dict[str, Any] = message(ERAS[0], "tools/list")
        listing["headers"] |= session
        assert (await theirs.post("/mcp", **listing)).status_code == 404
        assert (await theirs.delete("/mcp", headers=session)).status_code == 404
        assert (await mine.post("/mcp", **listing)).status_code == 200


# -- how many ------------------------------------------------------------------------------------------------------


async def test_the_account_that_was_used_least_recently_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "MAX_ACCOUNTS", 2)
    monkeypatch.setattr(accounts, "EVICT_SECONDS", 0.0)
    sims = {f"{KEY}-{number}": simulator(f"{KEY}-{number}", seed=number) for number in range(4)}
    async with served(sims, with_metrics=True) as server:
        for _ in range(2):
            for key in sims:
                async with server.host(ERAS[1], key=key) as host:
                    await host.call_ok("generate_video", prompt="a fox", wait=False)
        async with server.client() as client:
            metrics = (await client.get("/metrics")).text
    assert [len(sim.jobs) for sim in sims.values()] == [1, 1, 1, 1], "what a closed account paid is in the ledger"
    assert "gmi_video_accounts 2.0" in metrics
    assert "gmi_video_jobs_total 4.0" in metrics, "closed accounts are counted"


async def test_more_keys_than_there_is_room_for_are_refused_while_all_are_in_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(accounts, "MAX_ACCOUNTS", 2)
    async with served(two()) as server:
        for key, status in ((KEY, 200), (OTHER, 200), ("a-third-key-0123456789", 503), (KEY, 200)):
            async with server.client(key) as client:
                assert (await client.post("/mcp", **LISTED)).status_code == status


@pytest.mark.parametrize("name", ["MAX_CALLS", "MAX_CALLS_EACH"])
async def test_more_calls_than_there_is_room_for_are_refused_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(accounts, name, 1)
    sim = simulator()
    answers: list[int] = []
    async with served(sim) as server, server.client() as client, anyio.create_task_group() as tasks:
        pause = sim.pause_at("list:received")

        async def call() -> None:
            asked = message(ERAS[1], "tools/call", name="list_requests", arguments={})
            answers.append((await client.post("/mcp", **asked)).status_code)

        tasks.start_soon(call)
        await pause.reached()
        refused = await client.post("/mcp", **LISTED)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        pause.release()
    assert answers == [200]


async def test_more_sessions_than_there_is_room_for_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "MAX_SESSIONS", 2)
    asked = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
    async with served(two()) as server, server.client(KEY) as one, server.client(OTHER) as other:
        clients = [one, other, one, other]
        statuses = [
            (await client.post("/mcp", **message(ERAS[0], "initialize", **asked))).status_code for client in clients
        ]
        assert statuses == [200, 200, 503, 503]
        assert (await one.post("/mcp", **LISTED)).status_code == 200, "2026-07-28 has no sessions"

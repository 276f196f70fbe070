"""Three copies of the server behind nginx, with one ledger in PostgreSQL: calls go on whatever copy they come to."""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from gmi_video.simulator import Simulator
from gmi_video.simulator.serve import running
from tests.conftest import ERAS, KEY, per_video
from tests.full import in_full
from tests.postgres import Postgres

from .proxies import NEEDS_NGINX, Fleet, fleet
from .servers import LISTED, SECONDS, TOKEN, Process, Served, message, served, simulator
from .test_http_attacks import HIDDEN, SMUGGLED, head
from .test_http_calls import until

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

LEGACY, MODERN = ERAS
DOLLAR = "One-Dollar"
CLIENTS, LIMIT = 16, 6


# -- the name of a copy --------------------------------------------------------------------------------------------


async def begun(client: httpx.AsyncClient) -> str:
    """The id of a new session."""
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "by-hand", "version": "1"}}
    answer = await client.post("/mcp", **message(LEGACY, "initialize", **hello))
    assert answer.status_code == 200, answer.text
    return answer.headers["mcp-session-id"]


async def listed(client: httpx.AsyncClient, session: str) -> int:
    asked = message(LEGACY, "tools/list")
    asked["headers"] |= {"mcp-session-id": session, "mcp-protocol-version": "2025-11-25"}
    return (await client.post("/mcp", **asked)).status_code


async def test_a_session_ends_with_the_name_of_its_copy_and_is_none_of_another() -> None:
    async with served(simulator(), name="copy1") as one, served(simulator(), name="copy2") as two:
        async with one.client() as here, two.client() as there:
            session = await begun(here)
            assert session.endswith(".copy1")
            assert [await listed(client, session) for client in (here, there)] == [200, 404]
            for other in (session.removesuffix(".copy1") + ".copy2", session + ".copy1", ".copy1", session[:-1]):
                assert await listed(here, other) == 404
                assert await listed(there, other) == 404
        async with one.host(LEGACY) as host:
            await host.call_ok("list_requests")


# -- behind the proxy ----------------------------------------------------------------------------------------------


def settings(sim: Simulator, ledger_url: str, **more: str) -> dict[str, str]:
    return {
        "GMI_API_KEY": KEY,
        "GMI_BASE_URL": sim.api_url,
        "GMI_LEDGER_URL": ledger_url,
        "GMI_MCP_TOKEN": TOKEN,
        "GMI_MAX_REQUESTS_PER_SECOND": "100",
    } | more


async def patiently(server: Served, era: str, tool: str, **arguments: Any) -> dict[str, Any]:
    """A call of an assistant whose host connects again where its session or its stream has ended, and calls again."""
    with anyio.fail_after(SECONDS):
        while True:
            try:
                async with server.host(era) as host:
                    return await host.call(tool, **arguments)
            except Exception as error:  # noqa: BLE001 - whatever a client makes of a server that is gone
                last = error
            assert "401" not in str(last)
            await anyio.sleep(0.1)


@NEEDS_NGINX
async def test_every_copy_gets_its_share_and_a_session_stays_where_it_began(postgres: Postgres, tmp_path: Path) -> None:
    sim = simulator()
    database = postgres.new_database()
    async with (
        running(sim),
        fleet(tmp_path, **settings(sim, postgres.url(database))) as three,
        three.proxy.client() as client,
    ):
        sessions = [await begun(client) for _ in range(9)]
        shares = Counter(session.rpartition(".")[2] for session in sessions)
        assert len(shares) == 3
        for session in sessions * 2:
            assert await listed(client, session) == 200
        gone = "copy2"
        three.kill(three.copies[1])
        for session in sessions:
            assert await listed(client, session) == (404 if session.endswith(gone) else 200)
        anew = {(await begun(client)).rpartition(".")[2] for _ in range(6)}
        assert anew == {"copy1", "copy3"}


@NEEDS_NGINX
async def test_no_request_is_smuggled_past_the_proxy_into_a_connection_that_others_use(
    postgres: Postgres, tmp_path: Path
) -> None:
    sim = simulator()
    hidden = HIDDEN.replace(b"POST /mcp", b"GET /hidden")
    environment = settings(sim, postgres.url(postgres.new_database()), GMI_LOG_LEVEL="INFO")
    async with running(sim), fleet(tmp_path, **environment) as three:

        def seen() -> int:
            # The proxy passes only two paths on: whatever else a copy answers came inside another request.
            return sum(copy.log.count(" (other) ") for copy in three.copies)

        for way, (lines, rest) in SMUGGLED.items():
            attack = head(*lines, "Connection: close") + rest.replace(HIDDEN, hidden)
            answer = await three.proxy.raw(attack)
            assert answer.count(b"HTTP/1.1") <= 1, (way, answer)
            async with three.proxy.client() as client:
                # One for each copy, over the connections that the attack may have used.
                assert [(await client.post("/mcp", **LISTED)).status_code for _ in three.copies] == [200] * 3, way
            assert not seen(), way
        # That it would be seen: without the proxy, what follows a request is the next one.
        direct = await three.copies[0].up()
        body = b"{}"
        await direct.raw(head(f"Content-Length: {len(body)}", path="/healthz", method="GET") + body + hidden)
        assert seen() == 1
        assert not [call for call in sim.calls if call.endpoint == "submit"]


@NEEDS_NGINX
async def test_a_post_whose_copy_is_killed_in_its_submit_is_answered_by_another_with_the_same_job(
    postgres: Postgres, tmp_path: Path
) -> None:
    # One copy has submitted, has no answer yet, and dies: the proxy sends the same POST to another one.
    sim = simulator()
    database = postgres.new_database()
    async with running(sim), fleet(tmp_path, **settings(sim, postgres.url(database))) as three:
        answers: list[dict[str, Any]] = []

        async def call() -> None:
            async with three.proxy.host(MODERN) as host:
                answers.append(await host.call_ok("generate_video", prompt="a fox", wait=False))

        with sim.pause_at("submit:made") as pause:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(call)
                await pause.reached()
                three.kill(submitting(three, postgres, database))
                pause.release()
        (job,) = sim.jobs
        assert [(answer["request_id"], answer["reused"]) for answer in answers] == [(job.request_id, True)]
        for era in ERAS:
            again = await patiently(three.proxy, era, "generate_video", prompt="a fox")
            assert (again["request_id"], again["reused"], again["status"]) == (job.request_id, True, "success")
            done = await patiently(three.proxy, era, "get_status", request_id=job.request_id, wait=True)
            assert done["status"] == "success"
    assert len(sim.jobs) == 1


def submitting(three: Fleet, postgres: Postgres, database: str) -> Process:
    """The copy that submits, by the ledger: an intent has the id of its process."""
    rows = postgres.execute(database, "SELECT owner FROM gmi_video_intents WHERE state = 'sending'")
    (pid,) = {int(owner.split(":")[1]) for (owner,) in rows}
    return next(copy for copy in three.copies if copy.pid == pid)


@NEEDS_NGINX
@in_full
@pytest.mark.parametrize("era", ERAS)
async def test_while_a_copy_is_killed_no_job_is_double_none_lost_and_the_limit_kept_to_the_cent(
    postgres: Postgres, tmp_path: Path, era: str
) -> None:
    sim = simulator(takes=1)
    database = postgres.new_database()
    sim.add_model(per_video(DOLLAR, 1_000_000))
    answers: dict[str, dict[str, Any]] = {}
    async with (
        running(sim),
        fleet(tmp_path, **settings(sim, postgres.url(database), GMI_SPEND_LIMIT_USD=str(LIMIT))) as three,
    ):

        async def client(number: int) -> None:
            prompt = f"fox number {number}"
            # An answer that is no refusal and has no job yet: an assistant makes the same call again.
            call = partial(patiently, three.proxy, era, "generate_video", prompt=prompt, model=DOLLAR)
            for _ in range(20):
                answer = answers[prompt] = await call()
                limited = "GMI_SPEND_LIMIT_USD" in str(answer.get("error"))
                if limited or answer.get("is_final") or answer.get("status") == "unknown":
                    return
                await anyio.sleep(0.2)

        async with anyio.create_task_group() as tasks:
            for number in range(CLIENTS):
                tasks.start_soon(client, number)
            await until(lambda: len(sim.jobs) >= LIMIT // 2)
            three.kill(three.copies[0])
        made = {job.payload["prompt"]: job.request_id for job in sim.jobs}
        assert len(made) == len(sim.jobs) <= LIMIT, "no video was paid twice, and not a cent above the limit"
        told = {prompt: answer["request_id"] for prompt, answer in answers.items() if "request_id" in answer}
        assert told == made, "every job was told to its caller"
        # A submit that was cut off on its way holds its dollar until the list has shown for 15 min that it made none.
        unknown = [answer for answer in answers.values() if answer.get("status") == "unknown"]
        assert len(made) + len(unknown) == LIMIT, answers
        refused = [answer for answer in answers.values() if "GMI_SPEND_LIMIT_USD" in str(answer.get("error"))]
        assert len(refused) == CLIENTS - LIMIT
        for prompt, request_id in made.items():
            again = await patiently(three.proxy, era, "generate_video", prompt=prompt, model=DOLLAR)
            assert (again["request_id"], again["status"]) == (request_id, "success")
    assert len(sim.jobs) == len(made)

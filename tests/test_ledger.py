"""The ledger's operations, the same over a SQLite file, this process's memory and PostgreSQL."""

import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from gmi_video.jobs.ledger import (
    Account,
    Claimed,
    Existing,
    Ledger,
    Limit,
    OverLimit,
    PaidMeanwhile,
    operations,
    owners,
)
from gmi_video.settings import Settings

from .conftest import EPOCH, KEY
from .conftest import now as virtual_now
from .ledgers import PROMPT, QUEUE, Copies, claimed, existing
from .postgres import Postgres

# pyright: reportPrivateUsage=false
pytestmark = pytest.mark.anyio


@asynccontextmanager
async def copies_of(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Copies]:
    url = "none"
    if request.param == "file":
        url = f"sqlite://{tmp_path}/state/ledger.sqlite3"
    elif request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        url = server.url(server.new_database())
    found = Copies(url)
    yield found
    for ledger in found.all:
        await ledger.aclose()


@pytest.fixture(params=["file", "memory", "postgres"])
async def copies(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Copies]:
    """Every store, including memory, which each copy has for itself."""
    async with copies_of(request, tmp_path) as found:
        yield found


@pytest.fixture(params=["file", "postgres"])
async def shared(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Copies]:
    """The stores that copies share."""
    async with copies_of(request, tmp_path) as found:
        yield found


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


# -- the same call -----------------------------------------------------------------------------------------------


async def test_the_first_claim_wins_and_the_second_finds_it_busy(copies: Copies) -> None:
    ledger = copies.copy()
    intent = await claimed(ledger)
    assert (intent.state, intent.request_id, intent.take, intent.usd) == ("sending", "", 0, 1.0)
    assert (intent.created_at, intent.lease_until, intent.owner) == (EPOCH, EPOCH + 15, ledger.owner)
    assert await existing(ledger) == Existing(intent, busy=True)
    assert await ledger.find(PROMPT) == await ledger.get(intent.id) == Existing(intent, busy=True)
    await claimed(ledger, "a wolf")


async def test_a_made_intent_is_reused_for_an_hour(copies: Copies) -> None:
    ledger = copies.copy()
    made = await ledger.made(await claimed(ledger), "request-1")
    assert (made.state, made.request_id, made.lease_until) == ("made", "request-1", 0)
    copies.seconds += 3599
    assert await existing(ledger) == Existing(made, busy=False)
    copies.seconds += 2
    assert await ledger.find(PROMPT) is None
    assert (await claimed(ledger)).id != made.id


@pytest.mark.parametrize("settled", ["sending", "unknown"])
async def test_an_intent_without_a_result_is_found_for_a_day(copies: Copies, settled: str) -> None:
    ledger = copies.copy()
    intent = await claimed(ledger)
    if settled == "unknown":
        await ledger.unknown(intent)
    copies.seconds += 24 * 3600 - 1
    found = await existing(ledger)
    assert (found.intent.id, found.intent.state, found.busy) == (intent.id, settled, False)
    copies.seconds += 2
    await claimed(ledger)


async def test_a_refused_intent_does_not_prevent_a_claim(copies: Copies) -> None:
    ledger = copies.copy()
    intent = await claimed(ledger)
    assert (await ledger.refused(intent)).state == "refused"
    again = await claimed(ledger)
    assert again.id != intent.id


async def test_two_keys_share_no_intents(copies: Copies) -> None:
    one, other = copies.copy(), copies.copy("another-key")
    intent = await claimed(one)
    theirs = await claimed(other)
    assert (intent.account, intent.request) != (theirs.account, theirs.request)
    await other.made(theirs, "request-1")
    assert await one.request_ids() == frozenset()
    assert await one.recent() == {"sending": 1}
    assert Account("k", QUEUE, "a").id != Account("k", QUEUE, "b").id != Account("k", QUEUE + "a").id


async def test_a_claim_whose_commit_was_not_seen_is_claimed_again(copies: Copies) -> None:
    ledger = copies.copy()
    wanted = operations.ClaimRequest(ledger._new(PROMPT, 1.0), allow_duplicate=False, reuse_seconds=60, limit=None)
    first = await ledger._run(lambda session: operations.claim(session, wanted))
    assert await ledger._run(lambda session: operations.claim(session, wanted)) == first
    assert isinstance(first, Claimed)


# -- takes -------------------------------------------------------------------------------------------------------


async def test_another_take_is_a_new_intent_and_the_same_call_joins_it(copies: Copies) -> None:
    ledger = copies.copy()
    await ledger.made(await claimed(ledger), "request-0")
    first = await claimed(ledger, allow_duplicate=True)
    assert first.take == 1
    assert (await existing(ledger, allow_duplicate=True)).intent == first
    await ledger.unknown(first)
    assert (await existing(ledger, allow_duplicate=True)).intent.id == first.id
    made = await ledger.made(first, "request-1")
    assert (await existing(ledger, allow_duplicate=True)).intent == made
    await ledger.answered("request-1")
    second = await claimed(ledger, allow_duplicate=True)
    assert second.take == 2
    assert await ledger.find(PROMPT, allow_duplicate=True) == Existing(second, busy=True)


async def test_a_take_whose_caller_was_not_answered_within_the_hour_is_no_take_any_more(copies: Copies) -> None:
    ledger = copies.copy()
    await ledger.made(await claimed(ledger, allow_duplicate=True), "request-1")
    copies.seconds += 3601
    assert (await claimed(ledger, allow_duplicate=True)).take == 2


async def test_an_answer_about_the_first_video_changes_no_row(copies: Copies) -> None:
    ledger = copies.copy()
    made = await ledger.made(await claimed(ledger), "request-0")
    await ledger.answered("request-0")
    assert (await existing(ledger)).intent == made


async def test_another_take_does_not_join_the_first_video(copies: Copies) -> None:
    ledger = copies.copy()
    await claimed(ledger)
    assert (await claimed(ledger, allow_duplicate=True)).take == 1


async def test_a_plain_call_finds_the_newest_intent_that_is_made_or_busy(copies: Copies) -> None:
    ledger = copies.copy()
    first = await ledger.made(await claimed(ledger), "request-0")
    copies.seconds += 1
    take = await claimed(ledger, allow_duplicate=True)
    assert (await existing(ledger)).intent == take
    await ledger.unknown(take)
    assert (await existing(ledger)).intent == first
    made = await ledger.made(take, "request-1")
    assert (await existing(ledger)).intent == made


# -- the limit ---------------------------------------------------------------------------------------------------


async def test_a_consent_that_knew_of_fewer_payments_claims_nothing_and_a_refused_one_is_none(copies: Copies) -> None:
    ledger = copies.copy()
    assert await ledger.payments(PROMPT) == 0
    intent = await claimed(ledger)
    assert await ledger.payments(PROMPT) == 1
    assert await ledger.payments("another") == 0
    assert await copies.copy("another-key").payments(PROMPT) == 0
    await ledger.made(intent, "request-1")
    late = await ledger.claim(PROMPT, usd=1.0, allow_duplicate=True, payments=0)
    assert isinstance(late, PaidMeanwhile)
    repeat = await ledger.claim(PROMPT, usd=1.0, payments=0)
    assert isinstance(repeat, Existing), "the same video is there, whoever agreed to what"
    take = await ledger.claim(PROMPT, usd=1.0, allow_duplicate=True, payments=1)
    assert isinstance(take, Claimed)
    await ledger.refused(take.intent)
    assert await ledger.payments(PROMPT) == 1
    assert isinstance(await ledger.claim(PROMPT, usd=1.0, allow_duplicate=True, payments=1), Claimed)


async def test_a_limit_counts_intents_and_listed_requests_once(copies: Copies) -> None:
    ledger = copies.copy()
    await ledger.made(await claimed(ledger, "1"), "request-1")
    await ledger.unknown(await claimed(ledger, "2"))
    await claimed(ledger, "3")
    await ledger.refused(await claimed(ledger, "4"))
    free = await ledger.claim("5", usd=None)
    assert isinstance(free, Claimed)
    over = await ledger.claim("6", usd=1.0, limit=Limit(3.9))
    assert over == OverLimit(3.0, counted=4, undecided=3, unpriced=1)
    listed = Limit(3.9, listed_usd=1.0, listed_ids=frozenset({"request-1", "request-0"}))
    assert await ledger.claim("6", usd=1.0, limit=listed) == OverLimit(3.0, counted=3, undecided=3, unpriced=1)
    # Below the limit too: what the one without a price costs could go above it.
    assert await ledger.claim("6", usd=1.0, limit=Limit(9.0)) == OverLimit(3.0, counted=4, undecided=3, unpriced=1)
    await ledger.refused(free.intent)
    assert isinstance(await ledger.claim("6", usd=1.0, limit=Limit(4.0)), Claimed)


async def test_a_limit_is_for_the_last_day(copies: Copies) -> None:
    ledger = copies.copy()
    await ledger.made(await claimed(ledger), "request-1")
    copies.seconds += 24 * 3600 - 1
    assert isinstance(await ledger.claim("2", usd=1.0, limit=Limit(1.0)), OverLimit)
    copies.seconds += 2
    assert isinstance(await ledger.claim("2", usd=1.0, limit=Limit(1.0)), Claimed)


async def test_an_existing_intent_is_within_any_limit_and_a_limit_needs_a_price(copies: Copies) -> None:
    ledger = copies.copy()
    await claimed(ledger)
    assert isinstance(await ledger.claim(PROMPT, usd=1.0, limit=Limit(0.0)), Existing)
    with pytest.raises(ValueError, match="price"):
        await ledger.claim(PROMPT, usd=None, limit=Limit(1.0))


# -- leases ------------------------------------------------------------------------------------------------------


async def test_a_lease_is_renewed_until_the_intent_is_settled(copies: Copies) -> None:
    ledger = copies.copy()
    intent = await claimed(ledger)
    copies.seconds += 10
    renewed = await ledger.renew(intent)
    assert renewed == replace(intent, updated_at=copies.seconds, lease_until=copies.seconds + 15)
    copies.seconds += 10
    assert (await existing(ledger)).busy
    await ledger.refused(intent)
    assert await ledger.renew(intent) is None
    await claimed(ledger)


async def test_an_abandoned_intent_is_adopted_by_one_process(shared: Copies) -> None:
    first, second, third = shared.copy(), shared.copy(), shared.copy()
    intent = await claimed(first)
    assert await second.adopt(intent) is None
    shared.seconds += 16
    adopted = await second.adopt(intent)
    assert adopted
    assert (adopted.id, adopted.state, adopted.owner) == (intent.id, "unknown", second.owner)
    assert await third.adopt(intent) is None
    assert await third.get(intent.id) == Existing(adopted, busy=True)
    assert await first.renew(intent) is None
    # `unknown` by the first does not take it from the second; `made` is final.
    assert await first.unknown(intent) == adopted
    assert (await first.made(intent, "request-1")).state == "made"
    assert (await second.unknown(adopted)).request_id == "request-1"
    assert await third.adopt(intent) is None


async def test_an_unknown_intent_can_be_adopted_at_once(copies: Copies) -> None:
    ledger = copies.copy()
    intent = await ledger.unknown(await claimed(ledger))
    adopted = await ledger.adopt(intent)
    assert adopted
    assert (await existing(ledger)).busy
    assert await ledger.adopt(intent) is None
    assert (await ledger.refused(adopted)).state == "refused"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only the lease shows it")
def test_a_process_is_gone_when_it_has_ended_or_its_id_was_given_to_another() -> None:
    ours = owners.new_owner()
    machine, pid, start, token = ours.split(":")
    assert not owners.is_gone(ours)
    assert owners.is_gone(f"{machine}:{pid}:{int(start) - 1}:{token}")
    assert not owners.is_gone(f"another-machine:{pid}:{int(start) - 1}:{token}")
    code = "from gmi_video.jobs.ledger import owners; print(owners.new_owner())"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:  # noqa: S603
        assert child.stdout
        theirs = child.stdout.read().strip()
        # A zombie: it has ended, but its id still exists.
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert owners.is_gone(theirs)
    assert owners.is_gone(theirs)
    for garbage in ("", ":", "a:b:c:d", f"{machine}:x:1:y", f"{machine}:{10**30}:1:y"):
        assert not owners.is_gone(garbage)


async def test_renewing_holds_the_intent_for_as_long_as_the_body_runs(copies: Copies) -> None:
    ledger = copies.copy(now=virtual_now)
    intent = await claimed(ledger)

    async def work() -> None:
        async with ledger.renewing(intent):
            await anyio.sleep(100)
            assert (await existing(ledger)).busy
            raise KeyError("as it was raised")

    with pytest.raises(KeyError, match="as it was raised"):
        await work()
    await anyio.sleep(16)
    assert not (await existing(ledger)).busy


async def test_a_clean_end_releases_the_intents_of_the_process(shared: Copies) -> None:
    first, second = shared.copy(), shared.copy()
    intent = await claimed(first)
    adopted = await first.adopt(await first.unknown(await claimed(first, "another")))
    theirs = await claimed(second, "theirs")
    await first.aclose()
    for ours in (intent, adopted):
        assert ours
        found = await second.get(ours.id)
        assert found
        assert (found.intent.state, found.busy) == ("unknown", False)
    assert await second.get(theirs.id) == Existing(theirs, busy=True)


# -- late writes -------------------------------------------------------------------------------------------------


async def test_made_is_final(copies: Copies) -> None:
    ledger = copies.copy()
    intent = await claimed(ledger)
    await ledger.refused(intent)
    made = await ledger.made(intent, "request-1")
    copies.seconds += 60
    assert await ledger.unknown(intent) == await ledger.refused(intent) == made
    assert await ledger.renew(intent) is None
    assert await ledger.adopt(intent) is None


async def test_a_clock_that_was_set_back_loses_no_write(copies: Copies) -> None:
    ledger = copies.copy()
    intent = await claimed(ledger)
    copies.seconds -= 3600
    assert (await ledger.refused(intent)).state == "refused"
    await claimed(ledger)


async def test_a_lease_from_a_clock_far_ahead_is_ignored(copies: Copies) -> None:
    ledger = copies.copy()
    intent = await claimed(ledger)
    copies.seconds -= 3600
    found = await existing(ledger)
    assert (found.intent.id, found.busy) == (intent.id, False)


@pytest.mark.parametrize("write", ["made", "unknown", "refused", "renew", "adopt"])
async def test_a_write_to_a_row_that_was_lost_restores_it(shared: Copies, write: str) -> None:
    ledger, other = shared.copy(), shared.copy()
    intent = await claimed(ledger)
    await other._run(lambda session: session.change("DELETE FROM gmi_video_intents"))
    shared.seconds += 16
    if write == "made":
        await ledger.made(intent, "request-1")
    else:
        await getattr(ledger, write)(intent)
    found = await other.get(intent.id)
    assert found
    state = {"renew": "sending", "adopt": "unknown"}.get(write, write)
    assert replace(found.intent, updated_at=0, lease_until=0) == replace(
        intent, state=state, request_id="request-1" if write == "made" else "", updated_at=0, lease_until=0
    )


async def test_a_found_job_belongs_to_one_intent_only(copies: Copies) -> None:
    ledger = copies.copy()
    one, two = await claimed(ledger), await claimed(ledger, allow_duplicate=True)
    found = await ledger.found(one, "request-1")
    assert found
    assert (found.state, found.request_id) == ("made", "request-1")
    assert await ledger.found(two, "request-1") is None
    assert await ledger.found(two, "request-2")
    assert await ledger.request_ids() == {"request-1", "request-2"}


# -- retention ---------------------------------------------------------------------------------------------------


async def test_rows_are_deleted_when_they_are_no_longer_needed(copies: Copies) -> None:
    ledger = copies.copy()
    made = await ledger.made(await claimed(ledger, "made"), "request-1")
    unknown = await ledger.unknown(await claimed(ledger, "unknown"))
    refused = await ledger.refused(await claimed(ledger, "refused"))
    copies.seconds += 590
    await claimed(ledger, "a")
    assert await ledger.recent() == {"made": 1, "unknown": 1, "refused": 1, "sending": 1}
    copies.seconds += 20
    await claimed(ledger, "b")
    assert await ledger.get(refused.id) is None
    assert await ledger.recent() == {"made": 1, "unknown": 1, "sending": 2}
    copies.seconds += 25 * 3600 + 1
    await claimed(ledger, "c")
    assert await ledger.get(made.id) is None
    assert await ledger.get(unknown.id) is None
    assert await ledger.recent() == {"sending": 1}


async def test_a_row_from_the_future_does_not_match_for_ever(copies: Copies) -> None:
    ledger = copies.copy()
    copies.seconds += 365 * 24 * 3600
    await ledger.made(await claimed(ledger), "request-1")
    copies.seconds = EPOCH
    await claimed(ledger)


async def test_neither_request_nor_key_nor_address_is_stored(tmp_path: Path, postgres: Postgres) -> None:
    database = postgres.new_database()
    ledgers = [Copies(url).copy() for url in (f"sqlite://{tmp_path}/ledger.sqlite3", postgres.url(database))]
    for ledger in ledgers:
        await ledger.made(await claimed(ledger), "request-1")
        await claimed(ledger, "another")
    parts = [path.read_bytes() for path in files_in(tmp_path)]
    rows = postgres.execute(database, "SELECT row_to_json(gmi_video_intents)::text FROM gmi_video_intents")
    kept = b"\0".join(parts) + repr(rows).encode()
    for ledger in ledgers:
        await ledger.aclose()
    assert b"request-1" in kept
    secrets = (PROMPT, KEY, QUEUE, "queue.example", "another", "fox")
    assert not [secret for secret in secrets if secret.encode() in kept]


def test_the_account_does_not_show_its_key() -> None:
    assert KEY not in repr(vars(Ledger("none", Account(KEY, QUEUE)))["_account"])


# -- the threads -------------------------------------------------------------------------------------------------


async def test_a_result_is_recorded_although_the_call_is_cancelled(shared: Copies) -> None:
    ledger, other = shared.copy(), shared.copy()
    intent = await claimed(ledger)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await ledger.made(intent, "request-1")
    found = await other.get(intent.id)
    assert found
    assert found.intent.request_id == "request-1"


async def test_a_claim_that_is_cancelled_before_it_began_records_nothing(copies: Copies) -> None:
    ledger = copies.copy()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await ledger.claim(PROMPT, usd=1.0)
    assert scope.cancelled_caught
    assert await ledger.recent() == {}


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_claim_that_is_cancelled_while_it_runs_returns_its_result(tmp_path: Path, backend: str) -> None:
    claims: list[object] = []

    async def main() -> None:
        ledger = Ledger(f"sqlite://{tmp_path}/ledger.sqlite3", Account(KEY, QUEUE), lambda: EPOCH)
        with anyio.CancelScope() as scope:
            # Cancelled by the thread that runs the transaction, so certainly while it runs.
            ledger._clock = lambda: anyio.from_thread.run_sync(scope.cancel) or EPOCH
            claims.append(await ledger.claim(PROMPT, usd=1.0))
            await anyio.sleep(1)
        assert scope.cancelled_caught
        assert await ledger.recent() == {"sending": 1}
        await ledger.aclose()

    anyio.run(main, backend=backend)
    assert [type(claim) for claim in claims] == [Claimed]


async def test_the_event_loop_is_not_blocked_and_calls_run_in_turn(copies: Copies) -> None:
    ledger = copies.copy()
    claims: list[object] = []

    async def claim() -> None:
        claims.append(await ledger.claim(PROMPT, usd=1.0))

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(claim)
    assert sum(isinstance(found, Claimed) for found in claims) == 1


# -- opening -----------------------------------------------------------------------------------------------------


def test_nothing_is_imported_before_it_is_needed() -> None:
    code = (
        "import sys, gmi_video.mcp.stdio, gmi_video.jobs.ledger as l; l.Ledger('', l.Account('k', 'u'));"
        "print([name for name in ('sqlite3', 'psycopg', 'platformdirs') if name in sys.modules])"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("value", "phrase"),
    [
        ("sqlite://relative/path", "absolute path"),
        ("sqlite:ledger.sqlite3", "absolute path"),
        ("sqlite:///", "absolute path"),
        ("sqlite:///a?mode=ro", "absolute path"),
        ("/var/lib/ledger.sqlite3", "or none"),
        ("mysql://me:hunter2@host/db", "or none"),
        ("postgresql://me:hunter2@[host/db", "or none"),
    ],
)
def test_a_wrong_address_is_explained_without_repeating_it(value: str, phrase: str) -> None:
    settings = Settings.from_environment({"GMI_API_KEY": KEY, "GMI_LEDGER_URL": value})
    (problem,) = settings.problems
    assert phrase in problem
    assert settings.ledger_url == ""
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    "value",
    ["", "none", "sqlite:///a/b.db", "sqlite:///C:/a.db", "postgresql://me:hunter2@host:5433/db?sslmode=require"],
)
def test_a_valid_address_is_used_unchanged_and_not_shown(value: str) -> None:
    settings = Settings.from_environment({"GMI_API_KEY": KEY, "GMI_LEDGER_URL": value})
    assert (settings.ledger_url, settings.problems) == (value, ())
    assert "hunter2" not in repr(settings)

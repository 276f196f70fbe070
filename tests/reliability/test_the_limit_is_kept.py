"""GMI_SPEND_LIMIT_USD: never exceeded, and where a figure is missing, a refusal that names it."""

from typing import Any

import anyio
import pytest
import trio

from gmi_video.simulator import Fault
from tests.conftest import EPOCH, Host, World, per_video

pytestmark = pytest.mark.anyio

LIMIT: dict[str, Any] = {"GMI_SPEND_LIMIT_USD": "2.20"}
FITTING = 3
"""As many calls at $0.71 are within the limit."""

NONE: dict[str, Any] = {"GMI_LEDGER_URL": "none"}
LEDGERS = pytest.mark.parametrize("environment", [LIMIT, LIMIT | NONE], ids=["sqlite", "none"])
LISTS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "lags 5 s": {"list_lag": 5},
    "lags 60 s": {"list_lag": 60},
    "lags 5 s, network slow": {"list_lag": 5, "latency": 0.7},
    "no models": {"record_model": "absent"},
    "models in another case": {"record_model": "other_case"},
    "strings": {"echo": ("strings", "defaults")},
    "stamps unreadable": {"stamps": "unreadable"},
}
BEHAVIORS = pytest.mark.parametrize("behavior", LISTS.values(), ids=LISTS)


async def ask(host: Host, number: int) -> None:
    await host.call("generate_video", prompt=f"fox number {number}", wait=False)


@BEHAVIORS
async def test_of_20_calls_at_once_over_two_copies_three_are_paid(
    world: World, era: str, behavior: dict[str, Any]
) -> None:
    world.sim.behave(**behavior)
    async with world.host(era=era, **LIMIT) as first, world.host(era=era, **LIMIT) as second:
        async with anyio.create_task_group() as calls:
            for number in range(20):
                calls.start_soon(ask, (first, second)[number % 2], number)
        assert len(world.sim.jobs) == FITTING
        await trio.sleep(120)
        refused = await first.call_error("generate_video", prompt="one more")
        assert refused["error"]["charged"] == "no"
    assert len(world.sim.jobs) == FITTING


@BEHAVIORS
async def test_of_20_calls_in_turn_over_two_copies_three_are_paid(world: World, behavior: dict[str, Any]) -> None:
    world.sim.behave(**behavior)
    async with world.host(**LIMIT) as first, world.host(**LIMIT) as second:
        for number in range(20):
            await ask((first, second)[number % 2], number)
    assert len(world.sim.jobs) == FITTING


@BEHAVIORS
async def test_of_20_calls_with_a_restart_after_each_three_are_paid(world: World, behavior: dict[str, Any]) -> None:
    world.sim.behave(**behavior)
    for number in range(20):
        async with world.host(**LIMIT) as host:
            await ask(host, number)
    assert len(world.sim.jobs) == FITTING


@LEDGERS
async def test_of_20_calls_at_once_at_one_server_three_are_paid(
    world: World, era: str, environment: dict[str, Any]
) -> None:
    async with world.host(era=era, **environment) as host, anyio.create_task_group() as calls:
        for number in range(20):
            calls.start_soon(ask, host, number)
    assert len(world.sim.jobs) == FITTING


@pytest.mark.parametrize("fault", ["dropped_before", "dropped_after", "500", "500_after"])
async def test_submits_of_unknown_fate_count_against_the_limit(world: World, fault: Fault) -> None:
    world.sim.behave(list_lag=60)
    world.sim.fail("submit", fault, times=None)
    async with world.host(**LIMIT) as host:
        for number in range(20):
            await ask(host, number)
    assert world.count("submit") == FITTING


@pytest.mark.parametrize("fault", ["429_after", "500_credentials_after", "500_refused_value_after"])
async def test_refused_jobs_that_were_made_count_against_the_limit(world: World, fault: Fault) -> None:
    world.sim.behave(list_lag=3)
    world.sim.fail("submit", fault, times=None)
    async with world.host(**LIMIT) as host:
        for number in range(20):
            await ask(host, number)
    assert len(world.sim.jobs) == FITTING


async def test_where_payloads_are_not_shown_a_request_counts_at_the_most_it_can_cost(world: World) -> None:
    world.sim.behave(echo_payload=False)
    for number in range(20):
        async with world.host(**LIMIT) as host:
            await ask(host, number)
    assert 1 <= len(world.sim.jobs) <= FITTING


async def test_what_was_refused_is_free_again(world: World) -> None:
    world.sim.fail("submit", "400", times=10)
    async with world.host(**LIMIT) as host:
        for number in range(20):
            await ask(host, number)
    assert len(world.sim.jobs) == FITTING


# -- figures that are missing ----------------------------------------------------------------------------------------


@LEDGERS
async def test_a_price_that_cannot_be_fetched_is_named(world: World, environment: dict[str, Any]) -> None:
    old = world.sim.add_history("Veo3", payload={"prompt": "x"}, created_at=EPOCH - 5000, took_seconds=50)
    world.sim.fail("model", "500", times=None, after=1)  # the first one is Luma-Ray2's, for this call's own price
    async with world.host(**environment) as host:
        refused = await host.call_error("generate_video", prompt="a fox")
        assert f"the price of request {old.request_id} is not known" in refused["summary"]
        assert "Veo3" in refused["summary"]
        assert refused["error"]["charged"] == "no"
        assert world.count("submit") == 0
        world.sim.clear_faults()
        await trio.sleep(120)
        await host.call("generate_video", prompt="a fox")
    assert total(world) <= 2.20


@LEDGERS
async def test_a_request_without_a_model_is_named(world: World, environment: dict[str, Any]) -> None:
    old = world.sim.add_history("Luma-Ray2", payload={"prompt": "x"}, created_at=EPOCH - 5000, took_seconds=50)
    world.sim.behave(record_model="absent")
    async with world.host(**environment) as host:
        refused = await host.call_error("generate_video", prompt="a fox")
    assert f"the price of request {old.request_id} is not known: it names no model" in refused["summary"]
    assert world.count("submit") == 0


@LEDGERS
async def test_a_request_whose_model_is_in_another_case_is_counted(world: World, environment: dict[str, Any]) -> None:
    for number in range(3):
        payload = {"prompt": f"old {number}"}
        world.sim.add_history("Luma-Ray2", payload=payload, created_at=EPOCH - 5000, took_seconds=50)
    world.sim.behave(record_model="other_case")
    async with world.host(**environment) as host:
        refused = await host.call_error("generate_video", prompt="a fox")
    assert "come to $2.13" in refused["summary"]
    assert world.count("submit") == 0


@LEDGERS
@pytest.mark.parametrize("keep", ["oldest", "newest"])
async def test_a_cut_list_is_named(world: World, environment: dict[str, Any], keep: str) -> None:
    for number in range(12):
        payload = {"prompt": f"old {number}"}
        world.sim.add_history("Luma-Ray2", payload=payload, created_at=EPOCH - 5000, took_seconds=50)
    world.sim.behave(list_limit=2, list_keep=keep)
    async with world.host(**environment) as host:
        refused = await host.call_error("generate_video", prompt="a fox")
    assert "shows 2 of 12 requests" in refused["summary"]
    assert world.count("submit") == 0


@LEDGERS
async def test_old_requests_need_no_price(world: World, environment: dict[str, Any]) -> None:
    world.sim.add_history("gone-model", payload={"prompt": "x"}, created_at=EPOCH - 90_000, took_seconds=50)
    async with world.host(**environment) as host:
        await host.call_ok("generate_video", prompt="a fox")
    assert len(world.sim.jobs) == 1


async def test_own_jobs_whose_price_cannot_be_fetched_count_at_what_was_reserved(world: World) -> None:
    world.sim.add_model(per_video("dear-video", 1_500_000))
    async with world.host(**LIMIT) as host:
        await host.call_ok("generate_video", prompt="a hen", model="dear-video")
    world.sim.fail("model", "500", times=None, after=1)
    async with world.host(**LIMIT) as restarted:
        refused = await restarted.call_error("generate_video", prompt="a fox")
    assert "come to $1.50" in refused["summary"]
    assert len(world.sim.jobs) == 1


@pytest.mark.parametrize("behavior", [{}, {"list_lag": 60}, {"list_lag": 60, "stamps": "unreadable"}], ids=str)
async def test_own_jobs_of_unknown_price_from_before_the_limit_was_set_are_named(
    world: World, behavior: dict[str, Any]
) -> None:
    world.sim.behave(**behavior)
    world.sim.add_model(per_video("free-text-price", None))
    async with world.host() as host:
        made = await host.call_ok("generate_video", prompt="a hen", model="free-text-price")
    async with world.host(**LIMIT) as restarted:
        refused = await restarted.call_error("generate_video", prompt="a fox")
        assert "not known" in refused["summary"]
        assert made["request_id"] in refused["summary"] or "that this server has submitted" in refused["summary"]
        assert refused["error"]["charged"] == "no"
    assert len(world.sim.jobs) == 1


def total(world: World) -> float:
    return 0.71 * len(world.sim.jobs)

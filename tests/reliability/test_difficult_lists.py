"""Lists that are cut, long, empty in another form, or hold rows that can't be read."""

import json
from typing import Any

import anyio
import pytest

from gmi_video.simulator import Fault, Script
from tests.conftest import EPOCH, World
from tests.full import in_full

from . import ABANDONED_BODIES

pytestmark = [pytest.mark.anyio, *ABANDONED_BODIES]

FOX = {"prompt": "a fox in the snow"}
NONE: dict[str, Any] = {"GMI_LEDGER_URL": "none"}
LEDGERS = pytest.mark.parametrize("environment", [{}, NONE], ids=["sqlite", "none"])


def bad_row(prompt: bytes) -> bytes:
    """A row like any other but for its prompt."""
    head = b'{"request_id": "bad-1", "model": "Luma-Ray2", "status": "success", "payload": {"prompt": '
    return head + prompt + b'}, "created_at": %d}' % (EPOCH - 40 * 24 * 3600)


BAD_ROWS = {
    "lone surrogate": bad_row(b'"\\ud800"'),
    "NaN": bad_row(b"NaN"),
    "1e999": bad_row(b"1e999"),
    "250 levels": bad_row(b"[" * 250 + b"]" * 250),
    "100,000 levels": bad_row(b"[" * 100_000 + b"]" * 100_000),
    "brackets in text": bad_row(b'"]}, {\\" [\\\\"'),
    "not UTF-8": bad_row(b'"\xff"'),
    "no object": b"NaN",
    "no JSON": b"<p>",
}
ROWS = pytest.mark.parametrize("row", BAD_ROWS.values(), ids=BAD_ROWS)


@ROWS
@LEDGERS
@pytest.mark.parametrize("order", ["newest", "oldest"])
async def test_a_row_that_cannot_be_read_hides_no_job(
    world: World, row: bytes, environment: dict[str, Any], order: str
) -> None:
    world.sim.behave(list_order=order)
    world.sim.raw_rows = [row]
    async with world.host(**environment) as host:
        first = await host.call_ok("generate_video", **FOX)
        listed = await host.call_ok("list_requests")
    assert first["request_id"] in {found["request_id"] for found in listed["requests"]}
    async with world.host(**environment) as restarted:
        again = await restarted.call_ok("generate_video", **FOX)
    assert [job.request_id for job in world.sim.jobs] == [first["request_id"]] == [again["request_id"]]


@ROWS
async def test_a_row_that_cannot_be_read_does_not_hide_the_job_of_a_dropped_answer(world: World, row: bytes) -> None:
    world.sim.raw_rows = [row]
    world.sim.fail("submit", "dropped_after")
    async with world.host() as host:
        answer = await host.call_ok("generate_video", **FOX)
    assert [job.request_id for job in world.sim.jobs] == [answer["request_id"]]


@ROWS
@LEDGERS
async def test_a_row_that_cannot_be_read_stops_no_video_below_the_limit(
    world: World, row: bytes, environment: dict[str, Any]
) -> None:
    world.sim.raw_rows = [row]
    async with world.host(**environment, GMI_SPEND_LIMIT_USD="1") as host:
        await host.call_ok("generate_video", **FOX)
        refused = await host.call_error("generate_video", prompt="another")
    assert "come to $0.71" in refused["summary"]
    assert len(world.sim.jobs) == 1


@in_full
async def test_a_list_of_60_000_rows_is_read(world: World) -> None:
    # Without a ledger, so that it is the list by which the call is recognised.
    world.sim.behave(list_filler=60_000, list_order="oldest")
    async with world.host(**NONE, GMI_SPEND_LIMIT_USD="1") as host:
        first = await host.call_ok("generate_video", **FOX, wait=False)
    async with world.host(**NONE, GMI_SPEND_LIMIT_USD="1") as restarted:
        again = await restarted.call_ok("generate_video", **FOX, wait=False)
        refused = await restarted.call_error("generate_video", prompt="another")
    assert [job.request_id for job in world.sim.jobs] == [first["request_id"]] == [again["request_id"]]
    assert "come to $0.71" in refused["summary"]


@LEDGERS
async def test_null_is_an_empty_list(world: World, era: str, environment: dict[str, Any]) -> None:
    world.sim.behave(empty_list="null")
    async with world.host(era=era, **environment, GMI_SPEND_LIMIT_USD="1") as host:
        listed = await host.call_ok("list_requests")
        assert listed["requests"] == []
        answer = await host.call_ok("generate_video", **FOX)
    assert "can't be ruled out" not in answer["summary"]
    assert len(world.sim.jobs) == 1


# -- cut lists -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [10, 50, 100])
async def test_a_list_cut_to_the_oldest_rows_hides_no_job_after_a_restart(world: World, era: str, rows: int) -> None:
    cut_to_the_oldest(world, rows)
    async with world.host(era=era) as host:
        first = await host.call_ok("generate_video", **FOX)
    assert f"shows {rows} of {rows + 1} requests" in first["summary"]
    async with world.host(era=era) as restarted:
        again = await restarted.call_ok("generate_video", **FOX)
    assert [job.request_id for job in world.sim.jobs] == [first["request_id"]] == [again["request_id"]]


async def test_without_ledger_a_cut_list_is_named_before_anything_may_be_paid_twice(world: World) -> None:
    cut_to_the_oldest(world, 10)
    async with world.host(**NONE) as host:
        first = await host.call_ok("generate_video", **FOX)
        again = await host.call_ok("generate_video", **FOX)
    assert first["request_id"] == again["request_id"]
    assert "can't be ruled out" in first["summary"]


@pytest.mark.parametrize("fault", ["dropped_after", "timeout_after", "500_after"])
async def test_a_cut_list_never_shows_that_a_job_is_missing(world: World, fault: Fault) -> None:
    cut_to_the_oldest(world, 10)
    world.sim.fail("submit", fault)
    async with world.host() as host:
        answer = await host.call_error("generate_video", **FOX)
        assert answer["status"] == "unknown"
    # After the 15 min too: what a cut list does not show may exist.
    await anyio.sleep(1800)
    async with world.host() as restarted:
        again = await restarted.call_error("generate_video", **FOX)
        assert again["error"]["charged"] == "unknown"
        world.sim.behave(list_limit=None)
        found = await restarted.call_ok("generate_video", **FOX)
    assert [job.request_id for job in world.sim.jobs] == [found["request_id"]]


async def test_a_list_that_was_cut_off_in_transfer_is_fetched_again(world: World) -> None:
    world.sim.script("Luma-Ray2", Script.takes(200))
    async with world.host(**NONE) as host:
        first = await host.call_ok("generate_video", **FOX, wait=False)
    world.sim.fail("list", "truncated_json")
    async with world.host(**NONE) as restarted:
        again = await restarted.call_ok("generate_video", **FOX, wait=False)
    assert [job.request_id for job in world.sim.jobs] == [first["request_id"]] == [again["request_id"]]


@pytest.mark.parametrize("form", ["in a row", "between rows", "behind the rows", "longer than what is read"])
async def test_a_list_that_is_always_cut_off_never_shows_that_a_job_is_missing(world: World, form: str) -> None:
    row = json.dumps({"request_id": "old-1", "model": "Luma-Ray2", "status": "success", "payload": {"prompt": "x"}})
    end = {"in a row": b", {", "behind the rows": b"]", "longer than what is read": b" " * (64 * 1024 * 1024)}
    body = f'{{"requests": [{row}'.encode() + end.get(form, b",")
    world.sim.answer("list", body, times=None)
    world.sim.fail("submit", "500_credentials_after")
    async with world.host(GMI_MAX_WAIT_SECONDS="300") as host:
        answer = await host.call_error("generate_video", **FOX)
        assert answer["error"]["charged"] == "unknown"
        await anyio.sleep(1800)
        await host.call_error("generate_video", **FOX)
    assert len(world.sim.jobs) == 1


def cut_to_the_oldest(world: World, rows: int) -> None:
    for number in range(rows):
        payload: dict[str, Any] = {"prompt": f"an old one, {number}"}
        world.sim.add_history("Luma-Ray2", payload=payload, created_at=EPOCH - 10_000 + number, took_seconds=50)
    world.sim.add_history("Luma-Ray2", payload={"prompt": "the last"}, created_at=EPOCH - 5000, took_seconds=50)
    world.sim.behave(list_limit=rows, list_keep="oldest")

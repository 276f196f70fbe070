"""Accounts with tens of thousands of requests: the list is read to its end, and nothing is paid twice beside it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from gmi_video.upstream import lists
from gmi_video.upstream.transport import MAX_LIST_BYTES

from .conftest import World
from .full import in_full
from .reliability import ABANDONED_BODIES

pytestmark = [pytest.mark.anyio, *ABANDONED_BODIES]

FOX = {"prompt": "a fox in the snow"}
MANY = 30_000


# -- in conversations --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [5_000, pytest.param(MANY, marks=in_full)])
@pytest.mark.parametrize("order", ["newest", "oldest"])
async def test_a_job_of_another_program_is_found_among_thousands_and_not_paid_again(
    world: World, era: str, rows: int, order: str
) -> None:
    world.sim.behave(list_filler=rows, list_order=order)
    async with world.host(era=era, GMI_LEDGER_URL="none") as host:
        made = await host.call_ok("generate_video", **FOX, wait=False)
    async with world.host(era=era) as elsewhere:
        found = await elsewhere.call_ok("generate_video", **FOX, wait=False)
    assert (found["request_id"], found["reused"]) == (made["request_id"], True)
    assert "can't be ruled out" not in made["summary"] + found["summary"]
    assert len(world.sim.jobs) == 1


@pytest.mark.parametrize("rows", [5_000, pytest.param(MANY, marks=in_full)])
async def test_a_dropped_answer_is_found_among_thousands(world: World, era: str, rows: int) -> None:
    world.sim.behave(list_filler=rows, list_order="oldest")
    world.sim.fail("submit", "dropped_after")
    async with world.host(era=era) as host:
        answer = await host.call_ok("generate_video", **FOX, wait=False)
    assert [job.request_id for job in world.sim.jobs] == [answer["request_id"]]


@pytest.mark.parametrize("rows", [5_000, pytest.param(MANY, marks=in_full)])
async def test_thousands_of_videos_are_counted_and_the_newest_shown(world: World, era: str, rows: int) -> None:
    world.sim.behave(list_filler=rows, list_order="oldest")
    async with world.host(era=era) as host:
        made = await host.call_ok("generate_video", **FOX)
        answer = await host.call_ok("list_requests", limit=3)
        found = await host.call_ok("list_requests", search="fox")
    assert answer["summary"].startswith(f"{rows + 1} videos: {rows + 1} ready.")
    assert answer["requests"][0]["request_id"] == made["request_id"]
    assert [row["request_id"] for row in found["requests"]] == [made["request_id"]]


@in_full
async def test_what_is_beyond_the_longest_list_is_said(world: World, era: str) -> None:
    listing = {"requests": [{"request_id": f"r{number}", "status": "success"} for number in range(3)]}
    world.sim.answer("list", json.dumps(listing).encode()[:-2] + b" " * MAX_LIST_BYTES, times=None)
    async with world.host(era=era) as host:
        made = await host.call_ok("generate_video", **FOX, wait=False)
        listed = await host.call_ok("list_requests")
        searched = await host.call_ok("list_requests", search="fox")
    beyond = "The queue's list is longer than the 3 requests that are read of it, so "
    assert beyond + "an identical one made elsewhere can't be ruled out." in made["summary"]
    assert beyond + "there may be others." in listed["summary"]
    assert "None of the 3 videos that the queue lists is one" in searched["summary"]


# -- in pieces ---------------------------------------------------------------------------------------------------------


def row(number: int, **more: Any) -> dict[str, Any]:
    outcome = {"media_urls": [{"id": "0", "url": "https://f.example/a.mp4"}, {"id": "1", "url": "https://f.example/b"}]}
    return {
        "request_id": f"r-{number}",
        "status": "success",
        "payload": {"prompt": "x" * 3000},
        "outcome": outcome,
        **more,
    }


LONG = 1_000
"""As many of these rows are more than is parsed at once, and several pieces."""

FORMS: dict[str, Callable[[list[Any]], str]] = {
    "as Python writes it": lambda rows: json.dumps({"requests": rows, "total": LONG}),
    "compact": lambda rows: json.dumps({"requests": rows, "total": LONG}, separators=(",", ":")),
    "on many lines": lambda rows: json.dumps({"requests": rows, "total": LONG}, separators=("\n,\n", ":\n")),
    "far into the response": lambda rows: "{" + " " * 2**20 + json.dumps({"requests": rows, "total": LONG})[1:],
    "with rows far apart": lambda rows: json.dumps(
        {"requests": rows, "total": LONG}, separators=(" " * 999 + ",", ":")
    ),
    "total first": lambda rows: json.dumps({"total": LONG, "requests": rows}),
    "more before": lambda rows: json.dumps({"requests_seen": [{"request_id": "no"}], "requests": rows, "total": LONG}),
    "another list behind": lambda rows: json.dumps({"requests": rows, "total": LONG, "models": [{"request_id": "no"}]}),
}
ODD: dict[str, Any] = {
    "nothing odd": {},
    "rows in rows": {"parts": [{"request_id": "inner"}, {"request_id": "inner"}]},
    "rows in text": {"note": '"}, {"request_id": "inner", "status": "success"}, {"'},
    "half a surrogate": {"note": "\ud800"},
    "no number": {"note": float("nan")},
    "deep": {"note": json.loads("[" * 250 + "]" * 250)},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("every", [1, LONG // 2 + 1])
def test_a_long_list_is_read_whole_however_it_is_written(form: str, odd: str, every: int) -> None:
    rows = [row(number, **(ODD[odd] if number % every == every - 1 else {})) for number in range(LONG)]
    raw = FORMS[form](rows).encode()
    assert len(raw) > lists.WHOLE_BYTES + 2 * lists.PIECE_BYTES
    found = lists.read(raw, lists.parse_leniently)
    assert [record.request_id for record in found.requests] == [f"r-{number}" for number in range(LONG)]
    assert (found.rows, found.total, found.complete, found.size) == (LONG, LONG, True, len(raw))


@pytest.mark.parametrize("bad", ["<p>", '{"request_id": "bad", "payload": ' + "[" * 100_000 + "]" * 100_000 + "}", "7"])
def test_a_row_that_cannot_be_read_hides_no_other_of_a_long_list(bad: str) -> None:
    rows = [json.dumps(row(number)) for number in range(LONG)]
    rows[LONG // 2 : LONG // 2] = [bad]
    found = lists.read(f'{{"requests": [{", ".join(rows)}], "total": {LONG + 1}}}'.encode(), lists.parse_leniently)
    assert [record.request_id for record in found.requests] == [f"r-{number}" for number in range(LONG)]


@pytest.mark.parametrize("end", [b"", b"]", b', "total": 9000}'])
def test_a_long_list_whose_end_is_missing_is_no_list(end: bytes) -> None:
    raw = json.dumps({"requests": [row(number) for number in range(LONG)]}).encode()[:-2] + end
    with pytest.raises(lists.Unreadable):
        lists.read(raw, lists.parse_leniently)
    beginning = lists.read(raw, lists.parse_leniently, cut=True)
    assert not beginning.complete
    assert beginning.gap == f"is longer than the {LONG} requests that are read of it"

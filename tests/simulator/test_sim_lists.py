"""The list of requests: which rows it holds, raw rows, and a list that is streamed."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from gmi_video.simulator import Script, Simulator

pytestmark = pytest.mark.anyio
Submit = Callable[..., Any]


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize(("keep", "kept"), [("newest", [1, 2]), ("oldest", [0, 1])])
async def test_a_cut_list_keeps_the_newest_or_the_oldest_and_counts_all(
    sim: Simulator, client: httpx.AsyncClient, submit: Submit, *, order: str, keep: str, kept: list[int]
) -> None:
    sim.behave(list_limit=2, list_order=order, list_keep=keep)
    made = [(await submit())["request_id"] for _ in range(3)]
    body = (await client.get("/requests")).json()
    expected = kept if order == "oldest" else kept[::-1]
    assert [made.index(row["request_id"]) for row in body["requests"]] == expected
    assert body["total"] == 3


async def test_a_list_can_be_cut_to_nothing(sim: Simulator, client: httpx.AsyncClient, submit: Submit) -> None:
    sim.behave(list_limit=0)
    await submit()
    assert (await client.get("/requests")).json() == {"requests": [], "total": 1}


async def test_an_empty_list_is_an_array_or_null(sim: Simulator, client: httpx.AsyncClient, submit: Submit) -> None:
    assert (await client.get("/requests")).json() == {"requests": [], "total": 0}
    sim.behave(empty_list="null")
    assert (await client.get("/requests")).json() == {"requests": None, "total": 0}
    await submit()
    assert len((await client.get("/requests")).json()["requests"]) == 1


@pytest.mark.parametrize(
    "row",
    [b'{"prompt": "\\ud800"}', b"NaN", b"1e999", b"[" * 250 + b"]" * 250, b"\xff{"],
    ids=["lone surrogate", "NaN", "1e999", "deep", "not JSON"],
)
async def test_raw_rows_are_in_the_list_as_they_are(
    sim: Simulator, client: httpx.AsyncClient, submit: Submit, row: bytes
) -> None:
    sim.raw_rows = [row, b"null"]
    await submit()
    record = json.dumps(sim.record(sim.jobs[0])).encode()
    body = (await client.get("/requests")).content
    assert body == b'{"requests": [' + b", ".join([record, row, b"null"]) + b'], "total": 3}'


@pytest.mark.parametrize("order", ["newest", "oldest"])
async def test_filler_rows_are_valid_records_older_than_all_others(
    sim: Simulator, client: httpx.AsyncClient, submit: Submit, validate: Callable[[str, Any], None], order: str
) -> None:
    sim.behave(list_filler=250, list_order=order, list_limit=1)
    await submit("Veo3")
    newest = (await submit("Veo3"))["request_id"]
    body = (await client.get("/requests", params={"model_id": "Veo3"})).json()
    validate("request-list", body)
    rows = body["requests"] if order == "newest" else body["requests"][::-1]
    assert rows[0]["request_id"] == newest
    assert (len(rows), body["total"]) == (251, 252)
    assert len({row["request_id"] for row in rows}) == 251
    assert {row["model"] for row in rows} == {"Veo3"}
    assert all(row["created_at"] < rows[0]["created_at"] and row["status"] == "success" for row in rows[1:])


async def test_a_long_list_is_streamed_in_pieces(sim: Simulator, client: httpx.AsyncClient) -> None:
    sim.behave(list_filler=60_000)
    async with client.stream("GET", "/requests") as response:
        sizes = [len(piece) async for piece in response.aiter_raw()]
    assert sum(sizes) > 16 * 1024 * 1024
    assert max(sizes) <= 65536


async def test_a_streamed_list_can_have_a_fault(sim: Simulator, client: httpx.AsyncClient) -> None:
    sim.script("*", Script.synchronous())
    sim.behave(list_filler=10)
    whole = (await client.get("/requests")).content
    sim.fail("list", "truncated_json")
    assert (await client.get("/requests")).content == whole[: len(whole) * 2 // 3]
    sim.fail("list", "wrong_types")
    assert (await client.get("/requests")).json() == {"requests": "?", "total": [10]}

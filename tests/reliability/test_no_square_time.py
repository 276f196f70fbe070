"""Inputs on which a pattern or a sort once took a time that grew with the square of their length.

No clock is read. Each input is so long that the old code would take minutes; where the work can be counted, it is.
"""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmi_video.live.report import Report
from gmi_video.settings import Settings
from gmi_video.upstream import lists
from gmi_video.upstream.lists import TOKEN
from tests.conftest import EPOCH, World

from . import ABANDONED_BODIES

pytestmark = [pytest.mark.anyio, *ABANDONED_BODIES]


@given(st.binary(max_size=40) | st.text('"\\a[', max_size=40).map(str.encode))
def test_the_pattern_that_takes_a_list_apart_matches_at_every_quotation_mark(rest: bytes) -> None:
    """Where it did not, the search went on with the next mark, and to the end again."""
    assert TOKEN.match(b'"' + rest)


@pytest.mark.parametrize("end", [b"\\", b'\\"', b"", b'"'])
async def test_a_list_that_is_one_string_of_escapes(world: World, end: bytes) -> None:
    world.sim.answer("list", b'{"requests": ["' + b'\\"' * 500_000 + end, 200, times=None)
    async with world.host() as host:
        answer = await host.call_error("list_requests")
    assert "can't be read" in answer["error"]["message"] or "JSON" in answer["error"]["message"]


def test_a_list_that_is_cut_inside_an_escape_keeps_the_rows_before() -> None:
    raw = b'{"requests": [{"request_id": "a", "status": "success"}, {"request_id": "b\\'
    read = lists.read(raw, lists.parse_leniently, cut=True)
    assert [record.request_id for record in read.requests] == ["a"]


async def test_a_row_with_a_hundred_thousand_accents_on_one_letter(world: World) -> None:
    """Others in the organisation can write the list; the same call is looked for in it."""
    marks = "a" + "\u0315\u0300" * 150_000
    row = {"request_id": "accents", "status": "success", "model": "Luma-Ray2", "payload": {"prompt": marks}}
    world.sim.answer("list", json.dumps({"requests": [row], "total": 1}).encode(), 200, times=None)
    async with world.host() as host:
        answer = await host.call_ok("generate_video", prompt="a fox", wait=False)
    assert answer["request_id"] != "accents"


@pytest.mark.parametrize("limit", [1, 100])
async def test_a_list_of_requests_that_all_wait(world: World, limit: int) -> None:
    """Whether one is stuck was told by the length of all others, for each."""
    old = {"model": "Luma-Ray2", "payload": {"prompt": "a fox"}, "created_at": EPOCH - 9000, "updated_at": EPOCH - 9000}
    rows = [{"request_id": f"r{number}", "status": "queued", **old} for number in range(30_000)]
    world.sim.answer("list", json.dumps({"requests": rows, "total": 30_000}).encode(), 200, times=None)
    async with world.host() as host:
        answer = await host.call_ok("list_requests", limit=limit)
    assert answer["summary"].startswith("30000 videos: 30000 probably stuck.")


async def test_a_prompt_with_thirty_accents_is_still_known_in_another_unicode_form(world: World) -> None:
    prompt = "a" + "\u0300\u0315" * 15
    async with world.host() as host:
        first = await host.call_ok("generate_video", prompt=prompt, wait=False)
        again = await host.call_ok("generate_video", prompt=unicodedata.normalize("NFC", prompt), wait=False)
    assert again["request_id"] == first["request_id"]


async def test_ids_made_to_be_slow_to_compare(world: World) -> None:
    ids = [f"{'ab' * 95}{number:08d}" for number in range(20_000)]
    world.sim.answer("models", json.dumps({"model_ids": ids}).encode(), 200)
    async with world.host() as host:
        answer = await host.call_error("list_models", model="ba" * 99)
    assert "does not exist" in answer["error"]["message"]


def test_a_report_redacts_texts_that_are_almost_addresses() -> None:
    report = Report()
    assert report.redact("a." * 500_000) == "a." * 500_000
    assert report.redact("https://" * 200_000 + "?a=b") == "https://" * 200_000 + "?[redacted]"
    assert report.redact("from a.b+c@d-e.example, https://x.example/y?z#q and https://x.example/") == (
        "from [mail], https://x.example/y?[redacted] and https://x.example/"
    )


def test_a_setting_of_unfinished_placeholders() -> None:
    settings = Settings.from_environment({"GMI_API_KEY": "k", "GMI_ORG_ID": "${" * 1_000_000})
    assert settings.problems == ()

"""Every option of `Behavior`."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import trio

from gmi_video.simulator import Script, Simulator

from .conftest import EPOCH

pytestmark = pytest.mark.anyio
Submit = Callable[..., Any]


@pytest.fixture
def finished(client: httpx.AsyncClient, submit: Submit) -> Submit:
    """Submits, waits until the job has ended, and returns its record."""

    async def go(**payload: Any) -> dict[str, Any]:
        made = await submit(**payload)
        await trio.sleep(60)
        return (await client.get(f"/requests/{made['request_id']}")).json()

    return go


async def test_an_outcome_has_either_of_two_shapes(sim: Simulator, finished: Submit) -> None:
    assert list((await finished())["outcome"]) == ["video_url", "thumbnail_image_url"]
    sim.behave(outcome="media_urls")
    outcome = (await finished())["outcome"]
    assert outcome["media_urls"] == [{"id": "0", "url": outcome["thumbnail_image_url"].replace(".jpg", ".mp4")}]


async def test_a_thumbnail_can_be_the_film_itself(sim: Simulator, finished: Submit) -> None:
    sim.behave(thumbnail="mp4")
    outcome = (await finished())["outcome"]
    assert outcome["thumbnail_image_url"] == outcome["video_url"]


async def test_a_payload_can_be_missing_from_the_record(sim: Simulator, finished: Submit) -> None:
    sim.behave(echo_payload=False)
    assert (await finished(loop=True))["payload"] == {}


@pytest.mark.parametrize("place", ["outcome.error", "outcome.message", "error", "reason", "error_message", "message"])
@pytest.mark.parametrize("form", ["string", "object"])
async def test_the_reason_of_a_failure_is_in_the_chosen_field(
    sim: Simulator, finished: Submit, place: str, form: str
) -> None:
    sim.behave(failure_place=place, failure_form=form)
    sim.script("Luma-Ray2", Script.fails(5, "no dragons"))
    record = await finished()
    for key in place.split("."):
        record = record[key]
    text: Any = record
    assert (text["message"] if form == "object" else text) == "no dragons"


FULL = {
    "prompt": "a fox", "loop": True, "resolution": "720p", "duration": "5s", "aspect_ratio": "16:9", "frame0_image": "",
    "frame1_image": "",
}  # fmt: skip
ABSENT = dict.fromkeys(["resolution", "duration", "aspect_ratio", "frame0_image", "frame1_image"])


@pytest.mark.parametrize(
    ("echo", "expected"),
    [
        ((), {"prompt": "a fox", "loop": True}),
        (("defaults",), FULL),
        (("nulls",), {"prompt": "a fox", "loop": True, **ABSENT}),
        (("strings",), {"prompt": "a fox", "loop": "true"}),
        (("defaults", "nulls", "strings"), {**FULL, "loop": "true"}),
    ],
)
async def test_the_echo_of_a_payload_can_be_changed(
    sim: Simulator, finished: Submit, echo: tuple[str, ...], expected: dict[str, Any]
) -> None:
    sim.behave(echo=echo)
    assert (await finished(loop=True))["payload"] == expected
    assert sim.jobs[0].payload == {"prompt": "a fox", "loop": True}, "what was sent is kept"


@pytest.mark.parametrize(
    ("echo", "expected"),
    [
        ((), " caf\u00e9\n"),
        (("stripped",), "caf\u00e9"),
        (("nfd",), " cafe\u0301\n"),
        (("nfd", "stripped"), "cafe\u0301"),
    ],
)
async def test_the_echo_of_a_prompt_can_be_stripped_or_decomposed(
    sim: Simulator, finished: Submit, echo: tuple[str, ...], expected: str
) -> None:
    sim.behave(echo=echo)
    assert (await finished(prompt=" caf\u00e9\n"))["payload"] == {"prompt": expected}


async def test_a_record_can_have_its_model_in_another_letter_case_or_not_at_all(
    sim: Simulator, client: httpx.AsyncClient, submit: Submit
) -> None:
    for option, expected in (("as_sent", "Luma-Ray2"), ("other_case", "lUMA-rAY2"), ("absent", None)):
        sim.behave(record_model=option)
        made = await submit()
        assert made["model"] == "Luma-Ray2", "a submit's response has it as sent"
        record = (await client.get(f"/requests/{made['request_id']}")).json()
        listed = (await client.get("/requests", params={"model_id": "Luma-Ray2"})).json()["requests"][0]
        assert record.get("model") == listed.get("model") == expected
        assert ("model" in record) is (expected is not None)


@pytest.mark.parametrize(("order", "expected"), [("newest", [2, 1, 0]), ("oldest", [0, 1, 2])])
async def test_the_order_of_the_list_can_be_chosen(
    sim: Simulator, client: httpx.AsyncClient, submit: Submit, order: str, expected: list[int]
) -> None:
    sim.behave(list_order=order)
    made = [(await submit())["request_id"] for _ in range(3)]
    rows = (await client.get("/requests")).json()["requests"]
    assert [made.index(row["request_id"]) for row in rows] == expected


async def test_a_shuffled_list_has_every_job_in_another_order(
    sim: Simulator, client: httpx.AsyncClient, submit: Submit
) -> None:
    sim.behave(list_order="shuffled")
    made = [(await submit())["request_id"] for _ in range(12)]
    rows = [row["request_id"] for row in (await client.get("/requests")).json()["requests"]]
    assert sorted(rows) == sorted(made)
    assert rows not in (made, made[::-1])


async def test_a_lagging_list_lacks_a_job_whose_record_exists(
    sim: Simulator, client: httpx.AsyncClient, submit: Submit
) -> None:
    sim.behave(list_lag=4)
    made = await submit()
    assert (await client.get("/requests")).json()["requests"] == []
    assert (await client.get(f"/requests/{made['request_id']}")).status_code == 200
    await trio.sleep(4)
    assert len((await client.get("/requests")).json()["requests"]) == 1


async def test_the_vendors_clock_can_be_ahead(sim: Simulator, client: httpx.AsyncClient, submit: Submit) -> None:
    sim.behave(skew=3600)
    assert (await submit())["created_at"] == EPOCH + 3600
    assert (await client.get("/models")).headers["date"] == "Sun, 15 Jun 2025 16:06:40 GMT"
    sim.behave(skew=0)
    assert (await client.get("/models")).headers["date"] == "Sun, 15 Jun 2025 15:06:40 GMT"


async def test_timestamps_can_have_another_skew_than_the_date_header(
    sim: Simulator, client: httpx.AsyncClient, submit: Submit
) -> None:
    sim.behave(skew=3600, stamp_skew=-60)
    assert (await submit())["created_at"] == EPOCH - 60
    assert (await client.get("/models")).headers["date"] == "Sun, 15 Jun 2025 16:06:40 GMT"


async def test_timestamps_can_be_unreadable(sim: Simulator, submit: Submit, finished: Submit) -> None:
    sim.behave(stamps="unreadable")
    for record in (await submit(), await finished()):
        assert {record[key] for key in ("created_at", "updated_at", "queued_at")} == {"no time"}


async def test_the_model_list_can_have_its_other_key(sim: Simulator, client: httpx.AsyncClient) -> None:
    sim.behave(models_key="models")
    body = (await client.get("/models")).json()
    assert list(body) == ["models"]
    assert "Luma-Ray2" in body["models"]


async def test_a_wrong_value_can_be_accepted(sim: Simulator, submit: Submit) -> None:
    sim.behave(wrong_value="accepted")
    await submit(loop="yes")
    assert len(sim.jobs) == 1


async def test_unknown_texts_can_be_chosen(sim: Simulator, client: httpx.AsyncClient) -> None:
    sim.behave(unauthorized="who?", unknown_request="no {request_id}", no_access="not for you: {model}")
    assert (await client.get("/models", headers={"Authorization": ""})).json() == {"error": "who?"}
    assert (await client.get("/requests/x")).json() == {"error": "no x"}
    sim.no_access.add("Veo3")
    assert (await client.get("/models/Veo3")).json() == {"error": "not for you: Veo3"}


async def test_latency_delays_responses_and_counts_towards_the_callers_timeout(
    sim: Simulator, client: httpx.AsyncClient
) -> None:
    sim.behave(latency=3)
    await client.get("/models")
    assert trio.current_time() == 3
    sim.behave(latency=30)
    with pytest.raises(httpx.ReadTimeout):
        await client.get("/models", timeout=10)
    assert trio.current_time() == 13


async def test_a_retry_after_header_can_come_with_any_429(sim: Simulator, client: httpx.AsyncClient) -> None:
    sim.fail("list", "429_body", times=2)
    assert "retry-after" not in (await client.get("/requests")).headers
    sim.behave(retry_after_header=True)
    assert (await client.get("/requests")).headers["retry-after"] == "30"


async def test_the_outcome_of_an_image_model_is_an_image(sim: Simulator, submit: Submit) -> None:
    sim.script("*", Script.synchronous())
    outcome = (await submit("gemini-2.5-flash-image"))["outcome"]
    assert [medium["url"][-4:] for medium in outcome["media_urls"]] == [".jpg"]


def test_an_unknown_option_is_refused(sim: Simulator) -> None:
    with pytest.raises(TypeError):
        sim.behave(mood="bad")

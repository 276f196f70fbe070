"""Estimates: a job's length by the account's history."""

import pytest

from gmi_video.jobs.estimates import NO_HISTORY, Estimate, estimate
from gmi_video.upstream.luma_ray2 import LUMA_RAY2, LumaRay2Payload
from gmi_video.upstream.wire import Record, SubmitRequest

from .fuzz import work_within


def payload(**choices: str) -> dict[str, object]:
    return LumaRay2Payload.model_validate({"prompt": "an owl"} | choices).wire()


def record(took: float, *, status: str = "success", made: float = 0, **choices: str) -> Record:
    return Record(
        request_id=f"r{made}-{took}",
        model=LUMA_RAY2,
        status=status,
        payload=payload(**choices),
        created_at=1.7e9 + made,
        updated_at=1.7e9 + made + took,
    )


REQUEST = SubmitRequest(model=LUMA_RAY2, payload=payload())


def test_two_finished_requests_are_no_history_and_three_are() -> None:
    assert estimate(REQUEST, [record(60), record(70)]) is NO_HISTORY
    assert estimate(REQUEST, [record(60), record(70), record(80)]).expected_seconds == 70


def test_jobs_of_the_same_kind_come_before_the_models_others() -> None:
    others = [record(300 + n, resolution="4k", made=n) for n in range(9)]
    alike = [record(60 + n, made=n) for n in range(3)]
    known = estimate(REQUEST, others + alike)
    assert known.expected_seconds == 61
    assert len(known.lengths) == 3
    assert len(estimate(REQUEST, others + alike[:2]).lengths) == 11


def test_requests_that_failed_are_running_or_have_no_timestamps_are_no_history() -> None:
    useless = [
        record(60, status="failed"),
        record(60, status="processing"),
        record(0),
        Record(request_id="x", model=LUMA_RAY2, status="success", payload=payload()),
    ]
    assert estimate(REQUEST, useless * 5) is NO_HISTORY


def test_only_the_newest_fifty_count_because_a_queues_speed_changes() -> None:
    old = [record(600, made=n) for n in range(100)]
    new = [record(60, made=1000 + n) for n in range(50)]
    assert estimate(REQUEST, old + new).expected_seconds == 60


def test_a_long_history_is_not_compared_beyond_the_fifty_that_count() -> None:
    """With 10,000 requests in the account each submit compared its size and length with all of them."""
    history = [record(60, made=n) for n in range(2000)]
    with work_within(30 * len(history)):
        assert len(estimate(REQUEST, history).lengths) == 50


@pytest.mark.parametrize(("known", "age", "past"), [(NO_HISTORY, 899, False), (NO_HISTORY, 901, True)])
def test_what_is_long_past_is_known_even_without_history(known: Estimate, age: float, past: bool) -> None:  # noqa: FBT001 - a table's column
    assert known.is_long_past(age) is past
    assert Estimate((60.0, 60.0, 60.0)).is_long_past(241)

"""Random histories ("lives") of a server and its queue: never two jobs for one intent, and every job can be found.

One intent is: identical generate_video calls without allow_duplicate, none of which has received the outcome yet,
made while the job runs or up to five minutes after its end.
"""

import dataclasses
import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from gmi_video.simulator import FAULTS, Behavior, Fault, Script

from . import ABANDONED_BODIES, FULL
from .lives import Action, ClearFaults, Fail, Generate, GetStatus, Life, ListRequests, Restart, Wait, run

pytestmark = [pytest.mark.slow, *ABANDONED_BODIES]

LIVES = 1010 if FULL else 100
"""The number of lives of each kind."""

SETTINGS = settings(
    max_examples=LIVES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    phases=(Phase.generate, Phase.shrink),
)

QUICKLY_PASSING: tuple[Fault, ...] = (
    "refused", "408", "425", "429", "500", "502_html", "503", "500_credentials", "dropped_before", "dropped_after",
    "truncated_json", "wrong_types", "not_json", "empty_200",
)  # fmt: skip
"""Faults after which the second try gets the list, within the time that a submit waits for one."""

# The response of 50 MB is in the matrix; here it would only take time.
OF_SUBMIT = [fault for fault in FAULTS if fault != "huge"]
OF_READING = [fault for fault in OF_SUBMIT if fault != "429_record"]

TIME_LIMITS = (0.31, 1.77, 3.33, 21.37, 44.31, 61.73, 130.57)
SCRIPTS = (
    Script.takes(14),
    Script.takes(75),
    Script.takes(200),
    Script.takes(400, first="processing"),
    Script.fails(33),
    Script.cancelled(50),
    Script.synchronous(),
    Script.stuck(),
)


def calls(copies: int) -> st.SearchStrategy[Action]:
    """generate_video: of two prompts, ended by the host early or late, alone or twice at once (at the same copy)."""
    return st.builds(
        Generate,
        prompt=st.sampled_from(["a fox", "a fox", "a hen"]),
        time_limit=st.sampled_from(TIME_LIMITS),
        copy=st.integers(0, copies - 1),
        wait=st.booleans(),
        together=st.sampled_from([1, 1, 1, 2]),
    )


def actions_in(copies: int) -> list[st.SearchStrategy[Action]]:
    """The actions that both kinds of life have."""
    copy = st.integers(0, copies - 1)
    return [
        calls(copies),
        calls(copies),
        st.builds(Wait, st.sampled_from([0.7, 5.1, 33.3, 130.1, 290.9, 601.3])),
        st.builds(Fail, st.just("submit"), st.sampled_from(OF_SUBMIT), st.sampled_from([1, 2, None])),
        st.builds(Fail, st.just("get"), st.sampled_from(OF_READING), st.sampled_from([1, 3, None])),
        st.builds(GetStatus, copy, st.booleans()) | st.builds(ListRequests, copy) | st.just(ClearFaults()),
    ]


def behaviors(**more: Any) -> st.SearchStrategy[Behavior]:
    """The vendor's open choices, clocks up to ten minutes apart, and a slow network."""
    return st.builds(
        Behavior,
        outcome=st.sampled_from(["video_url", "media_urls"]),
        list_order=st.sampled_from(["newest", "oldest", "shuffled"]),
        skew=st.sampled_from([0, -600, 600, 3]),
        latency=st.sampled_from([0, 0.05, 1.3]),
        **more,
    )


@SETTINGS
@given(
    behaviors(echo_payload=st.booleans(), list_lag=st.sampled_from([0, 4, 40, 600])),
    st.sampled_from(SCRIPTS),
    st.lists(
        st.one_of(
            *actions_in(1),
            st.builds(Fail, st.just("list"), st.sampled_from(OF_READING), st.sampled_from([1, 5, None])),
        ),
        min_size=2,
        max_size=7,
    ),
)
def test_one_server_under_any_faults_at_all(chosen: Behavior, script: Script, actions: list[Action]) -> None:
    """A server that is not restarted needs no list that is up to date, none that shows payloads, and none at all."""
    _check(run(chosen, script, actions))


@SETTINGS
@given(
    behaviors(),
    st.sampled_from(SCRIPTS),
    st.lists(
        st.one_of(
            *actions_in(2),
            st.builds(Restart, st.integers(0, 1)),
            st.builds(Fail, st.just("list"), st.sampled_from(QUICKLY_PASSING), st.just(1), st.just(value=True)),
        ),
        min_size=2,
        max_size=7,
    ),
)
def test_servers_that_are_restarted_and_copied(chosen: Behavior, script: Script, actions: list[Action]) -> None:
    """After a restart only the list has the jobs: it may fail once but not always, and neither lags nor hides payloads.
    A call that the host has ended at one copy has settled before another copy is called (docs/reliability.md)."""
    _check(run(chosen, script, actions))


def test_a_second_payment_would_be_found() -> None:
    life = run(Behavior(), Script.takes(200), [Generate("a fox", 50.3)])
    (first,) = life.sim.jobs
    life.sim.jobs.append(dataclasses.replace(first, request_id="second", created_at=first.created_at + 100))
    assert [(one.request_id, other.request_id) for one, other in life.paid_twice()] == [(first.request_id, "second")]


def _check(life: Life) -> None:
    note("\n".join(["", *life.log]))
    assert life.paid_twice() == [], "two jobs for one intent"
    everything = {row["request_id"] for row in life.received[-1].answer["requests"]}
    assert {job.request_id for job in life.sim.jobs} <= everything
    for found in life.received:
        assert found.answer["next_step"]
        assert "This server has a fault of its own" not in found.answer["summary"]
    for made, found in itertools.product(life.sim.jobs, life.received):
        _must_not_call_free(life, made.created_at, made.request_id, found.answer, found.at)


def _must_not_call_free(
    life: Life, made_at: float, request_id: str, answer: dict[str, Any], received_at: float
) -> None:
    """An answer that names a job never says that nothing was charged for it."""
    if answer.get("request_id") == request_id and "error" in answer and made_at <= received_at:
        assert answer["error"]["charged"] == "unknown", life.log

"""Whole histories under random faults: never two jobs for one intent, and no job out of its caller's reach.

One intent is: identical generate_video calls within the hour after its job was made. A call with allow_duplicate is
another one. What the API alone forces is left out of the histories, and each test says what and why.
"""

import dataclasses
import itertools
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from gmi_video.simulator import FAULTS, Behavior, Fault, Script
from tests.full import FULL

from . import ABANDONED_BODIES
from .lives import Action, Call, Fail, Heal, Life, Listing, Look, Pass, Restart, live

pytestmark = list(ABANDONED_BODIES)

LIVES = 2000 if FULL else 50
"""How many of each of the two kinds."""

CALM = settings(
    max_examples=LIVES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    phases=(Phase.generate, Phase.shrink),
)

# Flooding 50 MB is in the matrix; here it would only take the time of other histories.
OF_A_SUBMIT = [fault for fault in FAULTS if fault != "huge"]
OF_A_LOOK = [fault for fault in OF_A_SUBMIT if fault != "429_record"]
UNTRUE_REFUSALS: tuple[Fault, ...] = ("429_after", "500_credentials_after", "500_refused_value_after")
LAG_OF_AN_UNTRUE_REFUSAL = 3
"""Seconds that a list may lag where the queue refuses in words what it has made: one look is 4 s later."""

PATIENCE = (0.31, 1.77, 3.33, 21.37, 44.31, 61.73, 130.57)
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


class History(NamedTuple):
    """What one history is made from."""

    behavior: Behavior
    script: Script
    actions: list[Action]


def calls(copies: int) -> st.SearchStrategy[Action]:
    """generate_video: of two prompts, given up early or late, alone or twice at once, at one copy or at both."""
    return st.builds(
        Call,
        prompt=st.sampled_from(["a fox", "a fox", "a hen"]),
        patience=st.sampled_from(PATIENCE),
        copy=st.integers(0, copies - 1),
        wait=st.booleans(),
        together=st.sampled_from([1, 1, 1, 2]),
        end=st.sampled_from(["cancel", "silence", "kill"] if copies > 1 else ["cancel", "silence"]),
        take=st.sampled_from([False, False, False, True]),
    )


def happenings(copies: int, lag: float) -> st.SearchStrategy[Action]:
    """One thing that happens."""
    copy = st.integers(0, copies - 1)
    of_a_submit = [fault for fault in OF_A_SUBMIT if lag <= LAG_OF_AN_UNTRUE_REFUSAL or fault not in UNTRUE_REFUSALS]
    choices: list[st.SearchStrategy[Action]] = [
        calls(copies),
        calls(copies),
        st.builds(Pass, st.sampled_from([0.7, 5.1, 33.3, 130.1, 290.9, 601.3, 3700.1])),
        st.builds(Fail, st.just("submit"), st.sampled_from(of_a_submit), st.sampled_from([1, 2, None])),
        st.builds(Fail, st.just("get"), st.sampled_from(OF_A_LOOK), st.sampled_from([1, 3, None])),
        st.builds(Fail, st.just("list"), st.sampled_from(OF_A_LOOK), st.sampled_from([1, 5, None])),
        st.builds(Look, copy, st.booleans()) | st.builds(Listing, copy) | st.just(Heal()),
    ]
    if copies > 1:
        choices.append(st.builds(Restart, copy, st.booleans()))
    return st.one_of(*choices)


@st.composite
def histories(draw: st.DrawFn, copies: int) -> History:
    """The vendor's open choices, clocks up to ten minutes apart, a slow network, and two to seven happenings."""
    lag = draw(st.sampled_from([0, 0, 3, 40, 600]))
    behavior = draw(
        st.builds(
            Behavior,
            outcome=st.sampled_from(["video_url", "media_urls"]),
            echo_payload=st.sampled_from([True, True, False]),
            echo=st.sampled_from([(), ("defaults",), ("strings", "nulls"), ("stripped", "nfd", "strings")]),
            record_model=st.sampled_from(["as_sent", "as_sent", "other_case", "absent"]),
            list_order=st.sampled_from(["newest", "oldest", "shuffled"]),
            list_limit=st.sampled_from([None, None, 1]),
            list_keep=st.sampled_from(["newest", "oldest"]),
            list_lag=st.just(lag),
            empty_list=st.sampled_from(["array", "null"]),
            stamps=st.sampled_from(["seconds", "seconds", "seconds", "unreadable"]),
            skew=st.sampled_from([0, -600, 600, 3]),
            latency=st.sampled_from([0, 0.05, 1.3]),
        )
    )
    script = draw(st.sampled_from(SCRIPTS))
    return History(behavior, script, draw(st.lists(happenings(copies, lag), min_size=2, max_size=7)))


@CALM
@given(histories(copies=1))
def test_one_server_under_any_faults_at_all(history: History) -> None:
    """It needs no file, no up-to-date or whole list, no list that shows payloads, and no list at all.

    Left out: a job that the queue refuses in words although it has made it, while the list lags by more than 3 s.
    The look 4 s later does not show it, and nothing else does.
    """
    _judge(live(*history, shared_ledger=False))


@CALM
@given(histories(copies=2))
def test_servers_that_are_killed_restarted_and_copied(history: History) -> None:
    """What one server is about to pay the ledger remembers, for its next self and for the other copy.

    Left out, for the same reason: a job that is refused in words although it was made, while the list lags by more
    than 3 s.
    """
    _judge(live(*history, copies=2))


def test_a_second_payment_would_be_noticed() -> None:
    life = live(Behavior(), Script.takes(200), [Call("a fox", 50.3)])
    (first,) = life.sim.jobs
    second = dataclasses.replace(first, request_id="second", created_at=first.created_at + 100)
    life.sim.jobs.append(second)
    assert life.paid_too_often() == [second]


def test_another_take_is_no_second_payment_and_a_third_job_would_be() -> None:
    life = live(Behavior(), Script.takes(200), [Call("a fox", 50.3), Call("a fox", 50.3, take=True)])
    first, _ = life.sim.jobs
    assert life.paid_too_often() == []
    third = dataclasses.replace(first, request_id="third", created_at=first.created_at + 100)
    life.sim.jobs.append(third)
    assert life.paid_too_often() == [third]


def _judge(life: Life) -> None:
    note("\n".join(["", *life.log]))
    assert life.paid_too_often() == [], "two jobs for one intent"
    everything = {row["request_id"] for row in life.told[-1].answer["requests"]}
    assert {job.request_id for job in life.sim.jobs} <= everything
    for found in life.told:
        assert found.answer["next_step"]
        assert "This server has a fault of its own" not in found.answer["summary"]
    for made, found in itertools.product(life.sim.jobs, life.told):
        _must_not_call_free(life, made.created_at, made.request_id, found.answer, found.at)


def _must_not_call_free(life: Life, made_at: float, request_id: str, answer: dict[str, Any], told_at: float) -> None:
    """An answer that names a job never says that nothing was charged for it."""
    if answer.get("request_id") == request_id and "error" in answer and made_at <= told_at:
        assert answer["error"]["charged"] == "unknown", life.log

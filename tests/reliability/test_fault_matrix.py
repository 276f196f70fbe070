"""Every endpoint under every fault: a call makes at most one job, and its answer leads to it."""

import difflib
import os

import pytest

from gmi_video import services
from gmi_video.jobs import reconciliation, submission
from gmi_video.jobs.ledger import owners
from gmi_video.simulator import FAULTS, Fault
from gmi_video.text import duration
from gmi_video.upstream import client

from . import ABANDONED_BODIES, matrix
from .matrix import CONVERSATIONS, Conversation, Outcome

pytestmark = [pytest.mark.slow, *ABANDONED_BODIES]

ROWS = [(conversation, fault) for conversation in CONVERSATIONS for fault in conversation.faults]

JOB_WAS_MADE: tuple[Fault, ...] = (
    "429_after",
    "500_refused_value_after",
    "500_credentials_after",
    "500_after",
    "502_html_after",
    "503_after",
    "timeout_after",
    "dropped_after",
    "truncated_json",
    "wrong_types",
    "not_json",
    "empty_200",
    "huge",
)
"""Faults of a submit after which its job exists although there is no usable response."""


@pytest.mark.parametrize(
    ("conversation", "fault"), ROWS, ids=[f"{found.endpoint}-{found.tool}-{fault}" for found, fault in ROWS]
)
def test_a_call_makes_at_most_one_job_and_its_answer_leads_to_it(conversation: Conversation, fault: Fault) -> None:
    row = matrix.row(conversation, fault)
    for outcome in (row.once, row.always):
        assert len(outcome.jobs) <= 1
        assert all(_leads_to(job, outcome) for job in outcome.jobs), outcome
        assert outcome.is_error or outcome.charged in {"", "unknown"}
        assert "fault of its own (" not in outcome.message or "HTTP" in outcome.message, "the server itself failed"
        assert outcome.next_step, "no next step"
        if outcome.charged == "no" and conversation.tool == "generate_video":
            assert outcome.jobs == (), "reported as free, but a job was made"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_submit_is_sent_again_only_where_it_is_certain_that_nothing_arrived(fault: Fault) -> None:
    row = matrix.row(CONVERSATIONS[0], fault)
    if fault in {"refused", "429", "429_header", "429_body"}:
        assert len(row.once.jobs) == 1
        assert not row.always.jobs
    else:
        assert row.once.submits == row.always.submits == 1


@pytest.mark.parametrize("fault", JOB_WAS_MADE)
def test_a_job_whose_response_was_lost_once_is_found_and_polled_to_its_end(fault: Fault) -> None:
    assert matrix.row(CONVERSATIONS[0], fault).once.status == "success"


def test_the_page_has_the_current_tables() -> None:
    if not matrix.PAGE.exists() and not os.environ.get("CI"):
        matrix.main()
    written, current = matrix.PAGE.read_text(encoding="utf-8"), matrix.page()
    if written != current:
        difference = "\n".join(
            difflib.unified_diff(written.splitlines(), current.splitlines(), "page", "now", lineterm="")
        )
        pytest.fail(f"docs/fault-matrix.md is not up to date. To accept it: make tables\n{difference}")


@pytest.mark.parametrize(
    "promise",
    [
        f"at most {client.ATTEMPTS} times within {duration(client.RETRY_SECONDS)}",
        f"{len(reconciliation.PAUSES)} looks over {duration(sum(reconciliation.PAUSES))}",
        f"for {duration(submission.REUSE_SECONDS)} after a job was made",
        f"for {duration(reconciliation.UNCONFIRMED_SECONDS)} after the submit",
        f"{duration(sum(reconciliation.PAUSES_AFTER_REFUSAL))} later",
        f"{duration(owners.LEASE_SECONDS)} without a sign of life",
        f"A submit that has left gets {duration(services.DRAIN_SECONDS)} to be",
    ],
)
def test_the_numbers_in_reliability_md_are_the_codes(promise: str) -> None:
    text = " ".join(matrix.PROSE.read_text(encoding="utf-8").split())
    assert promise in text


def _leads_to(request_id: str, outcome: Outcome) -> bool:
    how_to_look = "list_requests" in outcome.next_step or "get_status" in outcome.next_step
    return request_id in outcome.text or (outcome.charged == "unknown" and how_to_look)

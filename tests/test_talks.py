"""Sixteen kinds of request as conversations: calls and submits as they should be, in both eras, led by words alone."""

import pytest

from .talks.reading import ToolCall, address_before, call_in, options_in, sentence_with, setting_in
from .talks.requests import REQUESTS, Request
from .talks.run import MODES, outcome


def named(request: Request) -> str:
    return request.name


@pytest.mark.parametrize("request_", REQUESTS, ids=named)
@pytest.mark.parametrize("mode", MODES)
def test_the_conversation_takes_as_many_calls_and_submits_as_it_should(request_: Request, mode: str) -> None:
    found = outcome(request_, mode)
    assert (found.calls, found.submits) == (request_.calls, request_.submits)
    assert found.usd == pytest.approx(request_.usd)


@pytest.mark.parametrize("request_", REQUESTS, ids=named)
def test_both_eras_give_a_model_the_same_to_read(request_: Request) -> None:
    assert len({outcome(request_, mode).transcript for mode in MODES}) == 1


def test_sixteen_requests_show_seven_points() -> None:
    assert len({request.kind for request in REQUESTS}) == 16
    assert {point for request in REQUESTS for point in request.points.split(", ")} == set("1234567")


# -- an assistant that would find a call where no words name one would show nothing --------------------------------


def test_a_call_is_taken_from_the_sentence_as_it_stands() -> None:
    step = 'Tell the user. Only then call get_status with {"request_id": "a-b", "wait": true} to wait.'
    assert call_in(sentence_with("to wait", step), None) == ToolCall("get_status", {"request_id": "a-b", "wait": True})


def test_a_repeat_changes_the_last_call_as_the_words_say() -> None:
    last = ToolCall("generate_video", {"prompt": "a fox", "dry_run": True})
    step = 'Make the same call without "dry_run" and with "confirm_cost": true.'
    assert call_in(step, last).arguments == {"prompt": "a fox", "confirm_cost": True}
    with pytest.raises(AssertionError, match="nothing to repeat"):
        call_in(step, None)


def test_names_inside_an_object_are_not_arguments() -> None:
    step = 'Call generate_video with "model": "Veo3", "model_parameters" such as {"seed": 1} and "dry_run": true.'
    assert call_in(step, None).arguments == {"model": "Veo3", "model_parameters": {"seed": 1}, "dry_run": True}


def test_words_that_name_no_call_are_an_error() -> None:
    with pytest.raises(AssertionError, match="no call in"):
        call_in("Tell the user.", None)
    with pytest.raises(AssertionError, match="no sentence with"):
        sentence_with("to wait on", "Tell the user.")
    with pytest.raises(AssertionError, match="no value for"):
        setting_in("Set GMI_IMAGE_DIRS to the folder.", "GMI_IMAGE_DIRS")
    with pytest.raises(AssertionError, match="no address before"):
        address_before("to go on", "Give a URL to go on.")
    with pytest.raises(AssertionError, match="no values for"):
        options_in("The duration is wrong.", "duration")

"""The player in Chromium: progress, the film, what a person can do, and what goes wrong."""

import re
from collections.abc import AsyncGenerator
from itertools import pairwise
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from gmi_video.simulator import Script
from gmi_video.upstream.wire import fields_of, items_of
from tests.conftest import ERAS
from tests.full import in_full

from .chat import Chat, chatting

pytestmark = [pytest.mark.anyio, pytest.mark.slow, in_full]

FOX: dict[str, Any] = {
    "prompt": "A red fox trots through fresh snow, camera orbits left",
    "aspect_ratio": "9:16",
    "resolution": "540p",
    "loop": True,
}


@pytest.fixture
async def chat(browser: Browser, port: int) -> AsyncGenerator[Chat]:
    async with chatting(browser, port) as found:
        found.sim.script("Luma-Ray2", Script.takes(60))
        yield found


@pytest.fixture
async def film(chat: Chat) -> Chat:
    """A chat with a finished film: the player has its first frame."""
    chat.sim.script("Luma-Ray2", Script.synchronous())
    await chat.ask("generate_video", **FOX)
    await expect(chat.view.locator("#phase")).to_have_text("Ready")
    await has_loaded(chat)
    return chat


async def has_loaded(chat: Chat) -> None:
    video = chat.view.locator("video")
    await expect(video).to_be_visible()
    await expect(video).to_have_js_property("readyState", 4)


async def said(chat: Chat) -> str:
    """The last message that the player has sent for the user."""
    message = (await chat.sent("ui/message"))[-1]
    assert message["role"] == "user"
    (block,) = items_of(message["content"]) or [message["content"]]
    assert fields_of(block)["type"] == "text"
    return fields_of(block)["text"]


# -- while it runs and then -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("era", ERAS)
async def test_a_job_is_shown_from_the_submit_to_the_film_by_looks_of_the_players_own(
    browser: Browser, port: int, era: str
) -> None:
    async with chatting(browser, port, era=era) as chat:
        chat.sim.script("Luma-Ray2", Script(((0, "queued"), (20, "processing"), (60, "success"))))
        result = await chat.ask("generate_video", **FOX)
        assert result.structured_content is not None
        assert not result.structured_content["is_final"]
        phase = chat.view.locator("#phase")
        await expect(phase).to_have_text("In the queue")
        await expect(chat.view.locator("#prompt")).to_have_text(FOX["prompt"])
        await chat.let_pass(30)
        await expect(phase).to_have_text("Rendering")
        await expect(chat.view.locator("#time")).to_contain_text(re.compile(r"^3[0-9] s"))
        await chat.let_pass(35)
        await expect(phase).to_have_text("Ready")
        await has_loaded(chat)
        film = await chat.view.locator("video").evaluate(
            "v => [v.videoWidth, v.videoHeight, v.loop, v.clientWidth / v.clientHeight]"
        )
        assert film[0] < film[1], "9:16"
        assert film[2] is True
        assert film[3] == pytest.approx(film[0] / film[1], rel=0.02)
        asked = [at for at, _, _ in chat.calls]
        assert 4 <= len(asked) <= 20
        assert all(later - earlier >= 2.5 for earlier, later in pairwise(asked))
        assert {name for _, name, _ in chat.calls} == {"get_status"}
        await chat.let_pass(120)
        assert len(chat.calls) == len(asked), "a finished job is not asked for"
        (context,) = await chat.sent("ui/update-model-context")
        assert result.structured_content["request_id"] in str(chat.calls)
        assert "The video is ready" in context["content"][0]["text"]


async def test_what_is_asked_is_shown_while_the_assistant_still_writes_it(chat: Chat) -> None:
    await chat.open()
    for written in ("A red", "A red fox in the"):
        await chat.tell("tool-input-partial", {"arguments": {"prompt": written}})
        await expect(chat.view.locator("#prompt")).to_have_text(written)
    await chat.tell("tool-input-partial", {})
    await chat.tell("tool-input", {"arguments": FOX})
    await expect(chat.view.locator("#prompt")).to_have_text(FOX["prompt"])
    await expect(chat.view.locator("#phase")).to_have_text("Asked for")


async def test_the_bar_moves_and_tells_how_long_it_usually_takes(chat: Chat) -> None:
    for prompt in ("an owl", "a deer", "a bear"):  # jobs from which the usual time is learned
        await chat.client.call_tool("generate_video", {"prompt": prompt})
    chat.time.passed += 61
    await chat.ask("generate_video", **FOX)
    bar, widths = chat.view.locator("#bar"), list[float]()
    for _ in range(6):
        await chat.let_pass(12)
        if await bar.is_visible():
            widths.append(float(await bar.get_attribute("aria-valuenow") or 0))
    assert len(widths) >= 4
    assert widths == sorted(widths)
    assert widths[-1] - widths[0] > 30
    assert widths[-1] < 100


async def test_the_film_plays(film: Chat) -> None:
    video = film.view.locator("video")
    await video.evaluate("v => v.play()")
    await expect(video).not_to_have_js_property("currentTime", 0)
    assert await video.evaluate("v => v.error") is None
    assert (await video.get_attribute("poster") or "").endswith(".jpg")
    assert await video.evaluate("v => v.controls")


async def test_a_thumbnail_that_is_the_film_is_no_poster(chat: Chat) -> None:
    chat.sim.behave(thumbnail="mp4")
    chat.sim.script("Luma-Ray2", Script.synchronous())
    await chat.ask("generate_video", **FOX)
    await has_loaded(chat)
    assert await chat.view.locator("video").get_attribute("poster") is None


async def test_a_host_that_strips_the_structured_content_is_served_from_the_text(chat: Chat) -> None:
    chat.strips = True
    chat.sim.script("Luma-Ray2", Script.takes(8))
    await chat.ask("generate_video", **FOX)
    await chat.let_pass(10)
    await has_loaded(chat)


async def test_a_player_that_nobody_sees_asks_nothing_and_asks_at_once_when_it_is_seen(chat: Chat) -> None:
    await chat.ask("generate_video", **FOX)
    await chat.let_pass(10)
    await chat.view.locator("body").evaluate(
        "() => { Object.defineProperty(document, 'hidden', { value: true, configurable: true });"
        " document.dispatchEvent(new Event('visibilitychange', { bubbles: true })); }"
    )
    before = len(chat.calls)
    assert before
    await chat.let_pass(40)
    assert len(chat.calls) == before
    await chat.view.locator("body").evaluate(
        "() => { delete document.hidden; document.dispatchEvent(new Event('visibilitychange', { bubbles: true })); }"
    )
    await chat.let_pass(1)
    await expect(chat.view.locator("#phase")).to_have_text("Rendering")
    assert len(chat.calls) == before + 1


async def test_a_torn_down_player_answers_and_asks_nothing_more(chat: Chat) -> None:
    await chat.ask("generate_video", **FOX)
    await chat.let_pass(10)
    before = len(chat.calls)
    answer = await chat.page.evaluate("askView('ui/resource-teardown', { reason: 'closed' })")
    assert answer["result"] == {}
    await chat.let_pass(40)
    assert len(chat.calls) == before


async def test_requests_of_the_host_are_answered(chat: Chat) -> None:
    await chat.open()
    assert (await chat.page.evaluate("askView('ping', {})"))["result"] == {}
    assert (await chat.page.evaluate("askView('tools/list', {})"))["error"]["code"] == -32601


async def test_a_reload_while_it_runs_goes_on_where_the_job_is(chat: Chat) -> None:
    result = await chat.ask("generate_video", **FOX)
    await chat.let_pass(45)
    before = len(chat.calls)
    await chat.replay(result, **FOX)
    await chat.let_pass(1)
    assert len(chat.calls) == before + 1, "the answer is old, so it looks at once"
    await expect(chat.view.locator("#time")).to_contain_text(re.compile("^(4[5-9]|5[0-9]) s"))
    await chat.let_pass(17)
    await has_loaded(chat)


async def test_a_reload_after_the_end_shows_the_film(film: Chat) -> None:
    again = await film.client.call_tool("generate_video", FOX)
    await film.replay(again, **FOX)
    await has_loaded(film)


async def test_looks_that_fail_are_said_and_become_rarer_and_the_film_comes_all_the_same(chat: Chat) -> None:
    await chat.ask("generate_video", **FOX)
    await chat.let_pass(5)
    chat.sim.fail("get", "401", times=40)
    await chat.let_pass(20)
    await expect(chat.view.locator("#note")).to_contain_text("could not be asked just now")
    chat.sim.clear_faults()
    await chat.let_pass(240)
    await has_loaded(chat)


async def test_two_players_of_one_job_in_one_chat_both_come_to_the_film(chat: Chat) -> None:
    made = await chat.ask("generate_video", **FOX)
    assert made.structured_content is not None
    await chat.let_pass(10)
    chat.keeps = True
    await chat.ask("get_status", request_id=made.structured_content["request_id"])
    await chat.let_pass(55)
    for number in (0, 1):
        view = chat.view_of(number)
        await expect(view.locator("#phase")).to_have_text("Ready")
        await expect(view.locator("#prompt")).to_have_text(FOX["prompt"])
        await expect(view.locator("video")).to_have_js_property("readyState", 4)
    before = len(chat.calls)
    await chat.let_pass(30)
    assert len(chat.calls) == before <= 2 * 20


async def test_an_old_job_is_shown_as_it_was_made_without_a_look(chat: Chat) -> None:
    made = await chat.client.call_tool("generate_video", FOX)
    assert made.structured_content is not None
    chat.time.passed += 86_400
    await chat.ask("get_status", request_id=made.structured_content["request_id"])
    await has_loaded(chat)
    await expect(chat.view.locator("#prompt")).to_have_text(FOX["prompt"])
    await expect(chat.view.locator("#facts")).to_contain_text(re.compile(r"took\s*60 s"))
    await chat.let_pass(30)
    assert not chat.calls


# -- what goes wrong --------------------------------------------------------------------------------------------------


async def test_a_failed_job_says_why_and_what_it_may_have_cost(chat: Chat) -> None:
    chat.sim.script("Luma-Ray2", Script.fails(8, "<img src=x onerror=alert(1)> the lens broke"))
    await chat.ask("generate_video", **FOX)
    await chat.let_pass(20)
    await expect(chat.view.locator("#phase")).to_have_text("No video was made")
    await expect(chat.view.locator("#note")).to_contain_text("the lens broke")
    await expect(chat.view.locator("#note")).to_contain_text("may still have cost")
    assert await chat.view.locator("img").count() == 0, "foreign text is no HTML"
    await expect(chat.view.locator("#open")).to_be_hidden()
    await chat.view.get_by_role("button", name="Ask for another try").click()
    assert "made no video" in await said(chat)


async def test_a_job_that_was_cancelled_elsewhere_says_so(chat: Chat) -> None:
    chat.sim.script("Luma-Ray2", Script(((0, "queued"), (8, "cancelled"))))
    await chat.ask("generate_video", **FOX)
    await chat.let_pass(20)
    await expect(chat.view.locator("#phase")).to_have_text("No video was made")
    await expect(chat.view.locator("#note")).to_contain_text("was cancelled, not by this server")
    await expect(chat.view.locator("#facts")).to_contain_text("price")


async def test_a_refused_call_is_shown_with_its_reason(chat: Chat) -> None:
    await chat.ask("generate_video", prompt="a fox", resolution="8k")
    await expect(chat.view.locator("#phase")).to_have_text("Not sent")
    await expect(chat.view.locator("#note")).to_contain_text("resolution")
    await expect(chat.view.locator("#acts")).to_be_hidden()
    await expect(chat.view.locator("#run")).to_be_hidden()
    await expect(chat.view.locator("#facts")).to_have_text("")


async def test_a_video_above_the_budget_is_called_not_sent_and_a_status_that_fails_is_not(chat: Chat) -> None:
    await chat.ask("generate_video", prompt="a fox", max_cost_usd=0.1)
    await expect(chat.view.locator("#phase")).to_have_text("Not sent")
    await expect(chat.view.locator("#note")).to_contain_text("above the budget of $0.10")
    await chat.ask("get_status", request_id="none")
    await expect(chat.view.locator("#phase")).to_have_text("That did not work")
    await expect(chat.view.locator("#facts")).to_have_text("")


async def test_a_submit_that_may_have_made_a_job_is_not_called_a_failure(chat: Chat) -> None:
    unknown = {
        "summary": "Look at the list first.",
        "status": "unknown",
        "error": {"message": "x", "charged": "unknown"},
    }
    await chat.open()
    await chat.tell("tool-result", {"content": [], "structuredContent": unknown, "isError": True})
    await expect(chat.view.locator("#phase")).to_have_text("Not known whether it is made")
    await expect(chat.view.locator("#note")).to_have_text("Look at the list first.")


async def test_a_dry_run_is_shown_as_what_was_not_sent(chat: Chat) -> None:
    await chat.ask("generate_video", prompt="a fox", dry_run=True)
    await expect(chat.view.locator("#phase")).to_have_text("Not sent")
    await expect(chat.view.locator("#facts")).to_contain_text(re.compile(r"price\s*about \$0\.71"))
    await expect(chat.view.locator("#facts")).not_to_contain_text("cost")


async def test_a_cancelled_call_says_that_a_submitted_video_is_made(chat: Chat) -> None:
    await chat.open()
    await chat.tell("tool-input", {"arguments": FOX})
    await expect(chat.view.locator("#bar")).to_be_visible()
    await chat.tell("tool-cancelled", {"reason": "the user"})
    await expect(chat.view.locator("#phase")).to_contain_text("is made all the same")
    await expect(chat.view.locator("#bar")).to_be_hidden()


async def blocked(chat: Chat, **options: Any) -> str:
    """A finished video of a host that the player may not load from. Returns its link."""
    chat.sim.script("Luma-Ray2", Script.synchronous())
    result = await chat.client.call_tool("generate_video", FOX)
    await chat.open(csp={"resourceDomains": ["https://storage.googleapis.com"]}, **options)
    await chat.tell("tool-result", chat.passed_on(result))
    await expect(chat.view.locator("#note")).to_contain_text("does not let the player show videos from 127.0.0.1")
    assert result.structured_content is not None
    return result.structured_content["video_url"]


async def test_a_video_of_a_blocked_host_is_a_picture_and_a_link(chat: Chat) -> None:
    url = await blocked(chat)
    still = chat.view.locator("video")
    await expect(still).to_be_visible()
    assert (await still.get_attribute("poster") or "").startswith("data:image/jpeg;base64,")
    assert await still.get_attribute("controls") is None
    shape = await still.evaluate("v => v.clientWidth / v.clientHeight")
    assert shape == pytest.approx(9 / 16, rel=0.02)
    assert not chat.calls, "a fresh link would be blocked, too"
    for opens in (still, chat.view.get_by_role("button", name="Open")):
        await opens.click()
    assert await chat.sent("ui/open-link") == [{"url": url}, {"url": url}]
    assert len(await chat.sent("resources/read")) == 1


async def test_a_video_of_a_blocked_host_without_a_thumbnail_is_a_link(chat: Chat) -> None:
    chat.sim.behave(thumbnail="mp4")
    url = await blocked(chat)
    await chat.page.evaluate("settle()")
    await expect(chat.view.locator("video")).to_be_hidden()
    await chat.view.get_by_role("button", name="Open").click()
    assert await chat.sent("ui/open-link") == [{"url": url}]


async def test_a_dead_link_is_asked_for_again_once(chat: Chat) -> None:
    chat.sim.script("Luma-Ray2", Script.synchronous())
    result = await chat.client.call_tool("generate_video", FOX)
    assert result.structured_content is not None
    sent = chat.passed_on(result)
    old = re.sub(r"\w{8}-[\w-]+\.mp4", "gone.mp4", sent["structuredContent"]["video_url"])
    sent["structuredContent"]["video_url"] = old
    await chat.open()
    await chat.tell("tool-result", sent)
    await has_loaded(chat)
    assert await chat.view.locator("video").get_attribute("src") == result.structured_content["video_url"]
    assert len(chat.calls) == 1


async def test_a_link_that_stays_dead_is_asked_for_no_second_time(chat: Chat) -> None:
    chat.sim.script("Luma-Ray2", Script.synchronous())
    chat.sim.fail("film", "500", times=20)
    await chat.ask("generate_video", **FOX)
    await expect(chat.view.locator("#note")).to_contain_text("can't be played here")
    await chat.let_pass(60)
    assert len(chat.calls) == 1
    await expect(chat.view.get_by_role("button", name="Open")).to_be_visible()


async def test_a_dead_link_of_a_video_that_is_no_more_leaves_no_black_box(chat: Chat) -> None:
    chat.sim.script("Luma-Ray2", Script.synchronous())
    made = chat.passed_on(await chat.client.call_tool("generate_video", FOX))
    chat.sim.script("Luma-Ray2", Script.fails(1, "gone"))
    failed = await chat.client.call_tool("generate_video", {"prompt": "a cat"})
    chat.time.passed += 2
    assert failed.structured_content is not None
    made["structuredContent"]["request_id"] = failed.structured_content["request_id"]
    made["structuredContent"]["video_url"] += ".gone.mp4"
    await chat.open()
    await chat.tell("tool-result", made)
    await expect(chat.view.locator("#phase")).to_have_text("No video was made")
    await expect(chat.view.locator("video")).to_be_hidden()


@pytest.mark.parametrize("url", ["javascript:parent.hacked=1", "data:text/html,x", "file:///etc/passwd", "ftp://x/y"])
async def test_only_web_addresses_are_links(chat: Chat, url: str) -> None:
    answer = {"summary": "x", "request_id": "r", "is_final": True, "status": "success", "video_url": url,
              "thumbnail_image_url": url, "parameters": {"prompt": "<b>x</b>"}}  # fmt: skip
    await chat.open()
    await chat.tell("tool-result", {"content": [], "structuredContent": answer})
    await expect(chat.view.locator("#phase")).to_have_text("Ready, without a link")
    assert await chat.view.locator("video").get_attribute("src") is None
    await expect(chat.view.locator("#open")).to_be_hidden()
    await expect(chat.view.locator("#prompt")).to_have_text("<b>x</b>")


async def test_messages_of_another_frame_are_not_the_hosts(chat: Chat) -> None:
    await chat.open()
    await chat.view.locator("body").evaluate(
        "() => window.postMessage({ jsonrpc: '2.0', method: 'ui/notifications/tool-result',"
        " params: { structuredContent: { summary: 'forged', error: {} } } }, '*')"
    )
    await chat.tell("tool-input", {"arguments": FOX})
    await expect(chat.view.locator("#phase")).to_have_text("Asked for")


async def test_a_host_that_calls_no_tools_for_the_player_says_whom_to_ask(chat: Chat) -> None:
    del chat.capabilities["serverTools"]
    await chat.ask("generate_video", **FOX)
    await expect(chat.view.locator("#note")).to_contain_text("Ask the assistant")
    await chat.let_pass(30)
    assert not chat.calls


# -- what a person can do ---------------------------------------------------------------------------------------------


async def test_another_take_and_a_continuation_are_asked_of_the_assistant_with_the_money(film: Chat) -> None:
    (job,) = film.sim.jobs
    await film.view.get_by_role("button", name="Another take").click()
    await expect(film.view.locator("#note")).to_have_text("The assistant has been asked.")
    text = await said(film)
    assert job.request_id in text
    assert '"allow_duplicate": true' in text
    assert "price first" in text
    await film.view.get_by_role("button", name="Continue from the last frame").click()
    text = await said(film)
    assert f"gmi-video://requests/{job.request_id}/last-frame" in text
    assert "price first" in text
    assert len(film.sim.jobs) == 1, "the player itself makes nothing"


@pytest.mark.parametrize("how", ["refused", "declined"])
async def test_a_host_that_takes_no_messages_leaves_the_words_to_the_user(film: Chat, how: str) -> None:
    await film.page.evaluate(f"{how}.add('ui/message')")
    await film.view.get_by_role("button", name="Another take").click()
    await expect(film.view.locator("#note")).to_contain_text("Ask the assistant yourself: Make another take")


@pytest.mark.parametrize("how", ["refused", "declined"])
async def test_a_host_that_opens_nothing_leaves_the_link_to_the_user(film: Chat, how: str) -> None:
    await film.page.evaluate(f"{how}.add('ui/open-link')")
    await film.view.get_by_role("button", name="Open").click()
    await expect(film.view.locator("#note")).to_contain_text("This host opened nothing. The link: http://127.0.0.1")


async def test_a_host_that_takes_one_block_and_no_list_gets_one(film: Chat) -> None:
    await film.page.evaluate("listed = false")
    await film.view.get_by_role("button", name="Another take").click()
    await expect(film.view.locator("#note")).to_have_text("The assistant has been asked.")
    assert "Make another take" in await said(film)


@pytest.mark.parametrize("allowed", [True, False], ids=["with the permission", "without it"])
async def test_the_link_is_copied(browser: Browser, port: int, allowed: bool) -> None:  # noqa: FBT001 - a parameter
    async with chatting(browser, port, permissions=["clipboard-read", "clipboard-write"]) as chat:
        chat.sim.script("Luma-Ray2", Script.synchronous())
        result = await chat.client.call_tool("generate_video", FOX)
        await chat.open(**({} if allowed else {"permissions": {}}))
        await chat.tell("tool-result", chat.passed_on(result))
        await chat.view.get_by_role("button", name="Copy link").click()
        await expect(chat.view.locator("#note")).to_have_text("The link is copied.")
        await chat.page.bring_to_front()
        assert result.structured_content is not None
        await chat.page.evaluate("document.body.tabIndex = 0, document.body.focus()")
        assert await chat.page.evaluate("navigator.clipboard.readText()") == result.structured_content["video_url"]


async def test_everything_is_reached_by_keyboard_and_has_a_name(film: Chat) -> None:
    await film.view.locator("#open").focus()
    names = list[str]()
    for _ in range(4):
        names.append(await film.view.locator(":focus").inner_text())
        await film.page.keyboard.press("Tab")
    assert names == ["Open", "Copy link", "Another take", "Continue from the last frame"]
    await film.view.locator("#again").focus()
    await film.page.keyboard.press("Enter")
    assert "Make another take" in await said(film)
    assert await film.view.get_by_label(re.compile("^Video: A red fox")).count() == 1
    assert await film.view.locator("#phase").evaluate("e => e.parentElement.getAttribute('role')") == "status"


async def test_the_parameters_and_the_cost_are_shown(film: Chat) -> None:
    facts = await film.view.locator("#facts").inner_text()
    for shown in ("Luma-Ray2", "540p", "9:16", "yes", "about $0."):
        assert shown in facts

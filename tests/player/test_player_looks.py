"""What the player looks like: both themes, narrow and wide, long prompts, no motion. `make player` keeps pictures."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from gmi_video.simulator import Script
from tests.full import in_full

from .chat import Chat, chatting

pytestmark = [pytest.mark.anyio, pytest.mark.slow, in_full]

PROMPT = (
    "A red fox trots through fresh snow at dawn, breath in the cold air, pine trees behind it, soft golden light, "
    "shallow depth of field, camera orbits left and then pushes in until its eyes fill the frame"
)
assert len(PROMPT) == 200

STATES = {
    "running": Script(((0, "queued"), (4, "processing"), (600, "success"))),
    "ready": Script.takes(8),
    "failed": Script.fails(8, "The prompt was refused by content moderation"),
}
PHASES = {"running": "Rendering", "ready": "Ready", "failed": "No video was made"}
SHAPES = {"running": "16:9", "ready": "16:9", "failed": "9:16"}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where pictures are put; $PICTURES keeps them."""
    folder = Path(os.environ.get("PICTURES") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def channels(color: str) -> list[float]:
    """`rgb(…)` as linear light."""
    values = [int(value) / 255 for value in re.findall(r"\d+", color)[:3]]
    return [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]


def contrast(one: str, other: str) -> float:
    """The contrast of two colors, as WCAG reckons it."""
    light, dark = sorted(
        (sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), channels(color), strict=True)) for color in (one, other)),
        reverse=True,
    )
    return (light + 0.05) / (dark + 0.05)


async def shown(chat: Chat, state: str, **arguments: Any) -> None:
    """Bring the player into a state; of a running job it knows how long it usually takes."""
    if state == "running":
        chat.sim.script("Luma-Ray2", Script.takes(20))
        for prompt in ("an owl", "a deer", "a bear"):
            await chat.client.call_tool("generate_video", {"prompt": prompt})
        chat.time.passed += 21
    chat.sim.script("Luma-Ray2", STATES[state])
    await chat.ask("generate_video", **{"prompt": PROMPT, "aspect_ratio": SHAPES[state]} | arguments)
    await chat.let_pass(10)
    await expect(chat.view.locator("#phase")).to_have_text(PHASES[state])
    if state == "ready":
        await expect(chat.view.locator("video")).to_have_js_property("readyState", 4)


@pytest.mark.parametrize("state", list(STATES))
@pytest.mark.parametrize("width", [360, 900])
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_it_fits_and_can_be_read(
    browser: Browser, port: int, pictures: Path, *, theme: str, width: int, state: str
) -> None:
    async with chatting(browser, port, width=width) as chat:
        chat.context["theme"] = theme
        await shown(chat, state)
        body = chat.view.locator("body")
        assert await body.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"
        inner = await body.evaluate("() => [document.documentElement.scrollHeight, innerHeight]")
        assert inner[0] <= inner[1], "the frame is as tall as the player"
        back = await body.evaluate("() => getComputedStyle(document.documentElement).backgroundColor")
        for part in ("#phase", "#prompt", "#time", "#note", "dt", "dd"):
            color = await chat.view.locator(part).first.evaluate("e => getComputedStyle(e).color")
            assert contrast(color, back) >= 4.5, part
        button = await chat.view.locator("#again").evaluate(
            "e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor]"
        )
        assert contrast(*button) >= 4.5
        await chat.page.screenshot(path=pictures / f"{state}-{theme}-{width}.png", full_page=True)


@pytest.mark.parametrize("width", [360, 900])
@pytest.mark.parametrize("shape", ["9:21", "21:9", "1:1"])
async def test_a_film_of_any_shape_stays_within_the_frame(browser: Browser, port: int, width: int, shape: str) -> None:
    async with chatting(browser, port, width=width) as chat:
        await shown(chat, "ready", aspect_ratio=shape)
        film = await chat.view.locator("video").evaluate(
            "v => [v.clientWidth, v.clientHeight, v.videoWidth / v.videoHeight]"
        )
        assert film[0] <= width - 28
        assert film[1] <= 480
        assert film[0] / film[1] == pytest.approx(film[2], rel=0.02)


async def test_everything_begins_at_one_edge_and_a_narrow_film_has_the_rest_beside_it(
    browser: Browser, port: int
) -> None:
    async with chatting(browser, port, width=900) as chat:
        for shape, beside in (("16:9", False), ("9:16", True)):
            await shown(chat, "ready", aspect_ratio=shape)
            film, prompt, buttons = [
                await chat.view.locator(part).evaluate("e => e.getBoundingClientRect().toJSON()")
                for part in ("video", "#prompt", "#acts")
            ]
            assert film["left"] == prompt["left"]
            assert film["top"] - prompt["bottom"] >= 8
            assert (buttons["left"] > film["right"]) is beside
            assert (buttons["top"] < film["bottom"]) is beside


async def test_a_long_reason_of_a_failure_fits(browser: Browser, port: int) -> None:
    async with chatting(browser, port, width=360) as chat:
        chat.sim.script("Luma-Ray2", Script.fails(8, "CUDA_ERROR_" * 400))
        await chat.ask("generate_video", prompt=PROMPT)
        await chat.let_pass(10)
        await expect(chat.view.locator("#phase")).to_have_text("No video was made")
        wide, tall = await chat.view.locator("body").evaluate(
            "() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
        )
        assert wide <= 360
        assert tall < 700


async def test_a_low_frame_has_a_lower_film(browser: Browser, port: int) -> None:
    async with chatting(browser, port, width=900) as chat:
        chat.context["containerDimensions"] = {"maxHeight": 480, "maxWidth": 900}
        await shown(chat, "ready")
        assert await chat.view.locator("video").evaluate("v => v.clientHeight") <= 260
        sizes = await chat.sent("ui/notifications/size-changed")
        assert sizes[-1]["height"] <= 480


async def test_the_frames_height_settles(browser: Browser, port: int) -> None:
    async with chatting(browser, port) as chat:
        await shown(chat, "ready")
        sizes = await chat.sent("ui/notifications/size-changed")
        assert 2 <= len(sizes) <= 10
        await chat.let_pass(20)
        assert await chat.sent("ui/notifications/size-changed") == sizes


async def test_the_hosts_colors_and_changes_of_its_theme_are_taken_over(browser: Browser, port: int) -> None:
    async with chatting(browser, port) as chat:
        chat.context["styles"] = {"variables": {"--color-background-primary": "light-dark(rgb(1, 2, 3), rgb(4, 5, 6))"}}
        await chat.open()
        page = chat.view.locator("html")
        await expect(page).to_have_css("background-color", "rgb(1, 2, 3)")
        await chat.tell("host-context-changed", {"theme": "dark"})
        await expect(page).to_have_css("background-color", "rgb(4, 5, 6)")


async def test_who_wants_no_motion_gets_none(browser: Browser, port: int) -> None:
    async with chatting(browser, port, reduced_motion="reduce") as chat:
        await shown(chat, "running")
        await expect(chat.view.locator("#done")).to_have_css("animation-name", "none")
        await expect(chat.view.locator("#done")).to_have_css("transition-duration", "0s")

"""A picture of the player: two finished videos in a real browser, in the light and in the dark theme."""

import io
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw
from playwright.async_api import expect

from gmi_video.simulator import Script
from tests.player.chat import Chat, browsing, chatting, pages

SHOWN = (
    ("light", "A red fox at the lake at dawn, slow push in", 2.0),
    ("dark", "A paper lantern over a night lake, slow aerial", 3.0),
)
"""Each player's theme, its prompt, and the second at which its video stands."""

WIDTH = 480
"""Of one player (CSS pixels): two are as wide as a page on GitHub."""
SCALE = 2
"""Pixels a CSS pixel."""
SHOTS = 200
"""Tries to take a shot without motion; each takes about 0.1 s."""
GAP = 16
RADIUS = 10
EDGE = (128, 128, 128, 90)
"""Of the frame that a host draws around a player."""


async def write(path: Path) -> None:
    """Write the picture (WebP, with an alpha channel): the players side by side.

    Raises:
        RuntimeError: a player does not come to rest.
    """
    with pages() as port:
        async with browsing() as browser:
            shots: list[Image.Image] = []
            for theme, prompt, second in SHOWN:
                async with chatting(browser, port, width=WIDTH, device_scale_factor=SCALE) as chat:
                    chat.context["theme"] = theme
                    shots.append(await _shot(chat, prompt, second))
    side_by_side([framed(shot) for shot in shots]).save(path, "WEBP", quality=88, method=6)


async def _shot(chat: Chat, prompt: str, second: float) -> Image.Image:
    chat.sim.behave(film_seconds=5)
    chat.sim.script("Luma-Ray2", Script.takes(83))
    made = await chat.client.call_tool("generate_video", {"prompt": prompt})
    assert made.structured_content is not None
    chat.time.passed += 90
    await chat.ask("get_status", request_id=made.structured_content["request_id"])
    video = chat.view.locator("video")
    await expect(video).to_have_js_property("readyState", 4)
    seeked = "(v, at) => new Promise(done => { v.onseeked = done; v.currentTime = at; })"
    await video.evaluate(seeked, second)
    return await _still(chat)


async def _still(chat: Chat) -> Image.Image:
    """A shot of the player once two in a row are the same: a video turns a wheel for a moment after it was loaded."""
    frame, before = chat.page.locator("iframe"), b""
    for _ in range(SHOTS):
        shot = await frame.screenshot()
        if shot == before:
            return Image.open(io.BytesIO(shot)).convert("RGBA")
        before = shot
    raise RuntimeError(f"The player still moves after {SHOTS} shots.")


def framed(shot: Image.Image) -> Image.Image:
    """A shot with round corners and a thin edge."""
    fine = 4
    box = (0, 0, shot.width * fine - 1, shot.height * fine - 1)
    mask = Image.new("L", (shot.width * fine, shot.height * fine))
    ImageDraw.Draw(mask).rounded_rectangle(box, RADIUS * SCALE * fine, fill=255)
    edge = Image.new("L", mask.size)
    ImageDraw.Draw(edge).rounded_rectangle(box, RADIUS * SCALE * fine, outline=EDGE[3], width=SCALE * fine)
    colour = Image.new("RGBA", shot.size, EDGE[:3])
    colour.putalpha(edge.reduce(fine))
    shot.alpha_composite(colour)
    shot.putalpha(ImageChops.multiply(shot.getchannel("A"), mask.reduce(fine)))
    return shot


def side_by_side(shots: list[Image.Image]) -> Image.Image:
    """The shots in a row, on nothing."""
    gap = GAP * SCALE
    width = sum(shot.width for shot in shots) + gap * (len(shots) - 1)
    row = Image.new("RGBA", (width, max(shot.height for shot in shots)))
    left = 0
    for shot in shots:
        row.paste(shot, (left, 0))
        left += shot.width + gap
    return row

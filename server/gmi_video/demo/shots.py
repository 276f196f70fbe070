"""Make a story: shots one after the other, each from the last frame of the one before, and one film of them all."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from anyio import to_thread
from mcp import Client
from mcp.shared.exceptions import MCPError

from gmi_video.demo.joining import join
from gmi_video.demo.making import DemoError, make_video, price, read_outcome
from gmi_video.demo.saving import save, slug
from gmi_video.demo.story import Story
from gmi_video.demo.terminal import Bar, Terminal


async def make_story(
    client: Client, told: Story, arguments: dict[str, Any], folder: Path, *, terminal: Terminal, saved: list[Path]
) -> None:
    """Make all shots and join them; tell the price of all first.

    Args:
        client: is connected to the server.
        told: has the prompts.
        arguments: what else generate_video gets; the start image is the first shot's, the end image the last one's.
        folder: the films are saved there.
        terminal: shows it.
        saved: gets the path of each shot once it is saved, and at last that of the whole film.

    Raises:
        DemoError: a shot was not made; it says which.
    """
    calls, stem = _calls(told.prompts, arguments), folder / slug(told.name)
    last = len(calls)
    terminal.fact("style", told.style.rstrip(","))
    for number, what in enumerate(told.told, start=1):
        terminal.fact(f"shot {number}", what)
    terminal.fact("price", await _price_of_all(client, calls))
    terminal.title("\nEach shot begins with the last frame of the one before, so they are made one after the other.")
    with terminal.bars([f"shot {number}" for number in range(1, last + 1)]) as bars:
        for later, bar in enumerate(bars[1:], start=1):
            bar.say(f"waits for the last frame of shot {later}")
        before = ""
        for number, (call, bar) in enumerate(zip(calls, bars, strict=True), start=1):
            if before:
                call["frame0_image"] = f"gmi-video://requests/{before}/last-frame"
                bar.say(f"takes the last frame of shot {number - 1}")
            try:
                before = await _make_shot(client, call, stem.with_name(f"{stem.name}-shot-{number}"), bar, saved)
            except (DemoError, MCPError, OSError, httpx.HTTPError) as error:
                for missing in bars[number - 1 :]:
                    missing.end("not made", done=False)
                raise DemoError(f"Shot {number} of {last} was not made. {error or type(error).__name__}") from error
    whole = stem.with_name(f"{stem.name}-{last}-shots-{before}.mp4")
    with terminal.waiting(f"joining the {last} shots"):
        seconds = await to_thread.run_sync(join, list(saved), whole)
    saved.append(whole)
    terminal.done(f"Saved {last} shots, and one film of all of them, {seconds:g} s long:")


def _calls(prompts: Sequence[str], arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """The arguments of generate_video for each shot; the start images of all but the first are not there yet."""
    shared = {name: value for name, value in arguments.items() if name not in {"frame0_image", "frame1_image"}}
    calls = [{"prompt": prompt, **shared} for prompt in prompts]
    for call, name in ((calls[0], "frame0_image"), (calls[-1], "frame1_image")):
        if name in arguments:
            call[name] = arguments[name]
    return calls


async def _price_of_all(client: Client, calls: Sequence[dict[str, Any]]) -> str:
    """What all shots cost, in words. Each is checked, so that a story that can't be finished is not begun."""
    found: list[float] = []
    for number, call in enumerate(calls, start=1):
        try:
            cost = await price(client, call)
        except DemoError as error:
            raise DemoError(f"Shot {number} of {len(calls)} would be refused. {error}") from None
        found += [] if cost is None else [cost]
    if len(found) < len(calls):
        return "not known; nothing is paid here"
    each = f"{len(found)} x ${found[0]:.2f}" if len(set(found)) == 1 else " + ".join(f"${one:.2f}" for one in found)
    return f"{each} = ${sum(found):.2f} by the pretend cloud's price list; nothing is paid here"


async def _make_shot(client: Client, call: dict[str, Any], stem: Path, bar: Bar, saved: list[Path]) -> str:
    """Make and save one shot. Returns its request's id."""
    answer = await make_video(client, call, bar)
    request_id: str = answer["request_id"]
    bar.say("saving")
    outcome = await read_outcome(client, answer)
    (path,) = await save([outcome["video_url"]], stem.with_name(f"{stem.name}-{request_id}"))
    saved.append(path)
    bar.end(f"done in {answer['elapsed_seconds']:.0f} s, saved" if "elapsed_seconds" in answer else "done, saved")
    return request_id

"""`gmi-video-mcp demo`: a video from a prompt, with the real server as a process and a pretend GMI Cloud behind it.

No key and no network are needed. The bar is fed by the server's progress notifications and nothing else, as a host's
would be; what is saved is what the server's outcome resource links to.
"""

import argparse
import io
import json
import os
import re
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast, get_args

import anyio
import httpx
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, Implementation, TextContent, TextResourceContents

from gmi_video import __version__
from gmi_video.demo.terminal import Screen
from gmi_video.simulator import Script, Simulator
from gmi_video.simulator.serve import fetch_over_http, running
from gmi_video.upstream.luma_ray2 import LUMA_RAY2, AspectRatio, Duration, Resolution

PROMPT = "A paper lantern drifts over a misty mountain lake at dawn, first light on the pines, slow aerial push in"

_TOOL_OPTIONS = ("model", "resolution", "duration", "aspect_ratio", "loop", "frame0_image", "frame1_image")


class _Trouble(Exception):
    """The demo can't go on; its text says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `gmi-video-mcp demo`: those of generate_video, and where the film goes."""
    parser.add_argument("prompt", nargs="?", default=PROMPT, metavar="PROMPT", help="what should be seen")
    parser.add_argument("--model", help=f"model id (default {LUMA_RAY2})")
    parser.add_argument("--resolution", choices=get_args(Resolution), help="default 720p; 4k takes minutes to draw")
    parser.add_argument("--duration", choices=get_args(Duration), help="default 5s")
    parser.add_argument("--aspect-ratio", choices=get_args(AspectRatio), help="default 16:9")
    parser.add_argument("--loop", action="store_true", default=None, help="make the end run into the start")
    parser.add_argument("--frame0-image", metavar="IMAGE", help="file or public URL of an image it starts with")
    parser.add_argument("--frame1-image", metavar="IMAGE", help="file or public URL of an image it ends with")
    parser.add_argument(
        "--takes", type=_seconds, default=12.0, metavar="SECONDS", help="the pretend render's length (default 12)"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("gmi-video-output"), metavar="DIR", help="default ./%(default)s"
    )


def main(options: argparse.Namespace) -> int:
    """Run the demo with the parsed options. Returns the exit code: 1 where there is no film, 130 where interrupted."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A prompt may hold any character; a terminal or pipe that can't show one must not end the demo.
        sys.stdout.reconfigure(errors="replace")  # pyright: ignore[reportUnknownMemberType] - isinstance leaves its buffer open
    screen = Screen()
    try:
        folder: Path = options.output.expanduser().resolve()
        folder.mkdir(parents=True, exist_ok=True)
        paths = anyio.run(_demo, options, folder, screen)
    except KeyboardInterrupt:
        screen.say("Stopped.")
        return 130
    except Exception as error:
        causes = list(_causes(error))
        if not all(isinstance(cause, _Trouble | OSError | MCPError | httpx.HTTPError) for cause in causes):
            raise
        for cause in causes:
            screen.say(str(cause) or type(cause).__name__)
        return 1
    for path in paths:
        print(path)  # noqa: T201 - a command's output, which no console may wrap
    return 0


async def _demo(options: argparse.Namespace, folder: Path, screen: Screen) -> list[Path]:
    simulator = Simulator(scripts={"*": Script.takes(options.takes)}, fetch=fetch_over_http)
    _remember_earlier_jobs(simulator, options.model or LUMA_RAY2, options.takes)
    asked = {name: getattr(options, name) for name in _TOOL_OPTIONS if getattr(options, name) is not None}
    folders = _allowed_folders(asked)
    async with running(simulator):
        server = StdioServerParameters(
            command=sys.executable,
            args=["-m", "gmi_video", "serve"],
            env={"GMI_API_KEY": simulator.api_key, "GMI_BASE_URL": simulator.api_url, "GMI_IMAGE_DIRS": folders},
        )
        screen.title("A pretend GMI Cloud is up on this machine: no key, no network, no cost.")
        me = Implementation(name="gmi-video-demo", version=__version__)
        async with Client(server, client_info=me) as client:
            who = client.server_info
            named = f"{who.name} {who.version}" if who else "the server"
            screen.fact("server", f"{named}, its own process, MCP {client.protocol_version} over stdio")
            screen.fact("prompt", options.prompt)
            answer = await _made(client, {"prompt": options.prompt, **asked}, screen)
            outcome = await _outcome(client, answer, screen)
        stem = f"{slug(options.prompt)}-{answer['request_id']}"
        return await _saved(outcome, folder / stem, screen)


def _allowed_folders(asked: dict[str, Any]) -> str:
    """Make the paths among the frames absolute. Gives their folders, as GMI_IMAGE_DIRS takes them."""
    folders: list[str] = []
    for name in ("frame0_image", "frame1_image"):
        if name in asked and "://" not in asked[name]:
            path = Path(asked[name]).expanduser().absolute()
            asked[name] = str(path)
            folders.append(str(path.parent))
    return os.pathsep.join(dict.fromkeys(folders))


def _remember_earlier_jobs(simulator: Simulator, model: str, takes: float) -> None:
    """Give the account a past, from which the server learns how long a render usually takes."""
    for number, share in enumerate((0.3, 0.8, 1.0, 1.1, 1.3), start=1):
        seconds = round(takes * share)
        created = simulator.clock() - number * 3600
        earlier = {"prompt": f"An earlier video, number {number}"}
        simulator.add_history(model, payload=earlier, created_at=created, took_seconds=seconds)


async def _made(client: Client, arguments: dict[str, Any], screen: Screen) -> dict[str, Any]:
    """Have the video made, as an assistant would: generate_video, then get_status while the job goes on."""
    with screen.progress("asking for the video") as progress:
        answer = _answer(await client.call_tool("generate_video", arguments, progress_callback=progress))
        while "request_id" in answer and not answer.get("is_final"):
            again = {"request_id": answer["request_id"], "wait": True}
            answer = _answer(await client.call_tool("get_status", again, progress_callback=progress))
    if "outcome_uri" not in answer:
        raise _Trouble(f"{answer['summary']}\n{answer.get('next_step', '')}".strip())
    # Without its link, which is an address of the pretend cloud and dies with it.
    screen.done(re.sub(r":? \[[^\]]*\]\([^)]*\)", "", answer["summary"]))
    if answer.get("parameters"):
        shown = {name: value for name, value in answer["parameters"].items() if name != "prompt"}
        screen.fact("asked", ", ".join(f"{name} {str(value).lower()}" for name, value in shown.items()))
    if (cost := answer.get("estimated_cost_usd")) is not None:
        screen.fact("cost", f"${cost:.2f} by the pretend cloud's price list; nothing was paid")
    return answer


def _answer(result: CallToolResult) -> dict[str, Any]:
    (block,) = [block for block in result.content if isinstance(block, TextContent)]
    answer: dict[str, Any] = json.loads(block.text)
    if result.is_error:
        raise _Trouble(f"{answer['error']['message']}\n{answer['next_step']}")
    return answer


async def _outcome(client: Client, answer: dict[str, Any], screen: Screen) -> dict[str, str]:
    """What the outcome resource says, read as a host reads it."""
    uri: str = answer["outcome_uri"]
    screen.fact("outcome", uri)
    (content,) = (await client.read_resource(uri)).contents
    if not isinstance(content, TextResourceContents):
        raise _Trouble(f"{uri} is not text.")
    return json.loads(content.text)["outcome"]


async def _saved(outcome: dict[str, str], stem: Path, screen: Screen) -> list[Path]:
    """Download the film and the thumbnail. Gives their absolute paths."""
    links = dict.fromkeys(filter(None, (outcome.get("video_url"), outcome.get("thumbnail_image_url"))))
    if not links:
        raise _Trouble("The outcome holds no link to a video.")
    paths: list[Path] = []
    # No limit on reading: the film is drawn while the first one to watch it waits.
    async with httpx.AsyncClient(timeout=httpx.Timeout(10, read=None), follow_redirects=True, trust_env=False) as web:
        with screen.waiting("drawing and downloading the film"):
            for link in links:
                path = stem.with_name(stem.name + Path(httpx.URL(link).path).suffix)
                await _download(web, link, path)
                paths.append(path)
    screen.done("Saved the film and its thumbnail:" if len(paths) > 1 else "Saved the film:")
    return paths


async def _download(web: httpx.AsyncClient, link: str, path: Path) -> None:
    unfinished = path.with_name(path.name + ".part")
    try:
        async with web.stream("GET", link) as response, await anyio.open_file(unfinished, "wb") as file:
            response.raise_for_status()
            async for piece in response.aiter_bytes():
                await file.write(piece)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def slug(prompt: str) -> str:
    """The beginning of a prompt as a file's name: lower-case ASCII words with hyphens between, at most 40 characters.

    A prompt without any such word is called "video".
    """
    plain = unicodedata.normalize("NFKD", prompt).encode("ascii", "ignore").decode().lower()
    words = "-".join(re.findall(r"[a-z0-9]+", plain))
    if len(words) > 40:  # noqa: PLR2004 - as the docstring has it
        words = words[:41].rpartition("-")[0] or words[:40]
    return words or "video"


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = float("nan")
    if not 0 <= seconds <= 3600:  # noqa: PLR2004 - an hour
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 3600, not {text}")
    return seconds


def _causes(error: Exception) -> Iterator[Exception]:
    """The errors themselves, out of the groups that task groups wrap them in."""
    if isinstance(error, ExceptionGroup):
        for inner in cast("ExceptionGroup[Exception]", error).exceptions:
            yield from _causes(inner)
    else:
        yield error

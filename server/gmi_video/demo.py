"""`gmi-video-mcp demo`: a video from a prompt, with the real server as a process and a pretend GMI Cloud behind it.

No key and no network are needed. The bar is fed by the server's progress notifications and nothing else, as a host's
would be; what is saved is what the server's outcome resource links to.
"""

import argparse
import io
import json
import re
import sys
import unicodedata
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import anyio
import httpx
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, Implementation, TextContent, TextResourceContents
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from gmi_video import __version__
from gmi_video.models import LUMA_RAY2, AspectRatio, Duration, Resolution
from gmi_video.simulator import Script, Simulator
from gmi_video.simulator.serve import fetch_over_http, running

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
    parser.add_argument("--frame0-image", metavar="URL", help="http(s) URL of an image the video starts with")
    parser.add_argument("--frame1-image", metavar="URL", help="http(s) URL of an image the video ends with")
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
    screen = _Screen()
    try:
        folder: Path = options.output.expanduser().resolve()
        folder.mkdir(parents=True, exist_ok=True)
        paths = anyio.run(_demo, options, folder, screen)
    except KeyboardInterrupt:
        screen.say("Stopped.")
        return 130
    except (_Trouble, OSError, MCPError, httpx.HTTPError) as error:
        screen.say(str(error) or type(error).__name__)
        return 1
    for path in paths:
        print(path)  # noqa: T201 - a command's output, which no console may wrap
    return 0


async def _demo(options: argparse.Namespace, folder: Path, screen: "_Screen") -> list[Path]:
    simulator = Simulator(scripts={"*": Script.takes(options.takes)}, fetch=fetch_over_http)
    _remember_earlier_jobs(simulator, options.takes)
    asked = {name: getattr(options, name) for name in _TOOL_OPTIONS if getattr(options, name) is not None}
    async with running(simulator):
        server = StdioServerParameters(
            command=sys.executable,
            args=["-m", "gmi_video", "serve"],
            env={"GMI_API_KEY": simulator.api_key, "GMI_BASE_URL": simulator.api_url},
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


def _remember_earlier_jobs(simulator: Simulator, takes: float) -> None:
    """Give the account a past, from which the server learns how long a render usually takes."""
    for number, share in enumerate((0.9, 1.0, 1.1), start=1):
        seconds = round(takes * share)
        created = simulator.clock() - number * 3600
        earlier = {"prompt": f"An earlier video, number {number}"}
        simulator.add_history(LUMA_RAY2, payload=earlier, created_at=created, took_seconds=seconds)


async def _made(client: Client, arguments: dict[str, Any], screen: "_Screen") -> dict[str, Any]:
    """Have the video made, as an assistant would: generate_video, then get_status while the job goes on."""
    with screen.progress("waiting for the server") as progress:
        answer = _answer(await client.call_tool("generate_video", arguments, progress_callback=progress))
        while "request_id" in answer and not answer.get("is_final"):
            again = {"request_id": answer["request_id"], "wait": True}
            answer = _answer(await client.call_tool("get_status", again, progress_callback=progress))
    if "outcome_uri" not in answer:
        raise _Trouble(f"{answer['summary']}\n{answer.get('next_step', '')}".strip())
    screen.done(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", answer["summary"]))
    screen.fact("request", answer["request_id"])
    if answer.get("parameters"):
        shown = {name: value for name, value in answer["parameters"].items() if name != "prompt"}
        screen.fact("asked", ", ".join(f"{name} {str(value).lower()}" for name, value in shown.items()))
    if (cost := answer.get("estimated_cost_usd")) is not None:
        screen.fact("cost", f"${cost:.2f} by the model's price, had this been the real GMI Cloud")
    return answer


def _answer(result: CallToolResult) -> dict[str, Any]:
    (block,) = [block for block in result.content if isinstance(block, TextContent)]
    answer: dict[str, Any] = json.loads(block.text)
    if result.is_error:
        raise _Trouble(f"{answer['error']['message']}\n{answer['next_step']}")
    return answer


async def _outcome(client: Client, answer: dict[str, Any], screen: "_Screen") -> dict[str, str]:
    """What the outcome resource says, read as a host reads it."""
    uri: str = answer["outcome_uri"]
    screen.fact("outcome", uri)
    (content,) = (await client.read_resource(uri)).contents
    if not isinstance(content, TextResourceContents):
        raise _Trouble(f"{uri} is not text.")
    return json.loads(content.text)["outcome"]


async def _saved(outcome: dict[str, str], stem: Path, screen: "_Screen") -> list[Path]:
    """Download the film and the thumbnail. Gives their absolute paths."""
    links = dict.fromkeys(filter(None, (outcome.get("video_url"), outcome.get("thumbnail_image_url"))))
    if not links:
        raise _Trouble("The outcome holds no link to a video.")
    paths: list[Path] = []
    # No limit on reading: the film is drawn while the first one to watch it waits.
    async with httpx.AsyncClient(timeout=httpx.Timeout(10, read=None), follow_redirects=True, trust_env=False) as web:
        with screen.progress("drawing and downloading the film"):
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
    seconds = float(text)
    if not 0 <= seconds <= 3600:  # noqa: PLR2004 - an hour
        raise ValueError(text)
    return seconds


class _Screen:
    """What the person sees: colours and a moving bar on a terminal, plain lines anywhere else."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, markup=False, soft_wrap=True)

    def title(self, text: str) -> None:
        self._console.print(text, style="bold")

    def fact(self, name: str, value: str) -> None:
        self._console.print(f"  {name:8}", style="dim", end="")
        self._console.print(value)

    def done(self, text: str) -> None:
        self._console.print(f"\n{text}", style="bold green")

    def say(self, text: str) -> None:
        Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(text)

    @contextmanager
    def progress(self, waiting: str) -> Generator["_Progress"]:
        """A bar while something goes on, called `waiting` until a notification says more."""
        if not self._console.is_terminal:
            self._console.print(f"\n{waiting} ...")
            yield _Progress(self, None)
            return
        columns = (
            SpinnerColumn(),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
        )
        self._console.print()
        with Progress(*columns, console=self._console, transient=True) as bar:
            bar.add_task(waiting, total=None)
            yield _Progress(self, bar)


class _Progress:
    """Takes the server's progress notifications, as `Client.call_tool` hands them over."""

    def __init__(self, screen: _Screen, bar: Progress | None) -> None:
        self._screen = screen
        self._bar = bar

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        if self._bar is None:
            self._screen.fact("", message or f"{progress:g}")
        else:
            self._bar.update(self._bar.task_ids[0], completed=progress, total=total, description=message or "")

"""`gmi-video-mcp demo`: make a video from a prompt, with the real server as a process and the simulator as its queue.

Needs no key and no network. The progress bar shows the server's progress notifications, as a host's would; the files
that are saved are those that the server's outcome resource links to.
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
from gmi_video.demo.terminal import Terminal
from gmi_video.simulator import Script, Simulator
from gmi_video.simulator.media import Media
from gmi_video.simulator.scripts import Job
from gmi_video.simulator.serve import fetch_over_http, running
from gmi_video.upstream.luma_ray2 import LUMA_RAY2, AspectRatio, Duration, Resolution

PROMPT = "A paper lantern drifts over a misty mountain lake at dawn, first light on the pines, slow aerial push in"

_TOOL_OPTIONS = ("model", "resolution", "duration", "aspect_ratio", "loop", "frame0_image", "frame1_image")


class _DemoError(Exception):
    """The demo can't continue; `str(error)` says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `gmi-video-mcp demo`: the arguments of generate_video, and where the video is saved."""
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
    """Run the demo with the parsed options. Returns the exit code: 0, 1 without a video, 130 after Ctrl+C."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A prompt may hold characters that stdout's encoding lacks.
        sys.stdout.reconfigure(errors="replace")  # pyright: ignore[reportUnknownMemberType] - isinstance leaves its buffer type unknown
    terminal = Terminal()
    try:
        folder: Path = options.output.expanduser().resolve()
        folder.mkdir(parents=True, exist_ok=True)
        paths = anyio.run(_run, options, folder, terminal)
    except KeyboardInterrupt:
        terminal.error("Stopped.")
        return 130
    except Exception as error:
        causes = list(_causes(error))
        if not all(isinstance(cause, _DemoError | OSError | MCPError | httpx.HTTPError) for cause in causes):
            raise
        for cause in causes:
            terminal.error(str(cause) or type(cause).__name__)
        return 1
    for path in paths:
        print(path)  # noqa: T201 - a command's output, which rich must not wrap
    return 0


async def _run(options: argparse.Namespace, folder: Path, terminal: Terminal) -> list[Path]:
    simulator = Simulator(scripts={"*": Script.takes(options.takes)}, fetch=fetch_over_http)
    _add_earlier_jobs(simulator, options.model or LUMA_RAY2, options.takes)
    arguments = {name: getattr(options, name) for name in _TOOL_OPTIONS if getattr(options, name) is not None}
    folders = _allow_frame_folders(arguments)
    paths: list[Path] = []
    async with running(simulator), anyio.create_task_group() as drawing:

        def draw(job: Job) -> None:
            drawing.start_soon(Media(simulator).draw, job)

        simulator.on_job = draw  # while the job pretends to render, so that the wait is used
        server = StdioServerParameters(
            command=sys.executable,
            args=["-m", "gmi_video", "serve"],
            env={
                "GMI_API_KEY": simulator.api_key,
                "GMI_BASE_URL": simulator.api_url,
                "GMI_IMAGE_DIRS": folders,
                "GMI_LEDGER_URL": "none",  # nothing is paid, so nothing is left behind
            },
        )
        terminal.title("A pretend GMI Cloud is up on this machine: no key, no network, no cost.")
        me = Implementation(name="gmi-video-demo", version=__version__)
        async with Client(server, client_info=me) as client:
            info = client.server_info
            server_name = f"{info.name} {info.version}" if info else "the server"
            terminal.fact("server", f"{server_name}, its own process, MCP {client.protocol_version} over stdio")
            terminal.fact("prompt", options.prompt)
            answer = await _make_video(client, {"prompt": options.prompt, **arguments}, terminal)
            outcome = await _read_outcome(client, answer, terminal)
        stem = f"{slug(options.prompt)}-{answer['request_id']}"
        paths = await _save(outcome, folder / stem, terminal)
        drawing.cancel_scope.cancel()
    return paths


def _allow_frame_folders(arguments: dict[str, Any]) -> str:
    """Make the paths among the frame arguments absolute. Returns the value of GMI_IMAGE_DIRS that allows them."""
    folders: list[str] = []
    for name in ("frame0_image", "frame1_image"):
        if name in arguments and "://" not in arguments[name]:
            path = Path(arguments[name]).expanduser().absolute()
            arguments[name] = str(path)
            folders.append(str(path.parent))
    return os.pathsep.join(dict.fromkeys(folders))


def _add_earlier_jobs(simulator: Simulator, model: str, takes: float) -> None:
    """Add finished jobs of about `takes` seconds, from which the server estimates how long this one takes."""
    for number, share in enumerate((0.3, 0.8, 1.0, 1.1, 1.3), start=1):
        seconds = round(takes * share)
        created = simulator.clock() - number * 3600
        earlier = {"prompt": f"An earlier video, number {number}"}
        simulator.add_history(model, payload=earlier, created_at=created, took_seconds=seconds)


async def _make_video(client: Client, arguments: dict[str, Any], terminal: Terminal) -> dict[str, Any]:
    """Make the video as an assistant would: generate_video, then get_status until the job has ended."""
    with terminal.progress("asking for the video") as progress:
        answer = _answer(await client.call_tool("generate_video", arguments, progress_callback=progress))
        while "request_id" in answer and not answer.get("is_final"):
            status = {"request_id": answer["request_id"], "wait": True}
            answer = _answer(await client.call_tool("get_status", status, progress_callback=progress))
    if "outcome_uri" not in answer:
        raise _DemoError(f"{answer['summary']}\n{answer.get('next_step', '')}".strip())
    # Without its link, which stops working when the simulator ends with this process.
    terminal.done(re.sub(r":? \[[^\]]*\]\([^)]*\)", "", answer["summary"]))
    if answer.get("parameters"):
        shown = {name: value for name, value in answer["parameters"].items() if name != "prompt"}
        terminal.fact("asked", ", ".join(f"{name} {str(value).lower()}" for name, value in shown.items()))
    if (cost := answer.get("estimated_cost_usd")) is not None:
        terminal.fact("cost", f"${cost:.2f} by the pretend cloud's price list; nothing was paid")
    return answer


def _answer(result: CallToolResult) -> dict[str, Any]:
    (block,) = [block for block in result.content if isinstance(block, TextContent)]
    answer: dict[str, Any] = json.loads(block.text)
    if result.is_error:
        raise _DemoError(f"{answer['error']['message']}\n{answer['next_step']}")
    return answer


async def _read_outcome(client: Client, answer: dict[str, Any], terminal: Terminal) -> dict[str, str]:
    """Read the outcome resource, as a host would."""
    uri: str = answer["outcome_uri"]
    terminal.fact("outcome", uri)
    (content,) = (await client.read_resource(uri)).contents
    if not isinstance(content, TextResourceContents):
        raise _DemoError(f"{uri} is not text.")
    return json.loads(content.text)["outcome"]


async def _save(outcome: dict[str, str], stem: Path, terminal: Terminal) -> list[Path]:
    """Download the video and its thumbnail. Returns their absolute paths."""
    links = dict.fromkeys(filter(None, (outcome.get("video_url"), outcome.get("thumbnail_image_url"))))
    if not links:
        raise _DemoError("The outcome holds no link to a video.")
    paths: list[Path] = []
    # No read timeout: where drawing takes longer than the pretend render, the download waits for it.
    async with httpx.AsyncClient(timeout=httpx.Timeout(10, read=None), follow_redirects=True, trust_env=False) as web:
        with terminal.waiting("downloading the film"):
            for link in links:
                path = stem.with_name(stem.name + Path(httpx.URL(link).path).suffix)
                await _download(web, link, path)
                paths.append(path)
    terminal.done("Saved the film and its thumbnail:" if len(paths) > 1 else "Saved the film:")
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
    """A file name from the beginning of a prompt: lower-case ASCII words joined by hyphens, at most 40 characters.

    "video" for a prompt without such words.
    """
    plain = unicodedata.normalize("NFKD", prompt).encode("ascii", "ignore").decode().lower()
    words = "-".join(re.findall(r"[a-z0-9]+", plain))
    if len(words) > 40:
        words = words[:41].rpartition("-")[0] or words[:40]
    return words or "video"


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = float("nan")
    if not 0 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 3600, not {text}")
    return seconds


def _causes(error: Exception) -> Iterator[Exception]:
    """The errors inside the exception groups that task groups raise."""
    if isinstance(error, ExceptionGroup):
        for inner in cast("ExceptionGroup[Exception]", error).exceptions:
            yield from _causes(inner)
    else:
        yield error

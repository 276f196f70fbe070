"""`gmi-video-mcp demo`: its options and exit codes, and a single video; `shots` makes a story of several.

Both are made with the real server as a process and the simulator as its queue, without a key or a network. The progress
bars show the server's progress notifications, as a host's would; the files that are saved are those that the server's
outcome resource links to.
"""

import argparse
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast, get_args

import anyio
import httpx
from mcp import Client
from mcp.shared.exceptions import MCPError

from gmi_video.demo.making import DemoError, make_video, read_outcome
from gmi_video.demo.saving import save, slug
from gmi_video.demo.session import session
from gmi_video.demo.shots import make_story
from gmi_video.demo.story import SHOTS, story
from gmi_video.demo.terminal import Terminal
from gmi_video.upstream.luma_ray2 import LUMA_RAY2, AspectRatio, Duration, Resolution

PROMPT = "A paper lantern drifts over a misty mountain lake at dawn, first light on the pines, slow aerial push in"

_TOOL_OPTIONS = ("model", "resolution", "duration", "aspect_ratio", "loop", "frame0_image", "frame1_image")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `gmi-video-mcp demo`: the arguments of generate_video, and where the video is saved."""
    parser.add_argument("prompt", nargs="?", metavar="PROMPT", help="what should be seen")
    parser.add_argument("--model", help=f"model id (default {LUMA_RAY2})")
    parser.add_argument("--resolution", choices=get_args(Resolution), help="default 720p; 4k takes minutes to draw")
    parser.add_argument("--duration", choices=get_args(Duration), help="default 5s")
    parser.add_argument("--aspect-ratio", choices=get_args(AspectRatio), help="default 16:9")
    parser.add_argument("--loop", action="store_true", default=None, help="make the end run into the start")
    parser.add_argument("--frame0-image", metavar="IMAGE", help="file or public URL of an image it starts with")
    parser.add_argument("--frame1-image", metavar="IMAGE", help="file or public URL of an image it ends with")
    parser.add_argument(
        "--shots",
        type=int,
        choices=SHOTS,
        metavar="NUMBER",
        help=f"make a story of {SHOTS[0]} to {SHOTS[-1]} shots, each from the last frame of the one before, and one "
        "film of them all",
    )
    parser.add_argument(
        "--takes",
        type=_seconds,
        default=12.0,
        metavar="SECONDS",
        help="the pretend render's length (default 12), of each shot",
    )
    parser.add_argument(
        "--output", type=Path, default=Path("gmi-video-output"), metavar="DIR", help="default ./%(default)s"
    )


def main(options: argparse.Namespace) -> int:
    """Run the demo with the parsed options.

    Returns the exit code: 0, 1 without the film that was asked for, 2 for options that don't go together, 130 after
    Ctrl+C. What was saved by then is printed in any case.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A prompt may hold characters that stdout's encoding lacks.
        sys.stdout.reconfigure(errors="replace")  # pyright: ignore[reportUnknownMemberType] - isinstance leaves its buffer type unknown
    terminal = Terminal()
    if options.shots and (wrong := _wrong_with_shots(options)):
        terminal.error(wrong)
        return 2
    saved: list[Path] = []
    code = 0
    try:
        folder: Path = options.output.expanduser().resolve()
        folder.mkdir(parents=True, exist_ok=True)
        anyio.run(_run, options, folder, terminal, saved)
    except KeyboardInterrupt:
        terminal.error("Stopped.")
        code = 130
    except Exception as error:
        causes = list(_causes(error))
        if not all(isinstance(cause, DemoError | OSError | MCPError | httpx.HTTPError) for cause in causes):
            raise
        for cause in causes:
            terminal.error(str(cause) or type(cause).__name__)
        code = 1
    if code and saved:
        terminal.error("Saved until then:")
    for path in saved:
        print(path)  # noqa: T201 - a command's output, which rich must not wrap
    return code


def _wrong_with_shots(options: argparse.Namespace) -> str:
    """Which option does not go with --shots, and why; empty where all do."""
    if options.prompt is not None and not options.prompt.strip(" ,."):
        return "PROMPT is empty: say in words what should be seen, or leave it out for the demo's own story."
    if options.loop:
        return "--loop can't go with --shots: a shot that ends where it began leads nowhere. Leave one of them out."
    if options.model not in {None, LUMA_RAY2}:
        return f"--shots needs {LUMA_RAY2}: the demo doesn't know how another model names its start image."
    return ""


async def _run(options: argparse.Namespace, folder: Path, terminal: Terminal, saved: list[Path]) -> None:
    """Make what was asked for. Each path is added to `saved` once its file is there."""
    arguments = {name: getattr(options, name) for name in _TOOL_OPTIONS if getattr(options, name) is not None}
    folders = _absolute(arguments)
    async with session(options.model or LUMA_RAY2, options.takes, folders) as client:
        terminal.title("A pretend GMI Cloud is up on this machine: no key, no network, no cost.")
        info = client.server_info
        server_name = f"{info.name} {info.version}" if info else "the server"
        terminal.fact("server", f"{server_name}, its own process, MCP {client.protocol_version} over stdio")
        if options.shots:
            told = story(options.prompt, options.shots)
            await make_story(client, told, arguments, folder, terminal=terminal, saved=saved)
        else:
            prompt = PROMPT if options.prompt is None else options.prompt
            await _make_one(client, {"prompt": prompt, **arguments}, folder, terminal=terminal, saved=saved)


def _absolute(arguments: dict[str, Any]) -> list[str]:
    """Make the paths among the frame arguments absolute. Returns their folders, which the server must allow."""
    folders: list[str] = []
    for name in ("frame0_image", "frame1_image"):
        if name in arguments and "://" not in arguments[name]:
            path = Path(arguments[name]).expanduser().absolute()
            arguments[name] = str(path)
            folders.append(str(path.parent))
    return folders


async def _make_one(
    client: Client, arguments: dict[str, Any], folder: Path, *, terminal: Terminal, saved: list[Path]
) -> None:
    """Make one video, and save it and its thumbnail."""
    terminal.fact("prompt", arguments["prompt"])
    with terminal.progress("asking for the video") as progress:
        answer = await make_video(client, arguments, progress)
    # Without its link, which stops working when the simulator ends with this process.
    terminal.done(re.sub(r":? \[[^\]]*\]\([^)]*\)", "", answer["summary"]))
    if answer.get("parameters"):
        shown = {name: value for name, value in answer["parameters"].items() if name != "prompt"}
        terminal.fact("asked", ", ".join(f"{name} {str(value).lower()}" for name, value in shown.items()))
    if (cost := answer.get("estimated_cost_usd")) is not None:
        terminal.fact("cost", f"${cost:.2f} by the pretend cloud's price list; nothing was paid")
    terminal.fact("outcome", answer["outcome_uri"])
    outcome = await read_outcome(client, answer)
    links = dict.fromkeys(filter(None, (outcome["video_url"], outcome.get("thumbnail_image_url"))))
    with terminal.waiting("downloading the film"):
        saved += await save(links, folder / f"{slug(arguments['prompt'])}-{answer['request_id']}")
    terminal.done("Saved the film and its thumbnail:" if len(saved) > 1 else "Saved the film:")


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

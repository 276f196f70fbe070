"""The command line: serve (the default), doctor, demo, simulate, schemas."""

import argparse
import gc
import json
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gmi_video import __version__

if TYPE_CHECKING:
    from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the process's exit code."""
    parser = argparse.ArgumentParser(
        prog="gmi-video-mcp",
        description="An MCP server that makes videos with Luma-Ray2 and other models of GMI Cloud's request queue. "
        "Settings come from the environment; the README lists them.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    # A command's own options are parsed by the command, after it has imported what it needs.
    commands = parser.add_subparsers(metavar="COMMAND")
    for name, (run, what) in _COMMANDS.items():
        commands.add_parser(name, help=what, add_help=False).set_defaults(name=name, run=run)
    parser.set_defaults(name="serve", run=_serve)
    chosen, rest = parser.parse_known_args(arguments)
    return chosen.run(argparse.ArgumentParser(prog=f"gmi-video-mcp {chosen.name}"), rest)


# -- the commands; each imports what it needs and no more: serve must answer within a second of being started ---------


def _serve(parser: argparse.ArgumentParser, arguments: list[str]) -> int:
    if not arguments:
        from gmi_video.mcp import front

        begun = front.answered()
        # Nothing that is imported is garbage, and looking for it was a tenth of the start.
        gc.disable()
        from gmi_video.mcp import stdio

        gc.freeze()
        gc.enable()
        return stdio.serve(begun)
    from gmi_video.http import command

    command.add_arguments(parser)
    options = parser.parse_args(arguments)
    if not options.http:
        parser.error("these options are for serving over HTTP: add --http")
    return command.main(options)


def _doctor(parser: argparse.ArgumentParser, arguments: list[str]) -> int:
    from gmi_video.doctor import command

    command.add_arguments(parser)
    return command.main(parser.parse_args(arguments))


def _demo(parser: argparse.ArgumentParser, arguments: list[str]) -> int:
    with _demo_extra():
        from gmi_video.demo import command
    command.add_arguments(parser)
    return command.main(parser.parse_args(arguments))


def _simulate(parser: argparse.ArgumentParser, arguments: list[str]) -> int:
    with _demo_extra():
        from gmi_video.simulator import serve
    serve.add_arguments(parser)
    return serve.main(parser.parse_args(arguments))


def _schemas(parser: argparse.ArgumentParser, arguments: list[str]) -> int:
    from pathlib import Path

    parser.add_argument("--to", type=Path, default=Path("schemas/tools"), help="the folder (default: %(default)s)")
    options = parser.parse_args(arguments)
    from gmi_video.mcp import schema_files

    return schema_files.write(options.to)


_COMMANDS: dict[str, tuple[Callable[[argparse.ArgumentParser, list[str]], int], str]] = {
    "serve": (_serve, "speak MCP over stdin and stdout (the default), or over HTTP (--http)"),
    "doctor": (_doctor, "check the installation, settings, key and hosts; show each host's entry"),
    "demo": (_demo, "make a video on a pretend GMI Cloud; needs no key"),
    "simulate": (_simulate, "run a pretend GMI Cloud on a port of this machine"),
    "schemas": (_schemas, "write what tools/list sends to schemas/tools"),
}


# -- a package that is not installed -----------------------------------------------------------------------------


@contextmanager
def _demo_extra() -> Generator[None]:
    """Around an import of what needs the `demo` extra: where that is not installed, end and say how to install it."""
    try:
        yield
    except ModuleNotFoundError as error:
        sys.exit(_how_to_install(error))


def _how_to_install(missing: ModuleNotFoundError) -> str:
    """What to say when a package of the `demo` extra is missing: which, and how to install it from the clone."""
    package = (missing.name or "gmi_video").partition(".")[0]
    if package == "gmi_video":
        raise missing
    editable, folder = _installed_from()
    return (
        f"This command needs {package}, which is not installed. In {folder or 'the folder of your clone'}, run\n"
        f'    {sys.executable} -m pip install {"-e " if editable else ""}".[demo]"'
    )


def _installed_from() -> "tuple[bool, Path | None]":
    """Whether the installation is editable, and the folder that it was made from, where pip has noted one (PEP 610)."""
    from importlib.metadata import PackageNotFoundError, distribution
    from pathlib import Path
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        noted: dict[str, Any] = json.loads(distribution("gmi-video-mcp").read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        return False, None
    if "dir_info" not in noted:
        return False, None  # installed from a wheel
    url: str = noted["url"]
    return noted["dir_info"].get("editable", False), Path(url2pathname(urlsplit(url).path))


if __name__ == "__main__":
    sys.exit(main())

"""The command line: serve (the default), demo, simulate, schemas."""

import argparse
import sys
from collections.abc import Sequence

from gmi_video import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the process's exit code."""
    parser = argparse.ArgumentParser(
        prog="gmi-video-mcp",
        description="An MCP server that makes videos with Luma-Ray2 and other models of GMI Cloud's request queue.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("serve", help="speak MCP over stdin and stdout (the default)")
    options = parser.parse_args(arguments)
    match options.command:
        case _:
            return _serve()


def _serve() -> int:
    from gmi_video.runner import serve

    return serve()


if __name__ == "__main__":
    sys.exit(main())

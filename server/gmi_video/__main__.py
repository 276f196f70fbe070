"""The command line: serve (the default), demo, simulate, schemas."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gmi_video import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the process's exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="gmi-video-mcp",
        description="An MCP server that makes videos with Luma-Ray2 and other models of GMI Cloud's request queue. "
        "Settings come from the environment; the README lists them.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("serve", help="speak MCP over stdin and stdout (the default)")
    demo = commands.add_parser("demo", help="make a video on a pretend GMI Cloud; needs no key")
    simulate = commands.add_parser("simulate", help="run a pretend GMI Cloud on a port of this machine")
    schemas = commands.add_parser("schemas", help="write what tools/list sends to schemas/tools")
    schemas.add_argument("--to", type=Path, default=Path("schemas/tools"), help="the folder (default: %(default)s)")

    # Each command imports what it needs and no more: serve must answer within a second of being started.
    command = given[0] if given and not given[0].startswith("-") else "serve"
    if command == "demo":
        with _extra("demo"):
            from gmi_video.demo import command as demo_command
        demo_command.add_arguments(demo)
        return demo_command.main(parser.parse_args(given))
    if command == "simulate":
        with _extra("demo"):
            from gmi_video.simulator import serve as simulator_command
        simulator_command.add_arguments(simulate)
        simulator_command.main(parser.parse_args(given))
        return 0
    options = parser.parse_args(given)
    if command == "schemas":
        from gmi_video.mcp import schemas as schemas_command

        return schemas_command.write(options.to)
    from gmi_video.mcp import stdio

    return stdio.serve()


class _extra:  # noqa: N801 - reads as the statement it is used as
    """Turns a missing package of an extra into a sentence."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("gmi_video"):
            sys.exit(
                f"This command needs the package {error.name}, which comes with the extra `{self._name}`:\n"
                f"    {sys.executable} -m pip install 'gmi-video-mcp[{self._name}]'"
            )


if __name__ == "__main__":
    sys.exit(main())

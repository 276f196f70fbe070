"""`gmi-video-mcp doctor`: arguments and environment in, the report and an exit code out."""

import argparse
import io
import json
import logging
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import anyio

from gmi_video.doctor import entries, hosts
from gmi_video.doctor.examination import Examination, Group
from gmi_video.doctor.hosts import HOSTS
from gmi_video.doctor.machine import Machine
from gmi_video.doctor.report import Secrets, TextReport, as_object
from gmi_video.network import system_proxies

FINE, PROBLEM, NOT_RUN, INTERRUPTED = 0, 1, 2, 130
"""The exit codes. Warnings are fine."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `gmi-video-mcp doctor`."""
    parser.description = (
        "Check the installation, the settings in the environment, the key, the network and the folders, and show the "
        "entry for each host's configuration. Makes no video, costs nothing, and never shows the key. Exits with 0 if "
        "there are no problems, or only warnings; with 1 if there is a problem."
    )
    parser.add_argument("--json", action="store_true", help="the same as one JSON object (docs/doctor.md)")
    parser.add_argument(
        "--as",
        dest="host",
        choices=[host.name for host in HOSTS],
        metavar="HOST",
        help="check with the settings in this host's entry instead of this terminal's GMI_ variables: %(choices)s",
    )


def main(options: argparse.Namespace) -> int:
    """Run the command with the parsed options; returns the exit code, or ends the process with it."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A path may hold characters that stdout's encoding lacks.
        sys.stdout.reconfigure(errors="replace")  # pyright: ignore[reportUnknownMemberType] - isinstance leaves its buffer type unknown
    logging.disable()  # what is logged is in the report, in better words
    machine = Machine.here()
    environment: dict[str, str] = system_proxies() | os.environ
    source = "environment"
    if options.host:
        host = next(host for host in HOSTS if host.name == options.host)
        source, file = f"{host.title}'s entry", Path(hosts.file_of(host, machine, environment))
        try:
            environment = entries.environment_of(host, file, environment)
        except entries.Unreadable as error:
            print(f"The file {file} {error}.", file=sys.stderr)  # noqa: T201 - a command's answer
            return NOT_RUN
    try:
        return anyio.run(_run, Examination(machine, environment, source), options.json)
    except KeyboardInterrupt:
        return INTERRUPTED


async def _run(examination: Examination, as_json: bool) -> NoReturn:  # noqa: FBT001 - for anyio.run
    code = PROBLEM
    try:
        code = await show(examination, as_json=as_json)
    except BrokenPipeError:
        pass  # whoever read it has seen enough
    except anyio.get_cancelled_exc_class():
        # Only Ctrl-C cancels the main task; a second one changes nothing.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("Stopped.", file=sys.stderr)  # noqa: T201 - a command's answer
        code = INTERRUPTED
    _end(code)


async def show(examination: Examination, *, as_json: bool) -> int:
    """Make the checks and print the report; returns the exit code."""
    secrets = Secrets(examination.environment)
    text = None if as_json else TextReport(secrets)
    groups: list[Group] = []
    if text:
        text.title()
    async for group in examination.groups():
        groups.append(group)
        if text:
            text.group(group)
    machine = examination.machine
    files = {host: Path(hosts.file_of(host, machine, examination.environment)) for host in HOSTS}
    command = machine.command[0]
    found = Group("hosts", "Hosts", [entries.check_entry(host, file, command) for host, file in files.items()])
    blocks = {host.name: hosts.block(host, machine) for host in HOSTS}
    report = as_object(groups, found.checks, blocks)
    if text:
        text.group(found)
        text.blocks(blocks)
        text.end(report["counts"])
    else:
        print(json.dumps(secrets.removed(report), indent=2))  # noqa: T201 - a command's output
    return PROBLEM if report["state"] == "problem" else FINE


def _end(code: int) -> NoReturn:
    """End the process at once: a look-up of a name that hangs in a thread would be waited for, for up to minutes."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code)

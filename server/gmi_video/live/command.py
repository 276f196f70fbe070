"""The command: settings in, a report out, and an exit code."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import anyio
import httpx

from gmi_video import __version__
from gmi_video.live.expectations import Beliefs
from gmi_video.live.paid import watch
from gmi_video.live.probes import Probes
from gmi_video.live.session import Asking, CouldNotRun
from gmi_video.settings import Settings
from gmi_video.upstream.luma_ray2 import LUMA_RAY2

OPEN_QUESTIONS = {
    f"The real body of `GET /models/{LUMA_RAY2}`": "not asked",
    f"The outcome shape of {LUMA_RAY2}": "not asked",
    "The 401 text": "not asked",
    "A `Retry-After` header": "no answer was a 429, and none had one",
    "Order and length of the list": "not asked",
    "The text of a 400": "not asked: a submit may cost (PAID=1 asks)",
    "How long URLs live": "not asked",
    "Upload size": "not tried: it is found by uploading ever larger files",
    "Refunds": "the API shows no charges; compare the balance in the console",
}
"""What gmi-api.md lists as unknown, each with what is said where nothing was seen."""


class Outcome(NamedTuple):
    """What to print, and the exit code."""

    text: str
    code: int


async def check(
    environment: Mapping[str, str],
    schemas: Path,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    now: Callable[[], float] = time.time,
) -> Outcome:
    """Make the check.

    Args:
        environment: the settings' variables, and PAID.
        schemas: the folder `schemas/upstream`.
        transport: how HTTP travels; None is the network.
        now: this machine's clock, in Unix seconds.
    """
    # A fault in a variable that this command does not use need not stop it: only the key, the address and the rest
    # of what goes out are looked at.
    wanted = {name: environment.get(name, "") for name in ("GMI_API_KEY", "GMI_ORG_ID", "GMI_BASE_URL")}
    settings = Settings.from_environment(wanted)
    if settings.problems:
        return Outcome("The live check could not run. " + " ".join(settings.problems) + "\n", 2)
    try:
        beliefs = Beliefs(schemas)
    except (OSError, ValueError) as error:
        return Outcome(f"The live check could not run. {schemas} does not hold the schemas: {error}\n", 2)
    paid = environment.get("PAID", "") == "1"
    async with aclosing(Asking(settings, beliefs, transport, now)) as asking:
        for question in OPEN_QUESTIONS:
            asking.report.seen[question] = []
        try:
            await _ask(asking, paid=paid)
        except CouldNotRun as error:
            return Outcome(f"The live check could not run. {error}\n", 2)
    for question, otherwise in OPEN_QUESTIONS.items():
        if not asking.report.seen[question]:
            asking.report.saw(question, otherwise)
    head = [
        f"gmi-video-mcp {__version__}, {datetime.fromtimestamp(now(), UTC):%Y-%m-%d %H:%M} UTC",
        f"host: {urlsplit(settings.base_url).hostname}",
        "free calls and one paid 540p 5s video" if paid else "free calls only",
    ]
    return Outcome(asking.report.markdown(head), 1 if asking.report.differences else 0)


async def _ask(asking: Asking, *, paid: bool) -> None:
    probes = Probes(asking)
    listed = await probes.models()
    # From here on a call without an answer is a finding, not the end.
    for subject, step in (
        ("GET /models/{id}", probes.luma),
        ("GET /models/{id}", lambda: probes.siblings(listed)),
        ("refusals", probes.refusals),
        ("GET /requests", probes.requests),
    ):
        try:
            await step()
        except CouldNotRun as error:
            asking.report.differs(subject, str(error))
    if paid:
        try:
            await watch(asking)
        except CouldNotRun as error:
            asking.report.differs("the paid video", f"{error} It may have been made: look at the console")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--schemas", type=Path, default=Path("schemas/upstream"), help="what we believe (default: %(default)s)"
    )


def main(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""

    async def run() -> Outcome:
        return await check(os.environ, options.schemas)

    outcome = anyio.run(run)
    print(outcome.text, end="", file=sys.stderr if outcome.code == 2 else sys.stdout)  # noqa: PLR2004 - a command's output
    return outcome.code

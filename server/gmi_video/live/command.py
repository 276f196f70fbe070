"""The command: arguments and environment in, a report and an exit code out."""

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

from gmi_video import __version__, network
from gmi_video.errors import SettingsError
from gmi_video.live.expectations import CouldNotRun, Expectations, find_schemas
from gmi_video.live.paid import make_video
from gmi_video.live.probes import Probes
from gmi_video.live.session import LiveSession, NoResponse
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
"""What the vendor's documentation leaves open (gmi-api.md), and what the report says where nothing was observed."""

SAME, DIFFERENT, NOT_RUN = 0, 1, 2
"""The exit codes."""


class CheckResult(NamedTuple):
    """What to print, and the exit code."""

    text: str
    exit_code: int


async def check(
    environment: Mapping[str, str],
    schemas: Path | None = None,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    now: Callable[[], float] = time.time,
) -> CheckResult:
    """Compare the queue with the schemas.

    Args:
        environment: the variables of `Settings`, and PAID.
        schemas: the folder of the schemas; None is the one of the package or the clone.
        transport: the HTTP transport; None is the network.
        now: this machine's clock, in Unix seconds.
    """
    try:
        settings = _settings(environment)
        expectations = Expectations(schemas or find_schemas())
        paid = environment.get("PAID", "") == "1"
        async with aclosing(LiveSession(settings, expectations, transport, now)) as session:
            report = session.report
            # First, so that the report lists these questions in this order.
            for question in OPEN_QUESTIONS:
                report.observations[question] = []
            await _make_calls(session, paid=paid)
    except (CouldNotRun, SettingsError) as error:
        return CheckResult(f"The live check could not run. {error}\n", NOT_RUN)
    for question, default in OPEN_QUESTIONS.items():
        if not report.observations[question]:
            report.add_observation(question, default)
    head = [
        f"gmi-video-mcp {__version__}, {datetime.fromtimestamp(now(), UTC):%Y-%m-%d %H:%M} UTC",
        f"host: {urlsplit(settings.base_url).hostname}",
        "free calls and one paid 540p 5s video" if paid else "free calls only",
    ]
    return CheckResult(report.markdown(head), DIFFERENT if report.differences else SAME)


def _settings(environment: Mapping[str, str]) -> Settings:
    # Only the variables that this command uses: a fault in another one need not stop it.
    names = {"GMI_API_KEY", "GMI_ORG_ID", "GMI_BASE_URL", *network.VARIABLES}
    used = {name: value for name, value in environment.items() if name in names}
    settings = Settings.from_environment(used)
    if settings.problems:
        raise CouldNotRun(" ".join(settings.problems))
    return settings


async def _make_calls(session: LiveSession, *, paid: bool) -> None:
    probes = Probes(session)
    listed = await probes.models()
    # The host answers and accepts the key: from here on a missing response is a difference and does not end the check.
    for subject, step in (
        ("GET /models/{id}", probes.luma),
        ("GET /models/{id}", lambda: probes.siblings(listed)),
        ("refusals", probes.refusals),
        ("GET /requests", probes.requests),
    ):
        try:
            await step()
        except NoResponse as error:
            session.report.add_difference(subject, str(error))
    if paid:
        try:
            await make_video(session)
        except NoResponse as error:
            session.report.add_difference("the paid video", f"{error} It may have been made: look at the console")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--schemas",
        type=Path,
        metavar="DIR",
        help="folder of the schemas to compare with (default: those installed with the package, or the clone's "
        "schemas/upstream)",
    )


def main(options: argparse.Namespace) -> int:
    """Run the command with the parsed options; returns the exit code."""

    async def run() -> CheckResult:
        return await check(os.environ, options.schemas)

    result = anyio.run(run)
    print(result.text, end="", file=sys.stderr if result.exit_code == NOT_RUN else sys.stdout)
    return result.exit_code

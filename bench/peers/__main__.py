"""This server beside four others that make media: python -m bench.peers (needs PyPI and npm once, about ten minutes).

Each server is the published package in an environment of its own under build/peers, pinned in `table.py`, with a
stand-in for its vendor's API on loopback, set as the server's own settings allow. Nothing leaves this machine.

Returns 2 if the packages can't be installed.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from subprocess import CalledProcessError
from tempfile import TemporaryDirectory

from bench.pairs import Pairs
from bench.peers import environments
from bench.peers.calls import CALLS, UNKNOWN, Place
from bench.peers.process import Started, start
from bench.peers.report import Figures, comparison, starts
from bench.peers.stand_in import certificate
from bench.peers.table import OURS, PEERS, Server
from tests.npm import NotHereError
from tests.stdio import event_loop

from gmi_video import __version__

JOB_SECONDS = 15
TITLE = "## Beside other servers: `python -m bench.peers`"

ABOUT = """\
Published packages, each in an environment of its own; this server is installed in the same way from a wheel, without
extras. Each talks to a stand-in for its vendor's API on loopback, set by the server's own settings (fal-mcp-server over
TLS, because its client knows nothing else). They are made for different things, and the stand-in only knows what one
video takes: what a vendor's API itself would refuse, or recognize as sent twice, is not in the table.

Calls have the arguments that the tool requires and wait for the video. replicate-mcp does so with `Prefer: wait`, with
which Replicate holds the request for up to a minute; without it the answer comes at once, and the assistant asks again.
The requests of this server include the model's record and the list that it reads before it submits. The 502 is the page
of an nginx in front of the API (fal's client repeats a submit only after such a page). "The same call again" is made
until it brings a video, {calls} calls at most; this server does not submit again while it is uncertain whether the job
was made, unless the call says `allow_duplicate`. "Installed" is the environment without pip; Python and Node are not in
it. Processor time is counted until the answer, and starts are made in turn, {pairs} of each."""


def measured(server: Server, command: list[str], folder: Path | None, place: Place, seconds: float) -> Figures:
    """All of a server but the ratios of its start; without its environment's folder only what is quick."""
    real = not server.unmeasured
    gateways = real and folder is not None
    return Figures(
        server=server,
        version=server.version or __version__,
        sdk=environments.sdk(folder) if folder else "",
        size=environments.size(folder) if folder else None,
        started=_started(server, command, place),
        job=place.calls(server, command, seconds=seconds) if real else [],
        bad_gateways=place.calls(server, command, faults=("before", "before"), repeats=True) if gateways else [],
        paid_for=place.calls(server, command, faults=("after", "after"), repeats=True) if gateways else [],
        too_long=place.calls(server, command, server.too_long),
        unknown=place.calls(server, command, UNKNOWN),
        failed=place.calls(server, command, fails=True) if real else [],
    )


def _started(server: Server, command: list[str], place: Place) -> Started:
    with place.queue(server, 0, (), fails=False) as queue:
        return start(command, place.environment(server, queue, "start"))


def _pairs(ours: Callable[[], Started], other: Callable[[], Started], pairs: int) -> tuple[Pairs, Pairs]:
    """Starts of both in turn: wall time and processor time in ms. The first of each, which fills caches, is dropped."""
    found = [(ours(), other()) for _ in range(pairs + 1)][1:]
    wall = Pairs([(1000 * one.wall, 1000 * two.wall) for one, two in found])
    return wall, Pairs([(1000 * one.cpu, 1000 * two.cpu) for one, two in found])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--quick", action="store_true", help="this server only, from this environment, a job of 1 s")
    parser.add_argument("--folder", type=Path, default=environments.ROOT / "build/peers", help="of the environments")
    arguments = parser.parse_args()
    with event_loop() as portal, TemporaryDirectory() as home:
        place = Place(portal, Path(home))
        if arguments.quick:
            command = [str(Path(sys.executable).parent / "gmi-video-mcp")]
            print(f"{TITLE}\n\nThis server only.\n\n{comparison([measured(OURS, command, None, place, 1)], 1)}")
            return 0
        try:
            place = replace(place, certificate=certificate(place.home))
            installed = [(OURS, environments.made_of_this(OURS, arguments.folder))]
            installed += [(server, environments.made(server, arguments.folder)) for server in PEERS]
        except (NotHereError, OSError, CalledProcessError) as error:
            print(f"The servers could not be installed; nothing was measured.\n{error}")
            return 2
        start_ours = partial(_started, OURS, OURS.command(installed[0][1]), place)
        with_starts = [
            (server, *_pairs(start_ours, partial(_started, server, server.command(folder), place), arguments.pairs))
            for server, folder in installed[1:]
        ]
        columns = [measured(server, server.command(folder), folder, place, JOB_SECONDS) for server, folder in installed]
    print(f"{TITLE}\n\n{ABOUT.format(calls=CALLS, pairs=arguments.pairs)}\n")
    print(starts(with_starts) + "\n")
    print(comparison(columns, JOB_SECONDS))
    return 0


if __name__ == "__main__":
    sys.exit(main())

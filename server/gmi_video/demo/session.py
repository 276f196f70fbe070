"""The demo's session: the simulator on a port of this machine, and the real server as a process that uses it."""

import os
import sys
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager

import anyio
from mcp import Client, StdioServerParameters
from mcp_types import Implementation

from gmi_video import __version__
from gmi_video.simulator import Script, Simulator
from gmi_video.simulator.media import Media
from gmi_video.simulator.scripts import Job
from gmi_video.simulator.serve import fetch_over_http, running


@asynccontextmanager
async def session(model: str, takes: float, image_folders: Iterable[str]) -> AsyncGenerator[Client]:
    """A client that is connected to the server while the block runs.

    Args:
        model: the model whose jobs have a history, from which the server estimates how long the next one takes.
        takes: how long each job takes, in seconds.
        image_folders: the folders that local images may come from.
    """
    simulator = Simulator(scripts={"*": Script.takes(takes)}, fetch=fetch_over_http)
    _add_earlier_jobs(simulator, model, takes)
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
                "GMI_IMAGE_DIRS": os.pathsep.join(dict.fromkeys(image_folders)),
                "GMI_LEDGER_URL": "none",  # nothing is paid, so nothing is left behind
            },
        )
        async with Client(server, client_info=Implementation(name="gmi-video-demo", version=__version__)) as client:
            yield client
        drawing.cancel_scope.cancel()


def _add_earlier_jobs(simulator: Simulator, model: str, takes: float) -> None:
    """Add finished jobs of about `takes` seconds, from which the server estimates how long the next one takes."""
    for number, share in enumerate((0.3, 0.8, 1.0, 1.1, 1.3), start=1):
        seconds = round(takes * share)
        created = simulator.clock() - number * 3600
        earlier = {"prompt": f"An earlier video, number {number}"}
        simulator.add_history(model, payload=earlier, created_at=created, took_seconds=seconds)

"""Assembles the core: settings, queue, catalog, images, jobs, videos and frames; opened and closed together."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import anyio
import httpx
from anyio import to_thread

from gmi_video.background import Background, Tasks
from gmi_video.catalog import validation
from gmi_video.catalog.lookup import Catalog
from gmi_video.errors import SettingsError
from gmi_video.frames.extraction import Frames
from gmi_video.images.upload import Images
from gmi_video.jobs.budget import Budget
from gmi_video.jobs.estimates import History
from gmi_video.jobs.ledger import Ledger
from gmi_video.jobs.listings import Listings
from gmi_video.jobs.polling import Poller
from gmi_video.jobs.submission import Submission
from gmi_video.settings import Settings
from gmi_video.upstream.client import Queue
from gmi_video.upstream.transport import Transport
from gmi_video.videos.fetch import Fetcher
from gmi_video.videos.save import Videos

READY_AFTER_SECONDS = 0.1
"""From the first tools/list to the time when what the first call to the queue needs is opened."""

DRAIN_SECONDS = 1.0
"""What a submit under way gets to end when the server is stopped; hosts kill a server after about 2 s."""


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Services:
    """One of each, for as long as the server runs."""

    settings: Settings
    queue: Queue
    catalog: Catalog
    images: Images
    submission: Submission
    poller: Poller
    videos: Videos
    frames: Frames
    tasks: Tasks

    def get_ready_soon(self) -> None:
        """Load and open what the first video needs, while its prompt is still being written. Nothing is sent."""
        self.tasks.start_soon(self._get_ready)

    async def _get_ready(self) -> None:
        # After the host has its answers: what is loaded slows them down.
        await anyio.sleep(READY_AFTER_SECONDS)
        await to_thread.run_sync(validation.load)
        with suppress(SettingsError):  # named by the first call
            await self.queue.open()


@asynccontextmanager
async def open_services(
    settings: Settings,
    transport: httpx.AsyncBaseTransport | None = None,
    now: Callable[[], float] = time.time,
    film_turns: anyio.Semaphore | None = None,
) -> AsyncGenerator[Services]:
    """Open the services; on leaving, stop what runs in the background and close the connections.

    Args:
        settings: what the environment decides.
        transport: the HTTP transport; None is the network.
        now: this machine's clock, in Unix seconds.
        film_turns: bounds how many films are decoded, together with other services that have it.
    """
    http = Transport(settings, transport, now)
    queue = Queue(http)
    fetcher = Fetcher(settings, transport)
    ledger = Ledger.from_settings(settings, now)
    try:
        async with anyio.create_task_group() as group:
            tasks = Background(group)
            catalog = Catalog(queue, tasks)
            images = Images(queue, settings.image_dirs, tasks, remote=settings.remote)
            history = History(queue, tasks)
            listings = Listings(queue, tasks, history)
            budget = Budget(queue, catalog, ledger, listings, settings)
            submission = Submission(
                queue, tasks, ledger=ledger, budget=budget, listings=listings, digest_of=images.digest_of
            )
            poller = Poller(queue, tasks, history)
            videos = Videos(settings.output_dir, fetcher, tasks, now)
            frames = Frames(fetcher, tasks, film_turns)
            tasks.start_soon(videos.warn)
            try:
                yield Services(settings, queue, catalog, images, submission, poller, videos, frames, tasks)
            finally:
                await submission.drain(DRAIN_SECONDS)
                group.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await ledger.aclose()
            await http.aclose()
            await fetcher.aclose()

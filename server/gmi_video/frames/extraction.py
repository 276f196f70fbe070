"""Fetches a finished video, or its thumbnail, into a temporary file, and takes frames of it; each once for a while."""

import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
from anyio import to_thread
from cachetools import LRUCache

from gmi_video.background import Tasks
from gmi_video.frames import decoding
from gmi_video.frames.decoding import Decoded
from gmi_video.single_flight import Interrupted, SingleFlight
from gmi_video.upstream.wire import Record
from gmi_video.videos.fetch import Fetcher
from gmi_video.videos.formats import extension_of
from gmi_video.videos.part import NotFetched, Unusable, UserMustAct, kind_of_whole

MAX_FILM_BYTES = 500 * 1024**2
"""Largest video that is fetched for its frames; 9 s in 4k have some tens of megabytes."""

MAX_THUMBNAIL_BYTES = 1024**2
"""Largest thumbnail: hosts refuse answers of more than some megabytes."""

TRANSFER_SECONDS = 300.0
"""How long fetching may take; it goes on when the call that asked for it is over."""

AT_ONCE = 2
"""Videos that are fetched and decoded at the same time: each takes a processor, and up to 2 GB and 500 MB of disk."""

REMEMBERED = 8
"""Answers that are kept, each of at most 10 MB: a call is made again after a dry run or a question to the user."""

_JPEG = b"\xff\xd8\xff"


class Frames:
    """Takes frames of finished videos.

    Args:
        fetcher: fetches.
        tasks: the server's task group: a transfer can take longer than a call.
        turns: bounds how many films are decoded at the same time, of several servers in one process together.
    """

    def __init__(self, fetcher: Fetcher, tasks: Tasks, turns: anyio.Semaphore | None = None) -> None:
        self._fetcher = fetcher
        self._running: SingleFlight[tuple[str, str], Decoded] = SingleFlight(tasks)
        self._kept: LRUCache[tuple[str, str], Decoded] = LRUCache(REMEMBERED)
        self._turns = turns or anyio.Semaphore(AT_ONCE)

    async def sheet(self, record: Record, number: int) -> Decoded:
        """That many frames of a finished video on one contact sheet. Raises `NotFetched`."""
        return await self._once(record, str(number), lambda: self._decoded(record, str(number)))

    async def frame(self, record: Record, which: str) -> bytes:
        """The `first` or `last` frame of a finished video in its full size, a JPEG. Raises `NotFetched`."""
        return (await self._once(record, which, lambda: self._decoded(record, which))).jpeg

    async def thumbnail(self, record: Record) -> bytes:
        """The thumbnail of a finished video, a JPEG. Raises `NotFetched`."""
        return (await self._once(record, "thumbnail", lambda: self._thumbnail(record))).jpeg

    async def _once(self, record: Record, what: str, take: Callable[[], Awaitable[Decoded]]) -> Decoded:
        key = record.request_id, what
        if key in self._kept:
            return self._kept[key]

        async def taken() -> Decoded:
            # Kept here: by the end of it there may be nobody left who waits.
            self._kept[key] = found = await take()
            return found

        try:
            # A file that was made for it must not outlive a call that is cut off, so the server's tasks do it.
            return await self._running.run(key, taken)
        except Interrupted:
            raise NotFetched("the server was stopped meanwhile", "ask again") from None

    async def _decoded(self, record: Record, what: str) -> Decoded:
        async def decode(file: Path) -> Decoded:
            return await decoding.decode(file, await to_thread.run_sync(kind_of_whole, file), what)

        if not record.video_url:
            raise NotFetched("the queue's answer holds no link to it", "ask for its status in a minute")
        async with self._turns:
            return await self._with(record.video_url, lambda head: bool(extension_of(head)), MAX_FILM_BYTES, decode)

    async def _thumbnail(self, record: Record) -> Decoded:
        async def read(file: Path) -> Decoded:
            return Decoded((), await to_thread.run_sync(file.read_bytes))

        if not record.thumbnail_url:
            raise Unusable("it has no thumbnail")
        return await self._with(
            record.thumbnail_url, lambda head: head.startswith(_JPEG), MAX_THUMBNAIL_BYTES, read, "a JPEG picture"
        )

    async def _with(
        self,
        url: str,
        accepts: Callable[[bytes], bool],
        most: int,
        use: Callable[[Path], Awaitable[Decoded]],
        kind: str = "a video",
    ) -> Decoded:
        """Fetch a URL into a temporary file, and use it."""
        folder: Path | None = None
        try:
            folder = await to_thread.run_sync(_new_folder)
            with anyio.move_on_after(TRANSFER_SECONDS) as transfer:
                await self._fetcher.fetch(url, folder / "file", accepts, max_bytes=most, kind=kind)
            if transfer.cancelled_caught:
                raise NotFetched(f"its transfer took longer than {TRANSFER_SECONDS / 60:g} min")
            return await use(folder / "file")
        except OSError:
            raise UserMustAct(
                "this server's folder for temporary files is full or can't be written",
                "have the user make room there",
            ) from None
        finally:
            if folder is not None:
                with anyio.CancelScope(shield=True):
                    await to_thread.run_sync(_remove, folder)


def _new_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="gmi-video-"))
    (folder / "file").touch()
    return folder


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)

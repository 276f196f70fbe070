"""The films of finished jobs: each rendered when it is first watched, once, and kept as long as there is room."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import weakref
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from gmi_video.simulator.films.encoder import render_film, render_thumbnail

if TYPE_CHECKING:
    from collections.abc import Callable

    from gmi_video.simulator.films.spec import Order


class FilmStore:
    """A folder of films, by their orders; the ones not watched for longest go when it exceeds `most_bytes`."""

    def __init__(self, most_bytes: int = 512 * 1024 * 1024) -> None:
        self.rendered = 0
        self._most_bytes = most_bytes
        self._one_at_a_time = anyio.Lock()

    @cached_property
    def folder(self) -> Path:
        """The folder, made when the first film is asked for."""
        folder = Path(tempfile.mkdtemp(prefix="gmi-simulator-films-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder

    async def film(self, order: Order) -> bytes:
        """The MP4."""
        return await self._had(self.folder / f"{order.digest}.mp4", order, render_film)

    async def thumbnail(self, order: Order) -> bytes:
        """The JPEG."""
        return await self._had(self.folder / f"{order.digest}.jpg", order, render_thumbnail)

    async def _had(self, path: Path, order: Order, render: Callable[[Order, Path], None]) -> bytes:
        kept = _watch(path)
        if kept is not None:
            return kept
        # One core is enough for a pretend studio, and whoever asks for the same film meanwhile waits for the first.
        async with self._one_at_a_time:
            kept = _watch(path)
            if kept is None:
                kept = await self._rendered(path, order, render)
        return kept

    async def _rendered(self, path: Path, order: Order, render: Callable[[Order, Path], None]) -> bytes:
        unfinished = path.with_suffix(".part")
        if _on_asyncio():
            await anyio.to_thread.run_sync(render, order, unfinished)
        else:
            # Under trio there is a test with a jumping clock: while a thread worked, every deadline would pass at once.
            render(order, unfinished)
        return self._keep(unfinished, path)

    def _keep(self, unfinished: Path, path: Path) -> bytes:
        unfinished.rename(path)
        self.rendered += 1
        self._make_room(path)
        return path.read_bytes()

    def _make_room(self, kept: Path) -> None:
        films = sorted(self.folder.iterdir(), key=lambda film: film.stat().st_mtime, reverse=True)
        left = self._most_bytes
        for film in (kept, *(film for film in films if film != kept)):
            left -= film.stat().st_size
            if left < 0 and film != kept:
                film.unlink()


def _watch(path: Path) -> bytes | None:
    """A film that is there, marked as watched now."""
    if not path.exists():
        return None
    path.touch()
    return path.read_bytes()


def _on_asyncio() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True

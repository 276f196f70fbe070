"""A disk cache of rendered films: each is rendered once, when it is first requested."""

import shutil
import tempfile
import weakref
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import anyio
import anyio.from_thread
import anyio.to_thread

from gmi_video.simulator.films.continuing import Ends
from gmi_video.simulator.films.encoder import render_film, render_thumbnail
from gmi_video.simulator.films.spec import FilmSpec


class FilmStore:
    """A folder of films, by the digests of their specs; above `max_bytes` the least recently requested are deleted."""

    def __init__(self, max_bytes: int = 512 * 1024 * 1024) -> None:
        self.rendered = 0
        self.ends = Ends()
        self._max_bytes = max_bytes
        self._lock = anyio.Lock()

    @cached_property
    def folder(self) -> Path:
        """The folder: made on first use, deleted with this object."""
        folder = Path(tempfile.mkdtemp(prefix="gmi-simulator-films-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder

    async def film(self, spec: FilmSpec) -> bytes:
        """The MP4."""
        return await self._cached(self.folder / f"{spec.digest}.mp4", spec, self._render_film)

    async def thumbnail(self, spec: FilmSpec) -> bytes:
        """The JPEG."""
        return await self._cached(self.folder / f"{spec.digest}.jpg", spec, render_thumbnail)

    def _render_film(self, spec: FilmSpec, path: Path, before_frame: Callable[[], None]) -> None:
        self.ends.record(spec, render_film(spec, path, before_frame))

    async def _cached(
        self, path: Path, spec: FilmSpec, render: Callable[[FilmSpec, Path, Callable[[], None]], None]
    ) -> bytes:
        cached = _read(path)
        if cached is not None:
            return cached
        # One rendering at a time, so that it takes one core, and concurrent requests for one film render it once.
        async with self._lock:
            cached = _read(path)
            if cached is None:
                unfinished = path.with_suffix(".part")
                await anyio.to_thread.run_sync(render, spec, unfinished, anyio.from_thread.check_cancelled)
                cached = self._keep(unfinished, path)
        return cached

    def _keep(self, unfinished: Path, path: Path) -> bytes:
        unfinished.rename(path)
        self.rendered += 1
        self._delete_old(keep=path)
        return path.read_bytes()

    def _delete_old(self, keep: Path) -> None:
        films = sorted(self.folder.iterdir(), key=lambda film: film.stat().st_mtime, reverse=True)
        left = self._max_bytes
        for film in (keep, *(film for film in films if film != keep)):
            left -= film.stat().st_size
            if left < 0 and film != keep:
                film.unlink()


def _read(path: Path) -> bytes | None:
    """A cached file, marked as requested now; None where there is none."""
    if not path.exists():
        return None
    path.touch()
    return path.read_bytes()

"""Saves each finished video once, in the server's task group, and says in words where it is or why it is not.

A sidecar beside the video decides whether it was saved: where it is there and the video is not, the user has removed
the video, and it is not fetched again.
"""

import errno
import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import anyio
from anyio import to_thread
from cachetools import LRUCache

from gmi_video import __version__
from gmi_video.background import Tasks
from gmi_video.single_flight import Interrupted, SingleFlight
from gmi_video.text import as_json_literal
from gmi_video.upstream.wire import Record
from gmi_video.videos import names
from gmi_video.videos.fetch import FETCH_SECONDS, Fetcher
from gmi_video.videos.formats import extension_of
from gmi_video.videos.part import DOWNLOAD_BY_LINK, NotFetched, kind_of_whole
from gmi_video.videos.store import Claim, Found, VideoStore

FETCHES = 3
"""Videos that are fetched at the same time."""

LOOKS = 4
"""Threads that look at the folder at the same time: a network drive that hangs must not hold all of the server's."""

REMEMBERED = 256
"""Videos of which is remembered why they could not be fetched."""

CLAIM_PAUSE = 1.0
"""Between two looks at a video that another copy of the server is saving (seconds)."""

_log = logging.getLogger(__name__)

_T = TypeVar("_T")

_AGAIN = "then ask for its status again"


class Saved(NamedTuple):
    """What became of a video.

    Attributes:
        path: where it is; empty where it is not saved.
        note: one sentence for the person, where there is something to say.
        pending: it is still being saved.
    """

    path: str = ""
    note: str = ""
    pending: bool = False


NOT_ASKED = Saved()
"""Nothing was to be saved."""


class _Job(NamedTuple):
    """A finished job as its sidecar has it."""

    record: Record
    parameters: Mapping[str, Any]
    usd: float | None

    @property
    def prompt(self) -> str:
        prompt = self.parameters.get("prompt")
        return prompt if isinstance(prompt, str) else ""

    def sidecar(self, name: str, size: int, now: float) -> bytes:
        """The request as JSON, for people and programs that look into the folder."""
        record = self.record
        times = {"created_at": record.created_at, "finished_at": record.updated_at, "saved_at": now}
        facts: dict[str, Any] = {
            "request_id": record.request_id,
            "file": name,
            "bytes": size,
            "model": record.model,
            "prompt": self.prompt or None,
            "parameters": {key: value for key, value in self.parameters.items() if key != "prompt"},
            "estimated_cost_usd": None if self.usd is None else round(self.usd, 6),
            "video_url": record.video_url,
            "thumbnail_image_url": record.thumbnail_url or None,
            **{key: None if at is None else datetime.fromtimestamp(at, UTC).isoformat() for key, at in times.items()},
            "saved_by": f"gmi-video-mcp {__version__}",
        }
        known = {key: value for key, value in facts.items() if value is not None}
        # Half of a surrogate pair, which JSON can carry, has no place in a file of UTF-8.
        return (json.dumps(known, ensure_ascii=False, indent=2) + "\n").encode(errors="replace")


class Videos:
    """The folder that finished videos are saved in.

    Args:
        output_dir: `GMI_OUTPUT_DIR`; empty where nothing is to be saved.
        fetcher: fetches.
        tasks: the server's task group: a transfer can take longer than a call.
        now: this machine's clock, in Unix seconds.
    """

    def __init__(self, output_dir: str, fetcher: Fetcher, tasks: Tasks, now: Callable[[], float]) -> None:
        self._output_dir = output_dir
        self._fetcher = fetcher
        self._now = now
        self._saves: SingleFlight[str, Saved] = SingleFlight(tasks)
        self._failed: LRUCache[str, str] = LRUCache(REMEMBERED)
        """What the last try has met, by request id: a try can take longer than an answer waits."""
        self._fetches = anyio.Semaphore(FETCHES)
        self._looks = anyio.Semaphore(LOOKS)

    def takes(self, record: Record) -> bool:
        """Whether this is a video that is to be saved."""
        return bool(self._output_dir and record.succeeded and record.video_url)

    def still_saving(self, request_id: str) -> Saved:
        """The answer where there is no time to wait for the end; with what the last try has met."""
        before = self._failed.get(request_id, "")
        return Saved(note=f"It is still being saved in {self._shown}{before}.", pending=True)

    async def save(self, record: Record, parameters: Mapping[str, Any], usd: float | None) -> Saved:
        """Save a finished video, unless that was done before. Goes on where the caller is cancelled.

        Args:
            record: the job, with a fresh link.
            parameters: what it was made from, for its name and its sidecar.
            usd: its price, where it is known.
        """
        job = _Job(record, parameters, usd)
        try:
            return await self._saves.run(record.request_id, lambda: self._save(job))
        except Interrupted:
            return self._not("the server was stopped meanwhile", "ask for its status again")

    async def warn(self) -> None:
        """Log what is wrong with the folder, if one is set: the log is the first that its operator sees."""
        if self._output_dir and (fault := (await self._in_thread(check_folder, self._output_dir))[1]):
            _log.warning("Finished videos are not saved in %s: %s.", self._shown, fault)

    @property
    def _shown(self) -> str:
        return as_json_literal(self._output_dir, 300)

    def _not(self, why: str, remedy: str) -> Saved:
        return Saved(note=f"It was not saved in {self._shown}: {why}; {remedy}.")

    async def _in_thread(self, function: Callable[..., _T], *arguments: Any) -> _T:
        async with self._looks:
            return await to_thread.run_sync(partial(function, *arguments), abandon_on_cancel=True)

    async def _save(self, job: _Job) -> Saved:
        request_id = job.record.request_id
        try:
            folder, fault, remedy = await self._in_thread(check_folder, self._output_dir)
            if fault:
                return self._not(fault, remedy)
            store = VideoStore(folder)
            claim: Claim | None = None
            with anyio.move_on_after(FETCH_SECONDS):
                while claim is None:
                    if found := await self._in_thread(store.find, request_id):
                        return self._found(found)
                    claim = await self._in_thread(store.claim, request_id)
                    if claim is None:
                        await anyio.sleep(CLAIM_PAUSE)
            if claim is None:
                return self.still_saving(request_id)
            try:
                return await self._fill(store, claim, job)
            finally:
                claim.drop()
        except NotFetched as error:
            self._failed[request_id] = f" (the last try failed: {error.why})"
            return self._not(error.why, error.remedy)
        except OSError as error:
            return self._not(*_trouble(error))
        except Exception:  # noqa: BLE001 - the answer about a paid video must not be lost over its file
            _log.exception("A video could not be saved.")
            return self._not("this server has a fault of its own, see its log", DOWNLOAD_BY_LINK)

    async def _fill(self, store: VideoStore, claim: Claim, job: _Job) -> Saved:
        record = job.record
        # Once more: another copy may have ended between the look and the claim.
        for look in (store.find, store.complete):
            if found := await self._in_thread(look, record.request_id):
                return self._found(found)
        async with self._fetches:
            size = await self._fetcher.fetch(record.video_url, claim.path, lambda head: bool(extension_of(head)))
        extension = await self._in_thread(kind_of_whole, claim.path)
        stem = names.stem(job.prompt, job.parameters, self._now() if record.created_at is None else record.created_at)
        sidecar = partial(job.sidecar, size=size, now=self._now())
        put = partial(store.put, claim, record.request_id, stem, extension, sidecar)
        # To its end also where the server stops: the thread and `drop` must not have the file at the same time.
        return Saved(str(await to_thread.run_sync(put)))

    def _found(self, found: Found) -> Saved:
        if found.is_there:
            return Saved(str(found.path))
        sidecar = as_json_literal(found.path.with_suffix(".json").name, 300)
        return Saved(
            note=f"It was saved in {self._shown} before and is not there any more, so it is not saved again; to have "
            f"it saved again, delete {sidecar} there and ask for its status."
        )


def check_folder(value: str) -> tuple[Path, str, str]:
    """The folder, what is wrong with it, and what to do; empty texts if nothing is wrong."""
    folder = Path()
    try:
        folder = Path(value).expanduser()
        if not value.isprintable():
            fault = "has characters in its name that can't be shown"
        elif not folder.is_absolute():
            fault = "is not an absolute path"
        elif folder.is_dir():
            return folder, "", ""
        elif not folder.exists():
            # Not made here: it may be a drive that is not connected.
            return folder, "the folder does not exist", f"have the user make it, {_AGAIN}"
        else:
            fault = "is not a folder"
    except (OSError, RuntimeError, ValueError):
        fault = "can't be read as a folder"
    return (
        folder,
        f"GMI_OUTPUT_DIR {fault}",
        ("have the user correct it in the `env` block of this server's entry and restart the server"),
    )


def _trouble(error: OSError) -> tuple[str, str]:
    """What is wrong with the folder, and what to do."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return "the disk is full", f"make room on it, {_AGAIN}"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return "this server may not write there", f"have the user allow it, {_AGAIN}"
        case errno.EFBIG:
            return "its file system can't hold a file of this size", DOWNLOAD_BY_LINK
        case errno.ENOENT | errno.ENOTDIR:
            return "the folder was removed or changed meanwhile", "ask for its status again"
        case _:
            return f"the folder can't be used ({errno.errorcode.get(error.errno or 0, 'unknown error')})", (
                f"have the user check the disk, {_AGAIN}"
            )

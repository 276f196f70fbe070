"""A local image becomes a public URL: confined, recognised, uploaded once.

A file is read once, and the bytes that were checked are the bytes that are uploaded: nothing that happens to the
file in between matters.
"""

import hashlib
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from gmi_video.errors import Garbled, Rejected, Unavailable
from gmi_video.images import formats, urls
from gmi_video.images.files import Folders, content, refused
from gmi_video.images.formats import NotAPicture, Picture
from gmi_video.text import one_line, safe_url
from gmi_video.upstream.client import Queue

FRESH_SECONDS = 600.0
"""How long an upload is used again. How long the vendor keeps it is not documented; its signed address lives 899 s
(P), so a file is taken to live at least about that long, less the minutes in which the job fetches it."""

_REMEMBERED = 256
_URL_LIKE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
"""A scheme has two letters or more: `C:` is a drive."""


@dataclass(slots=True)
class _Flight:
    """An upload under way, and its end."""

    landed: anyio.Event = field(default_factory=anyio.Event)
    url: str = ""
    error: Exception | None = None


class Images:
    """Makes public URLs of what a caller gives for an image.

    Args:
        queue: where files are uploaded.
        dirs: the folders that local files may come from.
        tasks: the server's own task group. An upload outlives the call that began it: over a slow line it can take
            longer than a host waits, and the same call again finds it done.
    """

    def __init__(self, queue: Queue, dirs: tuple[Path, ...], tasks: TaskGroup) -> None:
        self._queue = queue
        self._tasks = tasks
        self._folders = Folders(dirs)
        self._uploaded: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self.contents: OrderedDict[str, str] = OrderedDict()
        """The digest of what was uploaded, by its public URL; kept longer than the upload is used again."""
        self._flights: dict[str, _Flight] = {}
        # A picture being converted can take hundreds of megabytes.
        self._readers = anyio.Semaphore(2)

    async def check(self, value: str, argument: str) -> None:
        """Refuse what can be refused without sending anything.

        Args:
            value: an http(s) URL, or the path of a local file.
            argument: the argument it was given in, for the words.

        Raises:
            InvalidRequest: it can't be used.
        """
        if _URL_LIKE.match(value):
            urls.check(value, argument)
        else:
            await self._picture(value, argument)

    async def public_url(self, value: str, argument: str) -> str:
        """A checked URL as it is; for a path, where its picture was uploaded to.

        Raises:
            InvalidRequest: it can't be used; nothing was sent.
            UpstreamError: the upload failed; no video was submitted.
        """
        if _URL_LIKE.match(value):
            urls.check(value, argument)
            return value
        picture = await self._picture(value, argument)
        digest = hashlib.sha256(picture.content).hexdigest()
        flight = self._flights.get(digest)
        if flight is None:
            flight = self._flights[digest] = _Flight()
            self._tasks.start_soon(self._fly, flight, digest, picture)
        await flight.landed.wait()
        if not flight.url:
            raise flight.error or Unavailable(
                "The server was stopped during the upload of an image. Nothing was submitted and nothing was charged.",
                "Make the same call again.",
            )
        return flight.url

    # -- the upload ----------------------------------------------------------------------------------------------

    async def _fly(self, flight: _Flight, digest: str, picture: Picture) -> None:
        try:
            flight.url = await self._once(digest, picture)
        except Exception as error:  # noqa: BLE001 - raised again in every call that waits for this upload
            flight.error = error
        finally:
            del self._flights[digest]
            flight.landed.set()

    async def _once(self, digest: str, picture: Picture) -> str:
        url, uploaded_at = self._uploaded.get(digest, ("", 0.0))
        if url and anyio.current_time() - uploaded_at < FRESH_SECONDS:
            return url
        began = anyio.current_time()
        try:
            url = await self._upload(picture)
        except Rejected:
            # A signed address can have run out while the upload was repeated; a fresh one settles it.
            url = await self._upload(picture)
        self.contents[url] = digest
        if len(self.contents) > _REMEMBERED * 16:
            self.contents.popitem(last=False)
        self._uploaded[digest] = url, began
        self._uploaded.move_to_end(digest)
        if len(self._uploaded) > _REMEMBERED:
            self._uploaded.popitem(last=False)
        return url

    async def _upload(self, picture: Picture) -> str:
        # `jpeg`, never `jpg`: that one is signed for a type of its own, image/jpg (gmi-api, "Upload").
        target = await self._queue.upload_url(picture.file_type)
        public = safe_url(target.public_url)
        if not public or not _is_private_enough(target.upload_url):
            raise Garbled(
                "The queue's answer names no safe place for the image. Nothing was uploaded, nothing was submitted "
                "and nothing was charged.",
                "Give a public http(s) URL of the image instead, or make the same call again later.",
            )
        await self._queue.upload(target.upload_url, picture.content, picture.content_type)
        return public

    # -- the file ------------------------------------------------------------------------------------------------

    async def _picture(self, value: str, argument: str) -> Picture:
        """The picture that a path leads to, read once."""
        # In a thread: a folder may be on a network drive that hangs.
        async with self._readers:
            return await anyio.to_thread.run_sync(self._read, value, argument, abandon_on_cancel=True)

    def _read(self, value: str, argument: str) -> Picture:
        file = self._folders.locate(value, argument)
        shown = f"{argument}: the file {one_line(value, 200)!r}"
        try:
            return formats.read(content(file))
        except NotAPicture as error:
            raise refused(f"{shown} {error}", error.remedy or "Give a JPEG or PNG file, or a public URL.") from None
        except FileNotFoundError:
            raise refused(f"{shown} does not exist.", self._folders.where()) from None
        except PermissionError:
            raise refused(
                f"{shown} may not be read by this server.", "Have the user allow it, or give another file."
            ) from None
        except OSError:
            raise refused(f"{shown} can't be read.", "Give another file, or a public URL.") from None


def _is_private_enough(url: str) -> bool:
    """Whether a picture may be put there: over TLS, or on this machine, where the simulator is."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1", "::1"})

"""A local image becomes a public URL: read once from an allowed folder, recognised, uploaded once.

The bytes that were checked are the bytes that are uploaded: a change of the file in between has no effect.
"""

import hashlib
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import anyio
import anyio.to_thread
from cachetools import LRUCache

from gmi_video.background import Tasks
from gmi_video.errors import Rejected, Unavailable
from gmi_video.images import formats, urls
from gmi_video.images.conversion import to_png
from gmi_video.images.files import Folders, content, path_of
from gmi_video.images.formats import Convertible, NotAPicture, Picture
from gmi_video.images.refusals import subject
from gmi_video.images.shape import Size, size_of
from gmi_video.single_flight import Interrupted, SingleFlight
from gmi_video.text import safe_url
from gmi_video.upstream import failures
from gmi_video.upstream.client import Queue

FRESH_SECONDS = 600.0
"""How long an upload is used again. How long the vendor keeps it is not documented; its signed address lives 899 s
(P), so a file is taken to live at least about that long, less the minutes in which the job fetches it."""

REUSED_UPLOADS = 256
"""Uploads that can be used again."""

KNOWN_URLS = 4096
"""Uploaded URLs whose content is remembered, longer than they are used again."""

READ_SECONDS = 30.0
"""How long the reading of a file may take, for a network drive that is slow. Recognising one takes below 0.1 s."""

READERS = 2
"""Images read at the same time: converting one can take hundreds of megabytes."""

_URL_LIKE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
"""A scheme has two letters or more: `C:` is a drive."""


class LocalImage(NamedTuple):
    """An image that was read here: its digest, which stands for it until it is uploaded, its content, and its size."""

    digest: str
    picture: Picture
    size: Size


class Images:
    """Makes public URLs of what a caller gives for an image.

    Args:
        queue: where files are uploaded.
        dirs: the folders that local files may come from.
        remote: whether callers are on other machines, so that there are no local files.
        tasks: the server's task group. An upload outlives the call that began it: over a slow line it can take longer
            than a host waits, and the same call made again finds it done.
    """

    def __init__(self, queue: Queue, dirs: tuple[Path, ...], tasks: Tasks, *, remote: bool = False) -> None:
        self._queue = queue
        self._folders = Folders(dirs, remote)
        self._uploading: SingleFlight[str, str] = SingleFlight(tasks)
        self._uploaded: LRUCache[str, tuple[str, float]] = LRUCache(REUSED_UPLOADS)
        """The URL of an upload and when it began (`anyio.current_time`), by the image's digest."""
        self._digests: LRUCache[str, str] = LRUCache(KNOWN_URLS)
        self._readers = anyio.Semaphore(READERS)

    async def read(self, value: str, argument: str) -> LocalImage | None:
        """Check an image without sending anything, and read it where it is a local file.

        Args:
            value: an http(s) URL, or the path (or `file:` URL) of a local file.
            argument: the argument it was given in, for the error.

        Returns:
            The image; None for a public URL, which needs no upload.

        Raises:
            ImageRefused: it can't be used.
        """
        value = path_of(value) or value
        if _URL_LIKE.match(value):
            if fault := urls.fault(value):
                raise self._folders.refused(f"{subject(argument)} {fault}")
            return None
        with self._refusing(value, argument):
            async with self._readers:
                # In a thread: a folder may be on a network drive that hangs.
                with anyio.fail_after(READ_SECONDS):
                    found = await anyio.to_thread.run_sync(self._read, value, argument, abandon_on_cancel=True)
                picture = await to_png(found) if isinstance(found, Convertible) else found
                return await anyio.to_thread.run_sync(_local_image, picture, abandon_on_cancel=True)

    async def upload(self, image: LocalImage) -> str:
        """The public URL of an image, which is uploaded unless that was done a moment ago.

        Raises:
            UpstreamError: the upload failed; no video was submitted.
        """
        url, began = self._uploaded.get(image.digest, ("", 0.0))
        if url and anyio.current_time() - began < FRESH_SECONDS:
            return url
        try:
            return await self._uploading.run(image.digest, lambda: self._upload(image))
        except Interrupted:
            raise Unavailable(
                "The server was stopped during the upload of an image. Nothing was submitted and nothing was charged.",
                "Make the same call again.",
            ) from None

    def digest_of(self, value: str) -> str:
        """The digest of the image that was uploaded to this URL by this process; of a digest itself; else empty."""
        return value if value.startswith("sha256:") else self._digests.get(value, "")

    async def _upload(self, image: LocalImage) -> str:
        began = anyio.current_time()
        try:
            url = await self._put(image.picture)
        except Rejected:
            # A signed address can have run out while the upload was repeated; a fresh one settles it.
            url = await self._put(image.picture)
        self._digests[url] = image.digest
        self._uploaded[image.digest] = url, began
        return url

    async def _put(self, picture: Picture) -> str:
        # `jpeg`, never `jpg`: that one is signed for a type of its own, image/jpg (gmi-api, "Upload").
        target = await self._queue.upload_url(picture.file_type)
        public = safe_url(target.public_url)
        if not public:
            raise failures.no_safe_place()
        await self._queue.upload(target.upload_url, picture.content, picture.content_type)
        return public

    def _read(self, value: str, argument: str) -> Picture | Convertible:
        """The image that a path leads to. Runs in a worker thread."""
        located = self._folders.locate(value, argument)
        try:
            return formats.read(content(located))
        except FileNotFoundError:
            fault = f"{subject(argument, value)} does not exist."
            raise self._folders.refused(fault, self._folders.nearest(located)) from None

    @contextmanager
    def _refusing(self, value: str, argument: str) -> Generator[None]:
        """What goes wrong with a file, in words."""
        shown, refused = subject(argument, value), self._folders.refused
        try:
            yield
        except NotAPicture as error:
            remedy = error.remedy or "Ask the user for a JPEG or PNG file, or a public http(s) URL of it."
            raise refused(f"{shown} {error}", remedy) from None
        except TimeoutError:
            raise refused(
                f"{shown} can't be read in {READ_SECONDS:g} s: the drive that it is on may not answer.",
                "Tell the user; a copy of it on another drive, or a public http(s) URL, would do.",
            ) from None
        except PermissionError:
            raise refused(
                f"{shown} may not be read by this server.",
                "Ask the user to allow it (the rights of the file and its folder), or for another copy of it.",
            ) from None
        except OSError:
            raise refused(f"{shown} can't be read.", "Ask the user for another copy of it, or a public URL.") from None


def _local_image(picture: Picture) -> LocalImage:
    digest = hashlib.sha256(picture.content).hexdigest()
    return LocalImage(f"sha256:{digest}", picture, size_of(picture))

"""A file that is being fetched: what has arrived, and how its transfer goes on after it broke off."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import httpx
from anyio import to_thread

from gmi_video.videos.formats import HEAD_BYTES, extension_of, is_cut_off

PIECE_BYTES = 256 * 1024
"""As much is written at once."""

_LATER = "ask for its status later to try again"
_MAY_PASS = {408, 425, 429, 500, 502, 503, 504}
_GONE = {401, 403, 404, 410}

LOOK_BY_LINK = "the user can look at it by the link"
DOWNLOAD_BY_LINK = "the user can download it by the link"
"""What is left where the same will not work later."""


class NotFetched(Exception):
    """A file that can't be had. `why` completes "It can't be had: …", `remedy` is what to do, after a semicolon.

    The same may work later, except for the two kinds below.
    """

    def __init__(self, why: str, remedy: str = _LATER) -> None:
        super().__init__(why)
        self.why = why
        self.remedy = remedy


class Unusable(NotFetched):
    """The same will not work later: all that is left is what the user can do, by the link or as `remedy` says."""

    def __init__(self, why: str, remedy: str = LOOK_BY_LINK) -> None:
        super().__init__(why, remedy)


class UserMustAct(NotFetched):
    """The same works once the user has done what `remedy` says: "have the user …"."""


class Broken(NotFetched):
    """It can't be had now, and the next try may succeed."""


class Part:
    """What has arrived of a file, and what its transfer is resumed by.

    Args:
        file: exists, and is written from its beginning.
        accepts: whether the first `HEAD_BYTES` bytes are of the kind that is wanted.
        max_bytes: the largest size.
        kind: what is wanted, for the error: "a video".
    """

    def __init__(self, file: Path, accepts: Callable[[bytes], bool], max_bytes: int, kind: str) -> None:
        self.size = 0
        """Bytes in the file."""
        self._file = file
        self._accepts = accepts
        self._max_bytes = max_bytes
        self._kind = kind
        self._restart()

    def _restart(self) -> None:
        self.size = 0
        self._total: int | None = None
        self._validator = ""
        self._waiting = bytearray()
        self._head = b""
        self._accepted = False

    def range_headers(self) -> dict[str, str]:
        """Ask for what is missing while the file is still the same; for the whole where that can't be told."""
        if not self.size or not self._validator:
            self._restart()
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": self._validator}

    def begin(self, response: httpx.Response) -> None:
        """Take in the answer's head: the whole comes, the rest, or nothing of use.

        Raises:
            NotFetched: nothing of use.
        """
        status = response.status_code
        if status == 200:
            self._restart()
            self._validator = _validator_of(response)
            length = response.headers.get("content-length", "")
            self._total = int(length) if re.fullmatch(r"\d{1,15}", length) else None
            self._check_size(self._total or 0)
        elif status == 206 and self.size and self._is_the_rest(response):
            pass
        elif status in {206, 416}:
            self._restart()
            raise Broken("the host of its link sends another part of the file than it was asked for")
        elif status in _GONE:
            raise NotFetched(f"its link does not work (any more): HTTP {status}", "ask for its status for a fresh link")
        elif status in _MAY_PASS:
            raise Broken(f"the host of its link answers HTTP {status}")
        else:
            raise NotFetched(f"the host of its link answers HTTP {status}")

    async def add(self, chunk: bytes) -> None:
        """Take in bytes. Raises `NotFetched` where they are not wanted, `OSError` where they can't be written."""
        self._check_size(self.size + len(self._waiting) + len(chunk))
        self._head += chunk[: HEAD_BYTES - len(self._head)]
        self._waiting += chunk
        if not self._accepted and len(self._head) == HEAD_BYTES:
            self._check_head()
        if len(self._waiting) >= PIECE_BYTES:
            await self.flush()

    async def end(self) -> None:
        """The answer is over. Raises like `add`, and `NotFetched` where something is missing."""
        self._check_head()
        await self.flush()
        if self._total is not None and self.size != self._total:
            raise Broken("its transfer broke off")

    async def flush(self) -> None:
        """Write what waits; nothing before it is known to be wanted. Raises `OSError`."""
        if self._accepted and self._waiting:
            piece, self._waiting = bytes(self._waiting), bytearray()
            await to_thread.run_sync(_write, self._file, self.size, piece, abandon_on_cancel=True)
            self.size += len(piece)

    async def sync(self) -> int:
        """Have the system write the file to the disk; returns its size. Raises `OSError`."""
        await to_thread.run_sync(_sync, self._file, abandon_on_cancel=True)
        return self.size

    def _check_head(self) -> None:
        if not self._accepted and not self._accepts(self._head):
            raise Unusable(f"what its link leads to is not {self._kind}")
        self._accepted = True

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            most = self._max_bytes / 1024**2
            bound = f"{most / 1024:g} GB" if most >= 1024 else f"{most:g} MB"
            raise Unusable(f"it is larger than {bound}", DOWNLOAD_BY_LINK)

    def _is_the_rest(self, response: httpx.Response) -> bool:
        """Whether a 206 goes on where the file ends, and is of the same file."""
        found = re.fullmatch(r"bytes (\d{1,15})-\d{1,15}/(\d{1,15}|\*)", response.headers.get("content-range", ""))
        if found is None or int(found[1]) != self.size:
            return False
        same_total = found[2] == "*" or self._total is None or int(found[2]) == self._total
        return same_total and _validator_of(response) in {"", self._validator}


def kind_of_whole(file: Path) -> str:
    """The extension for a video that was fetched. Raises `NotFetched` where its end is missing, `OSError`."""
    if is_cut_off(file):
        raise NotFetched("its end is missing")
    with file.open("rb") as opened:
        return extension_of(opened.read(HEAD_BYTES))


def _validator_of(response: httpx.Response) -> str:
    """What tells two versions of a file apart, for `If-Range`: a strong ETag, or the time of its last change."""
    tag = response.headers.get("etag", "")
    return tag if tag.startswith('"') else response.headers.get("last-modified", "")


def _write(file: Path, at: int, piece: bytes) -> None:
    """Write a piece at an offset, and cut off what is behind it."""
    # Opened for each piece: a thread that a hanging disk holds up can be left alone.
    with file.open("r+b", buffering=0) as opened:
        opened.seek(at)
        opened.truncate()
        rest = memoryview(piece)
        while rest:
            rest = rest[opened.write(rest) or 0 :]


def _sync(file: Path) -> None:
    with file.open("r+b") as opened:
        os.fsync(opened.fileno())

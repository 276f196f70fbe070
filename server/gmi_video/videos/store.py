"""The folder of saved videos: which is there already, who is saving one, and how it gets its name.

Everything here blocks, so call it in a worker thread. A video that is being fetched is in a file `.{id}.part`, which
whoever fetches it has locked: the lock ends with its process, so that what a killed server has left is taken over by
the next look. When it is whole, its sidecar is written under a temporary name, the video is moved, and then the
sidecar; a server that dies in between leaves what the next look can complete.
"""

import errno
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, cast

from gmi_video.videos.formats import EXTENSIONS
from gmi_video.videos.names import may_stand_for, short_ids, short_of

MAX_SIDECAR_BYTES = 32 * 1024 * 1024
"""Largest sidecar that is read; the queue's answer, which it is made of, is at most 16 MB."""

_HELD = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL, errno.EMLINK, errno.EACCES}

Sidecar = Callable[[str], bytes]
"""The content of a video's sidecar, by the video's file name."""


class Found(NamedTuple):
    """A video that was saved before: where, and whether it is there now."""

    path: Path
    is_there: bool


class Claim:
    """The file that a video is fetched into, locked for this process."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def release(self) -> None:
        """End the lock."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def drop(self) -> None:
        """Remove the file, and end the lock. Does nothing after `release`: the file may be another's by then."""
        if self._descriptor < 0:
            return
        if os.name == "nt":
            self.release()  # an open file can't be removed there
        with suppress(OSError):
            self.path.unlink()
        self.release()


class VideoStore(NamedTuple):
    """The folder that videos are saved in."""

    folder: Path

    def find(self, request_id: str) -> Found | None:
        """The video of a request, by the short id in a name and the id in the sidecar. Raises `OSError`."""
        with os.scandir(self.folder) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(".json")]
        for name in names:
            if may_stand_for(short_of(name), request_id) and _id_in(self.folder / name) == request_id:
                stem = name.removesuffix(".json")
                there = [path for kind in EXTENSIONS if (path := self.folder / f"{stem}.{kind}").is_file()]
                named = _read(self.folder / name).get("file")
                missing = self.folder / (named if isinstance(named, str) and "/" not in named else f"{stem}.mp4")
                return Found(there[0], is_there=True) if there else Found(missing, is_there=False)
        return None

    def claim(self, request_id: str) -> Claim | None:
        """Lock the file that a video is fetched into; None where another process, or another task, holds it.

        Raises:
            OSError: the file can't be made.
        """
        path = self.folder / f".{request_id}.part"
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(path, flags, 0o666)
        held = True
        try:
            _lock(descriptor)
        except OSError as error:
            # Where a file system has no locks, two copies write the same bytes to the same places.
            held = error.errno not in _HELD
        try:
            # Locked too late, where the holder before has moved or removed the file meanwhile.
            held = held and os.path.samestat(os.fstat(descriptor), path.stat())
        except FileNotFoundError:
            held = False
        if held:
            return Claim(path, descriptor)
        os.close(descriptor)
        return None

    def complete(self, request_id: str) -> Found | None:
        """End what a server has left that died between the moves of a video and of its sidecar. Needs the claim."""
        hidden = self._hidden(request_id)
        said = _read(hidden)
        name, size = said.get("file"), said.get("bytes")
        if isinstance(name, str) and "/" not in name and (path := self.folder / name).is_file():
            with suppress(FileExistsError):
                if path.stat().st_size == size:
                    _move(hidden, path.with_suffix(".json"))
            if _id_in(path.with_suffix(".json")) == request_id:
                return Found(path, is_there=True)
        hidden.unlink(missing_ok=True)
        return None

    def put(self, claim: Claim, request_id: str, stem: str, extension: str, sidecar: Sidecar) -> Path:
        """Give a whole video its name, and put its sidecar beside it. Nothing is overwritten.

        Args:
            claim: holds the video.
            request_id: its request.
            stem: its name without the short id.
            extension: its kind.
            sidecar: makes the sidecar.

        Raises:
            OSError: it can't be done; the video is still in the claim's file, or has its name.
        """
        hidden = self._hidden(request_id)
        taken = {short_of(entry.name).casefold() for entry in self.folder.iterdir()}
        for short in short_ids(request_id):
            path = self.folder / f"{stem} {short}.{extension}"
            if short.casefold() in taken:
                continue
            _write(hidden, sidecar(path.name))
            if os.name == "nt":
                claim.release()  # an open file can't be moved there
            try:
                _move(claim.path, path)
            except FileExistsError:
                continue  # another copy has just saved another video under that name
            claim.release()
            _move(hidden, path.with_suffix(".json"))
            _sync_folder(self.folder)
            return path
        hidden.unlink(missing_ok=True)
        raise FileExistsError(errno.EEXIST, "every name for it is taken")

    def _hidden(self, request_id: str) -> Path:
        return self.folder / f".{request_id}.json.part"


def _lock(descriptor: int) -> None:
    """Lock a file for as long as it is open. Raises `OSError`: with `_HELD` where it is locked already."""
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - exists on Windows only

        os.lseek(descriptor, 1 << 40, os.SEEK_SET)  # beyond the content, which would be locked against writing
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl  # noqa: PLC0415 - does not exist on Windows

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _move(source: Path, target: Path) -> None:
    """Rename a file, in one step that overwrites nothing.

    Raises:
        FileExistsError: the name is taken.
        OSError: it can't be renamed.
    """
    if os.name == "nt":
        source.rename(target)  # refuses by itself
        return
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # A file system without links (FAT): a file of that name that appears this very moment would be overwritten.
        if target.exists():
            raise FileExistsError(errno.EEXIST, "exists") from None
        source.rename(target)
    else:
        source.unlink()


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name != "nt":
        # Not every file system can; what is lost with the power then is fetched again.
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _read(path: Path) -> dict[str, Any]:
    """A sidecar; empty where it is none, or can't be read."""
    try:
        with path.open("rb") as opened:
            raw = opened.read(MAX_SIDECAR_BYTES + 1)
        found = json.loads(raw) if len(raw) <= MAX_SIDECAR_BYTES else None
    except (OSError, ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _id_in(path: Path) -> object:
    return _read(path).get("request_id")

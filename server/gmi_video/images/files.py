"""Read image files, and only those below the folders in GMI_IMAGE_DIRS.

A path comes from an assistant, which may act on injected instructions. Symlinks are resolved before the path is
compared with the folders, and type and size are checked on the open descriptor, so that a file swapped in between
can't bypass a check.
"""

import json
import os
import re
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from gmi_video.images.formats import MAX_BYTES, NotAPicture
from gmi_video.images.refusals import SUFFIXES, ImageRefused, folder_to_allow, setting, subject, where
from gmi_video.text import similar

_MAX_PATH = 4096
"""Longest path that is accepted (characters)."""

MOST_NAMES = 1000
"""Entries of a folder that are looked at for the nearest name."""

_WINDOWS_PATH = re.compile(r"[A-Za-z]:[\\/]|\\\\")


class Located(NamedTuple):
    """The resolved path of an allowed file: the folder that contains it, and the names below that folder."""

    folder: Path
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders that local images may come from."""

    dirs: tuple[Path, ...]
    remote: bool = False
    """Whether callers are on other machines (HTTP): then there are none, and no setting can allow one."""

    def locate(self, value: str, argument: str) -> Located:
        """Resolve a path and check that it is below an allowed folder.

        Args:
            value: an absolute path; `~` is expanded.
            argument: the tool argument it was given in, for the message.

        Raises:
            ImageRefused: it is not below an allowed folder. The message for a path outside is the same whether or
                not a file exists there.
        """
        if "\0" in value or len(value) > _MAX_PATH or not value.strip():
            raise self.refused(f"{subject(argument)} is neither an http(s) URL nor a path.")
        shown = subject(argument, value)
        if self.remote:
            raise self.refused(f"{shown} is a file, and this server does not run on the user's machine.")
        if os.name != "nt" and _WINDOWS_PATH.match(value):
            raise self.refused(
                f"{shown} is a Windows path, and this server does not run on Windows.",
                f"Give the path as the server's machine knows it. {where(self.dirs)}",
            )
        path = Path(value)
        with suppress(RuntimeError):  # an unknown user's home: not absolute
            path = path.expanduser()
        if not path.is_absolute():
            # Not resolved against the allowed folders: with two of them its meaning would be ambiguous.
            raise self.refused(
                f"{shown} is not a full path, so it is not known which file is meant.", self._full(value)
            )
        with suppress(OSError, RuntimeError, ValueError):  # a symlink loop, a name too long: not below a folder
            resolved = path.resolve()
            for folder in self.dirs:
                inside = folder.resolve()
                if resolved == inside:
                    raise self.refused(f"{shown} is a folder, not an image.")
                if resolved.is_relative_to(inside):
                    return Located(inside, resolved.relative_to(inside).parts)
        raise self._outside(shown, str(path))

    def refused(self, fault: str, remedy: str = "") -> ImageRefused:
        """The error for an image that can't be used; without a remedy of its own, with what may be given instead."""
        otherwise = "Ask the user for a public http(s) URL of it." if self.remote else where(self.dirs)
        return ImageRefused(fault, remedy or otherwise, dirs=self.dirs)

    def nearest(self, file: Located) -> str:
        """What to do about a file that does not exist: the path beside it that was probably meant, if there is one."""
        try:
            there = _names_in(file)
        except OSError:
            there = []
        for name in similar(file.names[-1].lower(), {name.lower(): name for name in there}, 1, 0.7):
            meant = next(found for found in there if found.lower() == name)
            path = str(file.folder.joinpath(*file.names[:-1], meant))
            if setting([path]):
                return f"There is {json.dumps(path, ensure_ascii=False)}; ask the user whether that is meant."
        return f"Ask the user where it is. {where(self.dirs)}"

    def _full(self, value: str) -> str:
        """What to do about a relative path: the file of that name in an allowed folder, if there is one."""
        for folder in self.dirs[:5]:
            path = folder / value
            with suppress(OSError, ValueError):
                if ".." not in path.parts and path.is_file() and setting([str(path)]):
                    return f"If {json.dumps(str(path), ensure_ascii=False)} is meant, make the same call with that."
        return f"A web address must begin with https://. {where(self.dirs)}"

    def _outside(self, shown: str, path: str) -> ImageRefused:
        """The error for a path that is not below an allowed folder: alike whether the file exists or not."""
        folder = folder_to_allow(path)
        named = any(Path(os.path.normpath(path)).is_relative_to(allowed) for allowed in self.dirs)
        if named:
            return self.refused(
                f"{shown} is a link to a place outside the folders that this server may read.",
                f"Ask the user to copy the file itself to where the link is. {where(self.dirs)}",
            )
        fault = (
            f"{shown} is not in a folder that this server may read images from."
            if self.dirs
            else f"{shown} is a local file, and no folder is set yet that this server may read images from."
        )
        move = "Ask the user to copy it into a folder for images. " if path.lower().endswith(SUFFIXES) else ""
        return ImageRefused(fault, move + where(self.dirs), allow=folder, dirs=self.dirs)


def path_of(url: str) -> str:
    """The path in a `file:` URL of this machine; empty for any other URL."""
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme == "file" and parts.netloc in {"", "localhost"}:
            return unquote(parts.path)[1 if os.name == "nt" else 0 :]
    return ""


def content(file: Located) -> bytes:
    """Read a file. Its type and size are checked on the open descriptor.

    Raises:
        NotAPicture: it is not a regular file, is empty, or is larger than `MAX_BYTES`.
        OSError: it can't be opened or read, or a symlink has replaced a part of its path.
    """
    descriptor = _opened(file)
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            kind = "a folder" if stat.S_ISDIR(facts.st_mode) else "a device, a pipe or a socket"
            raise NotAPicture(f"is not a file but {kind}.")
        if facts.st_size > MAX_BYTES:
            raise _too_large()
        with open(descriptor, "rb", closefd=False) as opened:
            read = opened.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(read) > MAX_BYTES:
        raise _too_large()
    if not read:
        raise NotAPicture("is empty.")
    return read


def _too_large() -> NotAPicture:
    return NotAPicture(
        f"is larger than {MAX_BYTES // 1_000_000} MB.",
        "Ask the user for a smaller copy, or a public http(s) URL of it; don't shrink it unless they agree.",
    )


def _names_in(file: Located) -> list[str]:
    """The names of the image files in a file's folder, of at most `MOST_NAMES` entries."""
    with _parent(file) as parent:
        place = os.open(".", os.O_RDONLY | os.O_CLOEXEC, dir_fd=parent) if isinstance(parent, int) else parent
        try:
            with os.scandir(place) as entries:
                found = [entry.name for entry in islice(entries, MOST_NAMES) if not entry.is_symlink()]
        finally:
            if isinstance(place, int):
                os.close(place)
    return [name for name in found if name.lower().endswith(SUFFIXES)]


def _opened(file: Located) -> int:
    """Open a file for reading without following symlinks and without blocking (a pipe may have no writer)."""
    flags = os.O_RDONLY
    for name in ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_NOCTTY", "O_BINARY"):
        flags |= getattr(os, name, 0)
    with _parent(file) as parent:
        if isinstance(parent, int):
            return os.open(file.names[-1], flags, dir_fd=parent)
        return os.open(parent / file.names[-1], flags)


@contextmanager
def _parent(file: Located) -> Generator[int | Path]:
    """The folder of a file, as an open descriptor where the platform supports `dir_fd`.

    Every folder on the way is opened with O_NOFOLLOW then, so that a folder replaced by a symlink after `locate` is not
    followed.
    """
    if os.open not in os.supports_dir_fd:
        yield file.folder.joinpath(*file.names[:-1])
        return
    step = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
    here = os.open(file.folder, step)
    try:
        for name in file.names[:-1]:
            inner = os.open(name, step | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = inner
        yield here
    finally:
        os.close(here)

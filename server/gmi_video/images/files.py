"""Read image files, and only those below the folders in GMI_IMAGE_DIRS.

A path comes from an assistant, which may act on injected instructions. Symlinks are resolved before the path is
compared with the folders, and type and size are checked on the open descriptor, so that a file swapped in between
can't bypass a check.
"""

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gmi_video.errors import InvalidRequest
from gmi_video.images.formats import MAX_BYTES, NotAPicture
from gmi_video.text import one_line

_MAX_PATH = 4096
"""Longest path that is accepted (characters)."""

_WINDOWS_PATH = re.compile(r"[A-Za-z]:[\\/]|\\\\")


class Located(NamedTuple):
    """The resolved path of an allowed file: the folder that contains it, and the names below that folder."""

    folder: Path
    names: tuple[str, ...]


def refused(message: str, next_step: str) -> InvalidRequest:
    """The error for an image that can't be used. Adds to `message` that nothing was sent."""
    return InvalidRequest(f"{message} Nothing was sent.", next_step)


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders that local images may come from."""

    dirs: tuple[Path, ...]

    def locate(self, value: str, argument: str) -> Located:
        """Resolve a path and check that it is below an allowed folder.

        Args:
            value: an absolute path; `~` is expanded.
            argument: the tool argument it was given in, for the message.

        Raises:
            InvalidRequest: it is not below an allowed folder. The message for a path outside is the same whether or
                not a file exists there.
        """
        if not self.dirs:
            raise refused(
                f"{argument} is not an http(s) URL, and local files are not allowed here: no folder is set for them.",
                "Give a public http(s) URL, or have the user set GMI_IMAGE_DIRS, in the `env` block of this server's "
                "entry in the host's MCP configuration, to the folder the images are in, and restart the server.",
            )
        if "\0" in value or len(value) > _MAX_PATH or not value.strip():
            raise refused(f"{argument} is neither an http(s) URL nor a path.", self.where())
        if os.name != "nt" and _WINDOWS_PATH.match(value):
            raise refused(
                f"{argument} is a Windows path, and this server does not run on Windows.",
                f"Give the path as the server's machine knows it. {self.where()}",
            )
        try:
            path = Path(value).expanduser()
            if not path.is_absolute():
                # Not resolved against the allowed folders: with two of them its meaning would be ambiguous.
                raise refused(f"{argument} is neither an http(s) URL nor an absolute path.", self.where())
            resolved = path.resolve()
            for folder in self.dirs:
                inside = folder.resolve()
                if resolved != inside and resolved.is_relative_to(inside):
                    return Located(inside, resolved.relative_to(inside).parts)
        except (OSError, RuntimeError, ValueError):
            pass  # a symlink loop, an unknown user's home, a name too long: not below a folder
        raise refused(
            f"{argument}: {one_line(value, 200)!r} does not lead to a file below an allowed folder.", self.where()
        )

    def where(self) -> str:
        """A sentence that says what to give instead; names at most five folders."""
        folders = " or ".join(one_line(str(folder), 200) for folder in self.dirs[:5])
        return f"Give the absolute path of an image below {folders}, or a public http(s) URL."


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
        f"is larger than {MAX_BYTES // 1_000_000} MB.", "Make the picture smaller, or give a public URL of it."
    )


def _opened(file: Located) -> int:
    """Open a file for reading without following symlinks and without blocking (a pipe may have no writer).

    Where the platform supports `dir_fd`, every folder on the way is opened with O_NOFOLLOW too, so that a folder
    replaced by a symlink after `locate` is not followed.
    """
    flags = os.O_RDONLY
    for name in ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_NOCTTY", "O_BINARY"):
        flags |= getattr(os, name, 0)
    if os.open not in os.supports_dir_fd:
        return os.open(file.folder.joinpath(*file.names), flags)
    step = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
    here = os.open(file.folder, step)
    try:
        for name in file.names[:-1]:
            inner = os.open(name, step | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = inner
        return os.open(file.names[-1], flags, dir_fd=here)
    finally:
        os.close(here)

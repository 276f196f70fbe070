"""Files below the folders that the user has allowed, and no others: found, opened and read once.

A path comes from an assistant, which may have been talked into anything. So it must lead, through every symlink, to
a regular file below one of the folders, and what is decided of the file is decided on its open descriptor.
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
_WINDOWS_PATH = re.compile(r"[A-Za-z]:[\\/]|\\\\")


class Located(NamedTuple):
    """Where an allowed file is: below which folder, by which names. No symlink is left in it."""

    folder: Path
    names: tuple[str, ...]


def refused(message: str, next_step: str) -> InvalidRequest:
    """The error for an image that can't be used."""
    return InvalidRequest(f"{message} Nothing was sent.", next_step)


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders that local images may come from."""

    dirs: tuple[Path, ...]

    def locate(self, value: str, argument: str) -> Located:
        """Where the path `value` leads to.

        Raises:
            InvalidRequest: not below an allowed folder. What is outside is refused alike, whether it exists or not.
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
                # Not looked for below the folders: what it names would hang on how many of them there are.
                raise refused(f"{argument} is neither an http(s) URL nor an absolute path.", self.where())
            resolved = path.resolve()
            for folder in self.dirs:
                inside = folder.resolve()
                if resolved != inside and resolved.is_relative_to(inside):
                    return Located(inside, resolved.relative_to(inside).parts)
        except (OSError, RuntimeError, ValueError):
            pass  # a symlink in a circle, a home that does not exist, a name too long: it leads nowhere inside
        raise refused(
            f"{argument}: {one_line(value, 200)!r} does not lead to a file below an allowed folder.", self.where()
        )

    def where(self) -> str:
        """What to give instead, as a sentence."""
        folders = " or ".join(one_line(str(folder), 200) for folder in self.dirs[:5])
        return f"Give the absolute path of an image below {folders}, or a public http(s) URL."


def content(file: Located) -> bytes:
    """The file's bytes. What is decided is decided on the open descriptor, so that no swap comes between.

    Raises:
        NotAPicture: it is not a regular file, is empty, or is too large.
        OSError: it can't be opened or read.
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
    """A descriptor of the file, opened without waiting (a pipe has no writer) and without following a symlink.

    Folder by folder, where the platform can: a folder that is swapped for a symlink after it was resolved leads
    nowhere either.
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

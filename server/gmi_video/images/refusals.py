"""The words for an image that can't be used: what is wrong, for the user, and what makes it work, filled in."""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from gmi_video.errors import InvalidRequest
from gmi_video.text import as_json_literal, one_line

KEEP = "Don't make the video without this image, or with another one, unless the user says so."

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic")
"""Endings of image files: no folder is proposed for any other file."""

MAX_SETTING = 1000
"""Longest value of GMI_IMAGE_DIRS that is filled in (characters)."""

_FRAMES = {"frame0_image": "start image", "frame1_image": "end image"}
_ENV = 'in the "env" block of this server in the host\'s MCP configuration'


class ImageRefused(InvalidRequest):
    """An image can't be used; nothing was sent.

    Args:
        fault: what is wrong, a whole sentence for the user.
        remedy: what to do.
        allow: a folder outside `dirs` that the user may want to allow; empty where there is none to propose.
        dirs: the folders that are allowed already.
    """

    def __init__(self, fault: str, remedy: str, *, allow: str = "", dirs: Sequence[Path] = ()) -> None:
        asked = _allowing(dirs, [allow]) if allow else remedy
        super().__init__(f"{fault} Nothing was sent.", f"{asked} {KEEP}")
        self.fault = fault
        self.remedy = remedy
        self.allow = allow
        self.dirs = dirs


def together(faults: Sequence[ImageRefused]) -> InvalidRequest:
    """One error for several images, each fault and each remedy said once, and one line for all folders."""
    remedies = dict.fromkeys(fault.remedy for fault in faults if not fault.allow)
    if folders := list(dict.fromkeys(fault.allow for fault in faults if fault.allow)):
        remedies[_allowing(faults[0].dirs, folders)] = None
    message = " ".join([*dict.fromkeys(fault.fault for fault in faults), "Nothing was sent."])
    return InvalidRequest(message, " ".join([*remedies, KEEP]))


def subject(argument: str, value: str = "") -> str:
    """An image at the beginning of a sentence: "The start image '/pictures/a.png' (frame0_image)"."""
    shown = f" '{one_line(value, 200)}'" if value else ""
    if argument in _FRAMES:
        return f"The {_FRAMES[argument]}{shown} ({argument})"
    return f"The image{shown} ({as_json_literal(argument)})"


def folder_to_allow(path: str) -> str:
    """The folder that an image's absolute path names, if a user may well allow it; decided by the path alone.

    Empty for what is no image by its name, for hidden folders, for the home folder and all that contain it, and for
    one that the setting can't express.
    """
    file = Path(os.path.normpath(path))
    hidden = any(part.startswith(".") for part in file.parts)
    with suppress(RuntimeError):  # there is no home
        hidden = hidden or Path.home().is_relative_to(file.parent)
    if hidden or not file.name.lower().endswith(SUFFIXES):
        return ""
    return str(file.parent) if setting([str(file.parent)]) else ""


def setting(folders: Sequence[str], separator: str = os.pathsep) -> str:
    """The line of JSON that allows these folders; empty where the setting can't express them, or not in one line."""
    value = separator.join(folders)
    unfit = any(separator in folder or folder != one_line(folder, MAX_SETTING) for folder in folders)
    if unfit or "${" in value or len(value) > MAX_SETTING:
        return ""
    return f'"GMI_IMAGE_DIRS": {json.dumps(value, ensure_ascii=False)}'


def where(dirs: Sequence[Path]) -> str:
    """What to give instead, a sentence; names at most five folders."""
    if not dirs:
        return (
            "Ask the user for a public http(s) URL of it. Files of this machine can be used once they have set "
            f"GMI_IMAGE_DIRS to the folder of their images, {_ENV}, and restarted the host."
        )
    folders = " or ".join(one_line(str(folder), 200) for folder in dirs[:5])
    return f"Give the absolute path of an image below {folders} (GMI_IMAGE_DIRS), or a public http(s) URL."


def _allowing(dirs: Sequence[Path], folders: Sequence[str]) -> str:
    """How the user allows folders: the line that stands in the configuration then."""
    line = setting([*map(str, dirs), *folders])
    put = f"put {line}" if line else f"add {' and '.join(map(json.dumps, folders))} to GMI_IMAGE_DIRS"
    return (
        f"Tell the user that this server may not read files there yet; to allow it, they {put} {_ENV} and restart the "
        "host. Then make the same call again. A public http(s) URL of the image works at once."
    )

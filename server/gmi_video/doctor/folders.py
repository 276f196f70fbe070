"""Checks of what the server reads and writes on this machine: the images' folders, the state folder, the ledger."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import anyio
from anyio import to_thread

from gmi_video.doctor.checks import Check
from gmi_video.errors import SettingsError
from gmi_video.jobs.ledger import Ledger
from gmi_video.jobs.ledger.places import default_file
from gmi_video.jobs.ledger.store import StoreError
from gmi_video.settings import Settings
from gmi_video.text import sentence
from gmi_video.videos.save import check_folder

FOLDER_SECONDS = 3.0
"""How long a folder may take to be listed; one on a network drive that is gone may take for ever."""

LEAST_FREE_BYTES = 20 * 1024 * 1024
"""Less free space than this is a warning."""

_ANOTHER_LEDGER = "name another place for the ledger in GMI_LEDGER_URL (sqlite:///absolute/path)"


async def check_folders(settings: Settings, now: Callable[[], float] = time.time) -> list[Check]:
    """The folders of images and of saved videos, the state folder, and the ledger, opened as at a first submit.

    Args:
        settings: the settings.
        now: this machine's clock, in Unix seconds.
    """
    images = [await _image_folder(folder) for folder in settings.image_dirs]
    if not images:
        images = [Check("image_folder", "ok", "Local images are off: GMI_IMAGE_DIRS names no folder.")]
    saved = [await _output_folder(settings.output_dir)] if settings.output_dir else []
    return [*images, *saved, _state_folder(needed=not settings.ledger_url), await _ledger(settings, now)]


async def _image_folder(folder: Path) -> Check:
    details = {"folder": str(folder)}

    def listed() -> None:
        with os.scandir(folder) as entries:
            next(entries, None)

    try:
        with anyio.fail_after(FOLDER_SECONDS):
            await to_thread.run_sync(listed, abandon_on_cancel=True)
    except TimeoutError:
        trouble = f"did not answer within {FOLDER_SECONDS:g} seconds"
    except OSError as error:
        trouble = f"can't be read: {os.strerror(error.errno or 0)}"
    else:
        return Check("image_folder", "ok", f"Images may come from {folder}, which can be read.", details=details)
    return Check(
        "image_folder",
        "problem",
        f"The folder {folder} of GMI_IMAGE_DIRS {trouble}.",
        "Give this user the right to read it, or take it out of GMI_IMAGE_DIRS.",
        details,
    )


async def _output_folder(value: str) -> Check:
    name, fault, remedy = (
        "output_folder",
        f"did not answer within {FOLDER_SECONDS:g} seconds",
        "see whether it is there",
    )
    with anyio.move_on_after(FOLDER_SECONDS):
        folder, fault, remedy = await to_thread.run_sync(check_folder, value, abandon_on_cancel=True)
        if not fault and not os.access(folder, os.W_OK | os.X_OK):
            fault, remedy = "this user may not write there", "give this user the right to write it"
        if not fault:
            return Check(name, "ok", f"Finished videos are saved in {folder}.", details={"folder": value})
    # Videos are made all the same: the answer says why they are not saved.
    said = f"Finished videos are not saved in {value} (GMI_OUTPUT_DIR): {fault}."
    return Check(name, "warning", said, sentence(remedy), {"folder": value})


def _state_folder(*, needed: bool) -> Check:
    """The platform's folder for this user's state; `needed` is whether the ledger is there."""
    try:
        folder = default_file().parent
    except StoreError:
        return Check(
            "state_folder",
            "problem" if needed else "ok",
            "This user has no home folder, and so no state folder.",
            f"Set HOME, or {_ANOTHER_LEDGER}." if needed else "",
        )
    details = {"folder": str(folder), "used": needed}
    if not needed:
        said = f"The state folder {folder} is not used, because of GMI_LEDGER_URL."
        return Check("state_folder", "ok", said, details=details)
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return Check(
            "state_folder",
            "problem",
            f"The state folder {folder} can't be written by this user.",
            f"Give this user the right to write {existing}, or {_ANOTHER_LEDGER}.",
            details,
        )
    if shutil.disk_usage(existing).free < LEAST_FREE_BYTES:
        return Check(
            "state_folder", "warning", f"The disk of {folder} is nearly full.", "Make room on that disk.", details
        )
    return Check("state_folder", "ok", f"The state folder {folder} can be written.", details=details)


async def _ledger(settings: Settings, now: Callable[[], float]) -> Check:
    ledger = Ledger.from_settings(settings, now)
    try:
        counts = await ledger.recent()
        await ledger.find("")  # reads what a submit would need
        place, trouble, news = ledger.place, ledger.trouble, ledger.report()
    except SettingsError as error:
        return Check("ledger", "problem", error.message, error.next_step.removeprefix("Tell the user to ").capitalize())
    finally:
        await ledger.aclose()
    open_ = counts.get("sending", 0) + counts.get("unknown", 0)
    details = {"place": place, "intents": counts, "open": open_}
    if settings.ledger_url == "none":
        remedy = "Remove GMI_LEDGER_URL to use a file in the state folder."
        return Check("ledger", "warning", trouble, remedy, details)
    if trouble:
        remedy = (
            "Make that place usable (move the file away if an earlier version of this server made it), or "
            f"{_ANOTHER_LEDGER}."
        )
        return Check("ledger", "problem", f"The ledger ({place}): {news}", remedy, details)
    if news:
        return Check(
            "ledger", "warning", news, "Nothing needs to be done; look at the disk if it happens again.", details
        )
    said = f"The ledger ({place}) can be written."
    if settings.api_key:
        total = sum(counts.values())
        said += f" Submits of the last day: {total}, of which open: {open_}."
    return Check("ledger", "ok", said, details=details)

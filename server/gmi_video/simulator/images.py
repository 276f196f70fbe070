"""The images a payload names: fetched when the job is made, so that a job that can't have them fails and says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gmi_video.simulator.state import Simulator

START = ("frame0_image", "start_frame_url", "image_url", "image", "input_reference")
"""What models call the picture a film starts with."""
END = ("frame1_image", "end_frame_url", "lastFrame")
"""What models call the picture a film ends with."""


class _NoPicture(Exception):
    """Why an image could not be had."""


async def collect(
    sim: Simulator, parameters: Sequence[Mapping[str, Any]], payload: Mapping[str, Any]
) -> tuple[dict[str, bytes], str]:
    """The images by their parameters' names, and the failure's text where one can't be had (else empty)."""
    found: dict[str, bytes] = {}
    for row in parameters:
        url = payload.get(row["name"])
        if row["name"] in (*START, *END) and isinstance(url, str) and url:
            try:
                found[row["name"]] = await _picture(sim, url)
            except _NoPicture as trouble:
                return {}, f"failed to download {row['name']} from {url}: {trouble}"
    return found, ""


async def _picture(sim: Simulator, url: str) -> bytes:
    if urlsplit(url).scheme not in {"http", "https"}:
        raise _NoPicture("not a public http(s) URL")
    data = await _download(sim, url)
    from gmi_video.simulator.films.darkroom import is_picture  # noqa: PLC0415 - Pillow loads only where a picture came

    if not is_picture(data):
        raise _NoPicture("not an image")
    return data


async def _download(sim: Simulator, url: str) -> bytes:
    if url in sim.web:
        return sim.web[url]
    if sim.serves(url):
        folder, _, name = urlsplit(url).path.lstrip("/").rpartition("/")
        upload = sim.uploads.by_name.get(name) if folder == "uploads" else None
        if upload is not None and upload.body is not None:
            return upload.body
        job = sim.finished(name.removesuffix(".jpg")) if folder == "films" and name.endswith(".jpg") else None
        if job is not None:
            return await sim.films.thumbnail(sim.order(job))
        raise _NoPicture("404 not found")
    if sim.fetch is None:
        raise _NoPicture("host not found")
    try:
        return await sim.fetch(url)
    except Exception as error:
        raise _NoPicture(f"{type(error).__name__}: {error}") from error

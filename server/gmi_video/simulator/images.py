"""Downloads the images that a payload names, when the job is made; a job whose image is not available fails."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from gmi_video.simulator.catalog import END_IMAGES, START_IMAGES
from gmi_video.simulator.films.pillow_helpers import is_image
from gmi_video.simulator.media import Media
from gmi_video.simulator.state import Simulator


class ImageError(Exception):
    """Why an image is not available."""


async def download_images(
    sim: Simulator, media: Media, parameters: Sequence[Mapping[str, Any]], payload: Mapping[str, Any]
) -> dict[str, bytes]:
    """The images of a payload, by their parameters' names.

    Raises:
        ImageError: one is not available; its text is the text of the job's failure.
    """
    found: dict[str, bytes] = {}
    for row in parameters:
        url = payload.get(row["name"])
        if row["name"] in (*START_IMAGES, *END_IMAGES) and isinstance(url, str) and url:
            try:
                found[row["name"]] = await _image(sim, media, url)
            except ImageError as error:
                raise ImageError(f"failed to download {row['name']} from {url}: {error}") from error
    return found


async def _image(sim: Simulator, media: Media, url: str) -> bytes:
    if urlsplit(url).scheme not in {"http", "https"}:
        raise ImageError("not a public http(s) URL")
    data = await _download(sim, media, url)
    if not is_image(data):
        raise ImageError("not an image")
    return data


async def _download(sim: Simulator, media: Media, url: str) -> bytes:
    if url in sim.web:
        return sim.web[url]
    if sim.serves(url):
        folder, _, name = urlsplit(url).path.lstrip("/").rpartition("/")
        upload = sim.uploads.by_name.get(name) if folder == "uploads" else None
        if upload is not None and upload.body is not None:
            return upload.body
        job = sim.finished(name.removesuffix(".jpg")) if folder == "films" and name.endswith(".jpg") else None
        if job is not None:
            return await media.thumbnail(job)
        raise ImageError("404 not found")
    if sim.fetch is None:
        raise ImageError("host not found")
    try:
        return await sim.fetch(url)
    except Exception as error:
        raise ImageError(f"{type(error).__name__}: {error}") from error

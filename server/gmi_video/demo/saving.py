"""Save the demo's films, each under a name that a person finds."""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import anyio
import httpx


async def save(links: Iterable[str], stem: Path) -> list[Path]:
    """Download files to the path `stem`, with the endings that their links have. Returns their absolute paths.

    Raises:
        httpx.HTTPError: one is not available.
        OSError: it can't be written.
    """
    paths: list[Path] = []
    # No read timeout: where drawing takes longer than the pretend render, the download waits for it.
    async with httpx.AsyncClient(timeout=httpx.Timeout(10, read=None), follow_redirects=True, trust_env=False) as web:
        for link in links:
            path = stem.with_name(stem.name + Path(httpx.URL(link).path).suffix)
            await _download(web, link, path)
            paths.append(path)
    return paths


async def _download(web: httpx.AsyncClient, link: str, path: Path) -> None:
    unfinished = path.with_name(path.name + ".part")
    try:
        async with web.stream("GET", link) as response, await anyio.open_file(unfinished, "wb") as file:
            response.raise_for_status()
            async for piece in response.aiter_bytes():
                await file.write(piece)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def slug(prompt: str) -> str:
    """A file name from the beginning of a prompt: lower-case ASCII words joined by hyphens, at most 40 characters.

    "video" for a prompt without such words.
    """
    plain = unicodedata.normalize("NFKD", prompt).encode("ascii", "ignore").decode().lower()
    words = "-".join(re.findall(r"[a-z0-9]+", plain))
    if len(words) > 40:
        words = words[:41].rpartition("-")[0] or words[:40]
    return words or "video"

"""Where films and files are looked at: public, no key, no CORS headers (P), whole or by `Range` as players ask."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.responses import Response

from gmi_video.simulator.validation import Refusal

if TYPE_CHECKING:
    from starlette.requests import Request

    from gmi_video.simulator.state import Simulator


async def show(sim: Simulator, request: Request, name: str) -> Response:
    """The film (`.mp4`) or thumbnail (`.jpg`) of a finished job.

    Raises:
        Refusal: 404 where no finished job has that film.
    """
    request_id, _, kind = name.rpartition(".")
    job = sim.finished(request_id)
    if job is None or kind not in {"mp4", "jpg"}:
        raise Refusal(404, "NoSuchKey: the specified key does not exist")
    if kind == "jpg":
        return piece(request, await sim.films.thumbnail(sim.order(job)), "image/jpeg")
    return piece(request, await sim.films.film(sim.order(job)), "video/mp4")


def piece(request: Request, data: bytes, content_type: str) -> Response:
    """All of it, or the one range of bytes that was asked for: 206, or 416 where it has none."""
    headers = {"content-type": content_type, "accept-ranges": "bytes"}
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", ""))
    if asked is None or asked.group(1) == asked.group(2) == "":
        return Response(data, headers=headers)
    first, last = asked.groups()
    start = int(first) if first else max(0, len(data) - int(last))
    end = min(int(last), len(data) - 1) if first and last else len(data) - 1
    if start > end:
        return Response(status_code=416, headers={**headers, "content-range": f"bytes */{len(data)}"})
    headers["content-range"] = f"bytes {start}-{end}/{len(data)}"
    return Response(data[start : end + 1], 206, headers)

"""Videos, thumbnails and uploaded files over HTTP: public, no key, no CORS headers (P)."""

import re
from collections.abc import AsyncIterator
from contextlib import suppress
from hashlib import sha256
from weakref import WeakKeyDictionary

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gmi_video.simulator.films.spec import FilmSpec, film_spec
from gmi_video.simulator.films.store import FilmStore
from gmi_video.simulator.scripts import Job
from gmi_video.simulator.state import Simulator
from gmi_video.simulator.validation import ApiError, with_defaults

PIECE_BYTES = 16 * 1024
"""A slow film comes in pieces of this size."""

_STORES: WeakKeyDictionary[Simulator, FilmStore] = WeakKeyDictionary()
"""One for each simulator, so that everyone who is connected to it gets the same film to the byte."""


class Media:
    """Renders the videos of a simulator's finished jobs on demand."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self.films = _STORES.setdefault(sim, FilmStore())

    def spec(self, job: Job) -> FilmSpec:
        """The film that a job asks for, with its model's defaults filled in, and the film that it goes on from."""
        parameters = self._sim.models.get(job.model, {}).get("parameters", [])
        spec = film_spec(job, with_defaults(parameters, job.payload), self._sim.behavior.film_seconds)
        return self.films.ends.going_on(spec)

    async def thumbnail(self, job: Job) -> bytes:
        """The JPEG of a job's film."""
        return await self.films.thumbnail(self.spec(job))

    async def draw(self, job: Job) -> None:
        """Draw a job's film and thumbnail now, so that they are there when they are requested.

        Where that fails, or the job fails, nothing is drawn.
        """
        if job.script.stages[-1][1] == "success":
            with suppress(OSError):
                await self.films.film(self.spec(job))
                await self.films.thumbnail(self.spec(job))

    async def film(self, request: Request, name: str) -> Response:
        """The film (`ID.mp4`) or thumbnail (`ID.jpg`) of a finished job.

        Raises:
            ApiError: 404, no finished job has that file.
        """
        request_id, _, kind = name.rpartition(".")
        job = self._sim.finished(request_id)
        if job is None or kind not in {"mp4", "jpg"}:
            raise ApiError(404, "NoSuchKey: the specified key does not exist")
        if kind == "jpg":
            return file_response(self._sim, request, await self.thumbnail(job), "image/jpeg")
        response = file_response(self._sim, request, await self.films.film(self.spec(job)), "video/mp4")
        pause = self._sim.behavior.film_pause
        if not pause or not response.body:
            return response
        return StreamingResponse(_slowly(bytes(response.body), pause), response.status_code, dict(response.headers))


def file_response(sim: Simulator, request: Request, data: bytes, content_type: str) -> Response:
    """The whole file, or the byte range of the request's `Range` header: 206, or 416 for one beyond the end."""
    headers = {"content-type": content_type, **_validator(sim, data)}
    if not sim.behavior.film_ranges:
        return Response(data, headers=headers)
    headers["accept-ranges"] = "bytes"
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", ""))
    known = request.headers.get("if-range")
    changed = known is not None and known not in {headers.get("etag"), headers.get("last-modified")}
    if asked is None or asked.group(1) == asked.group(2) == "" or changed:
        return Response(data, headers=headers)
    first, last = asked.groups()
    start = int(first) if first else max(0, len(data) - int(last))
    end = min(int(last), len(data) - 1) if first and last else len(data) - 1
    if start > end:
        return Response(status_code=416, headers={**headers, "content-range": f"bytes */{len(data)}"})
    headers["content-range"] = f"bytes {start}-{end}/{len(data)}"
    return Response(data[start : end + 1], 206, headers)


def _validator(sim: Simulator, data: bytes) -> dict[str, str]:
    match sim.behavior.film_validator:
        case "etag":
            return {"etag": f'"{sha256(data).hexdigest()[:32]}"'}
        case "changing":
            return {"etag": f'"{sim.new_id()}"'}
        case "last_modified":
            return {"last-modified": "Mon, 24 Nov 2025 10:00:00 GMT"}
        case "none":
            return {}


async def _slowly(data: bytes, pause: float) -> AsyncIterator[bytes]:
    for start in range(0, len(data), PIECE_BYTES):
        await anyio.sleep(pause)
        yield data[start : start + PIECE_BYTES]

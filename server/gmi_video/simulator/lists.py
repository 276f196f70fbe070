"""The response to `GET /requests`: records, raw rows, and filler rows, which are streamed."""

import json
from collections.abc import AsyncIterator, Iterator
from itertools import chain, islice
from uuid import UUID

from anyio.lowlevel import checkpoint
from starlette.responses import Response, StreamingResponse

from gmi_video.simulator.scripts import Job, Script
from gmi_video.simulator.state import Simulator

_FILLER_AGE = 30 * 24 * 3600
_ROWS_PER_PIECE = 100
_ANY_ID = "00000000-0000-4000-8000-000000000000"


def list_response(sim: Simulator, model: str | None) -> Response:
    """The list of one model or of all; its `total` counts every row, and those that `list_limit` cuts off."""
    jobs, total = sim.listed_jobs(model)
    rows = [json.dumps(sim.record(job)).encode() for job in jobs] + sim.raw_rows
    total += len(sim.raw_rows) + sim.behavior.list_filler
    headers = {"content-type": "application/json"}
    if sim.behavior.list_filler:
        filler = _filler_rows(sim, model or "Luma-Ray2")
        parts = (filler, rows) if sim.behavior.list_order == "oldest" else (rows, filler)
        return StreamingResponse(_stream(chain(*parts), total), headers=headers)
    shown = b"[" + b", ".join(rows) + b"]" if rows or sim.behavior.empty_list == "array" else b"null"
    return Response(b'{"requests": %b, "total": %d}' % (shown, total), headers=headers)


def _filler_rows(sim: Simulator, model: str) -> Iterator[bytes]:
    """Records of jobs that succeeded 30 days ago, each with its own id; `GET /requests/{id}` does not know them."""
    job = Job(_ANY_ID, model, {"prompt": "an earlier video"}, sim.clock() - _FILLER_AGE, "simulated-org", Script())
    parts = json.dumps(sim.record(job)).encode().split(_ANY_ID.encode())
    for number in range(1, sim.behavior.list_filler + 1):
        yield str(UUID(int=number, version=4)).encode().join(parts)


async def _stream(rows: Iterator[bytes], total: int) -> AsyncIterator[bytes]:
    separator = b'{"requests": ['
    while piece := list(islice(rows, _ROWS_PER_PIECE)):
        yield separator + b", ".join(piece)
        separator = b", "
        await checkpoint()
    yield b'], "total": %d}' % total

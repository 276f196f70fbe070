"""Models for those who only read about them: an id in any letter case, and the records of several side by side."""

from collections.abc import Sequence
from contextlib import suppress

import anyio

from gmi_video.catalog.lookup import LUMA_PATIENCE, Catalog
from gmi_video.errors import NotFound, UpstreamError
from gmi_video.single_flight import Interrupted
from gmi_video.text import folded
from gmi_video.upstream.luma_ray2 import DOCUMENTED, LUMA_RAY2
from gmi_video.upstream.wire import ModelRecord, is_model_id

RECORDS_SECONDS = 5.0
"""How long the records of several models are waited for. Eight leave within 1.6 s at the default rate."""

_ANSWER_SECONDS = 1.0
"""What a call keeps of its time for the answer, however few records have come."""


async def find(catalog: Catalog, model_id: str) -> tuple[str, ModelRecord]:
    """A model by its id, or by the one id that differs from it in letter case alone, or else in blanks and hyphens.

    What Luma-Ray2's live record does not tell, or all while that is unavailable, the documented table does.

    Raises:
        NotFound: there is no such model, or not for this account.
        UpstreamError: the queue does not tell.
    """
    if not is_model_id(model_id):
        return model_id, await catalog.model(model_id)  # refused there
    if model_id.lower() == LUMA_RAY2.lower():
        return LUMA_RAY2, await _luma(catalog)
    try:
        return model_id, await catalog.model(model_id)
    except NotFound as error:
        alike: list[str] = []
        with suppress(UpstreamError):
            ids = [name for name in await catalog.ids() if folded(name) == folded(model_id) and name != model_id]
            alike = [name for name in ids if name.lower() == model_id.lower()] or ids
        if len(alike) != 1:
            raise error from None
    return alike[0], await _record(catalog, alike[0])


async def side_by_side(catalog: Catalog, ids: Sequence[str]) -> dict[str, ModelRecord | UpstreamError]:
    """The records of several models, asked for at the same time; a model that does not answer in time is left out."""
    found: dict[str, ModelRecord | UpstreamError] = {}

    async def read(name: str) -> None:
        try:
            found[name] = await _record(catalog, name)
        except UpstreamError as error:
            found[name] = error
        except Interrupted:
            pass  # the server is being stopped; there is no one to tell

    end = min(anyio.current_time() + RECORDS_SECONDS, anyio.current_effective_deadline() - _ANSWER_SECONDS)
    with anyio.move_on_at(end):
        async with anyio.create_task_group() as group:
            for name in ids:
                group.start_soon(read, name)
    if LUMA_RAY2 in ids:
        found.setdefault(LUMA_RAY2, DOCUMENTED)
    return found


async def _record(catalog: Catalog, name: str) -> ModelRecord:
    return await (_luma(catalog) if name == LUMA_RAY2 else catalog.model(name))


async def _luma(catalog: Catalog) -> ModelRecord:
    """Luma-Ray2's live record, with the documented table wherever it tells nothing.

    Unlike `Catalog.luma` it asks again where a call has just gone without the record: here the price is the question.
    """
    with anyio.move_on_after(LUMA_PATIENCE):
        try:
            return _completed(await catalog.model(LUMA_RAY2))
        except UpstreamError:
            pass
    return DOCUMENTED


def _completed(record: ModelRecord) -> ModelRecord:
    documented = {parameter.name: parameter for parameter in DOCUMENTED.parameters}
    parameters = [
        parameter.model_copy(update={"options": documented[parameter.name].options})
        if parameter.name in documented and not parameter.options
        else parameter
        for parameter in record.parameters
    ]
    return record.model_copy(update={"parameters": parameters or DOCUMENTED.parameters})

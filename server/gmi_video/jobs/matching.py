"""Whether two requests are the same job: same model, same payload, however the defaults were spelled."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from gmi_video.upstream.wire import LUMA_RAY2, LumaRay2Payload, Record, SubmitRequest

_LUMA_DEFAULTS = {
    name: field.default for name, field in LumaRay2Payload.model_fields.items() if not field.is_required()
}


Contents = Mapping[str, str]
"""What stands at an address: for each URL this process has uploaded an image to, a digest of the image. The same
image may have been uploaded twice, to two addresses."""


def fingerprint(request: SubmitRequest, contents: Contents) -> str:
    """Equal for two requests that would make the same job."""
    return to_json([request.model, _comparable(request.model, request.payload, contents)]).decode()


def is_same_job(request: SubmitRequest, record: Record, contents: Contents | None = None) -> bool:
    """Whether `record` was made from this very request. A record that shows no payload can't be told, so: no."""
    known = contents or {}
    return (
        bool(record.payload)
        and record.model in {"", request.model}
        and _comparable(request.model, record.payload, known) == _comparable(request.model, request.payload, known)
    )


def may_be_same_but_for_uploads(request: SubmitRequest, record: Record, contents: Contents) -> bool:
    """Whether all that differs are images uploaded by us now, and by somebody else then: they can't be compared."""
    ours, theirs = request.payload, record.payload
    uploads = {name for name, value in ours.items() if isinstance(value, str) and value in contents}
    elsewhere = all(isinstance(theirs.get(name), str) and theirs[name] not in contents for name in uploads)
    if not uploads or not elsewhere:
        return False
    return is_same_job(request, record.model_copy(update={"payload": theirs | {name: ours[name] for name in uploads}}))


def hides_its_payload(request: SubmitRequest, record: Record) -> bool:
    """Whether `record` could be this job but does not show what it was made from (gmi-api, "sometimes `{}`")."""
    return not record.payload and record.model in {"", request.model}


def _comparable(model: str, payload: dict[str, Any], contents: Contents) -> dict[str, Any]:
    """A payload in one order, without what is empty, with the table's defaults where they were left out."""
    whole = payload
    if model == LUMA_RAY2:
        # The queue ignores what is not in the table, so what else it may echo makes no other video.
        whole = _LUMA_DEFAULTS | {name: payload[name] for name in LumaRay2Payload.model_fields if name in payload}
    kept = {name: whole[name] for name in sorted(whole) if whole[name] not in ("", None, [], {})}
    return {name: contents.get(value, value) if isinstance(value, str) else value for name, value in kept.items()}


_KIND = re.compile(r"resolution|duration|second|size|quality", re.IGNORECASE)


def same_kind(request: SubmitRequest, record: Record) -> bool:
    """Whether a record is of the same resolution and duration, so that it took about as long to make."""
    ours = _comparable(request.model, request.payload, {})
    theirs = _comparable(request.model, record.payload, {})
    names = [name for name in {*ours, *theirs} if _KIND.search(name)]
    return bool(record.payload) and all(ours.get(name) == theirs.get(name) for name in names)

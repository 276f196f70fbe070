"""Whether two requests are the same job: same model and same payload, however defaults were written out.

An image is known by its content: `DigestOf` gives the digest of what this process uploaded to a URL, so one image at
two URLs is one image.
"""

from collections.abc import Callable
from typing import Any

from pydantic_core import to_json

from gmi_video.catalog.roles import Role, role_of
from gmi_video.upstream.luma_ray2 import LUMA_RAY2, LumaRay2Payload
from gmi_video.upstream.wire import Record, SubmitRequest

_LUMA_DEFAULTS = {
    name: field.default for name, field in LumaRay2Payload.model_fields.items() if not field.is_required()
}

DigestOf = Callable[[str], str]
"""The digest of the image that this process uploaded to a URL; empty for any other URL or text."""


def _no_digest(_: str) -> str:
    return ""


def fingerprint(request: SubmitRequest, digest_of: DigestOf = _no_digest) -> str:
    """A text that is equal for two requests that would make the same job."""
    return to_json([request.model, _comparable(request.model, request.payload, digest_of)]).decode()


def is_same_job(request: SubmitRequest, record: Record, digest_of: DigestOf = _no_digest) -> bool:
    """Whether `record` was made from this request. False for a record that does not show its payload."""
    return (
        bool(record.payload)
        and record.model in {"", request.model}
        and _comparable(request.model, record.payload, digest_of)
        == _comparable(request.model, request.payload, digest_of)
    )


def may_be_same_but_for_uploads(request: SubmitRequest, record: Record, digest_of: DigestOf) -> bool:
    """Whether all that differs are images: uploaded by this process in `request`, by another one in `record`."""
    ours, theirs = request.payload, record.payload
    uploads = {name for name, value in ours.items() if isinstance(value, str) and digest_of(value)}
    elsewhere = all(isinstance(theirs.get(name), str) and not digest_of(theirs[name]) for name in uploads)
    if not uploads or not elsewhere:
        return False
    return is_same_job(request, record.model_copy(update={"payload": theirs | {name: ours[name] for name in uploads}}))


def hides_its_payload(request: SubmitRequest, record: Record) -> bool:
    """Whether `record` could be this job but does not show what it was made from (gmi-api, "sometimes `{}`")."""
    return not record.payload and record.model in {"", request.model}


def same_kind(request: SubmitRequest, record: Record) -> bool:
    """Whether a record has the same size and length as the request, so that it took about as long to make."""

    def kind(payload: dict[str, Any]) -> dict[str, Any]:
        whole = _comparable(request.model, payload, _no_digest)
        return {name: value for name, value in whole.items() if role_of(name) in {Role.LENGTH, Role.SIZE}}

    return bool(record.payload) and kind(request.payload) == kind(record.payload)


def _comparable(model: str, payload: dict[str, Any], digest_of: DigestOf) -> dict[str, Any]:
    """A payload in a fixed order, without empty values, with Luma-Ray2's defaults filled in."""
    whole = payload
    if model == LUMA_RAY2:
        # The queue ignores what is not in the table, so other keys that it echoes make no difference.
        whole = _LUMA_DEFAULTS | {name: payload[name] for name in LumaRay2Payload.model_fields if name in payload}
    kept = {name: whole[name] for name in sorted(whole) if whole[name] not in ("", None, [], {})}
    return {name: (digest_of(value) or value) if isinstance(value, str) else value for name, value in kept.items()}

"""The results of tools: their published shapes, and how a job, an error or a payload takes that shape.

Every result has two readers: the assistant, which needs `next_step`, and the person, who sees `summary` (`job_text`
has the sentences). Absent fields are left out, and links are shown only if they are http(s).
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Required, cast

from mcp_types import CallToolResult, ImageContent, TextContent
from pydantic import Field
from pydantic_core import to_json

# The standard library's TypedDict can't be read by pydantic before Python 3.12.
from typing_extensions import TypedDict

from gmi_video.errors import GmiVideoError, SubmissionUnknown, UpstreamError
from gmi_video.jobs.estimates import NO_HISTORY, Estimate
from gmi_video.mcp.job_text import JobText, Moment, failure_of, trouble
from gmi_video.text import one_line, paragraphs
from gmi_video.upstream.wire import Record
from gmi_video.videos.save import NOT_ASKED, Saved

OUTCOME_URI = "gmi-video://requests/{request_id}/outcome"
MODEL_URI = "gmi-video://models/{model_id}"
THUMBNAIL_URI = "gmi-video://requests/{request_id}/thumbnail"
FIRST_FRAME_URI = "gmi-video://requests/{request_id}/first-frame"
LAST_FRAME_URI = "gmi-video://requests/{request_id}/last-frame"
REQUEST_URIS = {OUTCOME_URI, THUMBNAIL_URI, FIRST_FRAME_URI, LAST_FRAME_URI}
"""What there is of a finished request."""

_UNSENT = "Nothing was sent and nothing was charged."


class Fault(TypedDict):
    """What went wrong."""

    message: str
    charged: Literal["no", "unknown"]


class _Result(TypedDict, total=False):
    error: Fault
    next_step: str


class VideoResult(_Result, total=False):
    """The answer of generate_video and get_status."""

    summary: Required[Annotated[str, Field(description="For the user; holds the finished video's link, as Markdown.")]]
    request_id: str
    model: str
    status: Annotated[str, Field(description="The queue's word, such as queued, processing, success, failed.")]
    is_final: bool
    video_url: str
    thumbnail_image_url: str
    parameters: Annotated[dict[str, Any], Field(description="What was asked for, and the defaults that applied.")]
    created_at: str
    updated_at: str
    elapsed_seconds: int
    expected_seconds: int
    estimated_cost_usd: float
    reused: Annotated[bool, Field(description="The same job was found, and not paid again.")]
    outcome_uri: Annotated[str, Field(description="Resource with the outcome and a fresh link.")]
    saved_to: str


class RequestRow(TypedDict, total=False):
    """One request in a list."""

    request_id: str
    model: str
    status: str
    created_at: str
    elapsed_seconds: int
    expected_seconds: int
    prompt: str
    settings: str
    estimated_cost_usd: float
    video_url: str
    error: str


class RequestsResult(_Result, total=False):
    """The answer of list_requests."""

    summary: Required[str]
    total: Annotated[int, Field(description="How many match; `requests` holds the newest.")]
    requests: list[RequestRow]


PROMPT_SHOWN = 80
"""Characters of a prompt in an answer to someone who has read it already: the assistant that sent it, or a list."""


def job_result(
    record: Record,
    *,
    age: float | None,
    expected: Estimate = NO_HISTORY,
    moment: Moment = "looked",
    asked: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
    usd: float | None = None,
    reused: bool = False,
    saved: Saved = NOT_ASKED,
    note: str = "",
    problem: UpstreamError | None = None,
) -> VideoResult:
    """The result about one job.

    Args:
        record: the job as it was last seen.
        age: seconds since it was made, where it has not ended; None where that is not known.
        expected: what is known of such a job's length.
        moment: what the call did.
        asked: the payload that was sent, for a queue that does not echo it.
        defaults: the model's defaults, by parameter.
        usd: the job's price, where it is known.
        reused: the job was found instead of paid again.
        saved: what became of its video's file.
        note: what else the person should know.
        problem: why the job could not be polled just now.
    """
    age = record.took if record.is_final else age
    usual = None if record.is_final else expected.expected_seconds
    text = JobText(record, age, expected, usd, moment, reused, saved)
    fields: dict[str, Any] = {
        "summary": " ".join(filter(None, [text.summary(), trouble(problem) if problem else "", saved.note, note])),
        "request_id": record.request_id,
        "model": record.model,
        "status": record.status,
        "is_final": record.is_final,
        "video_url": (record.succeeded and record.video_url) or None,
        "thumbnail_image_url": (record.succeeded and record.thumbnail_url) or None,
        "parameters": _parameters(record, asked, defaults or {}) or None,
        "created_at": None if record.created_at is None else iso(record.created_at),
        "updated_at": None if record.updated_at is None else iso(record.updated_at),
        "elapsed_seconds": None if age is None else round(age),
        "expected_seconds": None if usual is None else round(usual),
        "estimated_cost_usd": None if usd is None else round(usd, 6),
        "reused": reused or None,
        "outcome_uri": OUTCOME_URI.format(request_id=record.request_id) if record.succeeded else None,
        "saved_to": saved.path or None,
        "error": _error(record, usd, problem),
        "next_step": text.next_step(),
    }
    return cast("VideoResult", {name: value for name, value in fields.items() if value is not None})


def _error(record: Record, usd: float | None, problem: UpstreamError | None) -> Fault | None:
    if record.is_final and not record.succeeded:
        return {"message": failure_of(record, usd).reason, "charged": "unknown"}
    return None if problem is None or record.is_final else {"message": problem.message, "charged": "unknown"}


def _parameters(record: Record, asked: Mapping[str, Any] | None, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked for. The prompt is shortened for who has just sent it, and while the job has not ended."""
    shown = bounded(with_defaults(record.payload or asked or {}, defaults))
    shortened = asked is not None or not record.is_final
    if shortened and isinstance(prompt := shown.get("prompt"), str):
        shown["prompt"] = one_line(prompt, PROMPT_SHOWN)
    return shown


def with_defaults(payload: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """A payload and the model's defaults for what it leaves open. An empty one is not known: it stays empty."""
    missing = {name: value for name, value in defaults.items() if name not in payload and value not in (None, "")}
    return {**payload, **missing} if payload else {}


def error_result(error: GmiVideoError, *, spends: bool = False) -> VideoResult:
    """The answer where there is no job to speak of; `spends`: of the tool that would have spent money."""
    unsaid = error.charged == "no" and not re.search(r"Nothing was (sent|submitted)", error.message)
    result: VideoResult = {
        "summary": f"{error.message} {_UNSENT}" if spends and unsaid else error.message,
        "error": {"message": error.message, "charged": error.charged},
        "next_step": error.next_step,
    }
    if isinstance(error, SubmissionUnknown):
        result["status"] = "unknown"
    return result


def tool_result(
    content: Mapping[str, object], *, is_error: bool = False, image: ImageContent | None = None
) -> CallToolResult:
    """A result as it is sent: the same object as text and as structure, and a picture beside it."""
    return CallToolResult(
        content=[TextContent(type="text", text=text_of(content)), *([image] if image else [])],
        structured_content=dict(content),
        is_error=is_error,
    )


def text_of(result: object) -> str:
    """The text block of a result: the same object as JSON."""
    return to_json(result).decode()


def iso(seconds: float) -> str:
    """Unix seconds as ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def bounded(payload: dict[str, Any]) -> dict[str, Any]:
    """A payload as it can be shown: texts, numbers and flags; anything else as JSON, and anything long cut short."""
    return {one_line(name, 60): bounded_value(value, name) for name, value in list(payload.items())[:30]}


def bounded_value(value: object, name: str = "") -> Any:
    """One value as it can be shown; a prompt, by its name, with its line breaks."""
    if isinstance(value, str):
        return paragraphs(value, 2000) if "prompt" in name.lower() else one_line(value, 2000)
    plain = value is None or isinstance(value, bool) or (isinstance(value, int | float) and abs(value) < 1e18)
    return value if plain else one_line(value, 500)

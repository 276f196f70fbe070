"""The results of tools: one shape, and its sentences.

Every result has two readers: the assistant, which needs `next_step`, and the person, who sees `summary`. Absent fields
are left out. Vendor text is quoted (`text`), and links are shown only if they are http(s).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NamedTuple, Required, cast

from mcp_types import CallToolResult, TextContent
from pydantic import Field
from pydantic_core import to_json

# The standard library's TypedDict can't be read by pydantic before Python 3.12.
from typing_extensions import TypedDict

from gmi_video.errors import GmiVideoError, InvalidRequest, SpendingRefused, SubmissionUnknown, UpstreamError
from gmi_video.jobs.estimates import NO_HISTORY, Estimate
from gmi_video.text import duration, one_line, paragraphs, quote_untrusted
from gmi_video.upstream.wire import Record

OUTCOME_URI = "gmi-video://requests/{request_id}/outcome"
MODEL_URI = "gmi-video://models/{model_id}"

_UNSENT = "Nothing was sent and nothing was charged."
_ANOTHER = ' The same call with "allow_duplicate": true makes another take, which is paid again.'
_UNCERTAIN = "Whether GMI Cloud charges for it is not documented."


class Fault(TypedDict):
    """What went wrong."""

    message: Annotated[str, Field(description="What went wrong; words of the queue's stand in quotation marks.")]
    charged: Annotated[Literal["no", "unknown"], Field(description="Whether it cost money.")]


class _Result(TypedDict, total=False):
    error: Annotated[Fault, Field(description="Only where something went wrong.")]
    next_step: Annotated[str, Field(description="The one thing to do next, with its arguments filled in.")]


class VideoResult(_Result, total=False):
    """The answer of generate_video and get_status."""

    summary: Required[
        Annotated[str, Field(description="A sentence for the user; a finished one holds the link, as Markdown.")]
    ]
    request_id: Annotated[str, Field(description="The job's id; keep it, it is how the job is found again.")]
    model: str
    status: Annotated[
        str,
        Field(description="The queue's own word: queued, processing, success, failed, cancelled or another."),
    ]
    is_final: Annotated[bool, Field(description="Whether the job has ended.")]
    video_url: str
    thumbnail_image_url: str
    parameters: Annotated[dict[str, Any], Field(description="What was asked for.")]
    created_at: Annotated[str, Field(description="ISO 8601, UTC.")]
    updated_at: Annotated[str, Field(description="ISO 8601, UTC.")]
    elapsed_seconds: Annotated[int, Field(description="From creation until now, or until the end.")]
    expected_seconds: Annotated[int, Field(description="How long such a job usually takes on this account.")]
    estimated_cost_usd: float
    reused: Annotated[bool, Field(description="True: the same job was found, and not paid again.")]
    outcome_uri: Annotated[str, Field(description="Resource with the outcome, read afresh, so its link is live.")]
    saved_to: str


class RequestRow(TypedDict, total=False):
    """One request in a list."""

    request_id: str
    model: str
    status: str
    created_at: str
    took_seconds: int
    prompt: str
    video_url: str


class RequestsResult(_Result, total=False):
    """The answer of list_requests."""

    summary: Required[str]
    total: Annotated[int, Field(description="How many match in all; `requests` holds the newest of them.")]
    requests: list[RequestRow]


def status_call(request_id: str) -> str:
    """The call that waits for a job, filled in."""
    return f'get_status with {{"request_id": "{request_id}", "wait": true}}'


def job_result(
    record: Record,
    *,
    now: float,
    expected: Estimate = NO_HISTORY,
    asked: dict[str, Any] | None = None,
    usd: float | None = None,
    reused: bool = False,
    note: str = "",
    problem: UpstreamError | None = None,
) -> VideoResult:
    """The result about one job.

    Args:
        record: the job as it was last seen.
        now: Unix seconds, by the queue's clock.
        expected: what is known of such a job's length.
        asked: the payload that was sent, for a queue that does not echo it.
        usd: the job's price, where it is known.
        reused: the job was found instead of paid again.
        note: what else the person should know.
        problem: why the job could not be polled just now.
    """
    age = record.took if record.is_final else _age(record, now)
    usual = None if record.is_final else expected.expected_seconds
    fields: dict[str, Any] = {
        "summary": " ".join(filter(None, [_summary(record, age, expected, reused=reused), _trouble(problem), note])),
        "request_id": record.request_id,
        "model": record.model,
        "status": record.status,
        "is_final": record.is_final,
        "video_url": (record.succeeded and record.video_url) or None,
        "thumbnail_image_url": (record.succeeded and record.thumbnail_url) or None,
        "parameters": bounded(record.payload or asked or {}) or None,
        "created_at": None if record.created_at is None else iso(record.created_at),
        "updated_at": None if record.updated_at is None else iso(record.updated_at),
        "elapsed_seconds": None if age is None else round(age),
        "expected_seconds": None if usual is None else round(usual),
        "estimated_cost_usd": None if usd is None else round(usd, 6),
        "reused": reused or None,
        "outcome_uri": OUTCOME_URI.format(request_id=record.request_id) if record.succeeded else None,
        "error": _error(record, problem),
        "next_step": _next_step(record, age or 0.0, expected),
    }
    return cast("VideoResult", {name: value for name, value in fields.items() if value is not None})


def _error(record: Record, problem: UpstreamError | None) -> Fault | None:
    if record.is_final and not record.succeeded:
        return {"message": failure_of(record).message, "charged": "unknown"}
    return None if problem is None or record.is_final else {"message": problem.message, "charged": "unknown"}


class Failure(NamedTuple):
    """Why a job ended without a video, and what to do next."""

    message: str
    next_step: str


def failure_of(record: Record) -> Failure:
    """Describe a job that has ended without a video."""
    said = record.failure_text
    reason = f": {quote_untrusted(said)}" if said else "; the queue gives no reason"
    what = "was cancelled" if record.status.lower() == "cancelled" else "failed"
    return Failure(
        f"The job {what}{reason}. {_UNCERTAIN}",
        f"{_remedy(said)} Request {record.request_id} itself can't be revived.",
    )


def error_result(error: GmiVideoError) -> VideoResult:
    """The answer where there is no job to speak of."""
    result: VideoResult = {
        # The faults of the arguments are for the assistant; the user need only know that nothing happened.
        "summary": _UNSENT
        if isinstance(error, InvalidRequest) and not isinstance(error, SpendingRefused)
        else error.message,
        "error": {"message": error.message, "charged": error.charged},
        "next_step": error.next_step,
    }
    if isinstance(error, SubmissionUnknown):
        result["status"] = "unknown"
    return result


def tool_result(content: Mapping[str, object], *, is_error: bool = False) -> CallToolResult:
    """A result as it is sent: the same object as text and as structure."""
    return CallToolResult(
        content=[TextContent(type="text", text=text_of(content))],
        structured_content=dict(content),
        is_error=is_error,
    )


def text_of(result: object) -> str:
    """The text block of a result: the same object as JSON."""
    return to_json(result).decode()


def iso(seconds: float) -> str:
    """Unix seconds as ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def progress_text(record: Record, age: float, expected: Estimate) -> str:
    """What a waiting person reads: "processing, 42 s, usually about 70 s"."""
    usual = expected.expected_seconds
    return f"{record.status_words}, {duration(age)}" + (f", usually about {duration(usual)}" if usual else "")


def _summary(record: Record, age: float | None, expected: Estimate, *, reused: bool) -> str:
    if record.succeeded:
        took = f" It took {duration(age)}." if age else ""
        again = f" It is the one asked for before, so it was not paid again.{_ANOTHER}" if reused else ""
        if not record.video_url:
            return f"The job has finished, but the queue's answer holds no link to the video.{took}{again}"
        return f"The video is ready: [watch or download it]({record.video_url}).{took}{again}"
    if record.is_final:
        return failure_of(record).message
    so_far = f" ({duration(age)} so far{_usually(expected)})" if age is not None else ""
    again = f" It was asked for before, so it is not paid again.{_ANOTHER}" if reused else ""
    if record.never_started and expected.is_long_past(age or 0.0):
        return (
            f"The job was accepted {duration(age or 0.0)} ago and nothing has happened to it since: it is probably "
            f"stuck in the queue.{again}"
        )
    if expected.is_long_past(age or 0.0):
        return f"The video is still being made: {record.status_words}, far longer than usual{so_far}.{again}"
    return f"The video is being made: {record.status_words}{so_far}.{again}"


def _usually(expected: Estimate) -> str:
    return f"; {expected.basis}" if expected.basis else ""


def _trouble(problem: UpstreamError | None) -> str:
    return f"Its state could not be asked just now: {problem.message} The job itself goes on." if problem else ""


def _next_step(record: Record, age: float, expected: Estimate) -> str:
    if record.succeeded and record.video_url:
        return "Show the user the link, and say that it should be downloaded soon: how long it lives is not documented."
    if record.succeeded:
        return f'Call get_status with {{"request_id": "{record.request_id}"}} once more in a minute.'
    if record.is_final:
        return failure_of(record).next_step
    call = f"Call {status_call(record.request_id)}"
    if record.never_started and expected.is_long_past(age):
        return (
            f"Tell the user. {call} to look again later; to pay for another try, call generate_video with "
            '"allow_duplicate": true.'
        )
    left = max((expected.expected_seconds or 0) - age, 0)
    when = f" It should take about {duration(left)} more." if left > 0 else ""
    return f"{call} to wait for it; don't call generate_video again for it.{when}"


def _remedy(said: str) -> str:
    lower = said.lower()
    if any(word in lower for word in ("moderation", "policy", "safety", "nsfw", "content")):
        return "Tell the user; reword the prompt or change the image before calling generate_video again."
    if "rate limit" in lower:
        return 'Tell the user; in a minute call generate_video again with "allow_duplicate": true.'
    if "image" in lower or "url" in lower:
        return (
            "Tell the user; check that the image is publicly reachable, then call generate_video again with "
            '"allow_duplicate": true.'
        )
    return (
        'Tell the user; call generate_video again with "allow_duplicate": true only if they want to pay for another '
        "try."
    )


def _age(record: Record, now: float) -> float | None:
    return None if record.created_at is None else max(now - record.created_at, 0.0)


def bounded(payload: dict[str, Any]) -> dict[str, Any]:
    """A payload as it can be shown: texts, numbers and flags; anything else as JSON, and anything long cut short."""
    return {one_line(name, 60): bounded_value(value, name) for name, value in list(payload.items())[:30]}


def bounded_value(value: object, name: str = "") -> Any:
    """One value as it can be shown; a prompt, by its name, with its line breaks."""
    if isinstance(value, str):
        return paragraphs(value, 2000) if "prompt" in name.lower() else one_line(value, 2000)
    plain = value is None or isinstance(value, bool) or (isinstance(value, int | float) and abs(value) < 1e18)
    return value if plain else one_line(value, 500)

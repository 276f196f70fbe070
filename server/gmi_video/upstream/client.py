"""The queue's endpoints: one method each, JSON to wire models or errors, retries of what is safe to repeat.

A GET is repeated on any fault that may pass. A submit is repeated only where no connection was made: in every other
case it may have arrived, and `jobs` looks for it before anything is sent again.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import anyio
from anyio import to_thread
from pydantic import BaseModel, ValidationError

from gmi_video.errors import Unavailable, UpstreamError
from gmi_video.upstream import failures, lists
from gmi_video.upstream.failures import Operation
from gmi_video.upstream.lists import RecordList
from gmi_video.upstream.rate_limit import Line, Turn
from gmi_video.upstream.transport import READ_SECONDS, Transport
from gmi_video.upstream.wire import (
    ModelList,
    ModelRecord,
    Record,
    SubmitRequest,
    UploadTarget,
    is_model_id,
    is_request_id,
)

if TYPE_CHECKING:
    from tenacity import RetryCallState

SUBMIT_READ_SECONDS = 45.0
"""Longer than for a GET: a submit that is given up on can't be repeated, only looked for."""

UPLOAD_SECONDS = 600.0
"""For the largest image (20 MB) over a slow line (0.3 Mbit/s); the signed address lives longer (899 s, P)."""

ATTEMPTS = 4
RETRY_SECONDS = 40.0
"""The bounds on one call with all its retries: in number, and in time spent before the last try begins.

The one rate limit seen asks for up to 30 s (gmi-api, "Errors"), which must fit in."""

SUBMITS = 10_000
"""Submits whose times are remembered."""

_Result = TypeVar("_Result")
_Model = TypeVar("_Model", bound=BaseModel)


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, UpstreamError) and error.passing


def _certainly_not_sent(error: BaseException) -> bool:
    # Not after a rate limit: the job may have been made all the same, so `jobs` looks before it asks again.
    return isinstance(error, Unavailable) and not error.maybe_arrived


@dataclass(frozen=True, slots=True)
class SubmitTimes:
    """Between which moments of this process a job was made (`anyio.current_time`)."""

    began: float
    answered: float


class Queue:
    """GMI Cloud's request queue.

    Attributes:
        submits: when the latest submits were made, by request id.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.submits: dict[str, SubmitTimes] = {}

    async def open(self) -> None:
        """Open what the first call needs. Nothing is sent. Raises `SettingsError` where a setting is wrong."""
        await to_thread.run_sync(import_module, "tenacity")
        await self._transport.open()

    async def submit(self, request: SubmitRequest) -> Record:
        """`POST /requests`: one job, and one charge. Repeated only where no connection was made."""
        began = anyio.current_time()
        record = await self._json(
            Record,
            Operation("submit", request.model),
            "POST",
            "/requests",
            body=request.model_dump(),
            read_seconds=SUBMIT_READ_SECONDS,
            line=Line.SUBMITS,
            repeat_if=_certainly_not_sent,
        )
        self.submits[record.request_id] = SubmitTimes(began, anyio.current_time())
        if len(self.submits) > SUBMITS:
            del self.submits[next(iter(self.submits))]
        return record

    async def get_request(self, request_id: str) -> Record:
        """`GET /requests/{id}`: one record."""
        operation = Operation("get", request_id)
        if not is_request_id(request_id):
            raise failures.not_an_id(operation)
        record = await self._json(Record, operation, "GET", f"/requests/{quote(request_id, safe='')}")
        if record.request_id != request_id:
            raise failures.garbled(operation, "is about another request")
        return record

    async def list_requests(
        self, model: str = "", *, patience: float = RETRY_SECONDS, turn: Turn | None = None
    ) -> RecordList:
        """`GET /requests`: the account's requests, of one model or (empty) of all.

        Args:
            model: the model's id.
            patience: seconds that may be spent on retries.
            turn: its place in line; it tells when the list was asked for, the last time where it was repeated.
        """
        operation = Operation("list")
        params = {"model_id": model} if model else {}

        async def attempt() -> RecordList:
            try:
                return await self._transport.records("/requests", operation, params, turn)
            except lists.Unreadable as error:
                raise failures.garbled(operation, str(error)) from None

        return await _repeat(attempt, patience=patience)

    async def list_models(self) -> list[str]:
        """`GET /models`: the ids of the public models."""
        return (await self._json(ModelList, Operation("models"), "GET", "/models")).ids

    async def get_model(self, model_id: str) -> ModelRecord:
        """`GET /models/{id}`: a model's description, parameters and price. Free of charge."""
        operation = Operation("model", model_id)
        if not is_model_id(model_id):
            raise failures.not_an_id(operation)
        return await self._json(ModelRecord, operation, "GET", f"/models/{quote(model_id, safe='')}")

    async def upload_url(self, file_type: str) -> UploadTarget:
        """`POST /upload-url`: a signed address for one file. Makes no job, so it may be repeated."""
        body = {"file_type": file_type}
        return await self._json(
            UploadTarget, Operation("upload_url"), "POST", "/upload-url", body=body, line=Line.SUBMITS
        )

    async def upload(self, url: str, content: bytes, content_type: str) -> None:
        """PUT `content` to a signed URL, without the API key (gmi-api, "Upload"). The same bytes may be put again.

        Raises:
            UpstreamError: it is not a place for an image, or the upload failed.
        """
        place = await _repeat(partial(self._transport.place, url), repeat_if=_certainly_not_sent)
        await _repeat(partial(self._transport.put, place, content, content_type, seconds=UPLOAD_SECONDS))

    def now(self) -> float:
        """Unix seconds by the queue's own clock, as far as it is known."""
        return self._transport.server_now()

    async def _json(
        self,
        model: type[_Model],
        operation: Operation,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        read_seconds: float = READ_SECONDS,
        line: Line = Line.LOOKS,
        repeat_if: Callable[[BaseException], bool] = _may_pass,
    ) -> _Model:
        """Call an endpoint until it answers or repeating is pointless, and parse the answer into `model`."""

        async def attempt() -> _Model:
            response = await self._transport.json(
                method, path, operation, body=body, read_seconds=read_seconds, turn=Turn(line)
            )
            try:
                return model.model_validate(response)
            except (ValidationError, RecursionError):
                what = "lacks what it must have, or has it in a form that can't be read"
                raise failures.garbled(operation, what, failures.named_request(response)) from None

        return await _repeat(attempt, repeat_if=repeat_if)


async def _repeat(
    attempt: Callable[[], Awaitable[_Result]],
    *,
    patience: float = RETRY_SECONDS,
    repeat_if: Callable[[BaseException], bool] = _may_pass,
) -> _Result:
    """`attempt`, and again while `repeat_if` allows, after a growing, jittered pause or the one the queue asks for."""
    # Here, because no tools/list needs it. It is loaded after that, by `Queue.open`.
    from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter  # noqa: PLC0415

    deadline = min(anyio.current_time() + patience, anyio.current_effective_deadline())
    usual = wait_exponential_jitter(multiplier=0.5, max=8, jitter=1)
    enough = stop_after_attempt(ATTEMPTS)

    def pause(state: "RetryCallState") -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, UpstreamError) else None
        return max(usual(state), asked or 0)

    def stop(state: "RetryCallState") -> bool:
        return enough(state) or anyio.current_time() + state.upcoming_sleep > deadline

    retrying = AsyncRetrying(
        retry=retry_if_exception(repeat_if), wait=pause, stop=stop, sleep=anyio.sleep, reraise=True
    )
    return await retrying(attempt)

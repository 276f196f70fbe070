"""The queue's endpoints: one method each, JSON to models or errors, retries of what is safe to repeat.

A GET is repeated on any fault that may pass. A submit is repeated only after a 429 or a connection that was never
made: in every other case it may have arrived, and `submission` looks for it instead.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import quote

import anyio
from pydantic import BaseModel, ValidationError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from gmi_video.errors import UpstreamError
from gmi_video.upstream import failures
from gmi_video.upstream.failures import Operation
from gmi_video.upstream.transport import Transport
from gmi_video.upstream.wire import ModelList, ModelRecord, Record, RecordList, SubmitRequest, UploadTarget

SUBMIT_READ_SECONDS = 45.0
"""Longer than for a GET: a submit that is given up on can't be repeated, only looked for."""

UPLOAD_SECONDS = 600.0
"""For the largest image (20 MB) over a slow line (0.3 Mbit/s); the signed address lives longer (899 s, P)."""

ATTEMPTS = 4
RETRY_SECONDS = 40.0
"""The bounds on one call with all its retries: in number, and in time spent before the last try begins.

The one rate limit seen asks for up to 30 s (gmi-api, "Errors"), which must fit in."""

_Answer = TypeVar("_Answer")
_Model = TypeVar("_Model", bound=BaseModel)


class Queue:
    """GMI Cloud's request queue."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def submit(self, request: SubmitRequest, *, patience: float = RETRY_SECONDS) -> Record:
        """`POST /requests`: one job, and one charge. Repeated only where it is certain that nothing arrived.

        Args:
            request: what to make.
            patience: seconds that may be spent waiting for a rate limit to pass.
        """
        operation = Operation("submit", request.model)

        async def once() -> Record:
            answer = await self._transport.json(
                "POST", "/requests", operation, body=request.model_dump(), read_seconds=SUBMIT_READ_SECONDS
            )
            return _parsed(Record, answer.body, operation)

        return await _repeat(once, patience=patience, only_if=_certainly_not_sent)

    async def get_request(self, request_id: str) -> Record:
        """`GET /requests/{id}`: one record."""
        operation = Operation("get", request_id)
        record = await self._get(Record, f"/requests/{quote(request_id, safe='')}", operation)
        if record.request_id != request_id:
            raise failures.garbled(operation, "is about another request")
        return record

    async def list_requests(self, model: str = "", *, patience: float = RETRY_SECONDS) -> RecordList:
        """`GET /requests`: the account's requests, of one model or (empty) of all."""
        operation = Operation("list")
        params = {"model_id": model} if model else {}

        async def once() -> RecordList:
            answer = await self._transport.json("GET", "/requests", operation, params=params)
            return _parsed(RecordList, answer.body, operation).model_copy(update={"size": answer.size})

        return await _repeat(once, patience=patience)

    async def list_models(self) -> list[str]:
        """`GET /models`: the ids of the public models."""
        return (await self._get(ModelList, "/models", Operation("models"))).ids

    async def get_model(self, model_id: str) -> ModelRecord:
        """`GET /models/{id}`: a model's description, parameters and price. Free of charge."""
        return await self._get(ModelRecord, f"/models/{quote(model_id, safe='')}", Operation("model", model_id))

    async def upload_url(self, file_type: str) -> UploadTarget:
        """`POST /upload-url`: a signed place for one file. Makes no job, so it may be repeated."""
        operation = Operation("upload_url")

        async def once() -> UploadTarget:
            answer = await self._transport.json("POST", "/upload-url", operation, body={"file_type": file_type})
            return _parsed(UploadTarget, answer.body, operation)

        return await _repeat(once)

    async def upload(self, url: str, content: bytes, content_type: str) -> None:
        """PUT `content` to a signed URL, without the API key (gmi-api, "Upload"). The same bytes may be put again."""

        async def once() -> bytes:
            headers = {"Content-Type": content_type}
            return await self._transport.send(
                "PUT", url, Operation("upload"), content=content, headers=headers, seconds=UPLOAD_SECONDS
            )

        await _repeat(once)

    def now(self) -> float:
        """Unix seconds by the queue's own clock, as far as it is known."""
        return self._transport.server_now()

    async def _get(self, model: type[_Model], path: str, operation: Operation) -> _Model:
        async def once() -> _Model:
            return _parsed(model, (await self._transport.json("GET", path, operation)).body, operation)

        return await _repeat(once)


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, UpstreamError) and error.passing


def _certainly_not_sent(error: BaseException) -> bool:
    return isinstance(error, UpstreamError) and error.passing and not error.maybe_arrived


async def _repeat(
    once: Callable[[], Awaitable[_Answer]],
    *,
    patience: float = RETRY_SECONDS,
    only_if: Callable[[BaseException], bool] = _may_pass,
) -> _Answer:
    """`once`, and again while `only_if` allows, after a growing, jittered pause or the one the queue asks for."""
    deadline = anyio.current_time() + patience
    usual = wait_exponential_jitter(multiplier=0.5, max=8, jitter=1)
    enough = stop_after_attempt(ATTEMPTS)

    def pause(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, UpstreamError) else None
        return max(usual(state), asked or 0)

    def stop(state: RetryCallState) -> bool:
        return enough(state) or anyio.current_time() + state.upcoming_sleep > deadline

    retrying = AsyncRetrying(retry=retry_if_exception(only_if), wait=pause, stop=stop, sleep=anyio.sleep, reraise=True)
    return await retrying(once)


def _parsed(model: type[_Model], body: object, operation: Operation) -> _Model:
    try:
        return model.model_validate(body)
    except (ValidationError, RecursionError):
        what = "lacks what it must have, or has it in a form that can't be read"
        raise failures.garbled(operation, what, failures.named_request(body)) from None

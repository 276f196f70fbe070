"""Maps failed HTTP exchanges to `UpstreamError`s with messages that an assistant can act on.

The cases are those of gmi-api.md, "Errors". Vendor text is quoted where it helps and never passed on as our own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from gmi_video.errors import (
    Busy,
    Garbled,
    InsufficientCredits,
    NotFound,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
    UpstreamError,
)
from gmi_video.text import as_json_literal, duration, quote_untrusted
from gmi_video.upstream.wire import error_text, fields_of, is_request_id

_REQUESTS_THERE_ARE = "Call list_requests to see the requests there are."
_MODELS_THERE_ARE = "Call list_models to see the models there are; their ids are case-sensitive."

Endpoint = Literal["submit", "get", "list", "models", "model", "upload_url", "upload"]


@dataclass(frozen=True, slots=True)
class Operation:
    """What a call does: its endpoint, and the model or request id that it names, for the messages."""

    endpoint: Endpoint
    name: str = ""

    @property
    def is_submit(self) -> bool:
        """Whether the call could have cost money."""
        return self.endpoint == "submit"

    @property
    def nothing_lost(self) -> str:
        """What is certain about money after a refusal."""
        return " Nothing was submitted and nothing was charged." if self.is_submit else ""

    @property
    def again(self) -> str:
        """How to repeat the call later, as a sentence."""
        if self.endpoint == "get":
            return f'Call get_status with {{"request_id": "{self.name}"}} again in a minute; the job itself goes on.'
        return "Make the same call again in a minute."


def unreachable(error: httpx.TransportError, operation: Operation, host: str) -> UpstreamError:
    """The error for a connection that could not be made, broke, or got no answer in time."""
    peer = _peer(operation, host)
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.UnsupportedProtocol):
        return Unavailable(
            f"{peer} could not be reached.",
            f"{operation.again} If it stays so, tell the user to check this machine's network and GMI_BASE_URL.",
            assurance=operation.nothing_lost,
        )
    if isinstance(error, httpx.ProxyError):  # only while the connection is made: the proxy has seen no request
        return Unavailable(
            f"{peer} could not be reached: the proxy refused the connection.",
            f"{operation.again} If it stays so, tell the user to check HTTPS_PROXY, ALL_PROXY and NO_PROXY in this "
            "server's environment.",
            assurance=operation.nothing_lost,
        )
    silent = isinstance(error, httpx.TimeoutException)
    how = "did not answer in time" if silent else "broke the connection off before it had answered"
    return Unavailable(f"{peer} {how}.", operation.again, maybe_arrived=True)


def _peer(operation: Operation, host: str) -> str:
    """Who did not answer. The queue's host is in the settings; the storage's is the queue's word, and is left out."""
    return (
        "The storage that GMI Cloud names for images"
        if operation.endpoint == "upload"
        else f"GMI Cloud's queue at {host}"
    )


def in_line(calls: int, seconds: float, operation: Operation) -> Busy:
    """The error for a call that would have to wait longer than it may for the calls before it."""
    are = "calls of this server to the queue are" if calls > 1 else "call of this server to the queue is"
    line = f"{calls} {are} in line already" if calls else "This server has just called the queue as often as it may"
    return Busy(
        f"{line}, and one more can leave in {duration(seconds)}: later than this call may wait. Nothing was asked.",
        f"Make fewer calls at once, and this one again in {duration(max(seconds, 1.0))}. The user can raise "
        "GMI_MAX_REQUESTS_PER_SECOND, if the queue allows it.",
        assurance=operation.nothing_lost,
    )


def garbled(operation: Operation, what: str, request_id: str = "") -> Garbled:
    """The error for a response that can't be the API's; `what` completes "The queue's answer …"."""
    return Garbled(f"The queue's answer {what}.", operation.again, maybe_arrived=True, request_id=request_id)


def from_response(
    status: int, headers: Mapping[str, str], body: Any, operation: Operation, check_key: str
) -> UpstreamError:
    """The error for an HTTP status other than 2xx.

    `body` is the parsed JSON, or None where there was none; `check_key` says what to do where the key is refused.

    On a submit, a 4xx is a refusal that made no job (P); 408 and every 5xx may have made one, so they are marked
    `maybe_arrived` and the job is searched for.
    """
    said = error_text(fields_of(body).get("error")) or error_text(body)
    words = f": {quote_untrusted(said)}" if said else ""
    if operation.endpoint == "upload" and status < 500 and status not in {408, 425, 429}:
        # This is about the signed address; no key was sent there. A redirect is not followed: its place is not checked.
        return Rejected(
            f"The storage that GMI Cloud names for images refused the upload (HTTP {status}){words}. "
            "Nothing was submitted and nothing was charged.",
            "Make the same call again in a minute. If it stays so, give a public URL of the image instead.",
        )
    if 300 <= status < 400:
        return Garbled(
            f"The queue answered with a redirect (HTTP {status}), which is not followed, because the API key would "
            "go with it.",
            "Tell the user to check GMI_BASE_URL: it should be the queue's own address.",
            maybe_arrived=operation.is_submit,
        )
    match status:
        case 401 | 403:
            return Unauthorized(
                f"The queue did not accept the API key (HTTP {status}){words}.",
                check_key,
                assurance=operation.nothing_lost,
            )
        case 402:
            return InsufficientCredits(
                f"The account has no credits left (HTTP 402){words}.",
                "Tell the user to add credits at console.gmicloud.ai; after that, make the same call again.",
                assurance=operation.nothing_lost,
            )
        case 404 | 410:
            return _not_found(status, words, operation)
        case 405:
            return Rejected(
                "This address does not serve the video queue (HTTP 405).",
                "Tell the user to check GMI_BASE_URL: GMI's LLM host answers like this; the queue has one of its own.",
                assurance=operation.nothing_lost,
            )
        case 429:
            return _rate_limited(headers, body, words, operation)
        case 408 | 425:
            return Unavailable(
                f"The queue gave up waiting for the request (HTTP {status}){words}.",
                operation.again,
                maybe_arrived=operation.is_submit,
            )
        case _ if status >= 500:
            return _server_error(status, body, said, operation)
        case _:
            return Rejected(
                f"The queue refused the request (HTTP {status}){words}.",
                _correct(operation),
                assurance=operation.nothing_lost,
            )


def no_safe_place() -> Garbled:
    """The error for an image's place that is not public https; nothing is uploaded."""
    return Garbled(
        "The queue's answer names no safe place for the image. Nothing was uploaded, nothing was submitted and nothing "
        "was charged.",
        "Give a public http(s) URL of the image instead, or make the same call again later.",
    )


def unresolved(operation: Operation, host: str) -> Unavailable:
    """The error for a host without an address."""
    return Unavailable(f"{_peer(operation, host)} was not found.", operation.again)


def not_an_id(operation: Operation) -> NotFound:
    """The error for an id that would change the path of the URL; nothing is sent."""
    if operation.endpoint == "get":
        return NotFound(
            f"The text {quote_untrusted(operation.name, 80)} can't be a request's id. Nothing was sent.",
            _REQUESTS_THERE_ARE,
        )
    return NotFound(
        f"The text {quote_untrusted(operation.name, 80)} can't be a model's id. Nothing was sent.", _MODELS_THERE_ARE
    )


def _correct(operation: Operation) -> str:
    if operation.is_submit:
        return (
            f'Call list_models with {{"model": {as_json_literal(operation.name, 200)}}} to see what the model takes, '
            "correct the argument, then call generate_video again."
        )
    return "Correct the argument, then call again."


def _not_found(status: int, words: str, operation: Operation) -> NotFound:
    if operation.endpoint == "get":
        return NotFound(
            f"The queue has no request {operation.name} for this account (HTTP {status}){words}.",
            _REQUESTS_THERE_ARE,
        )
    if operation.name:
        return NotFound(
            f"The model {quote_untrusted(operation.name, 80)} does not exist, or this account may not use it "
            f"(HTTP {status}){words}.",
            _MODELS_THERE_ARE,
            assurance=operation.nothing_lost,
        )
    return NotFound(
        f"The queue does not know this address (HTTP {status}){words}.",
        "Tell the user to check GMI_BASE_URL: it should be the queue's own address.",
        assurance=operation.nothing_lost,
    )


def _rate_limited(headers: Mapping[str, str], body: Any, words: str, operation: Operation) -> RateLimited:
    seconds = retry_after(headers, body)
    when = f"in {duration(max(1, seconds))}" if seconds is not None else "in a minute"
    return RateLimited(
        f"The queue's rate limit is reached (HTTP 429){words}.",
        f"Make the same call again {when}.",
        retry_after=seconds,
        assurance=operation.nothing_lost,
    )


def retry_after(headers: Mapping[str, str], body: Any) -> float | None:
    """Seconds to wait, from the body's `rate_limit.retry_after_ms`, its text, or a `Retry-After` header in seconds."""
    fields = fields_of(body)
    milliseconds = fields_of(fields.get("rate_limit")).get("retry_after_ms")
    if isinstance(milliseconds, int | float) and 0 <= milliseconds < 1e10:
        return milliseconds / 1000
    if found := re.search(r"Retry in (\d{1,9}) ms", error_text(fields.get("error"))):
        return int(found[1]) / 1000
    header = headers.get("retry-after", "").strip()
    return float(header) if re.fullmatch(r"\d{1,7}(\.\d{1,3})?", header) else None


def named_request(body: Any) -> str:
    """The request id that a response names; empty where it names none."""
    named = fields_of(body).get("request_id")
    return named if isinstance(named, str) and is_request_id(named) else ""


def _server_error(status: int, body: Any, said: str, operation: Operation) -> UpstreamError:
    """A 5xx. It counts as refused where the queue says in known words that it did not take the job (gmi-api, P)."""
    quoted = quote_untrusted(said)
    kind: type[UpstreamError] = Unavailable
    next_step, refused = operation.again, True
    if "Backend error (400)" in said:
        kind = Rejected
        reason = f"The vendor behind the queue refused a value: {quoted}. The same input would be refused again."
        next_step = f"Change the prompt or the parameters. {_correct(operation)}"
    elif "Backend error (401)" in said:
        reason = (
            f"The vendor behind the queue is having trouble with its own credentials: {quoted}. "
            "The same input may pass later."
        )
    elif "capacity" in said.lower():
        reason = f"The queue has no capacity for this model right now (HTTP {status}): {quoted}."
    else:
        refused = False
        reason = f"The queue had a fault of its own (HTTP {status})" + (f": {quoted}." if said else ".")
    return kind(
        reason,
        next_step,
        assurance=operation.nothing_lost if refused else "",
        maybe_arrived=operation.is_submit,
        refused=refused,
        request_id=named_request(body),
    )

"""An answer that is not the one hoped for becomes one of `errors`, in words an assistant can act on.

The rows are those of gmi-api.md, "Errors"; the vendor's own words are quoted where they help, never passed on as ours.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from gmi_video.errors import (
    Garbled,
    InsufficientCredits,
    NotFound,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
    UpstreamError,
)
from gmi_video.text import duration, one_line, quote_untrusted
from gmi_video.upstream.wire import REQUEST_ID_PATTERN, error_text, fields_of

Endpoint = Literal["submit", "get", "list", "models", "model", "upload_url", "upload"]


@dataclass(frozen=True, slots=True)
class Operation:
    """What a call was about: which endpoint, and the model or request id, for the words."""

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
        """How to repeat the call later, in words."""
        if self.endpoint == "get":
            return f'Call get_status with {{"request_id": "{self.name}"}} again in a minute; the job itself goes on.'
        return "Make the same call again in a minute."


def unreachable(error: httpx.TransportError, operation: Operation, host: str) -> UpstreamError:
    """A connection that was never made, broke, or stayed silent."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.UnsupportedProtocol):
        return Unavailable(
            f"GMI Cloud's queue at {host} could not be reached.",
            f"{operation.again} If it stays so, tell the user to check this machine's network and GMI_BASE_URL.",
            assurance=operation.nothing_lost,
        )
    silent = isinstance(error, httpx.TimeoutException)
    how = "did not answer in time" if silent else "broke the connection off before it had answered"
    return Unavailable(f"GMI Cloud's queue at {host} {how}.", operation.again, maybe_arrived=True)


def garbled(operation: Operation, what: str, request_id: str = "") -> Garbled:
    """An answer that can't be what the API sends; `what` completes "The queue's answer …"."""
    return Garbled(f"The queue's answer {what}.", operation.again, maybe_arrived=True, request_id=request_id)


def from_response(status: int, headers: Mapping[str, str], body: Any, operation: Operation) -> UpstreamError:
    """The error for an HTTP status other than 2xx. `body` is the parsed JSON, or None where there was none.

    On a submit, a 4xx is a plain refusal that made no job (P); 408 and every 5xx may have made one, so they are
    marked `maybe_arrived` and looked for.
    """
    said = error_text(fields_of(body).get("error")) or error_text(body)
    words = f": {quote_untrusted(said)}" if said else ""
    if 300 <= status < 400:
        return Garbled(
            f"The queue answered with a redirect (HTTP {status}), which is not followed, because the API key would "
            "go with it.",
            "Tell the user to check GMI_BASE_URL: it should be the queue's own address.",
            maybe_arrived=operation.is_submit,
        )
    if operation.endpoint == "upload" and status < 500 and status not in {408, 425, 429}:
        # The storage's signature, not the key: none was sent there.
        return Rejected(
            f"The storage that GMI Cloud names for images refused the upload (HTTP {status}){words}. "
            "Nothing was submitted and nothing was charged.",
            "Make the same call again in a minute. If it stays so, give a public URL of the image instead.",
        )
    match status:
        case 401 | 403:
            return Unauthorized(
                f"The queue did not accept the API key (HTTP {status}){words}.",
                "Tell the user to check GMI_API_KEY (and GMI_ORG_ID, where it is set) in this server's entry in the "
                "host's MCP configuration, then to restart the server. Calling again before that will not help.",
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


def _correct(operation: Operation) -> str:
    if operation.is_submit:
        return (
            f'Call list_models with {{"model": "{operation.name}"}} to see what the model takes, correct the argument, '
            "then call generate_video again."
        )
    return "Correct the argument, then call again."


def _not_found(status: int, words: str, operation: Operation) -> NotFound:
    if operation.endpoint == "get":
        return NotFound(
            f"The queue has no request {operation.name} for this account (HTTP {status}){words}.",
            'Call list_requests with {"model": ""} to see the requests there are.',
        )
    if operation.name:
        return NotFound(
            f"The model {quote_untrusted(operation.name, 80)} does not exist, or this account may not use it "
            f"(HTTP {status}){words}.",
            "Call list_models to see the models there are; their ids are case-sensitive.",
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
    """The request id that an answer names; empty where it names none."""
    named = fields_of(body).get("request_id")
    return named if isinstance(named, str) and re.fullmatch(REQUEST_ID_PATTERN, named) else ""


def _server_error(status: int, body: Any, said: str, operation: Operation) -> UpstreamError:
    """A 5xx. `refused` where the queue says in known words that it did not take the job (gmi-api, P)."""
    request_id = named_request(body)
    doubtful = operation.is_submit
    if "Backend error (400)" in said:
        return Rejected(
            f"The vendor behind the queue refused a value: {quote_untrusted(said)}. The same input would be refused "
            f"again.",
            f"Change the prompt or the parameters. {_correct(operation)}",
            maybe_arrived=doubtful,
            refused=True,
            request_id=request_id,
            assurance=operation.nothing_lost,
        )
    if "Backend error (401)" in said:
        return Unavailable(
            f"The vendor behind the queue is having trouble with its own credentials: {quote_untrusted(said)}. "
            f"The same input may pass later.",
            operation.again,
            maybe_arrived=doubtful,
            refused=True,
            request_id=request_id,
            assurance=operation.nothing_lost,
        )
    if "capacity" in said.lower():
        return Unavailable(
            f"The queue has no capacity for this model right now (HTTP {status}): {quote_untrusted(said)}.",
            operation.again,
            maybe_arrived=doubtful,
            refused=True,
            request_id=request_id,
            assurance=operation.nothing_lost,
        )
    words = f": {quote_untrusted(said)}" if said else ""
    return Unavailable(
        f"The queue had a fault of its own (HTTP {one_line(status)}){words}.",
        operation.again,
        maybe_arrived=doubtful,
        request_id=request_id,
    )

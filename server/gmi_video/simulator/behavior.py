"""Options for what the vendor's documentation leaves open; each default is the documented or observed behavior.

The letter in each docstring gives the source: D the vendor's pages and SDK, P a dated observation of the live service,
C what other clients believe, ? unknown (a text marked so is our own).
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

FailurePlace: TypeAlias = Literal["outcome.error", "outcome.message", "error", "reason", "error_message", "message"]


@dataclass(frozen=True)
class Behavior:
    """One possible behavior of the service; `Simulator.behave(name=value)` changes single options."""

    outcome: Literal["video_url", "media_urls"] = "video_url"
    """The outcome of a success: the guide's `video_url` (D), or `media_urls`, a list of objects (P)."""
    thumbnail: Literal["jpg", "mp4"] = "jpg"
    """The thumbnail URL: an image, or the same mp4 as the video (both D)."""
    echo_payload: bool = True
    """A record's payload: exactly what was sent, or `{}` (both P)."""

    failure_place: FailurePlace = "outcome.error"
    """The field of a failed record that holds the reason: `outcome.error` (P), the others (C)."""
    failure_form: Literal["string", "object"] = "string"
    """The reason as a string, or as an object `{"code", "message"}` (C)."""

    list_order: Literal["newest", "oldest", "shuffled"] = "newest"
    """Which record is first in the list: not documented (?)."""
    list_limit: int | None = None
    """The list holds only the newest n records; `total` still counts all (?)."""
    list_lag: float = 0
    """Seconds for which a new job is missing from the list, while `GET /requests/{id}` already returns it (?)."""
    models_key: Literal["model_ids", "models"] = "model_ids"
    """The key of the model list: the guide's, or the other one that the vendor's SDK reads (both D)."""

    wrong_value: Literal["backend_error", "accepted"] = "backend_error"
    """A value of the wrong type or out of bounds, for a parameter without options: 500 `Backend error (400)` (P), or
    accepted. A value that is not among the options and a missing key are always a 400 (P)."""

    retry_after_header: bool = False
    """Every 429 carries a `Retry-After` header as well (not confirmed)."""
    skew: float = 0
    """Seconds by which the vendor's clock is ahead of ours, in its timestamps and in its `Date` header."""
    latency: float = 0
    """Seconds before each response."""
    expired_upload_status: int = 400
    """The status of a signed URL after its 899 s (?)."""

    unauthorized: str = "invalid api key"
    """The text of a 401 (?)."""
    unknown_request: str = "request {request_id} does not exist"
    """The text of the 404 for an unknown request id (?)."""
    no_access: str = "you do not have access to model {model}"
    """The text of the 404 for a model that the account may not use (P for its first words)."""
    missing_keys: str = "missing required parameters: {names}"
    """The text of the 400 for missing keys: it names them (P), the wording is ours (?)."""
    off_options: str = "invalid value for parameter {name}: {value}, must be one of: {options}"
    """The text of the 400 for a value that is not among the options: it names it (P), the wording is ours (?)."""

    film_seconds: float | None = None
    """The maximum length of rendered films, to save time in tests; None: the length that was asked for."""

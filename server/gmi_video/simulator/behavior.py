"""Options for what the vendor's documentation leaves open; each default is the documented or observed behavior.

The letter in each docstring gives the source: D the vendor's pages and SDK, P a dated observation of the live service,
C what other clients believe, ? unknown (a text marked so is our own).
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

EchoChange: TypeAlias = Literal["defaults", "nulls", "strings", "stripped", "nfd"]
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
    echo: tuple[EchoChange, ...] = ()
    """Changes to the payload in a record, applied in the given order (all ?): `defaults` adds the model's defaults for
    absent parameters, `nulls` adds null for absent optional parameters, `strings` turns numbers and booleans into
    strings, `stripped` removes white space around the prompt, `nfd` decomposes its characters (Unicode NFD)."""
    record_model: Literal["as_sent", "other_case", "absent"] = "as_sent"
    """A record's `model`: the id as sent (D), in the opposite letter case (?), or no such field (?). The response to a
    submit always has the id as sent (D)."""

    failure_place: FailurePlace = "outcome.error"
    """The field of a failed record that holds the reason: `outcome.error` (P), the others (C)."""
    failure_form: Literal["string", "object"] = "string"
    """The reason as a string, or as an object `{"code", "message"}` (C)."""

    list_order: Literal["newest", "oldest", "shuffled"] = "newest"
    """Which record is first in the list: not documented (?)."""
    list_limit: int | None = None
    """The list holds at most n records; `total` still counts all (?)."""
    list_keep: Literal["newest", "oldest"] = "newest"
    """Which records a list with a limit holds (?)."""
    empty_list: Literal["array", "null"] = "array"
    """A list without records: `[]`, or null in its place (?)."""
    list_filler: int = 0
    """This many additional records of other jobs, older than all others, in a list that is streamed (?). The limit does
    not count them; `total` does."""
    list_lag: float = 0
    """Seconds for which a new job is missing from the list, while `GET /requests/{id}` already returns it (?)."""
    models_key: Literal["model_ids", "models"] = "model_ids"
    """The key of the model list: the guide's, or the other one that the vendor's SDK reads (both D)."""

    wrong_value: Literal["backend_error", "accepted"] = "backend_error"
    """A value of the wrong type or out of bounds, for a parameter without options: 500 `Backend error (400)` (P), or
    accepted. A value that is not among the options and a missing key are always a 400 (P)."""

    retry_after_header: bool = False
    """Every 429 carries a `Retry-After` header as well: possible, not confirmed (?)."""
    skew: float = 0
    """Seconds by which the vendor's clock is ahead of ours, in its timestamps and in its `Date` header."""
    stamp_skew: float | None = None
    """The same for the timestamps only; None: they have the same skew as the header (?)."""
    stamps: Literal["seconds", "unreadable"] = "seconds"
    """Timestamps of records and submit responses: whole Unix seconds (D), or strings that are no time (?)."""
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

    film_ranges: bool = True
    """Films, thumbnails and uploaded files are also sent in parts, to a `Range` header, or only whole (both ?)."""
    film_validator: Literal["etag", "last_modified", "changing", "none"] = "etag"
    """What tells two versions of such a file apart (all ?): a strong ETag, the time of its last change, an ETag that is
    another one each time, or nothing."""
    film_pause: float = 0
    """Seconds before each 16 KB of a film."""
    film_seconds: float | None = None
    """The maximum length of rendered films, to save time in tests; None: the length that was asked for."""

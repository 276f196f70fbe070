"""What the vendor's pages leave open, as switches: each default is the documented or the observed answer.

A letter says where a default comes from: D the vendor's pages and SDK, P dated observation of the live service, C the
belief of other clients, ? nobody knows and the text is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

FailurePlace: TypeAlias = Literal["outcome.error", "outcome.message", "error", "reason", "error_message", "message"]


@dataclass(frozen=True)
class Habits:
    """One way the service may behave; `Simulator.behave(name=value)` changes some of it."""

    outcome: Literal["video_url", "media_urls"] = "video_url"
    """A success's shape: the guide's (D), or the list of objects (P)."""
    thumbnail: Literal["jpg", "mp4"] = "jpg"
    """Whether the thumbnail is a picture or the very same mp4 (both D)."""
    echo_payload: bool = True
    """A record's payload is what was sent to the letter, or `{}` (both P)."""

    failure_place: FailurePlace = "outcome.error"
    """Where a failed record tells why: `outcome.error` (P), the others (C)."""
    failure_form: Literal["string", "object"] = "string"
    """The failure as a text, or as `{"code", "message"}` (C)."""

    list_order: Literal["newest", "oldest", "shuffled"] = "newest"
    """The list's order: not documented (?)."""
    list_limit: int | None = None
    """Only the newest n records are listed; `total` still counts all (?)."""
    list_lag: float = 0
    """A new job is missing from the list for that many seconds, while its own record answers (?)."""
    models_key: Literal["model_ids", "models"] = "model_ids"
    """The key of the model list: the guide's (D), or the other one the vendor's SDK reads (D)."""

    wrong_value: Literal["backend_error", "accepted"] = "backend_error"
    """A value of the wrong type or out of bounds, where no option list tells: 500 `Backend error (400)` (P), or let
    pass. Values off their options and missing keys are always a 400 (P)."""

    retry_after_header: bool = False
    """Whether every 429 carries a `Retry-After` too (not confirmed)."""
    skew: float = 0
    """Seconds the vendor's clock is ahead of ours: in its stamps and in its `Date` header."""
    latency: float = 0
    """Seconds before anything answers."""
    expired_upload_status: int = 400
    """What a signed URL answers after its 899 s (?)."""

    unauthorized: str = "invalid api key"
    """The 401 text (?)."""
    unknown_request: str = "request {request_id} does not exist"
    """The 404 text of an unknown request id (?)."""
    no_access: str = "you do not have access to model {model}"
    """The 404 text of a model the account may not use (P for its first words)."""
    missing_keys: str = "missing required parameters: {names}"
    """The 400 text of missing keys: it names them (P), in words that are ours (?)."""
    off_options: str = "invalid value for parameter {name}: {value}, must be one of: {options}"
    """The 400 text of a value off its options: it names it (P), in words that are ours (?)."""

    film_seconds: float | None = None
    """Films are cut off at that many seconds, to save work where nobody watches; None: as long as was asked."""

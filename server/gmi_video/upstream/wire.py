"""Wire models: requests forbid unknown fields, responses ignore them.

The queue ignores an unknown key in silence and charges for the default, so nothing but documented keys is sent. What is
received is read field by field: a field of a wrong type counts as absent, and only a record without an id or a status
is refused.

Texts that are only shown are cleaned here (`Text`). To the letter stay what goes back to the queue or is compared:
ids and names by their patterns, a payload, an outcome, a parameter's options and default; `text` shows those.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, cast

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    OnErrorOmit,
    TypeAdapter,
)
from pydantic_core import CoreSchema
from pydantic_core.core_schema import with_default_schema

from gmi_video.text import one_line, paragraphs, quote_untrusted, safe_url

REQUEST_ID_PATTERN = r"^[A-Za-z0-9_-]{1,128}$"
"""What a request id may be (the guide's are UUIDs); published in the tools' schemas."""

MODEL_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9 ._:/+-]{0,199}$"
"""The characters of a model id, published in the tools' schemas. Ids are case-sensitive (gmi-api, P)."""


def is_request_id(value: str) -> bool:
    """Whether a text may become part of a URL as a request id."""
    return re.fullmatch(REQUEST_ID_PATTERN, value) is not None


def is_model_id(value: str) -> bool:
    """Whether a text may become part of a URL as a model id.

    No part between slashes is empty, or begins or ends with a dot or a blank: some proxies and servers decode `%2F`
    before they resolve `..`, and some drop dots and blanks at the end of a part.
    """
    if re.fullmatch(MODEL_ID_PATTERN, value) is None:
        return False
    return all(part and part == part.strip(" .") for part in value.split("/"))


FINAL = frozenset({"success", "failed", "cancelled"})
"""The only final statuses; any other word is a job still running (gmi-api, D)."""

LISTED = FINAL | {"created", "queued", "dispatched", "processing"}
"""All the statuses the vendor lists (gmi-api, D)."""


# -- going out ---------------------------------------------------------------------------------------------------


class SubmitRequest(BaseModel):
    """The body of `POST /requests`."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    model: str
    payload: dict[str, Any]


# -- coming in ---------------------------------------------------------------------------------------------------


def fields_of(value: object) -> dict[str, Any]:
    """`value` if it is a JSON object, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def items_of(value: object) -> list[Any]:
    """`value` if it is a JSON array, else an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []


@dataclass(frozen=True)
class _Or:
    """Read a value that does not fit as another one."""

    otherwise: object

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return with_default_schema(handler(source), default=self.otherwise, on_error="default")


def _words(limit: int, shown: Callable[[str, int], str] = one_line) -> BeforeValidator:
    """Read a text as it can be shown, at most `limit` characters; a value of another type as an empty text."""

    def words(value: object) -> str:
        return shown(value, limit) if isinstance(value, str) else ""

    return BeforeValidator(words)


_known = lru_cache(1000)(one_line)


def _repeated(text: str, limit: int) -> str:
    """`one_line` for words that stand in every row of a list; only short ones are remembered."""
    return _known(text, limit) if len(text) <= limit else one_line(text, limit)


Text = Annotated[str, _words(300)]
"""A text that is only shown."""

Flag = Annotated[bool, Field(strict=True), _Or(otherwise=False)]
Mapping = Annotated[dict[str, Any], _Or({})]
OptionalMapping = Annotated[dict[str, Any] | None, _Or(None)]
UnixSeconds = Annotated[float | None, Field(strict=True, gt=0, lt=4_102_444_800), _Or(None)]
"""A Unix time in seconds. Not a number, or beyond the year 2100: absent."""

Number = Annotated[float | None, Field(strict=True, gt=-1e300, lt=1e300), _Or(None)]
Sequence = Annotated[list[Any], _Or([])]


class Incoming(BaseModel):
    """Base of what the queue sends: unknown keys are left alone, nothing is coerced."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())


class Record(Incoming):
    """One request, as `GET /requests/{id}` and the answer to a submit show it (guide, "Check Request Status")."""

    request_id: str = Field(pattern=REQUEST_ID_PATTERN)
    model: Annotated[str, _words(200, _repeated)] = ""
    # A job must not get lost over unexpected characters in its status.
    status: Annotated[str, _words(40, _repeated), Field(min_length=1)]
    payload: Mapping = {}
    outcome: OptionalMapping = None
    created_at: UnixSeconds = None
    updated_at: UnixSeconds = None
    # Where other clients believe the text of a failure to be (gmi-api, C); `outcome` is looked at first.
    error: Any = None
    reason: Any = None
    error_message: Any = None
    message: Any = None

    @property
    def status_words(self) -> str:
        """The status as it may stand in a sentence of ours, also at its beginning."""
        return status_words(self.status)

    @property
    def is_final(self) -> bool:
        """Whether the job has ended."""
        return self.status.lower() in FINAL

    @property
    def succeeded(self) -> bool:
        """Whether the job has ended with a video."""
        return self.status.lower() == "success"

    @property
    def video_url(self) -> str:
        """The finished video's address, from either outcome shape, if it can be shown as a link; else empty."""
        outcome = self.outcome or {}
        media = [fields_of(item).get("url", item) for item in items_of(outcome.get("media_urls"))]
        return next((url for url in map(safe_url, [outcome.get("video_url"), *media]) if url), "")

    @property
    def thumbnail_url(self) -> str:
        """The thumbnail's address; it may be the very same .mp4 (gmi-api, D)."""
        return safe_url((self.outcome or {}).get("thumbnail_image_url"))

    @property
    def took(self) -> float | None:
        """Seconds from creation to end, for a finished job whose stamps make sense."""
        if not self.is_final or self.created_at is None or self.updated_at is None:
            return None
        return self.updated_at - self.created_at if self.updated_at > self.created_at else None

    @property
    def never_started(self) -> bool:
        """Whether nothing has touched the job since it was accepted (gmi-api, "Some models … never start it")."""
        return (
            self.status.lower() in {"queued", "created"}
            and self.created_at is not None
            and self.updated_at == self.created_at
        )

    @property
    def failure_text(self) -> str:
        """The vendor's reason for a failure, from wherever it stands; empty where none is given."""
        outcome = self.outcome or {}
        elsewhere = (self.error, self.reason, self.error_message, self.message)
        places = (outcome.get("error"), outcome.get("message"), *elsewhere)
        return next((text for text in map(error_text, places) if text), "")


def records(rows: list[Any]) -> list[Record]:
    """Those of a list's rows that can be read; the others are left out."""
    return _RECORDS.validate_python(rows)


_RECORDS = TypeAdapter(list[OnErrorOmit[Record]])


def status_words(status: str) -> str:
    """A status in a sentence: a word that the vendor lists, or any other text in quotation marks."""
    return status if status.lower() in LISTED else f"status {quote_untrusted(status, 40)}"


def error_text(value: object) -> str:
    """The text of an error that may be a string or an object holding one, on one line."""
    names = ("message", "error", "reason", "error_message", "detail", "code")
    found = [value, *(fields_of(value).get(name) for name in names)]
    return next((text for text in (one_line(text, 2000) for text in found if isinstance(text, str)) if text), "")


class ModelList(Incoming):
    """`GET /models`: ids, under `model_ids` or, as the vendor's SDK also reads it, `models`."""

    model_ids: list[Any] = Field(validation_alias=AliasChoices("model_ids", "models"))

    @property
    def ids(self) -> list[str]:
        """Public model ids, sorted; bare UUIDs are private deployments and hidden."""
        names = {_model_name(item) for item in self.model_ids}
        return sorted((name for name in names if _is_public_id(name)), key=str.lower)


def _model_name(item: object) -> str:
    fields = fields_of(item)
    name = fields.get("model") or fields.get("id") or item
    return name if isinstance(name, str) else ""


UUID = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)
"""A UUID, with or without its hyphens."""


def _is_public_id(name: str) -> bool:
    return is_model_id(name) and not UUID.fullmatch(name)


class Parameter(Incoming):
    """One row of a model's `parameters` (gmi-api, "Lists and models")."""

    name: str = Field(pattern=r"^[A-Za-z0-9_ .:/-]{1,100}$")
    display_name: Text = ""
    description: Annotated[str, _words(1000)] = ""
    type: Text = ""
    required: Flag = False
    default_value: Any = None
    options: Sequence = []
    min_value: Number = None
    max_value: Number = None


class ModelRecord(Incoming):
    """`GET /models/{id}`: the authority on a model's parameters and price."""

    model: Text = ""
    display_name: Text = ""
    brief_description: Annotated[str, _words(2000)] = ""
    detailed_description: Annotated[str, _words(60_000, paragraphs)] = ""
    parameters: list[OnErrorOmit[Parameter]] = []
    price_info: OptionalMapping = None
    pricing_details: Any = None

    @property
    def defaults(self) -> dict[str, Any]:
        """What applies where a payload leaves a parameter out."""
        return {parameter.name: parameter.default_value for parameter in self.parameters}


class UploadTarget(Incoming):
    """`POST /upload-url`: where to put the bytes, and their public URL (gmi-api, "Upload")."""

    upload_url: str = Field(min_length=1, max_length=4096)
    public_url: str = Field(min_length=1, max_length=4096)

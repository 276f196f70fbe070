"""Whether two requests are the same job.

The queue may echo a payload in another spelling than it was sent in: defaults filled in, numbers and booleans as text,
nulls, another Unicode form. Those spellings are equal here, and everything else differs. An image is known by its
content: `DigestOf` gives the digest of what this process uploaded to a URL, so one image at two URLs is one image.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, cast

from pydantic_core import to_json

from gmi_video.catalog.roles import Role, role_of
from gmi_video.upstream.luma_ray2 import DOCUMENTED, LUMA_RAY2
from gmi_video.upstream.wire import Record, SubmitRequest, fields_of, items_of

DigestOf = Callable[[str], str]
"""The digest of the image that this process uploaded to a URL; empty for any other URL or text."""

_EMPTY: tuple[Any, ...] = ("", None, [], {})
"""Values that equal an absent one."""

_LUMA_DEFAULTS = {parameter.name: parameter.default_value for parameter in DOCUMENTED.parameters}
_LONGEST_RUN = 30
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,6})?")


def _no_digest(_: str) -> str:
    return ""


class JobIdentity:
    """What a request is compared by.

    Args:
        request: what is, or was, submitted.
        defaults: the model's defaults, by parameter; a value at its default equals an absent one.
        digest_of: how images are known.
    """

    def __init__(
        self, request: SubmitRequest, defaults: Mapping[str, Any] | None = None, digest_of: DigestOf = _no_digest
    ) -> None:
        self.model = request.model
        self._payload = request.payload
        self._digest_of = digest_of
        # Luma-Ray2's own table, whether its live record could be had or not: the same call must be the same then.
        known = {**(defaults or {}), **(_LUMA_DEFAULTS if self.model == LUMA_RAY2 else {})}
        self._defaults = {name: _canonical(name, value, _no_digest) for name, value in known.items()}
        self._values = self._comparable(request.payload)

    @property
    def fingerprint(self) -> str:
        """A text that is equal for equal requests."""
        return to_json([self.model.casefold(), self._values]).decode()

    def is_of(self, record: Record) -> bool:
        """Whether `record` was made from this request. False for a record that does not show its payload."""
        if not record.payload or not self._may_be_of(record):
            return False
        # The prompt first: in a long list it tells nearly all requests apart, in a sixth of the time.
        same_prompt = self._prompt(record.payload) == self._values.get("prompt")
        return same_prompt and self._comparable(record.payload) == self._values

    def may_be_hidden_in(self, record: Record) -> bool:
        """Whether `record` could be this job but does not show what it was made from (gmi-api, "sometimes `{}`")."""
        return not record.payload and self._may_be_of(record)

    def differs_in_uploads_only(self, record: Record) -> bool:
        """Whether all that differs are images: uploaded by this process in the request, by another in `record`."""
        theirs = record.payload
        uploads = {name for name, value in self._payload.items() if isinstance(value, str) and self._digest_of(value)}
        elsewhere = all(isinstance(theirs.get(name), str) and not self._digest_of(theirs[name]) for name in uploads)
        if not uploads or not elsewhere:
            return False
        same = theirs | {name: self._payload[name] for name in uploads}
        return self.is_of(record.model_copy(update={"payload": same}))

    def _may_be_of(self, record: Record) -> bool:
        return not record.model or record.model.casefold() == self.model.casefold()

    def _prompt(self, payload: Mapping[str, Any]) -> Any:
        value = _canonical("prompt", payload.get("prompt"), self._digest_of)
        return None if value in _EMPTY or value == self._defaults.get("prompt") else value

    def _comparable(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        if self.model == LUMA_RAY2:
            # The queue ignores what is in neither table, so other keys that it echoes make no difference.
            payload = {name: payload[name] for name in self._defaults if name in payload}
        values = {name: _canonical(name, payload[name], self._digest_of) for name in sorted(payload)}
        return {
            name: value for name, value in values.items() if value not in _EMPTY and value != self._defaults.get(name)
        }


def same_kind(request: SubmitRequest, record: Record) -> bool:
    """Whether a record has the same size and length as the request, so that it took about as long to make."""

    def kind(payload: Mapping[str, Any]) -> dict[str, Any]:
        if request.model == LUMA_RAY2:
            payload = _LUMA_DEFAULTS | dict(payload)
        chosen = {name for name in payload if role_of(name) in (Role.LENGTH, Role.SIZE)}
        return {name: _canonical(name, payload[name], _no_digest) for name in chosen if payload[name] not in _EMPTY}

    return bool(record.payload) and kind(request.payload) == kind(record.payload)


def _canonical(name: str, value: object, digest_of: DigestOf) -> Any:
    """A value in one spelling: text in NFC without white space at its ends, numbers and booleans as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _digits(str(value))
    if isinstance(value, str):
        if digest := digest_of(value):
            return digest
        text = _in_nfc(value).strip()
        if name == "prompt":
            # A prompt is compared to the letter: "5" is a number elsewhere, here it is what should be seen.
            return text
        return text.lower() if text.lower() in {"true", "false"} else _digits(text)
    if isinstance(value, list):
        return [_canonical(name, item, digest_of) for item in items_of(cast("object", value))]
    if isinstance(value, dict):
        return {key: _canonical(key, inner, digest_of) for key, inner in fields_of(cast("object", value)).items()}
    return None


def _in_nfc(text: str) -> str:
    """Text in NFC, or as it is where more than 30 combining marks follow one another, as in no language.

    Python sorts such a run in a time that grows with the square of its length: 40,000 marks take a second. Unicode's
    stream-safe text has runs of at most 30 (UAX 15, D3).
    """
    if text.isascii():
        return text
    run = 0
    for mark in map(unicodedata.combining, text):
        run = run + 1 if mark else 0
        if run > _LONGEST_RUN:
            return text
    return unicodedata.normalize("NFC", text)


def _digits(text: str) -> str:
    """A plain decimal number without a fraction of zeros: "5.0" is "5"."""
    if not _NUMBER.fullmatch(text):
        return text
    return text.rstrip("0").rstrip(".") if "." in text else text

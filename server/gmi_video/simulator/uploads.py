"""Uploaded files, and the signed addresses they arrive at (gmi-api.md "Upload", P)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

CONTENT_TYPES = {
    "jpeg": "image/jpeg",
    "jpg": "image/jpg",
    "png": "image/png",
    "mp4": "video/mp4",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
}
"""The Content-Type that is signed for each file type; `image/jpg` and `audio/mpeg` are the vendor's own (P)."""

LIFETIME = 899
"""Seconds a signed address lives (P)."""


@dataclass
class Upload:
    """One signed address, and what arrived at it."""

    name: str
    signature: str
    content_type: str
    expires: float
    body: bytes | None = field(default=None, repr=False)


class UploadRefused(Exception):
    """The storage said no: an HTTP status and its sentence."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Uploads:
    """The pretend bucket."""

    def __init__(self, new_name: Callable[[], str]) -> None:
        self._new_name = new_name
        self.by_name: dict[str, Upload] = {}

    def sign(self, file_type: str, now: float) -> Upload:
        """A fresh address for one file of that type.

        Raises:
            UploadRefused: 400, the type is none of the six.
        """
        if file_type not in CONTENT_TYPES:
            raise UploadRefused(400, f"invalid file_type: {file_type}, must be one of: {', '.join(CONTENT_TYPES)}")
        name = f"{self._new_name()}.{file_type}"
        upload = Upload(name, self._new_name().replace("-", ""), CONTENT_TYPES[file_type], now + LIFETIME)
        self.by_name[name] = upload
        return upload

    def put(
        self, name: str, signature: str, content_type: str | None, body: bytes, *, now: float, expired_status: int
    ) -> None:
        """Store a file under the terms of its address.

        Raises:
            UploadRefused: 403 for a wrong signature or Content-Type, 400 for none, `expired_status` after 899 s.
        """
        upload = self.by_name.get(name)
        if upload is None or signature != upload.signature:
            raise UploadRefused(403, "SignatureDoesNotMatch: the signature is not the one of this URL")
        if now >= upload.expires:
            raise UploadRefused(expired_status, "ExpiredToken: this signed URL has expired")
        if not content_type:
            raise UploadRefused(400, "MissingContentType: the signed header Content-Type is missing")
        if content_type != upload.content_type:
            raise UploadRefused(403, f"SignatureDoesNotMatch: Content-Type {content_type} was not signed")
        upload.body = body

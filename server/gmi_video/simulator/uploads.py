"""Uploaded files and the signed URLs they are sent to (P)."""

from collections.abc import Callable
from dataclasses import dataclass, field

from gmi_video.simulator.validation import ApiError

CONTENT_TYPES = {
    "jpeg": "image/jpeg",
    "jpg": "image/jpg",
    "png": "image/png",
    "mp4": "video/mp4",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
}
"""The signed Content-Type for each file type; `image/jpg` and `audio/mpeg` are what the vendor signs (P)."""

LIFETIME = 899
"""Seconds for which a signed URL is valid (P)."""


@dataclass
class Upload:
    """One signed URL, and the file that was sent to it (None before that)."""

    name: str
    signature: str
    content_type: str
    expires: float
    body: bytes | None = field(default=None, repr=False)


class Uploads:
    """The storage bucket."""

    def __init__(self, new_name: Callable[[], str]) -> None:
        self._new_name = new_name
        self.by_name: dict[str, Upload] = {}

    def sign(self, file_type: str, now: float) -> Upload:
        """Sign a URL for one file of a type.

        Raises:
            ApiError: 400, not one of the six types.
        """
        if file_type not in CONTENT_TYPES:
            raise ApiError(400, f"invalid file_type: {file_type}, must be one of: {', '.join(CONTENT_TYPES)}")
        name = f"{self._new_name()}.{file_type}"
        upload = Upload(name, self._new_name().replace("-", ""), CONTENT_TYPES[file_type], now + LIFETIME)
        self.by_name[name] = upload
        return upload

    def put(
        self, name: str, signature: str, content_type: str | None, body: bytes, *, now: float, expired_status: int
    ) -> None:
        """Store a file sent to a signed URL.

        Raises:
            ApiError: 403 for a wrong signature or Content-Type, 400 for no Content-Type, `expired_status` after 899 s.
        """
        upload = self.by_name.get(name)
        if upload is None or signature != upload.signature:
            raise ApiError(403, "SignatureDoesNotMatch: the signature is not the one of this URL")
        if now >= upload.expires:
            raise ApiError(expired_status, "ExpiredToken: this signed URL has expired")
        if not content_type:
            raise ApiError(400, "MissingContentType: the signed header Content-Type is missing")
        if content_type != upload.content_type:
            raise ApiError(403, f"SignatureDoesNotMatch: Content-Type {content_type} was not signed")
        upload.body = body

"""Open questions of 2026-07-28, sealed so that every copy of the server can take their answers.

There a call ends with its question, and the client makes the call again with the answer and with what the server gave
it to keep (`requestState`). The SDK seals that with a key of its process. Here the key is derived from the API key,
which all copies have, so that no copy keeps anything; and when the question was asked is sealed too.
"""

import hashlib
import hmac
import json
import math
import struct
from collections.abc import Callable
from contextvars import ContextVar

from mcp.server.request_state import AESGCMRequestStateCodec, InvalidRequestState, RequestStateSecurity

from gmi_video.settings import Settings

SEALED_SECONDS = 600.0
"""After this time the SDK takes no answer: longer than a question is open, so that the user is told why."""

_STAMP = struct.Struct(">d")

_open_for: ContextVar[float] = ContextVar("seconds_open", default=math.inf)


def sealing(settings: Settings, now: Callable[[], float]) -> RequestStateSecurity:
    """How what a client keeps is sealed.

    Args:
        settings: copies with the same API key, queue and organisation read each other's. Without a key there is no
            question.
        now: this machine's clock, in Unix seconds.
    """
    if not settings.api_key:
        return RequestStateSecurity.ephemeral(ttl=SEALED_SECONDS)
    # One way: neither the key nor the ledger's hashes, which are made with it too, can be had from this one. Who has
    # the key can make a seal; they could answer their own question as well.
    label = json.dumps(["requestState", settings.base_url, settings.org_id])
    secret = hmac.new(settings.api_key.encode(), label.encode(), hashlib.sha256).digest()
    return RequestStateSecurity(codec=Stamped(AESGCMRequestStateCodec([secret]), now), ttl=SEALED_SECONDS)


def seconds_open() -> float:
    """How long ago the question was asked that this request has the answer to; infinite where there is none."""
    return _open_for.get()


class Stamped:
    """A codec of the SDK's that also seals when. The SDK seals the time as well, but does not tell it to tools."""

    def __init__(self, codec: AESGCMRequestStateCodec, now: Callable[[], float]) -> None:
        self._codec = codec
        self._now = now

    def seal(self, payload: bytes) -> str:
        """Seal what a client is to keep."""
        return self._codec.seal(_STAMP.pack(self._now()) + payload)

    def unseal(self, token: str) -> bytes:
        """What was sealed. Raises `InvalidRequestState` for anything else."""
        plain = self._codec.unseal(token)
        if len(plain) < _STAMP.size:
            raise InvalidRequestState("malformed")
        (asked,) = _STAMP.unpack_from(plain)
        _open_for.set(self._now() - asked)
        return plain[_STAMP.size :]

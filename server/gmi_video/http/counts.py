"""Counts what passes between the server and the queue, and what is answered over HTTP."""

import re
from collections import Counter
from urllib.parse import urlsplit

import httpx

_CALLS = (
    ("submit", "POST", re.compile(r"/requests")),
    ("look", "GET", re.compile(r"/requests/[^/]+")),
    ("list", "GET", re.compile(r"/requests")),
    ("model", "GET", re.compile(r"/models.*")),
    ("upload_url", "POST", re.compile(r"/upload-url")),
)
"""The queue's endpoints: a name, the method, and the path below the queue's address."""


class Counts:
    """What was counted since the start. `queue`: by call and outcome (`ok`, or a fault); `answers`: by HTTP status."""

    def __init__(self) -> None:
        self.queue: Counter[tuple[str, str]] = Counter()
        self.answers: Counter[int] = Counter()


class Counted(httpx.AsyncBaseTransport):
    """A transport that counts its exchanges, and is not closed by those who share it.

    Args:
        inner: sends.
        counts: where it counts.
        base_url: the queue's address.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, counts: Counts, base_url: str) -> None:
        self._inner = inner
        self._counts = counts
        self._base = urlsplit(base_url)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange. Raises like the transport that sends."""
        call = self._call(request)
        try:
            response = await self._inner.handle_async_request(request)
        except httpx.TransportError:
            self._counts.queue[call, "unanswered"] += 1
            raise
        self._counts.queue[call, "ok" if response.is_success else f"http_{response.status_code // 100}xx"] += 1
        return response

    def _call(self, request: httpx.Request) -> str:
        if request.url.host == self._base.hostname and request.url.path.startswith(self._base.path):
            path = request.url.path.removeprefix(self._base.path)
            for name, method, form in _CALLS:
                if method == request.method and form.fullmatch(path):
                    return name
        return "file"

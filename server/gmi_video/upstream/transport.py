"""One HTTP exchange with the queue: connection pool, API key, rate limit, bounds on time and size.

Raises `UpstreamError` for anything but a 2xx with a JSON object in it. Repeats nothing; `client` decides about retries.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, TypeVar, cast

import anyio
import httpx
from anyio import to_thread
from pydantic_core import from_json, to_json

from gmi_video import __version__
from gmi_video.errors import Unavailable
from gmi_video.settings import Settings
from gmi_video.upstream import addresses, bodies, failures, lists
from gmi_video.upstream.addresses import NotPublic, Place, Resolve, Unresolved
from gmi_video.upstream.bodies import BadBody, Body
from gmi_video.upstream.connection import Connection, new_client
from gmi_video.upstream.failures import Operation
from gmi_video.upstream.lists import RecordList
from gmi_video.upstream.rate_limit import Line, LineTooLong, RateLimiter, Turn

_log = logging.getLogger(__name__)

_T = TypeVar("_T")

MAX_BODY_BYTES = 16 * 1024 * 1024
"""Largest response that is read."""

MAX_LIST_BYTES = 64 * 1024 * 1024
"""As much of a request list is read, which has no documented length; what is longer is cut."""

MAX_VALUES = 500_000
"""Most values in a response that is parsed at once; parsing that number takes about 50 ms and 40 MB."""

IN_THREAD_BYTES = 256 * 1024
"""A response longer than this is parsed in a worker thread: a list of 60,000 rows takes seconds."""

CONNECT_SECONDS = 10.0
READ_SECONDS = 20.0
EXCHANGE_SECONDS = 60.0
"""The bound on one exchange, however slowly its bytes arrive."""


class Transport:
    """HTTP to the queue. The connection pool is opened at the first call.

    Args:
        settings: the key, the address, the rate limit.
        transport: the HTTP transport; None is the network, tests put the simulator here.
        now: this machine's clock, in Unix seconds.
        resolve: finds the addresses of the host that an image is uploaded to.
    """

    def __init__(
        self,
        settings: Settings,
        transport: httpx.AsyncBaseTransport | None,
        now: Callable[[], float] = time.time,
        resolve: Resolve = addresses.resolve,
    ) -> None:
        self._resolve = resolve
        self._settings = settings
        self._connection = None if transport else Connection(settings.network)
        self._http_transport = transport or self._connection
        self._now = now
        self._opened: httpx.AsyncClient | None = None
        self._limiter = RateLimiter(settings.max_requests_per_second)
        self._clock_offset = 0.0

    def server_now(self) -> float:
        """Unix seconds by the queue's clock, as its last `Date` header showed it; by this machine's before that."""
        return self._now() + self._clock_offset

    async def json(
        self,
        method: str,
        path: str,
        operation: Operation,
        *,
        body: Mapping[str, Any] | None = None,
        read_seconds: float = READ_SECONDS,
        turn: Turn | None = None,
    ) -> dict[str, Any]:
        """One exchange with the queue, with the key. Returns the JSON object of a 2xx."""
        raw, _ = await self._send_with_key(method, path, operation, body=body, read_seconds=read_seconds, turn=turn)
        parsed = await _in_thread_if_long(raw, self._parse)
        if not isinstance(parsed, dict):
            too_many = bodies.count_values(raw, MAX_VALUES) > MAX_VALUES
            what = f"holds more than {MAX_VALUES:,} values" if too_many else "is not the JSON object it should be"
            raise failures.garbled(operation, what)
        return cast("dict[str, Any]", parsed)

    async def records(
        self, path: str, operation: Operation, params: Mapping[str, str], turn: Turn | None = None
    ) -> RecordList:
        """Fetch a request list, with the key.

        Raises:
            UpstreamError: no usable response.
            Unreadable: the body is no request list.
        """
        raw, cut = await self._send_with_key(
            "GET", path, operation, params=params, max_bytes=MAX_LIST_BYTES, cut_longer=True, turn=turn
        )
        parse = partial(self._parse, lenient=True)
        return await _in_thread_if_long(raw, partial(lists.read, parse=parse, cut=cut))

    async def place(self, url: str) -> Place:
        """Where a file may be put that has this signed URL. Raises `UpstreamError` where it may not, or can't."""

        def proxied(host: str) -> bool:
            return bool(self._settings.network.proxy_for(host))

        try:
            return await addresses.place(url, base_url=self._settings.base_url, proxied=proxied, resolve=self._resolve)
        except NotPublic:
            raise failures.no_safe_place() from None
        except Unresolved:
            raise failures.unresolved(Operation("upload"), httpx.URL(url).host) from None

    async def put(self, place: Place, content: bytes, content_type: str, *, seconds: float) -> None:
        """Put a file, without the key, to the first of the place's addresses that a connection can be made to."""
        *others, last = place.urls
        headers = place.headers | {"Content-Type": content_type}
        put = partial(
            self.send, "PUT", operation=Operation("upload"), content=content, headers=headers, seconds=seconds,
            extensions=place.extensions, turn=Turn(Line.SUBMITS),
        )  # fmt: skip
        for url in others:
            try:
                await put(url)
            except Unavailable as error:
                if error.maybe_arrived:
                    raise
            else:
                return
        await put(last)

    async def _send_with_key(
        self, method: str, path: str, operation: Operation, *, body: Mapping[str, Any] | None = None, **options: Any
    ) -> Body:
        headers = {"Authorization": f"Bearer {self._settings.api_key}", "Accept": "application/json"}
        if self._settings.org_id:
            headers["X-Organization-ID"] = self._settings.org_id
        if body is not None:
            headers["Content-Type"] = "application/json"
            options["content"] = to_json(body)
        return await self.send(method, self._settings.base_url + path, operation, headers=headers, **options)

    async def send(
        self,
        method: str,
        url: str,
        operation: Operation,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        read_seconds: float = READ_SECONDS,
        seconds: float = EXCHANGE_SECONDS,
        max_bytes: int = MAX_BODY_BYTES,
        cut_longer: bool = False,
        extensions: Mapping[str, str] | None = None,
        turn: Turn | None = None,
    ) -> Body:
        """One exchange with any host, with these headers only, in `seconds` at most. Returns the body of a 2xx.

        A body longer than `max_bytes` is an error, or with `cut_longer` is cut there. `turn` is when it may leave; by
        default that of a look.
        """
        # Before its turn: what takes long to open would let calls leave closer together than they may.
        client = await self.open()
        try:
            await self._limiter.acquire(turn or Turn())
        except LineTooLong as line:
            raise failures.in_line(line.calls, line.seconds, operation) from None
        timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS, read=read_seconds)
        host = ""
        try:
            request = client.build_request(
                method, url, params=params, content=content, headers=headers, timeout=timeout,
                extensions=dict(extensions or {}),
            )  # fmt: skip
            host = request.extensions.get("sni_hostname") or request.url.host
            with anyio.fail_after(seconds):
                response = await client.send(request, stream=True)
                try:
                    raw, cut = await bodies.read(response, max_bytes)
                except BadBody as error:
                    if response.is_success:
                        raise failures.garbled(operation, str(error)) from None
                    raw, cut = Body(b"")  # the status says enough
                finally:
                    await response.aclose()
        except httpx.TransportError as error:
            raise failures.unreachable(error, operation, host) from None
        except TimeoutError:
            raise failures.unreachable(httpx.ReadTimeout(""), operation, host) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError):
            raise failures.garbled(operation, "could not be read as HTTP") from None
        _log.debug("%s %s%s: HTTP %d, %d bytes", method, host, request.url.path, response.status_code, len(raw))
        if url.startswith(self._settings.base_url):
            self._note_clock(response.headers.get("date", ""))
        if cut and not (cut_longer and response.is_success):
            raise failures.garbled(operation, f"is larger than {max_bytes // 1024 // 1024} MB")
        if not response.is_success:
            raise failures.from_response(
                response.status_code, response.headers, self._parse(raw), operation, self._settings.check_key()
            )
        return Body(raw, cut)

    async def aclose(self) -> None:
        """Close the connection pool, if it was ever opened."""
        if self._opened is not None:
            await self._opened.aclose()
            self._opened = None

    async def open(self) -> httpx.AsyncClient:
        """The connection pool, opened at the first call; nothing is sent yet.

        Raises:
            SettingsError: the proxy's address or the certificates can't be used.
        """
        # Opened late: reading the certificate store takes longer than answering tools/list.
        if self._opened is None and self._connection is not None:
            await self._connection.open(self._settings.base_url)
        if self._opened is None:
            headers = {"User-Agent": f"gmi-video-mcp/{__version__}", "Accept-Encoding": bodies.ACCEPTED}
            self._opened = new_client(self._settings.network, self._http_transport, headers)
        return self._opened

    def _parse(self, raw: bytes, *, lenient: bool = False) -> Any:
        """JSON, or None. The key is removed wherever the queue has echoed it, also where JSON escapes it."""
        raw = raw.removeprefix(b"\xef\xbb\xbf")
        if len(raw) > MAX_VALUES and bodies.count_values(raw, MAX_VALUES) > MAX_VALUES:
            return None
        key = json.dumps(self._settings.api_key)[1:-1]
        try:
            parsed = lists.parse_leniently(raw) if lenient else from_json(raw, allow_inf_nan=False)
            if key and (key.encode() in raw or b"\\" in raw) and key in (text := json.dumps(parsed)):
                parsed = json.loads(text.replace(key, "[API key]"))
        except (ValueError, RecursionError):
            return None
        return parsed

    def _note_clock(self, date: str) -> None:
        try:
            self._clock_offset = parsedate_to_datetime(date).timestamp() - self._now()
        except (ValueError, OverflowError):
            return


async def _in_thread_if_long(raw: bytes, read: Callable[[bytes], _T]) -> _T:
    """What `read` makes of a body, in a worker thread where that takes long."""
    if len(raw) <= IN_THREAD_BYTES:
        return read(raw)
    return await to_thread.run_sync(read, raw, abandon_on_cancel=True)

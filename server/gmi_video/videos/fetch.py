"""Fetches a file from a foreign address: without the API key, from a public host only, bounded in size and time.

A link comes from the queue's answer and a redirect from whoever answers there, so each is checked like the place that
an image is uploaded to (`upstream.addresses`). A transfer that breaks off is resumed where the server can do that, else
begun again.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
from anyio import lowlevel

from gmi_video import __version__
from gmi_video.errors import SettingsError
from gmi_video.settings import Settings
from gmi_video.upstream import addresses
from gmi_video.upstream.addresses import NotPublic, Place, Resolve, Unresolved
from gmi_video.upstream.connection import new_client
from gmi_video.videos.part import Broken, NotFetched, Part, Unusable, UserMustAct

MAX_BYTES = 2 * 1024**3
"""Largest file that is fetched."""

FETCH_SECONDS = 1800.0
"""The bound on one file with all its tries: 2 GB at 10 Mbit/s."""

CONNECT_SECONDS = 10.0
READ_SECONDS = 20.0
"""The longest pause between two bytes."""

ATTEMPTS = 4
"""Tries, the first one included. The pauses between them are about 1, 2 and 4 s, so that a host that refuses at once is
known to while the answer waits for the file."""

MAX_REDIRECTS = 5

_CHUNKS = 64
"""After this number of chunks other tasks run: chunks that were received already come without a pause."""

_REDIRECTS = {301, 302, 303, 307, 308}


class Fetcher:
    """Fetches files. Its connections are its own: none of them ever has the API key.

    Args:
        settings: the network, and the queue's address; where that is on loopback, so may a file's be.
        transport: the HTTP transport; None is the network.
        resolve: finds the addresses of a host.
    """

    def __init__(
        self,
        settings: Settings,
        transport: httpx.AsyncBaseTransport | None = None,
        resolve: Resolve = addresses.resolve,
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._resolve = resolve
        self._client: httpx.AsyncClient | None = None

    async def fetch(
        self,
        url: str,
        file: Path,
        accepts: Callable[[bytes], bool],
        *,
        max_bytes: int = MAX_BYTES,
        kind: str = "a video",
    ) -> int:
        """Fetch a URL into a file, in `FETCH_SECONDS` at most, and have the system write it to the disk.

        Args:
            url: the link.
            file: exists, and is written from its beginning. Where this fails, it holds a part or nothing.
            accepts: whether the first `HEAD_BYTES` bytes are of the kind that is wanted; else no more is fetched.
            max_bytes: the largest size.
            kind: what is wanted, for the error.

        Returns:
            The size in bytes.

        Raises:
            NotFetched: it can't be had, is not wanted, or is too large.
            OSError: the file can't be written.
        """
        # Here, because the start of the server needs no more than this module's names.
        from tenacity import (  # noqa: PLC0415
            AsyncRetrying,
            retry_if_exception_type,
            stop_after_attempt,
            wait_exponential_jitter,
        )

        part = Part(file, accepts, max_bytes, kind)
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(Broken),
            wait=wait_exponential_jitter(multiplier=1, jitter=1),
            stop=stop_after_attempt(ATTEMPTS),
            sleep=anyio.sleep,
            reraise=True,
        )
        with anyio.move_on_after(FETCH_SECONDS):
            await retrying(self._attempt, url, part)
            return await part.sync()
        raise NotFetched(f"its transfer took longer than {FETCH_SECONDS / 60:g} min")

    async def aclose(self) -> None:
        """Close the connections, if there ever were any."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _attempt(self, url: str, part: Part) -> None:
        """One try: the rest of a file, or the whole."""
        try:
            async with self._answer(url, part.range_headers()) as response:
                part.begin(response)
                number = 0
                async for chunk in response.aiter_raw():
                    number += 1
                    if number % _CHUNKS == 0:
                        await lowlevel.checkpoint()
                    await part.add(chunk)
                await part.end()
        except httpx.TransportError as error:
            await part.flush()
            raise _unreachable(error) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError):
            raise NotFetched("the answer at its address can't be read as HTTP") from None
        except SettingsError:
            raise UserMustAct(
                "the proxy or the certificates of this server's environment can't be used", "have the user correct them"
            ) from None

    @asynccontextmanager
    async def _answer(self, url: str, headers: Mapping[str, str]) -> AsyncGenerator[httpx.Response]:
        """The answer at a URL, or where it redirects to. Each address on the way is checked."""
        for _ in range(MAX_REDIRECTS + 1):
            place = await self._place(url)
            response = await self._get(place, headers)
            try:
                if response.status_code not in _REDIRECTS:
                    yield response
                    return
                # Not by response.url, which has the address in the place of the name.
                url = str(place.url.join(response.headers.get("location", "")))
            finally:
                await response.aclose()
        raise NotFetched(f"its address redirects more than {MAX_REDIRECTS} times")

    async def _get(self, place: Place, headers: Mapping[str, str]) -> httpx.Response:
        """GET the first of the place's addresses that a connection can be made to."""
        if self._client is None:
            # Nothing compressed, so that sizes and ranges are those of the file. Some hosts refuse who has no name.
            ours = {"User-Agent": f"gmi-video-mcp/{__version__}", "Accept-Encoding": "identity"}
            self._client = new_client(self._settings.network, self._transport, ours)
        *others, last = place.urls
        timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)

        async def get(url: str) -> httpx.Response:
            assert self._client is not None  # noqa: S101 - opened above
            request = self._client.build_request(
                "GET", url, headers={**place.headers, **headers}, extensions=dict(place.extensions), timeout=timeout
            )
            return await self._client.send(request, stream=True)

        for url in others:
            try:
                return await get(url)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await get(last)

    async def _place(self, url: str) -> Place:
        network = self._settings.network
        try:
            return await addresses.place(
                url,
                base_url=self._settings.base_url,
                proxied=lambda host: bool(network.proxy_for(host)),
                resolve=self._resolve,
            )
        except NotPublic:
            raise Unusable(
                "its link leads to a place that is not a public https host, which this server does not fetch from",
                "the user can open the link themselves",
            ) from None
        except Unresolved:
            raise Broken("the host of its link was not found") from None


def _unreachable(error: httpx.TransportError) -> Broken:
    if isinstance(error, httpx.ProxyError):
        return Broken("the proxy does not let the host of its link through")
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return Broken("the host of its link could not be reached")
    if isinstance(error, httpx.TimeoutException):
        return Broken("the host of its link did not go on sending")
    return Broken("its transfer broke off")

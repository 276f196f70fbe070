"""Connections over the network, directly or through the proxy that the environment names, as httpx transports."""

import logging
import os
import ssl
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy

import anyio
import httpx
from anyio import to_thread

from gmi_video.errors import SettingsError
from gmi_video.network import Network

CONNECTIONS, KEEP_ALIVE_SECONDS = 16, 30
"""Connections at the same time, half of which stay open between requests, and for how long they do."""

_ADVICE = (
    "Tell the user to correct this in the `env` block of this server's entry in the host's MCP configuration, then to "
    "restart the server. Calling again before that will not help."
)


class Connection(httpx.AsyncBaseTransport):
    """The network. Nothing is opened and no certificate is read before the first request.

    The environment is not read here: HTTP_PROXY, which would see the key in clear, is never used.
    """

    def __init__(self, network: Network, connections: int = CONNECTIONS) -> None:
        self._network = network
        self._limits = httpx.Limits(
            max_connections=connections,
            max_keepalive_connections=connections // 2,
            keepalive_expiry=KEEP_ALIVE_SECONDS,
        )
        self._ways: dict[str, httpx.AsyncHTTPTransport] = {}
        """By the proxy's URL; the direct one under an empty text."""
        self._opening = anyio.Lock(fast_acquire=True)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One HTTP exchange.

        Raises:
            SettingsError: the proxy's address or the certificates can't be used.
            httpx.TransportError: as httpx has them.
        """
        # A request to an address that was checked has the host's name here.
        host = request.extensions.get("sni_hostname") or request.url.host
        way = await self._way(self._network.proxy_for(host))
        return await way.handle_async_request(request)

    async def open(self, url: str) -> None:
        """Get ready to connect to a URL's host. Nothing is sent. Raises `SettingsError` as above."""
        await self._way(self._network.proxy_for(httpx.URL(url).host))

    async def aclose(self) -> None:
        """Close all connections."""
        for way in self._ways.values():
            await way.aclose()

    async def _way(self, proxy: str) -> httpx.AsyncHTTPTransport:
        async with self._opening:
            if proxy not in self._ways:
                # In a thread: reading the certificates can take some tenths of a second.
                self._ways[proxy] = await to_thread.run_sync(self._opened, proxy)
            return self._ways[proxy]

    def _opened(self, proxy: str) -> httpx.AsyncHTTPTransport:
        trusted = self._trusted()
        try:
            return httpx.AsyncHTTPTransport(verify=trusted, limits=self._limits, proxy=proxy or None)
        except (ValueError, ImportError, httpx.InvalidURL):
            raise SettingsError(
                f"{self._network.proxy_variable} is not the address of a proxy that this server can use. It "
                "must be http://host:port. Nothing was sent and nothing was charged.",
                _ADVICE,
            ) from None

    def _trusted(self) -> ssl.SSLContext:
        """The certificate authorities. Raises `SettingsError` where those that the environment names can't be read."""
        place = self._network.authorities
        try:
            if place is None:
                return httpx.create_ssl_context(trust_env=False)
            if not place.is_dir():
                return ssl.create_default_context(cafile=place)
            if not any(len(name := entry.name) > 9 and name[8] == "." for entry in place.iterdir()):
                raise FileNotFoundError  # OpenSSL finds certificates by names like 5ed36f99.0 and is silent otherwise
            return ssl.create_default_context(capath=place)
        except OSError as error:
            # Python writes the secrets of TLS to the file that SSLKEYLOGFILE names, and fails where it can't.
            log = os.environ.get("SSLKEYLOGFILE")
            variable = "SSLKEYLOGFILE" if log and error.filename == log else self._network.authorities_variable
            raise SettingsError(
                f"{variable} names something that can't be used: for SSL_CERT_FILE it must be a file of certificates "
                "in PEM form, for SSL_CERT_DIR a folder prepared with `openssl rehash`, for SSLKEYLOGFILE a file that "
                "can be written. Nothing was sent and nothing was charged.",
                _ADVICE,
            ) from None


def new_client(
    network: Network, transport: httpx.AsyncBaseTransport | None, headers: Mapping[str, str]
) -> httpx.AsyncClient:
    """An HTTP client that does only what it is told to: no redirects, no cookies, nothing from the environment.

    Args:
        network: proxies and certificates.
        transport: the HTTP transport in place of the network.
        headers: sent with every request.
    """
    for talkative in ("httpx", "httpcore"):
        # They log what is sent back, headers and all, and the queue may send the key back; and signed links.
        logging.getLogger(talkative).setLevel(logging.WARNING)
    return httpx.AsyncClient(
        transport=transport or Connection(network),
        # Nothing from the environment but what `Connection` has: a proxy for http would see the key.
        trust_env=False,
        # None is kept: the API has none, and whoever answers could let them grow.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        follow_redirects=False,
        headers=headers,
    )

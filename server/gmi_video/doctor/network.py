"""How the queue is reached: proxy and certificates of the environment; and why a connection failed, in words."""

import errno
import os
import socket
import ssl
import sys
from collections.abc import Iterator
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import httpx

from gmi_video import network
from gmi_video.doctor.checks import Check
from gmi_video.settings import Settings
from gmi_video.text import quote_untrusted

_NO_ROUTE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN}


def host_of(settings: Settings) -> str:
    """The queue's host."""
    return urlsplit(settings.base_url).hostname or ""


def check_network(settings: Settings) -> list[Check]:
    """The proxy and the certificates that apply to the queue's address. Opens no connection."""
    return [_proxy(settings), _certificates(settings.network)]


def _proxy(settings: Settings) -> Check:
    host, found = host_of(settings), settings.network
    used = found.proxy_for(host)
    details = {"host": host, "proxy": without_user(used) if used else None, "variable": found.proxy_variable or None}
    if used:
        said = f"{host} is reached through the proxy {without_user(used)} ({_origin(found.proxy_variable)})."
    elif not found.proxy:
        said = f"{host} is reached without a proxy; the environment names none for https."
    elif host in network.LOOPBACK_HOSTS:
        said = f"{host} is this machine and is reached without the proxy of {found.proxy_variable}."
    else:
        said = f"{host} is reached without the proxy of {found.proxy_variable}, because NO_PROXY names it."
    return Check("proxy", "ok", said, details=details)


def _certificates(found: network.Network) -> Check:
    details = {"variable": found.authorities_variable or None, "place": str(found.authorities or "") or None}
    if found.authorities is None:
        return Check("certificates", "ok", "The usual certificate authorities are trusted.", details=details)
    return Check(
        "certificates",
        "ok",
        f"Only the certificate authorities in {found.authorities} are trusted ({found.authorities_variable}).",
        details=details,
    )


def _origin(variable: str) -> str:
    has_own = sys.platform in {"darwin", "win32"}  # and those come in under the same names
    return "the system's settings" if has_own and variable not in os.environ else variable


def without_user(proxy: str) -> str:
    """A proxy's address without user name and password."""
    try:
        parts = urlsplit(proxy)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "that is not an address"
    return f"{parts.scheme}://{parts.hostname or ''}{port}"


class Failure(NamedTuple):
    """Why there was no answer, and what to do, a sentence each."""

    message: str
    remedy: str


def why(error: BaseException, settings: Settings) -> Failure:
    """Why a request to the queue got no answer."""
    host, proxy = host_of(settings), settings.network.proxy_for(host_of(settings))
    peer = f"the proxy {without_user(proxy)}" if proxy else host
    check_peer = (
        f"Check {settings.network.proxy_variable}, or name {host} in NO_PROXY if no proxy is needed."
        if proxy
        else "Check this machine's network, and GMI_BASE_URL if it is set."
    )
    for cause in _causes(error):
        match cause:
            case ssl.SSLCertVerificationError():
                return Failure(
                    f"The certificate that {host} shows is not trusted: {quote_untrusted(cause.verify_message, 120)}.",
                    "If a company's proxy inspects TLS, put its certificate authority into a PEM file and name that in "
                    "SSL_CERT_FILE. Otherwise check this machine's clock.",
                )
            case ssl.SSLError():
                return Failure(
                    f"The TLS connection to {host} failed ({cause.reason or 'no reason given'}).",
                    "Something between this machine and the queue does not speak TLS: check GMI_BASE_URL, proxies and "
                    "firewalls.",
                )
            case httpx.ProxyError():
                return Failure(
                    f"The proxy {without_user(proxy)} refused the connection to {host}: "
                    f"{quote_untrusted(str(cause), 120)}.",
                    "Ask who runs the proxy; a user name and password go into "
                    f"{settings.network.proxy_variable or 'HTTPS_PROXY'}.",
                )
            case socket.gaierror():
                return Failure(f"No address was found for {peer} (DNS).", check_peer)
            case ConnectionRefusedError():
                return Failure(f"The connection was refused: nothing listens where {peer} should be.", check_peer)
            case OSError() if cause.errno in _NO_ROUTE:
                return Failure(f"There is no route to {peer}.", check_peer)
            case _:
                continue
    if isinstance(error, httpx.ConnectTimeout):
        return Failure(f"No connection to {peer} could be made in time.", check_peer)
    if isinstance(error, httpx.ConnectError):
        return Failure(f"No connection to {peer} could be made.", check_peer)
    if isinstance(error, httpx.TimeoutException):
        return Failure(f"{host} did not answer in time.", "Try again in a minute.")
    return Failure(f"{host} broke the connection off before it had answered.", "Try again in a minute.")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what led to it, outermost first."""
    seen = set[int]()
    waiting = [error]
    while waiting:
        current = waiting.pop(0)
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        if isinstance(current, BaseExceptionGroup):
            waiting += cast("BaseExceptionGroup[BaseException]", current).exceptions
        waiting += [current.__cause__, current.__context__]

"""Where images may be put and videos fetched: a public https host, at an address that was checked; a queue on loopback.

The queue names the place in its answer. Followed blindly it could be any service in the user's network, which would
get a request of ours. A name is resolved once, all its addresses must be public, and the connection is made to one of
them and not to the name, which might lead elsewhere by then (DNS rebinding).
"""

import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

import anyio
import httpx

from gmi_video.network import LOOPBACK_HOSTS

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

URL_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
"""RFC 3986's characters. URL parsers disagree about others (blanks, backslashes, other alphabets), so that the host
checked might not be the host that is contacted."""

RESOLVE_SECONDS = 10.0

MAX_TRIED = 3
"""Addresses of a host that are tried, where no connection is made to the ones before."""

_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")

_NOT_PUBLIC = (
    "localhost", "localdomain", "local", "internal", "intranet", "private", "corp", "home", "lan", "home.arpa",
    "invalid", "onion",
)  # fmt: skip
"""Endings that no public name has: reserved (RFC 2606, 6761, 6762, 7686, 8375, ICANN), or used in private networks."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Where an IPv6-only network shows IPv4 addresses (RFC 6052); its last 32 bits are the address."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host's name. Raises `OSError` where there are none."""


class NotPublic(Exception):
    """A URL that nothing may be sent to, and nothing fetched from."""


class Unresolved(Exception):
    """A host without an address, now."""


class Place(NamedTuple):
    """Where to put a file, or to fetch one from.

    Attributes:
        url: as it was given.
        addresses: the host's, checked; empty where the connection is made by name: on loopback, or by a proxy.
    """

    url: httpx.URL
    addresses: tuple[str, ...] = ()

    @property
    def headers(self) -> dict[str, str]:
        """Name the host to a server that is connected to by its address, on a connection for this request only."""
        return {"Host": self.url.netloc.decode("ascii"), "Connection": "close"} if self.addresses else {}

    @property
    def extensions(self) -> dict[str, str]:
        """Have TLS check the certificate against the host's name."""
        return {"sni_hostname": self.url.host} if self.addresses else {}

    @property
    def urls(self) -> list[str]:
        """The URL with each of the addresses in the place of the name; the URL itself where there are none."""
        return [str(self.url.copy_with(host=address)) for address in self.addresses] or [str(self.url)]


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system orders them. Raises `OSError` where there are none."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def place(url: str, *, base_url: str, proxied: Callable[[str], bool], resolve: Resolve) -> Place:
    """Check a link that the queue gave, or a redirect.

    Args:
        url: as it was given.
        base_url: the queue's own; where it is on loopback, so may the URL be, at the same port.
        proxied: whether a proxy is used for a host. A proxy resolves names by itself, from where it is; what the name
            is here is checked all the same, if it is anything.
        resolve: finds a name's addresses.

    Raises:
        NotPublic: it is no such place.
        Unresolved: the name has no address, now.
    """
    try:
        parts, base = urlsplit(url), urlsplit(base_url)
        host, port = parts.hostname or "", parts.port
        parsed = httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        raise NotPublic from None
    if not URL_CHARACTERS.fullmatch(url) or "@" in parts.netloc or parsed.host != host or port == 0:
        raise NotPublic
    if {host, base.hostname} <= LOOPBACK_HOSTS and _port(parts) == _port(base) and parts.scheme in {"http", "https"}:
        return Place(parsed)
    if parts.scheme != "https" or host_fault(host, bracketed="[" in parts.netloc):
        raise NotPublic
    addresses: Sequence[str] = ()
    try:
        with anyio.fail_after(RESOLVE_SECONDS):
            addresses = await resolve(host, port or 443)
    except (OSError, UnicodeError):
        pass  # a proxy may know more
    if not addresses and not proxied(host):
        raise Unresolved
    if not all(_resolves_to_public(address) for address in addresses):
        raise NotPublic
    return Place(parsed, () if proxied(host) else tuple(addresses[:MAX_TRIED]))


def host_fault(host: str, *, bracketed: bool) -> str:
    """What is wrong with a host that should be public: "unreadable", "unreachable", or nothing. Resolves nothing."""
    name = host.removesuffix(".")
    labels = name.split(".")
    # A host whose last label is a number is an IPv4 address to every URL parser, also as 2130706433, 0x7f.1 or
    # 0177.0.0.1. Only the dotted decimal form is read here; the others are refused, whatever they lead to.
    if bracketed or _NUMBER.fullmatch(labels[-1]):
        try:
            return "" if is_public(ipaddress.ip_address(name)) else "unreachable"
        except ValueError:
            return "unreadable"
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return "unreadable"
    if len(labels) == 1 or name.lower().endswith(tuple(f".{ending}" for ending in _NOT_PUBLIC)):
        return "unreachable"
    return ""


def is_public(address: Address) -> bool:
    """Whether an address is one on the internet, in its usual form: none that wraps another or names an interface."""
    if isinstance(address, ipaddress.IPv6Address) and (
        address.ipv4_mapped or address.sixtofour or address.teredo or address.scope_id
    ):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _resolves_to_public(text: str) -> bool:
    """Whether an address that a name has here is public; one of a NAT64 network is the IPv4 address in it."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and not address.scope_id and address in _NAT64:
        address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return is_public(address)


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)

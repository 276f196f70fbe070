"""Whether an image's URL is one that the vendor's servers can reach; said without looking it up or fetching it.

The queue hands the URL to the vendor behind it, who downloads it. An address that only this machine or this network
knows makes a failed job that may have been paid for, or points the vendor's servers at their own insides.
"""

import ipaddress
import re
import socket
from urllib.parse import urlsplit

from gmi_video.errors import InvalidRequest
from gmi_video.text import one_line

MAX_URL = 2048

_URL = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
"""RFC 3986's characters. What is not among them (blanks, backslashes, other alphabets) is read differently by every
parser, which is how one host is shown and another is asked."""

_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")

_NOT_PUBLIC = (
    "localhost", "localdomain", "local", "internal", "intranet", "private", "corp", "home", "lan", "home.arpa",
    "invalid", "onion",
)  # fmt: skip
"""Endings that no public name has: reserved (RFC 2606, 6761, 6762, 7686, 8375, ICANN), or in use inside networks."""

_REMEDY = (
    "Give {argument} a public http(s) URL, or the absolute path of an image file below one of the folders of "
    "GMI_IMAGE_DIRS, which is uploaded for you."
)


def check(value: str, argument: str) -> None:
    """Accept a public http(s) URL.

    Raises:
        InvalidRequest: it is another scheme, holds credentials, or names a host that is not public.
    """
    if trouble := _trouble(value):
        raise InvalidRequest(f"{argument} {trouble} Nothing was sent.", _REMEDY.format(argument=argument))


def _trouble(value: str) -> str:
    """What is wrong, as the rest of a sentence; empty where nothing is."""
    scheme = value.split(":", 1)[0].lower()
    if scheme not in {"http", "https"}:
        return f"is a {one_line(scheme, 20)}: address, which the queue's servers can't read."
    if len(value) > MAX_URL:
        return f"is a URL of {len(value)} characters; at most {MAX_URL} are allowed."
    if not _URL.fullmatch(value):
        return (
            "is a URL with a blank, a control character or another character that a URL can't hold as it is; "
            "percent-encode it (a host of another alphabet in its xn-- form)."
        )
    try:
        parts = urlsplit(value)
        host = parts.hostname or ""
        port = parts.port
    except ValueError:
        return "is a URL whose host or port can't be read."
    if "@" in parts.netloc:
        return "is a URL with a user name or password in it, which would be shown to others."
    if not host or not value[len(scheme) :].startswith("://"):
        return "is a URL without a host."
    if port == 0:
        return "is a URL whose host or port can't be read."
    return _host_trouble(host, bracketed="[" in parts.netloc)


def _host_trouble(host: str, *, bracketed: bool) -> str:
    unreachable = f"names the host {one_line(host, 80)}, which the queue's servers on the internet can't reach."
    unreadable = f"names the host {one_line(host, 80)}, which is not a host name."
    name = host.removesuffix(".")
    labels = name.split(".")
    if bracketed:
        try:
            return "" if _is_public(ipaddress.ip_address(name)) else unreachable
        except ValueError:
            return unreadable
    if _NUMBER.fullmatch(labels[-1]):
        # A host that ends in a number is an IPv4 address, however it is written: 2130706433, 0x7f.1, 0177.0.0.1.
        try:
            return "" if _is_public(ipaddress.IPv4Address(socket.inet_aton(name))) else unreachable
        except (OSError, ValueError):
            return unreadable
    if len(name) > 253 or not all(_NAME.fullmatch(label) for label in labels):  # noqa: PLR2004 - DNS's limit
        return unreadable
    # A public name may still lead to a private address; that is for the vendor to see, who looks it up.
    if len(labels) == 1 or name.lower().endswith(tuple(f".{ending}" for ending in _NOT_PUBLIC)):
        return unreachable
    return ""


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id:
            return False
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is not None:
            return _is_public(inner)
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)

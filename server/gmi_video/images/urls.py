"""Accept only image URLs that the vendor's servers can reach, without resolving or fetching them.

The queue passes the URL to the vendor behind it, who downloads the image. A private address makes a job that fails and
may be charged, or points the vendor's servers at their own internal network.
"""

import ipaddress
import re
from urllib.parse import urlsplit

from gmi_video.errors import InvalidRequest
from gmi_video.text import one_line

MAX_URL = 2048
"""Longest URL that is accepted (characters)."""

_URL = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
"""RFC 3986's characters. URL parsers disagree about others (blanks, backslashes, other alphabets), so that the host
checked here might not be the host that is contacted."""

_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")

_NOT_PUBLIC = (
    "localhost", "localdomain", "local", "internal", "intranet", "private", "corp", "home", "lan", "home.arpa",
    "invalid", "onion",
)  # fmt: skip
"""Endings that no public name has: reserved (RFC 2606, 6761, 6762, 7686, 8375, ICANN), or used in private networks."""


def check(value: str, argument: str) -> None:
    """Accept a public http(s) URL.

    Args:
        value: the URL.
        argument: the tool argument it was given in, for the message.

    Raises:
        InvalidRequest: it has another scheme, holds credentials, or names a host that is not public.
    """
    if fault := _fault(value):
        raise InvalidRequest(
            f"{argument} {fault} Nothing was sent.",
            f"Give {argument} a public http(s) URL, or the absolute path of an image file below one of the folders of "
            "GMI_IMAGE_DIRS, which is uploaded for you.",
        )


def _fault(value: str) -> str:
    """What is wrong with a URL, as the rest of a sentence; empty if nothing is."""
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
    unreadable = "is a URL whose host or port can't be read."
    try:
        parts = urlsplit(value)
        if parts.port == 0:
            return unreadable
    except ValueError:
        return unreadable
    if "@" in parts.netloc:
        return "is a URL with a user name or password in it, which would be shown to others."
    if not parts.hostname:
        return "is a URL without a host."
    return _host_fault(parts.hostname, bracketed="[" in parts.netloc)


def _host_fault(host: str, *, bracketed: bool) -> str:
    unreachable = f"names the host {one_line(host, 80)}, which the queue's servers on the internet can't reach."
    unreadable = f"names the host {one_line(host, 80)}, which is neither a host name nor an address in its usual form."
    name = host.removesuffix(".")
    labels = name.split(".")
    # A host whose last label is a number is an IPv4 address to every URL parser, also as 2130706433, 0x7f.1 or
    # 0177.0.0.1. Only the dotted decimal form is read here; the others are refused, whatever they lead to.
    if bracketed or _NUMBER.fullmatch(labels[-1]):
        try:
            return "" if _is_public(ipaddress.ip_address(name)) else unreachable
        except ValueError:
            return unreadable
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return unreadable
    # A public name may resolve to a private address; only the vendor, who resolves it, can see that.
    if len(labels) == 1 or name.lower().endswith(tuple(f".{ending}" for ending in _NOT_PUBLIC)):
        return unreachable
    return ""


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    # No image is served from an IPv6 address that wraps an IPv4 one or names an interface of one machine.
    if isinstance(address, ipaddress.IPv6Address) and (address.ipv4_mapped or address.sixtofour or address.scope_id):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)

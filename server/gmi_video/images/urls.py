"""Accept only image URLs that the vendor's servers can reach, without resolving or fetching them.

The queue passes the URL to the vendor behind it, who downloads the image. A private address makes a job that fails and
may be charged, or points the vendor's servers at their own internal network.
"""

from urllib.parse import urlsplit

from gmi_video.text import one_line
from gmi_video.upstream.addresses import URL_CHARACTERS, host_fault

MAX_URL = 2048
"""Longest URL that is accepted (characters)."""


def fault(value: str) -> str:
    """What is wrong with a URL, as the rest of a sentence; empty for a public http(s) URL."""
    scheme = value.split(":", 1)[0].lower()
    if scheme == "data":
        return "is given as its bytes in text (a data: URL), and GMI Cloud takes only an address of it."
    if scheme not in {"http", "https"}:
        return f"is a {one_line(scheme, 20)}: address, which GMI Cloud's servers can't read."
    if len(value) > MAX_URL:
        return f"is a URL of {len(value)} characters; at most {MAX_URL} are allowed."
    if not URL_CHARACTERS.fullmatch(value):
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
    # A public name may resolve to a private address; only the vendor, who resolves it, can see that.
    match host_fault(host, bracketed=bracketed):
        case "unreachable":
            return f"names the host {one_line(host, 80)}, which GMI Cloud's servers on the internet can't reach."
        case "unreadable":
            return (
                f"names the host {one_line(host, 80)}, which is neither a host name nor an address in its usual form."
            )
        case _:
            return ""

"""Who may call a server on HTTP: with which token, under which names, from which web pages."""

import hashlib
import hmac
import ipaddress
import re
from dataclasses import dataclass

from gmi_video.settings import Settings
from gmi_video.text import as_json_literal
from gmi_video.variables import is_placeholder, is_unfilled

SHORTEST_TOKEN = 16
"""Characters of a token; a shorter one can be guessed."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")
"""What a bearer token may be made of (RFC 6750)."""

_NAME = r"([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])"
_HOST = re.compile(rf"{_NAME}(:(\d{{1,5}}|\*))?")
_ORIGIN = re.compile(rf"[a-z][a-z0-9+.-]*://{_NAME}(:(\d{{1,5}}|\*))?")

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

_FOR_EXAMPLE = 'for example what `python3 -c "import secrets; print(secrets.token_urlsafe(32))"` prints'


class Refused(Exception):
    """The server does not start. The text is for whoever runs it: what is wrong, and what to set."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may call.

    Attributes:
        token: SHA-256 of the token that callers must show; empty where none is needed.
        hosts: the values of `Host` that are served; `name:*` is a name with any port.
        origins: the values of `Origin` that are, in the same way. A request without one is from no web page.
    """

    token: bytes
    hosts: tuple[str, ...]
    origins: tuple[str, ...]

    def admits(self, authorization: str) -> bool:
        """Whether a request with this `Authorization` may pass. It takes as long for a wrong token."""
        if not self.token:
            return True
        scheme, _, shown = authorization.partition(" ")
        same = hmac.compare_digest(_digest(shown.strip()), self.token)
        return same and scheme.lower() == "bearer"

    def origin_pattern(self) -> str:
        """A regular expression for the whole of an origin that is served."""
        return "|".join(re.escape(o.removesuffix(":*")) + (r":\d+" if o.endswith(":*") else "") for o in self.origins)


def policy_for(settings: Settings, address: str) -> Policy:
    """The policy of a server that listens on this address.

    Raises:
        Refused: on any address but loopback, a token, hosts and origins must be set; and what is set must be readable.
    """
    faults: list[str] = []
    remote = not is_loopback(address)
    hosts = _listed("GMI_MCP_ALLOWED_HOSTS", settings.allowed_hosts, _HOST, "video.example.com", faults)
    none = settings.allowed_origins.lower() == "none"
    given = "" if none else settings.allowed_origins
    origins = _listed("GMI_MCP_ALLOWED_ORIGINS", given, _ORIGIN, "https://app.example.com", faults)
    if (token := settings.mcp_token) or remote:
        faults += _token_faults(token)
    if remote and not settings.allowed_hosts:
        faults.append("GMI_MCP_ALLOWED_HOSTS is not set: the names that the server is reached by, video.example.com")
    if remote and not settings.allowed_origins:
        faults.append(
            "GMI_MCP_ALLOWED_ORIGINS is not set: the web pages that may call it, https://app.example.com, or none"
        )
    if faults:
        why = f" on {as_json_literal(address, 80)}, which other machines can reach" if remote else ""
        raise Refused(f"The server does not start{why}:\n" + "".join(f"- {fault}.\n" for fault in faults))
    # A name alone stands for any port, which clients leave out where it is the scheme's own.
    hosts = [entry for name in hosts for entry in ((name,) if _port(name) else (name, f"{name}:*"))]
    if not remote:
        hosts += [f"{name}{port}" for name in _LOOPBACK for port in ("", ":*")]
        origins += [] if none else [f"http://{name}{port}" for name in _LOOPBACK for port in ("", ":*")]
    return Policy(_digest(token) if token else b"", tuple(hosts), tuple(origins))


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address.lower() == "localhost"


def _token_faults(token: str) -> list[str]:
    if not token:
        return [f"GMI_MCP_TOKEN is not set: the token that clients must show, {_FOR_EXAMPLE}"]
    if is_placeholder(token) or is_unfilled(token):
        return [f"GMI_MCP_TOKEN holds a placeholder: it must be a token, {_FOR_EXAMPLE}"]
    if len(token) < SHORTEST_TOKEN or not _TOKEN.fullmatch(token):
        form = f"at least {SHORTEST_TOKEN} characters, letters, digits and . _ ~ + / = - only"
        return [f"GMI_MCP_TOKEN must have {form}, {_FOR_EXAMPLE}"]
    return []


def _listed(name: str, value: str, form: re.Pattern[str], example: str, faults: list[str]) -> list[str]:
    """The entries of a list; those that are none are added to `faults`."""
    entries = [entry.strip().lower().rstrip("/") for entry in value.split(",") if entry.strip()]
    unfit = [as_json_literal(entry, 80) for entry in entries if not form.fullmatch(entry)]
    faults += [f"{name} has the entry {entry}, which is none like {example}" for entry in unfit]
    return entries


def _port(host: str) -> bool:
    return ":" in host.rpartition("]")[2]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()

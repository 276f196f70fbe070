"""How requests leave this machine, as the environment says: through which proxy, past it to whom, trusting whom.

Read here and not by the HTTP client, which would send the API key in clear through HTTP_PROXY to a queue on loopback,
and which fails at the first request, without naming the variable, where a value is wrong.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
"""Names of this machine, for which plain http is accepted and no proxy is used."""

VARIABLES = (
    "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
"""The environment variables that are read. HTTP_PROXY is not one: plain http goes to this machine only."""

_EXCEPTION = re.compile(r"\*|[\w.*-]+(:\d+)?(/\d+)?|\[?[0-9A-Fa-f:.]+\]?(/\d+)?")
"""An entry of NO_PROXY: a host name or its end, or an address; `*` is all. A network (`10.0.0.0/8`) matches no name."""


@dataclass(frozen=True, slots=True)
class Network:
    """The environment's part in a connection. Each `_variable` is where a value comes from, for the messages."""

    proxy: str = field(default="", repr=False)
    """The proxy for https, as a URL; it may hold a password."""
    proxy_variable: str = ""
    no_proxy: str = ""
    authorities: Path | None = None
    """A file, or a folder, of the certificate authorities that are trusted instead of the usual ones."""
    authorities_variable: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Network":
        """Read the variables; a name in small letters comes before the same in capitals. Checks nothing."""

        def first(*names: str) -> tuple[str, str]:
            return next(((name, environment[name].strip()) for name in names if name in environment), ("", ""))

        variable, proxy = first("https_proxy", "HTTPS_PROXY")
        if not proxy:
            variable, proxy = first("all_proxy", "ALL_PROXY")
        if proxy and "://" not in proxy:
            proxy = f"http://{proxy}"
        certificates, place = first("SSL_CERT_FILE")
        if not place:
            certificates, place = first("SSL_CERT_DIR")
        return cls(
            proxy=proxy,
            proxy_variable=variable,
            no_proxy=first("no_proxy", "NO_PROXY")[1],
            authorities=Path(place) if place else None,
            authorities_variable=certificates,
        )

    def proxy_for(self, host: str) -> str:
        """The URL of the proxy for https to a host; empty for none. Never one for this machine."""
        if host in LOOPBACK_HOSTS or not self.proxy:
            return ""
        return "" if any(_excepts(entry, host.lower()) for entry in self._exceptions()) else self.proxy

    def problems(self, host: str) -> list[str]:
        """What is wrong with the variables that a connection to `host` needs, a sentence each. Reads no certificate."""
        found: list[str] = []
        if self.proxy_for(host) and (fault := _proxy_fault(self.proxy)):
            found.append(
                f"{self.proxy_variable} {fault} It must be http://host:port; if no proxy is needed for {host}, remove "
                "it, or name the host in NO_PROXY."
            )
        readable = all(_EXCEPTION.fullmatch(entry) for entry in self._exceptions())
        if self.proxy and host not in LOOPBACK_HOSTS and not readable:
            found.append(
                "NO_PROXY has an entry that is neither a host name nor an address. It must be names separated by "
                "commas, without http:// before them."
            )
        if self.authorities is not None and (fault := self._authorities_fault(self.authorities)):
            found.append(f"{self.authorities_variable} {fault} {self.authorities_remedy}")
        return found

    def _exceptions(self) -> list[str]:
        return [entry.strip() for entry in self.no_proxy.split(",") if entry.strip()]

    @property
    def authorities_remedy(self) -> str:
        """What to do about certificates that can't be used, as a sentence."""
        return (
            f"Correct or remove {self.authorities_variable}; without it the usual certificate authorities are trusted."
        )

    def _authorities_fault(self, place: Path) -> str:
        wanted = "file" if self.authorities_variable == "SSL_CERT_FILE" else "folder"
        try:
            if not place.exists():
                return f"names a {wanted} that does not exist."
            if place.is_dir() == (wanted == "file"):
                return f"does not name a {wanted}."
        except (OSError, ValueError):
            return f"names a {wanted} that can't be read."
        return ""


def _excepts(entry: str, host: str) -> bool:
    """Whether an entry of NO_PROXY is a host's name, a domain that it is in, or `*`."""
    name = entry.rpartition(":")[0] if entry.count(":") == 1 else entry
    name = name.strip("[]").lstrip("*.").lower()
    return entry == "*" or (bool(name) and (host == name or host.endswith(f".{name}")))


def _proxy_fault(proxy: str) -> str:
    """What is wrong with a proxy's URL, as the rest of a sentence that does not show it: it may hold a password."""
    try:
        parts = urlsplit(proxy)
        _ = parts.port
        readable = bool(parts.hostname) and proxy.isascii() and proxy.isprintable() and " " not in proxy
    except ValueError:
        return "is not a proxy's address."
    if not readable:
        return "is not a proxy's address."
    if parts.scheme in {"socks5", "socks5h"}:
        missing = find_spec("socksio") is None
        return "names a SOCKS proxy, which needs the Python package socksio beside this server." if missing else ""
    return "" if parts.scheme in {"http", "https"} else "names a kind of proxy that this server can't use."


def system_proxies() -> dict[str, str]:
    """The proxies that macOS or Windows have in their own settings, under the names of environment variables."""
    return {f"{scheme}_PROXY".upper(): address for scheme, address in getproxies().items()}

"""Settings from environment variables: read once, from a mapping that is passed in, and immutable.

A wrong or missing variable does not stop the server, because a host shows a server that does not start as a red dot
without a reason. It starts and lists its tools, and every call says which variable is wrong (`Settings.check`).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from gmi_video.errors import SettingsError
from gmi_video.network import LOOPBACK_HOSTS, Network, system_proxies
from gmi_video.variables import DEFAULT_BASE_URL, is_placeholder, is_unfilled, unknown

KEY_HEADER = "X-GMI-API-Key"
"""The header of a caller's own key, over HTTP, where the server has none."""

LONGEST_KEY = 4096
"""Characters; real keys have about 250."""

_NEW_KEY = "A key is made at console.gmicloud.ai under API keys."

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True, slots=True)
class Settings:
    """The server's settings, read once.

    `problems` holds one sentence for each wrong variable, `warnings` one for each that is ignored and does no harm.
    """

    api_key: str = field(default="", repr=False)
    org_id: str = field(default="", repr=False)
    base_url: str = DEFAULT_BASE_URL
    max_wait_seconds: float | None = None
    max_requests_per_second: float = 5.0
    confirm_above_usd: float | None = None
    spend_limit_usd: float | None = None
    image_dirs: tuple[Path, ...] = ()
    output_dir: str = ""
    """As it was given: one that can't be used is said of each video, and stops none."""
    ledger_url: str = field(default="", repr=False)
    log_level: str = "WARNING"
    remote: bool = False
    """Whether callers come over HTTP: this machine's files are not theirs, and each may have a key of their own."""
    key_is_callers: bool = False
    """Whether the key came with the call, over HTTP."""
    mcp_token: str = field(default="", repr=False)
    allowed_hosts: str = ""
    allowed_origins: str = ""
    """These three as they were given: only a server on HTTP reads them. A token that is a placeholder is not unset."""
    network: Network = field(default_factory=Network)
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def check_key(self) -> str:
        """What to do where the queue does not accept the key, in words for the assistant."""
        if self.key_is_callers:
            organization = " Whoever runs this server can check its GMI_ORG_ID." if self.org_id else ""
            return (
                f"Tell the user to check the key in the header {KEY_HEADER} of this server's entry in the host's MCP "
                f"configuration.{organization} Calling again before that will not help."
            )
        if self.remote:
            return (
                "Tell the user that whoever runs this server has to check its GMI_API_KEY (and GMI_ORG_ID, where it is "
                "set), and to restart it. Calling again before that will not help."
            )
        return (
            "Tell the user to check GMI_API_KEY (and GMI_ORG_ID, where it is set) in this server's entry in the host's "
            "MCP configuration, then to restart the server. Calling again before that will not help."
        )

    def check(self) -> None:
        """Raise a `SettingsError` that names every problem, if there are any."""
        if self.problems:
            raise SettingsError(
                " ".join(self.problems) + " Nothing was sent and nothing was charged.",
                f"Tell the user: their key belongs in the header {KEY_HEADER} of this server's entry in the host's MCP "
                "configuration; everything else is corrected by whoever runs this server. Calling again before that "
                "will not help."
                if self.remote
                else "Tell the user to correct this in the `env` block of this server's entry in the host's MCP "
                "configuration, then to restart the server. Calling again before that will not help.",
            )

    def for_caller(self, key: str) -> "Settings":
        """These settings with the key that a caller has sent over HTTP; without a usable one, with that problem."""
        key = key.strip().removeprefix("Bearer ").strip()
        if not key:
            problem = f"This server has no key of its own, and the header {KEY_HEADER} held none. {_NEW_KEY}"
        elif is_unfilled(key) or is_placeholder(key):
            problem = f"The header {KEY_HEADER} holds a placeholder instead of a key. {_NEW_KEY}"
        elif not (key.isascii() and key.isprintable()) or len(key) > LONGEST_KEY:
            problem = f"The header {KEY_HEADER} holds a character that no key has, or is too long for a key."
        else:
            return replace(self, api_key=key, key_is_callers=True)
        return replace(self, problems=(*self.problems, problem))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], *, remote: bool = False) -> "Settings":
        """Read the environment variables in `VARIABLES`. Never raises: faults are collected in `problems`.

        Args:
            environment: the variables.
            remote: for a server on HTTP, which may have no key of its own, and reads no images from this machine.
        """
        return _Reader(environment, remote=remote).settings()


class _Reader:
    """Reads the variables one by one and collects what is wrong with them."""

    def __init__(self, environment: Mapping[str, str], *, remote: bool) -> None:
        self._environment = environment
        self._remote = remote
        self._problems: list[str] = []

    def settings(self) -> Settings:
        api_key, org_id, base_url = self._key(), self._org_id(), self._base_url()
        misspelt, ignored = unknown(self._environment)
        self._problems += misspelt
        return Settings(
            api_key=api_key,
            org_id=org_id,
            base_url=base_url,
            network=self._network(base_url),
            max_wait_seconds=self._number("GMI_MAX_WAIT_SECONDS", 0, 24 * 3600),
            max_requests_per_second=self._number("GMI_MAX_REQUESTS_PER_SECOND", 0.1, 100) or 5.0,
            confirm_above_usd=self._number("GMI_CONFIRM_ABOVE_USD", 0, 1e6),
            spend_limit_usd=self._number("GMI_SPEND_LIMIT_USD", 0, 1e6),
            image_dirs=() if self._remote else self._image_dirs(),
            output_dir="" if self._remote and not api_key else self._text("GMI_OUTPUT_DIR"),
            ledger_url=self._ledger_url(),
            log_level=self._log_level(),
            remote=self._remote,
            mcp_token=self._environment.get("GMI_MCP_TOKEN", "").strip(),
            allowed_hosts=self._text("GMI_MCP_ALLOWED_HOSTS"),
            allowed_origins=self._text("GMI_MCP_ALLOWED_ORIGINS"),
            problems=tuple(self._problems),
            warnings=(*ignored, *self._not_over_http(api_key)),
        )

    def _not_over_http(self, api_key: str) -> list[str]:
        """The settings that have no effect over HTTP, a sentence each."""
        ignored: list[str] = []
        if self._remote and self._text("GMI_IMAGE_DIRS"):
            ignored.append("GMI_IMAGE_DIRS is ignored over HTTP: callers can't name files of this machine.")
        if self._remote and not api_key and self._text("GMI_OUTPUT_DIR"):
            ignored.append("GMI_OUTPUT_DIR is ignored where callers have keys of their own: the videos are theirs.")
        return ignored

    def _text(self, name: str) -> str:
        """The variable's value; "" for a placeholder like `${user_config.x}`, which hosts pass on where none is set."""
        value = self._environment.get(name, "").strip()
        return "" if is_unfilled(value) else value

    def _header_value(self, name: str) -> str:
        value = self._text(name)
        if value and not (value.isascii() and value.isprintable()):
            # The value is not shown, because it may be a key.
            self._problems.append(f"{name} holds a line break or a character that can't be sent in an HTTP header.")
            return ""
        return value

    def _key(self) -> str:
        where = _NEW_KEY
        if is_unfilled(self._environment.get("GMI_API_KEY", "")):
            self._problems.append(
                "GMI_API_KEY is not set: it holds a placeholder such as ${GMI_API_KEY}, which the host has not "
                f"replaced by a value. {where}"
            )
            return ""
        if is_placeholder(self._text("GMI_API_KEY").removeprefix("Bearer ")):
            # Not shown: a real key may stand in the brackets.
            self._problems.append(
                "GMI_API_KEY still holds a placeholder of an example instead of a key, such as YOUR-GMI-CLOUD-API-KEY. "
                f"{where} It stands there alone, without brackets around it."
            )
            return ""
        known = len(self._problems)
        key = self._header_value("GMI_API_KEY").removeprefix("Bearer ").strip()
        if not key and len(self._problems) == known and not self._remote:
            self._problems.append(f"GMI_API_KEY is not set: this server has no key for GMI Cloud's queue. {where}")
        return key

    def _org_id(self) -> str:
        if is_placeholder(self._text("GMI_ORG_ID")):
            self._problems.append("GMI_ORG_ID still holds a placeholder. Put in your organization's id, or remove it.")
            return ""
        return self._header_value("GMI_ORG_ID")

    def _base_url(self) -> str:
        value = self._text("GMI_BASE_URL") or DEFAULT_BASE_URL
        try:
            parts = urlsplit(value)
            host = parts.hostname
            _ = parts.port
        except ValueError:
            parts, host = urlsplit(""), None
        if parts.scheme not in {"http", "https"} or not host:
            self._problems.append(f"GMI_BASE_URL is not an http(s) address. The default is {DEFAULT_BASE_URL}.")
        elif parts.username or parts.password or parts.query or parts.fragment:
            self._problems.append("GMI_BASE_URL must be a plain address: no user, password, query or fragment.")
        elif parts.scheme == "http" and host not in LOOPBACK_HOSTS:
            self._problems.append(
                f"GMI_BASE_URL uses plain http, which would show your key to the network; use https://{host}."
            )
        else:
            return value.rstrip("/")
        return DEFAULT_BASE_URL

    def _network(self, base_url: str) -> Network:
        unset = {name for name, value in self._environment.items() if is_unfilled(value)}
        network = Network.from_environment({k: v for k, v in self._environment.items() if k not in unset})
        self._problems += network.problems(urlsplit(base_url).hostname or "")
        return network

    def _number(self, name: str, low: float, high: float) -> float | None:
        value = self._text(name)
        if not value:
            return None
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not low <= number <= high:
            self._problems.append(f"{name} must be a number from {low:g} to {high:g}, not {_shown(value)}.")
            return None
        return number

    def _image_dirs(self) -> tuple[Path, ...]:
        named = [entry.strip() for entry in self._text("GMI_IMAGE_DIRS").split(os.pathsep)]
        return tuple(folder for entry in named if entry and (folder := self._folder("GMI_IMAGE_DIRS", entry)))

    def _folder(self, name: str, entry: str) -> Path | None:
        try:
            folder = Path(entry).expanduser()
            if not folder.is_absolute():
                trouble = "is not an absolute path, so it would mean another folder in every host"
            elif folder.is_dir():
                return folder
            else:
                trouble = "is not a folder" if folder.exists() else "does not exist"
        except (OSError, RuntimeError, ValueError):
            trouble = "can't be read as a folder"
        self._problems.append(f"{name}: {_shown(entry, 200)} {trouble}.")
        return None

    def _ledger_url(self) -> str:
        value = self._text("GMI_LEDGER_URL")
        try:
            parts = urlsplit(value)
            _ = parts.port
        except ValueError:
            parts = urlsplit("")
        # Not repeated in any of these: a password may be in it.
        if value in {"", "none"}:
            return value
        if value.startswith("sqlite:///") and parts.path.strip("/") and not parts.query and not parts.fragment:
            return value
        if parts.scheme == "sqlite":
            self._problems.append(
                "GMI_LEDGER_URL must name an absolute path: sqlite:///absolute/path, on Windows sqlite:///C:/path."
            )
        elif parts.scheme not in {"postgresql", "postgres"}:
            self._problems.append(
                "GMI_LEDGER_URL must be sqlite:///absolute/path, postgresql://user:password@host/database, or none."
            )
        elif find_spec("psycopg") is None:
            self._problems.append(
                "GMI_LEDGER_URL names a PostgreSQL database, and this server was installed without what that needs: "
                "install gmi-video-mcp[postgres]."
            )
        else:
            return value
        return ""

    def _log_level(self) -> str:
        value = self._text("GMI_LOG_LEVEL").upper() or "WARNING"
        if value not in LOG_LEVELS:
            self._problems.append(f"GMI_LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}, not {_shown(value)}.")
            return "WARNING"
        return value


def _shown(value: str, limit: int = 20) -> str:
    """A wrong value, in quotation marks; only its length where it is long, because it may be the key."""
    return repr(value) if len(value) <= limit and not value.startswith("eyJ") else f"a text of {len(value)} characters"


def load(*, remote: bool = False) -> Settings:
    """Read the settings from this process's environment; `remote` as `Settings.from_environment` has it."""
    return Settings.from_environment(system_proxies() | os.environ, remote=remote)

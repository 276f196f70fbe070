"""Asking the live queue: each answer raw, held against its schema, and read with our own parsing.

The key goes to the queue's own address and nowhere else; redirects are not followed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
from pydantic_core import from_json, to_json

from gmi_video import __version__
from gmi_video.live.expectations import Beliefs, Report, kind
from gmi_video.settings import Settings
from gmi_video.text import one_line, safe_url
from gmi_video.upstream.wire import Record, fields_of

PAUSE_SECONDS = 0.5
TIMEOUT_SECONDS = 60.0


class CouldNotRun(Exception):
    """The check can't be made at all; `str()` says why."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: its status, headers and JSON (None where it is none)."""

    status: int
    headers: httpx.Headers
    body: Any


class Asking:
    """Asks, compares, and writes down.

    Args:
        settings: key and address.
        beliefs: the schemas.
        transport: how HTTP travels; None is the network.
        now: this machine's clock, in Unix seconds.
    """

    def __init__(
        self, settings: Settings, beliefs: Beliefs, transport: httpx.AsyncBaseTransport | None, now: Callable[[], float]
    ) -> None:
        self.report = Report(settings.api_key)
        self._settings = settings
        self.beliefs = beliefs
        self.now = now
        self._http = httpx.AsyncClient(
            transport=transport,
            timeout=TIMEOUT_SECONDS,
            follow_redirects=False,
            headers={"User-Agent": f"gmi-video-mcp/{__version__} (live check)"},
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def ask(
        self, path: str, *, body: Any = None, params: dict[str, str] | None = None, key: str | None = None
    ) -> Reply:
        """One call of the queue, of a path below its address; never of another host.

        Raises:
            CouldNotRun: there is no answer.
        """
        await anyio.sleep(PAUSE_SECONDS)
        headers = {"Authorization": f"Bearer {self._settings.api_key if key is None else key}"}
        if self._settings.org_id and key is None:
            headers["X-Organization-ID"] = self._settings.org_id
        try:
            response = await self._http.request(
                "GET" if body is None else "POST",
                self._settings.base_url + path,
                params=params,
                content=None if body is None else to_json(body),
                headers=headers | ({} if body is None else {"Content-Type": "application/json"}),
            )
        except httpx.HTTPError as error:
            host = urlsplit(self._settings.base_url).hostname
            raise CouldNotRun(f"{host} did not answer {path.split('/')[1]}: {type(error).__name__}.") from None
        try:
            parsed = from_json(response.content, allow_inf_nan=False)
        except ValueError:
            parsed = None
        self.report.learn(parsed)
        if "retry-after" in response.headers or response.status_code == 429:  # noqa: PLR2004 - HTTP's "too many"
            header = response.headers.get("retry-after", "none")
            self.report.saw(
                "A `Retry-After` header", f"with HTTP {response.status_code}: {self.report.quoted(header, 40)}"
            )
        return Reply(response.status_code, response.headers, parsed)

    def said(self, reply: Reply) -> str:
        """Status and the error's own words, for the report."""
        error = fields_of(reply.body).get("error")
        words = self.report.quoted(error) if error else "no `error`" if reply.body is not None else "not JSON"
        return f"HTTP {reply.status}, {words}"

    def compare(self, subject: str, schema: str, reply: Reply, status: int = 200) -> bool:
        """Reservation an answer against its schema; whether it has the status it should."""
        if reply.status != status:
            self.report.differs(subject, f"{self.said(reply)}; believed: HTTP {status}")
            return False
        if reply.body is None:
            self.report.differs(subject, "the answer is not JSON")
            return False
        for difference in self.beliefs.differences(schema, reply.body):
            self.report.differs(subject, difference)
        return True

    def record(self, subject: str, record: Record) -> None:
        """What a schema can't say of a record: its status, and that we can read its end."""
        if record.status not in self.beliefs.examples("request-record", "status"):
            self.report.differs(subject, f"the status {self.report.quoted(record.status, 40)} is not known")
        if record.created_at is None or record.updated_at is None:
            self.report.differs(subject, "its times can't be read as Unix seconds")
        if record.succeeded and not record.video_url:
            self.report.differs(subject, f"a success without a video we can find: {shape(record)}")
        if record.status.lower() == "failed" and not record.failure_text:
            self.report.differs(subject, "a failure without a text we can find")

    async def link(self, url: str) -> str:
        """What a public link answers; without the key, and without its film."""
        if not safe_url(url):
            return "not a URL"
        try:
            async with self._http.stream("GET", url, headers={"Range": "bytes=0-0"}) as response:
                origin = response.headers.get("access-control-allow-origin", "")
                cors = f"open to {self.report.quoted(origin, 40)} (CORS)" if origin else "no CORS header"
                what = response.headers.get("content-type", "no type")
                return f"HTTP {response.status_code}, {self.report.quoted(what, 60)}, {cors}"
        except httpx.HTTPError as error:
            return f"no answer ({type(error).__name__})"


def shape(record: Record) -> str:
    """The names and types of the outcome's fields."""
    outcome = record.outcome
    if outcome is None:
        return "no outcome"
    return ", ".join(f"`{one_line(name, 40)}` ({kind(value)})" for name, value in outcome.items()) or "an empty outcome"

"""Calls of the real queue: the raw response, its comparison with a schema, and its reading by our own wire models.

The key goes to the queue's own address only; redirects are not followed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import anyio
import httpx
from pydantic_core import from_json, to_json

from gmi_video import __version__
from gmi_video.live.expectations import CouldNotRun, Expectations, kind
from gmi_video.live.report import Report, code
from gmi_video.settings import Settings
from gmi_video.text import safe_url
from gmi_video.upstream.connection import Connection
from gmi_video.upstream.wire import Record, fields_of

PAUSE_SECONDS = 0.5
"""Pause before each call (seconds)."""

TIMEOUT_SECONDS = 60.0
"""HTTP timeout for connecting and for each read and write (seconds)."""

Parsed = TypeVar("Parsed")


class NoResponse(CouldNotRun):
    """A call of the queue got no response."""


@dataclass(frozen=True, slots=True)
class Response:
    """A response: its HTTP status, and its body parsed as JSON (None if it is not JSON)."""

    status: int
    body: Any


class LiveSession:
    """Calls the queue and adds what it finds to a report.

    Args:
        settings: key, organisation and address.
        expectations: the schemas.
        transport: the HTTP transport; None is the network.
        now: this machine's clock, in Unix seconds.
    """

    def __init__(
        self,
        settings: Settings,
        expectations: Expectations,
        transport: httpx.AsyncBaseTransport | None,
        now: Callable[[], float],
    ) -> None:
        self.report = Report(settings.api_key)
        self.expectations = expectations
        self.now = now
        self._settings = settings
        self._http = httpx.AsyncClient(
            transport=transport or Connection(settings.network),
            trust_env=False,
            timeout=TIMEOUT_SECONDS,
            follow_redirects=False,
            headers={"User-Agent": f"gmi-video-mcp/{__version__} (live check)"},
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def call(
        self, path: str, *, body: Any = None, params: dict[str, str] | None = None, key: str | None = None
    ) -> Response:
        """Call the queue: GET, or POST where there is a body.

        Args:
            path: the path below the queue's address.
            body: the JSON body of a POST.
            params: the query.
            key: sent instead of the account's key, and then without the organisation.

        Raises:
            NoResponse: connecting failed, timed out or was cut off.
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
            raise NoResponse(f"{host} did not answer {path.split('/')[1]}: {type(error).__name__}.") from None
        try:
            parsed = from_json(response.content, allow_inf_nan=False)
        except ValueError:
            parsed = None
        self.report.remember_personal(parsed)
        if "retry-after" in response.headers or response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            header = self.report.quote(response.headers.get("retry-after", "none"), 40)
            self.report.add_observation("A `Retry-After` header", f"with HTTP {response.status_code}: {header}")
        return Response(response.status_code, parsed)

    def error_text(self, response: Response) -> str:
        """The HTTP status and the text of `error`, quoted."""
        error = fields_of(response.body).get("error")
        text = self.report.quote(error) if error else "no `error`" if response.body is not None else "not JSON"
        return f"HTTP {response.status}, {text}"

    def check_response(self, subject: str, schema: str, response: Response, status: int = 200) -> bool:
        """Compare a response with the expected status and schema.

        Returns:
            Whether it is JSON with the expected status; differences from the schema do not count.
        """
        if response.status != status:
            self.report.add_difference(subject, f"{self.error_text(response)}; expected: HTTP {status}")
            return False
        if response.body is None:
            self.report.add_difference(subject, "the answer is not JSON")
            return False
        for difference in self.expectations.differences(schema, response.body):
            self.report.add_difference(subject, difference)
        return True

    def parse(self, subject: str, read: Callable[[Any], Parsed], response: Response, what: str) -> Parsed | None:
        """Read a body as the server does; None, and a difference about `what`, where that fails."""
        try:
            return read(response.body)
        except ValueError:
            self.report.add_difference(subject, f"our parsing can't read the {what}")
            return None

    async def get_request(self, request_id: str) -> Record | None:
        """`GET /requests/{id}`, checked; None where the response can't be read.

        Raises:
            NoResponse: there was no response.
        """
        subject = "GET /requests/{id}"
        response = await self.call(f"/requests/{quote(request_id, safe='')}")
        if not self.check_response(subject, "request-record", response):
            return None
        record = self.parse(subject, Record.model_validate, response, "record")
        if record is not None:
            self.check_record(subject, record)
        return record

    def check_record(self, subject: str, record: Record) -> None:
        """Compare a request record with what its schema can't express: known statuses, times, a readable outcome."""
        if record.status not in self.expectations.examples("request-record", "status"):
            self.report.add_difference(subject, f"the status {self.report.quote(record.status, 40)} is not known")
        if record.created_at is None or record.updated_at is None:
            self.report.add_difference(subject, "its times can't be read as Unix seconds")
        if record.succeeded and not record.video_url:
            self.report.add_difference(subject, f"a success without a video we can find: {outcome_shape(record)}")
        if record.status.lower() == "failed" and not record.failure_text:
            self.report.add_difference(subject, "a failure without a text we can find")

    async def describe_link(self, url: str) -> str:
        """Status, type and CORS header of a public URL, asked for one byte of it and without the key."""
        if not safe_url(url):
            return "not a URL"
        try:
            async with self._http.stream("GET", url, headers={"Range": "bytes=0-0"}) as response:
                origin = response.headers.get("access-control-allow-origin", "")
                cors = f"open to {self.report.quote(origin, 40)} (CORS)" if origin else "no CORS header"
                media_type = self.report.quote(response.headers.get("content-type", "no type"), 60)
                return f"HTTP {response.status_code}, {media_type}, {cors}"
        except httpx.HTTPError as error:
            return f"no answer ({type(error).__name__})"


def outcome_shape(record: Record) -> str:
    """The names and types of the outcome's fields."""
    outcome = record.outcome
    if outcome is None:
        return "no outcome"
    return ", ".join(f"{code(name)} ({kind(value)})" for name, value in outcome.items()) or "an empty outcome"

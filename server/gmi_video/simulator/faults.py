"""Faults that a test can switch on by name, and the queue in which they wait for their calls.

The vendor's own (P): 402, 404, 404_no_access (its first words), 405 (its status), 429_body, 429_record,
500_refused_value, 500_credentials and 503. The others are what any server, network or proxy can do. Where a name ends
in `_after`, a submit makes its job all the same, also where the error says that nothing was made (?).
"""

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

Endpoint: TypeAlias = Literal["submit", "get", "list", "models", "model", "upload_url", "upload", "file", "film"]
ENDPOINTS: tuple[Endpoint, ...] = get_args(Endpoint)

Fault: TypeAlias = Literal[
    "refused", "400", "401", "402", "404", "404_no_access", "405", "408", "425", "429", "429_header", "429_body",
    "429_after", "429_record", "500_refused_value", "500_refused_value_after", "500_credentials",
    "500_credentials_after", "500", "500_after", "502_html", "502_html_after", "503", "503_after", "timeout_before",
    "timeout_after", "dropped_before", "dropped_after", "truncated_json", "wrong_types", "not_json", "empty_200",
    "redirect", "huge",
]  # fmt: skip
FAULTS: tuple[Fault, ...] = get_args(Fault)

FilmFault: TypeAlias = Literal["cut", "403_expired", "200_html"]
"""What can happen to a film besides: the connection breaks in its middle, its link has expired, a page in its place."""
FILM_FAULTS: tuple[FilmFault, ...] = get_args(FilmFault)

RATE_LIMIT_MS = 29970
HUGE_BYTES = 50 * 1024 * 1024
ELSEWHERE = "https://elsewhere.example/requests"
_LIMITED = f"Rate limit exceeded for model {{model}}: 2 requests per 60 seconds. Retry in {RATE_LIMIT_MS} ms."
_HTML = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"


@dataclass(frozen=True)
class Effect:
    """What a fault does: how the call is answered, and whether it takes effect first (a submit makes its job)."""

    kind: Literal["respond", "refuse", "hang", "drop", "record", "truncate", "wrong_types", "huge", "cut"] = "respond"
    """The response: fixed, connection refused, none, connection broken, a failed record, or the correct response cut
    off, with wrong types, replaced by a very large one, or broken off in its middle."""
    takes_effect: bool = False
    status: int = 200
    body: Any = ""
    """A JSON object in whose strings {model} and {request_id} are filled in, or a text that is sent as it is."""
    headers: dict[str, str] = field(default_factory=dict[str, str])


def _error(status: int, text: str, *, takes_effect: bool = False, **more: Any) -> Effect:
    headers = more.pop("headers", {})
    return Effect(status=status, body={"error": text, **more}, takes_effect=takes_effect, headers=headers)


def _page(status: int, html: str, *, takes_effect: bool = False) -> Effect:
    return Effect(status=status, body=html, takes_effect=takes_effect, headers={"content-type": "text/html"})


_EXHAUSTED = "Upstream capacity temporarily exhausted; please retry later"

EFFECTS: dict[Fault, Effect] = {
    "refused": Effect(kind="refuse"),
    "400": _error(400, "invalid request payload"),
    "401": _error(401, "invalid api key"),
    "402": _error(402, "Insufficient credits. Please add more credits to your account."),
    "404": _error(404, "model {model} does not exist"),
    "404_no_access": _error(404, "you do not have access to model {model}"),
    "405": _error(405, "Method Not Allowed"),
    "408": _error(408, "Request Timeout"),
    "425": _error(425, "Too Early"),
    "429": _error(429, "Too many requests"),
    "429_header": _error(429, "Too many requests", headers={"retry-after": "30"}),
    "429_body": _error(
        429,
        _LIMITED,
        rate_limit={"limit_type": "RPM", "limit": 2, "interval_seconds": 60, "retry_after_ms": RATE_LIMIT_MS},
    ),
    "429_after": _error(429, "Too many requests", takes_effect=True),
    "500_credentials_after": _error(500, "Backend error (401). Please try again.", takes_effect=True),
    "500_refused_value_after": _error(500, "Backend error (400). Please try again.", takes_effect=True),
    "429_record": Effect(kind="record", takes_effect=True, body=_LIMITED),
    "500_refused_value": _error(500, "Backend error (400). Please try again."),
    "500_credentials": _error(500, "Backend error (401). Please try again."),
    "500": _error(500, "Internal Server Error"),
    "500_after": _error(500, "Internal Server Error", takes_effect=True),
    "502_html": _page(502, _HTML),
    "502_html_after": _page(502, _HTML, takes_effect=True),
    "503": _error(503, _EXHAUSTED, request_id="{request_id}"),
    "503_after": _error(503, _EXHAUSTED, takes_effect=True, request_id="{request_id}"),
    "timeout_before": Effect(kind="hang"),
    "timeout_after": Effect(kind="hang", takes_effect=True),
    "dropped_before": Effect(kind="drop"),
    "dropped_after": Effect(kind="drop", takes_effect=True),
    "truncated_json": Effect(kind="truncate", takes_effect=True),
    "wrong_types": Effect(kind="wrong_types", takes_effect=True),
    "not_json": Effect(body="upstream said hello", headers={"content-type": "text/plain"}, takes_effect=True),
    "empty_200": Effect(takes_effect=True),
    "redirect": Effect(status=302, headers={"location": ELSEWHERE}),
    "huge": Effect(kind="huge", takes_effect=True),
}

FILM_EFFECTS: dict[FilmFault, Effect] = {
    "cut": Effect(kind="cut", takes_effect=True),
    "403_expired": Effect(
        status=403,
        body="<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>",
        headers={"content-type": "application/xml"},
    ),
    "200_html": _page(200, "<!doctype html><html><head><title>Sign in</title></head><body>Sign in</body></html>"),
}


@dataclass
class _Entry:
    fault: Fault | FilmFault | None
    effect: Effect
    times: int | None
    after: int


class FaultQueue:
    """The queued faults of each endpoint, first in, first out."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[_Entry]] = {endpoint: [] for endpoint in ENDPOINTS}

    def add(
        self, endpoint: Endpoint, fault: Fault | FilmFault | None, effect: Effect, times: int | None, after: int
    ) -> None:
        """Queue a fault for `times` calls (None: all), after `after` calls without a fault.

        Raises:
            ValueError: no such endpoint, a fault that this endpoint can't have, or less than one time.
        """
        if endpoint not in self._waiting:
            raise ValueError(f"no endpoint {endpoint!r}; there are: {', '.join(ENDPOINTS)}")
        if effect.kind == "record" and endpoint != "submit":
            raise ValueError("429_record answers a submit only")
        if times is not None and times < 1:
            raise ValueError("a fault happens at least once")
        self._waiting[endpoint].append(_Entry(fault, effect, times, after))

    def refuses_connection(self, endpoint: str) -> bool:
        """Whether the next call's connection is refused; if so, that fault is used up."""
        waiting = self._waiting.get(endpoint, [])
        if waiting and waiting[0].after == 0 and waiting[0].effect.kind == "refuse":
            self.take(endpoint)
            return True
        return False

    def take(self, endpoint: str) -> tuple[Fault | FilmFault | None, Effect] | None:
        """The fault of the call that arrives now: its name (None for raw bytes) and its effect."""
        waiting = self._waiting.get(endpoint, [])
        if not waiting:
            return None
        entry = waiting[0]
        if entry.after:
            entry.after -= 1
            return None
        if entry.times is not None:
            entry.times -= 1
            if entry.times == 0:
                waiting.pop(0)
        return entry.fault, entry.effect

    def clear(self) -> None:
        """Remove all queued faults."""
        for waiting in self._waiting.values():
            waiting.clear()

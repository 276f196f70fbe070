"""The misbehaviours a test can switch on by name, and the queue they wait in.

Rows that mirror a vendor's answer say so in `gmi-api.md`'s words (P); the rest is what any network and proxy can do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

Endpoint: TypeAlias = Literal["submit", "get", "list", "models", "model", "upload_url", "upload", "file", "film"]
ENDPOINTS: tuple[Endpoint, ...] = get_args(Endpoint)

Fault: TypeAlias = Literal[
    "refused", "400", "401", "402", "404", "404_no_access", "405", "408", "425", "429", "429_header", "429_body",
    "429_record", "500_refused_value", "500_credentials", "500", "500_after", "502_html", "502_html_after", "503",
    "503_after", "timeout_before", "timeout_after", "dropped_before", "dropped_after", "truncated_json", "wrong_types",
    "not_json", "empty_200", "redirect", "huge",
]  # fmt: skip
FAULTS: tuple[Fault, ...] = get_args(Fault)

RATE_LIMIT_MS = 29970
HUGE_BYTES = 50 * 1024 * 1024
ELSEWHERE = "https://elsewhere.example/requests"
_LIMITED = f"Rate limit exceeded for model {{model}}: 2 requests per 60 seconds. Retry in {RATE_LIMIT_MS} ms."
_HTML = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"


@dataclass(frozen=True)
class Row:
    """What a fault does: how it answers, and whether the request took effect first (`lands`: a submit made its job)."""

    kind: Literal["answer", "refuse", "hang", "drop", "record", "truncate", "twist", "flood"] = "answer"
    lands: bool = False
    status: int = 200
    body: Any = ""
    """A JSON object, in whose texts {model} and {request_id} are filled in; or a text that is sent as it is."""
    headers: dict[str, str] = field(default_factory=dict[str, str])


def _error(status: int, text: str, *, lands: bool = False, **more: Any) -> Row:
    headers = more.pop("headers", {})
    return Row(status=status, body={"error": text, **more}, lands=lands, headers=headers)


def _page(status: int, html: str, *, lands: bool = False) -> Row:
    return Row(status=status, body=html, lands=lands, headers={"content-type": "text/html"})


_EXHAUSTED = "Upstream capacity temporarily exhausted; please retry later"

ROWS: dict[Fault, Row] = {
    "refused": Row(kind="refuse"),
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
    "429_record": Row(kind="record", lands=True, body=_LIMITED),
    "500_refused_value": _error(500, "Backend error (400). Please try again."),
    "500_credentials": _error(500, "Backend error (401). Please try again."),
    "500": _error(500, "Internal Server Error"),
    "500_after": _error(500, "Internal Server Error", lands=True),
    "502_html": _page(502, _HTML),
    "502_html_after": _page(502, _HTML, lands=True),
    "503": _error(503, _EXHAUSTED, request_id="{request_id}"),
    "503_after": _error(503, _EXHAUSTED, lands=True, request_id="{request_id}"),
    "timeout_before": Row(kind="hang"),
    "timeout_after": Row(kind="hang", lands=True),
    "dropped_before": Row(kind="drop"),
    "dropped_after": Row(kind="drop", lands=True),
    "truncated_json": Row(kind="truncate", lands=True),
    "wrong_types": Row(kind="twist", lands=True),
    "not_json": Row(body="upstream said hello", headers={"content-type": "text/plain"}, lands=True),
    "empty_200": Row(lands=True),
    "redirect": Row(status=302, headers={"location": ELSEWHERE}),
    "huge": Row(kind="flood", lands=True),
}


@dataclass
class _Entry:
    fault: Fault | None
    row: Row
    times: int | None
    after: int


class FaultQueue:
    """Faults in waiting, first come first served at each endpoint."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[_Entry]] = {endpoint: [] for endpoint in ENDPOINTS}

    def add(self, endpoint: Endpoint, fault: Fault | None, row: Row, times: int | None, after: int) -> None:
        """Queue a fault for the next `times` calls (None: for ever), once `after` calls have passed unharmed."""
        if endpoint not in self._waiting:
            raise ValueError(f"no endpoint {endpoint!r}; there are: {', '.join(ENDPOINTS)}")
        if row.kind == "record" and endpoint != "submit":
            raise ValueError("429_record answers a submit only")
        if times is not None and times < 1:
            raise ValueError("a fault happens at least once")
        self._waiting[endpoint].append(_Entry(fault, row, times, after))

    def refuses(self, endpoint: str) -> bool:
        """Whether the next call there does not even connect; if so, that fault is spent."""
        waiting = self._waiting.get(endpoint, [])
        if waiting and waiting[0].after == 0 and waiting[0].row.kind == "refuse":
            self.take(endpoint)
            return True
        return False

    def take(self, endpoint: str) -> tuple[Fault | None, Row] | None:
        """What befalls the call that arrives now."""
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
        return entry.fault, entry.row

    def clear(self) -> None:
        """From now on all is well."""
        for waiting in self._waiting.values():
            waiting.clear()

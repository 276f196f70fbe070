"""Answers HTTP requests (ASGI): who may pass, what is not served, and everything else to the caller's account."""

import json
import logging
from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Protocol

import anyio
from mcp_types import INVALID_REQUEST
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from gmi_video.http.accounts import Accounts, NotServed
from gmi_video.http.bodies import BadBody, Bodies, replayed
from gmi_video.http.counts import Counts
from gmi_video.http.names import named
from gmi_video.http.policy import Policy
from gmi_video.http.readiness import Readiness
from gmi_video.mcp.sessions import Guard
from gmi_video.settings import KEY_HEADER

KEY = KEY_HEADER.lower().encode()

ONCE = (b"host", b"origin", b"authorization", KEY, b"content-type", b"content-length", b"mcp-session-id",
        b"mcp-protocol-version")  # fmt: skip
"""Headers that decide something: with two of them, a proxy before this server may have gone by the other one."""

_SECRET = (b"authorization", KEY, b"cookie", b"proxy-authorization")
"""Headers that are not passed on."""

_SEEN_BY_PAGES = ("Mcp-Session-Id", "WWW-Authenticate", "Retry-After")
_SENT_BY_PAGES = (
    "Accept", "Authorization", "Content-Type", "Last-Event-ID", "Mcp-Method", "Mcp-Name", "Mcp-Protocol-Version",
    "Mcp-Session-Id", KEY_HEADER,
)  # fmt: skip
_METHODS = ("GET", "POST", "DELETE")

STOP_SECONDS = 0.5
"""What calls get to answer when the server is stopped; then their streams are ended."""

_access = logging.getLogger("gmi_video.access")


class Metrics(Protocol):
    """What `/metrics` answers."""

    media_type: str

    def text(self) -> bytes:
        """The metrics as they are now."""
        ...


class Exchange:
    """One request and its answer, as far as it has been sent."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.client = (scope.get("client") or ("-",))[0]
        self.account = "-"
        self.status = 0
        self.scope = anyio.CancelScope()
        self._send = send
        self._complete = False

    async def send(self, message: Message) -> None:
        """Pass a message of the answer on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        self._complete = message["type"] == "http.response.body" and not message.get("more_body", False)
        await self._send(message)

    async def end(self, scope: Scope, receive: Receive) -> None:
        """End what the server's stop has interrupted."""
        if not self.status:
            await refusal(503, "The server is stopping. Make the same call again in a moment.")(
                scope, receive, self.send
            )
        elif not self._complete:
            await self.send({"type": "http.response.body", "body": b"", "more_body": False})


class App:
    """The application.

    Args:
        policy: who may call.
        accounts: where calls go.
        readiness: what `/readyz` says.
        counts: what is counted for `/metrics`.
        path: the path of the MCP endpoint.
        metrics: the text of `/metrics`; None where there is none.
        name: of this copy, where a load balancer needs it; see `names`.
    """

    def __init__(
        self, policy: Policy, accounts: Accounts, readiness: Readiness, counts: Counts, *, path: str = "/mcp",
        metrics: Metrics | None = None, name: str = "",
    ) -> None:  # fmt: skip
        self._policy = policy
        self._accounts = accounts
        self._readiness = readiness
        self._counts = counts
        self._path = path
        self._metrics = metrics
        self._name = name
        self._guard = Guard(list(policy.hosts), list(policy.origins))
        self._bodies = Bodies()
        self._exchanges: set[Exchange] = set()
        self._stopping = False
        self._shared = CORSMiddleware(
            self._authorized,
            allow_origin_regex=policy.origin_pattern() or "(?!)",
            allow_methods=_METHODS,
            allow_headers=_SENT_BY_PAGES,
            expose_headers=_SEEN_BY_PAGES,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        exchange = Exchange(scope, send)
        began = anyio.current_time()
        with self._counted(exchange):
            with exchange.scope:
                await self._checked({**scope, "gmi_video.exchange": exchange}, receive, exchange.send)
            if exchange.scope.cancelled_caught:
                await exchange.end(scope, receive)
        self._counts.answers[exchange.status] += 1
        known = exchange.path in {self._path, "/healthz", "/readyz", "/metrics"}
        _access.info(
            "%s %s %s %d %.0f ms account=%s", exchange.client, exchange.method, exchange.path if known else "(other)",
            exchange.status, 1000 * (anyio.current_time() - began), exchange.account,
        )  # fmt: skip

    async def stop(self) -> None:
        """Have calls answer with what is known, and end all that goes on after `STOP_SECONDS`."""
        self._stopping = True
        self._accounts.end_waits()
        for exchange in self._exchanges:
            if exchange.method == "GET":
                exchange.scope.cancel()
        with anyio.move_on_after(STOP_SECONDS):
            while self._exchanges:  # noqa: ASYNC110 - at most for half a second
                await anyio.sleep(0.02)
        for exchange in self._exchanges:
            exchange.scope.cancel()

    @contextmanager
    def _counted(self, exchange: Exchange) -> Generator[None]:
        self._exchanges.add(exchange)
        try:
            yield
        finally:
            self._exchanges.discard(exchange)

    async def _checked(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The checks of a request's head that need no token, and health."""
        path, method = scope["path"], scope["method"]
        if fault := _ambiguity(scope):
            answer = refusal(400, fault)
        elif path in {"/healthz", "/readyz"} and method in {"GET", "HEAD"}:
            ready = path == "/healthz" or (not self._stopping and await self._readiness.is_ready())
            answer = Response("ok\n" if ready else "not ready\n", 200 if ready else 503, media_type="text/plain")
        elif foreign := await self._guard.refusal(scope):
            answer = refusal(foreign.status_code, f"{bytes(foreign.body).decode()}: it is not one that is served here.")
        elif self._stopping:
            answer = refusal(503, "The server is stopping. Make the same call again in a moment.")
        else:
            await self._shared(scope, receive, send)
            return
        await answer(scope, receive, send)

    async def _authorized(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if not self._policy.admits(_header(scope, b"authorization")):
            shown = ' error="invalid_token",' if _header(scope, b"authorization") else ""
            said = "This server needs a token: send it in the header Authorization, as Bearer TOKEN (GMI_MCP_TOKEN)."
            answer = refusal(401, said, **{"WWW-Authenticate": f'Bearer{shown} realm="gmi-video-mcp"'})
        elif path == self._path and scope["method"] in _METHODS:
            await self._call(scope, receive, send)
            return
        elif path == self._path:
            answer = refusal(405, "Use POST, GET or DELETE.", Allow=", ".join(_METHODS))
        elif path == "/metrics" and self._metrics is not None and scope["method"] == "GET":
            answer = Response(self._metrics.text(), media_type=self._metrics.media_type)
        else:
            answer = refusal(404, "There is nothing here.")
        await answer(scope, receive, send)

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange: Exchange = scope["gmi_video.exchange"]
        is_call = scope["method"] == "POST"
        try:
            body = await self._bodies.read(scope, receive) if is_call else b""
            begins = is_call and not _header(scope, b"mcp-session-id") and b'"initialize"' in body
            key = _header(scope, KEY)
            async with self._accounts.using(key, is_call=is_call, begins_session=begins) as account:
                exchange.account = account.tag
                passed_on = [header for header in scope["headers"] if header[0] not in _SECRET]
                inner = replayed(body, receive) if is_call else receive
                scope, send = named(self._name, {**scope, "headers": passed_on}, send)
                await account.sessions.handle(scope, inner, send)
        except (BadBody, NotServed) as error:
            retry = {"Retry-After": "5"} if error.status == HTTPStatus.SERVICE_UNAVAILABLE else {}
            await refusal(error.status, str(error), **retry)(scope, receive, send)


def refusal(status: int, reason: str, **headers: str) -> Response:
    """The answer to a request that is not served. The connection is closed: its body may not have been read."""
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": INVALID_REQUEST, "message": reason}}
    return Response(json.dumps(error), status, {"Connection": "close", **headers}, "application/json")


def _ambiguity(scope: Scope) -> str:
    """What could be read in two ways in a request's head, as a sentence; empty for nothing."""
    names = [name for name, _ in scope["headers"]]
    if b"transfer-encoding" in names and b"content-length" in names:
        return "A request has either Content-Length or Transfer-Encoding."
    twice = [name.decode("latin-1") for name in ONCE if names.count(name) > 1]
    return f"The header {twice[0]} must stand only once." if twice else ""


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for given, value in scope["headers"] if given == name), "")

"""The SDK's Streamable HTTP for one server: sessions of the handshake era, and single requests of 2026-07-28."""

import logging
from contextlib import AbstractAsyncContextManager
from typing import Any

from mcp.server.lowlevel.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

IDLE_SECONDS = 1800.0
"""A session without a request, and without an open stream, is ended after this time."""

for _talkative in ("mcp.server.streamable_http", "mcp.server.streamable_http_manager", "sse_starlette.sse"):
    # They log session ids, which are as good as the session, and all that is sent.
    logging.getLogger(_talkative).setLevel(logging.WARNING)
# It logs what foreign callers send, once for each request.
logging.getLogger("mcp.server.transport_security").setLevel(logging.ERROR)


class Sessions:
    """One server's endpoint.

    Args:
        server: the SDK's server.
        max_sessions: as many sessions may be open; one more is answered with 503.
        max_body_bytes: the longest request.
    """

    def __init__(self, server: Server[Any], max_sessions: int, max_body_bytes: int) -> None:
        self._manager = StreamableHTTPSessionManager(
            server,
            # Of `allowed_hosts` and the rest: `is_foreign` was asked before a body was read.
            security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
            session_idle_timeout=IDLE_SECONDS,
            max_sessions=max_sessions,
            max_request_body_size=max_body_bytes,
        )

    def run(self) -> AbstractAsyncContextManager[None]:
        """Open the server's services for as long as the block runs; then end its sessions and close them."""
        return self._manager.run()

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request (ASGI)."""
        await self._manager.handle_request(scope, receive, send)

    @property
    def number(self) -> int:
        """How many sessions are open; the SDK does not tell."""
        return len(self._manager._server_instances)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


class Guard:
    """Refuses requests from foreign pages and for foreign hosts (DNS rebinding), by the SDK's rules.

    Args:
        hosts: values of `Host`; `name:*` is a name with any port.
        origins: values of `Origin`, in the same way.
    """

    def __init__(self, hosts: list[str], origins: list[str]) -> None:
        self._checks = TransportSecurityMiddleware(
            TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=origins)
        )

    async def refusal(self, scope: Scope) -> Response | None:
        """The answer to a foreign request: 421 by its host, 403 by its origin. None for one that may pass."""
        return await self._checks.validate_request(Request(scope))

"""An httpx transport that ends at a simulator in the same process, and fails the way networks do.

It calls the same endpoints as the ASGI app, with no server in between, so it works under trio and asyncio, runs no task
of its own, and passes a streamed body on piece by piece.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

import anyio
import httpx
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Match
from starlette.types import Message, Scope

from gmi_video.simulator.app import routes
from gmi_video.simulator.responses import Cut, Dropped, Hanging
from gmi_video.simulator.state import OutsideRequest, Simulator


class SimulatedTransport(httpx.AsyncBaseTransport):
    """For `httpx.AsyncClient(transport=...)`: connects to the simulator's own hosts only, and records the rest."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self._routes = routes(sim)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One HTTP exchange.

        Raises:
            httpx.ConnectError: another host, or the fault `refused`: nothing arrived.
            httpx.ReadTimeout: no response within the request's read timeout.
            httpx.RemoteProtocolError: the connection broke.
        """
        if not self._sim.serves(str(request.url)):
            authorized = "authorization" in request.headers
            self._sim.outside_requests.append(OutsideRequest(request.method, str(request.url), authorized))
            raise httpx.ConnectError(f"no way to {request.url.host}", request=request)
        body = await request.aread()
        scope = _scope(request)
        name, endpoint = self._find(scope)
        if self._sim.faults.refuses_connection(name):
            raise httpx.ConnectError("connection refused", request=request)

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        try:
            with anyio.fail_after(request.extensions.get("timeout", {}).get("read")):
                response = await endpoint(Request(scope, receive))
                if isinstance(response, Hanging):
                    await anyio.sleep_forever()
        except TimeoutError:
            raise httpx.ReadTimeout("no answer in time", request=request) from None
        if isinstance(response, Dropped):
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
        return httpx.Response(response.status_code, headers=response.raw_headers, stream=_Body(response))

    def _find(self, scope: Scope) -> tuple[str, Callable[[Request], Awaitable[Response]]]:
        for route in self._routes:
            match, found = route.matches(scope)
            if match is Match.FULL:
                scope.update(found)
                return route.name, route.endpoint
        raise AssertionError("the last route takes everything")


def _scope(request: httpx.Request) -> Scope:
    url = request.url
    return {
        "type": "http",
        "http_version": "1.1",
        "method": request.method,
        "scheme": url.scheme,
        "path": url.path,
        "raw_path": url.raw_path.split(b"?")[0],
        "query_string": url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "server": (url.host, url.port),
        "client": ("127.0.0.1", 1),
        "state": {},
    }


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if isinstance(self._response, StreamingResponse):
            async for piece in self._response.body_iterator:
                yield cast("bytes", piece)
        elif isinstance(self._response, Cut):
            yield self._response.half
            raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")
        else:
            yield bytes(self._response.body)
        if self._response.background is not None:
            await self._response.background()

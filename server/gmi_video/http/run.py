"""The process of a server on HTTP: uvicorn, signals, and an end within seconds."""

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager
from functools import partial

import anyio
import httpx
import uvicorn

from gmi_video.errors import SettingsError
from gmi_video.frames.extraction import AT_ONCE
from gmi_video.http.accounts import Accounts
from gmi_video.http.app import App, Metrics
from gmi_video.http.connections import KEEP_ALIVE_SECONDS, MAX_HEAD_BYTES, BoundedProtocol, Pool, most_connections
from gmi_video.http.counts import Counted, Counts
from gmi_video.http.policy import Policy
from gmi_video.http.readiness import Readiness
from gmi_video.mcp.app import create_server
from gmi_video.mcp.sdk import StrictServer
from gmi_video.services import Services
from gmi_video.settings import Settings
from gmi_video.upstream.connection import Connection

GRACE_SECONDS = 2.7
"""From a signal to the end of the process, whatever hangs."""

QUEUE_CONNECTIONS = 128
"""To the queue and to the hosts of videos, for all accounts together."""

_log = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """A uvicorn server that leaves the process's signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the signal handlers as they are."""
        yield


@asynccontextmanager
async def serving(
    settings: Settings,
    policy: Policy,
    listener: socket.socket,
    *,
    path: str = "/mcp",
    with_metrics: bool = False,
    name: str = "",
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncGenerator[Callable[[], None]]:
    """Serve on a socket until the block is left or the function is called that it yields.

    Args:
        settings: what the environment decides.
        policy: who may call.
        listener: is bound, and is closed here.
        path: the path of the MCP endpoint.
        with_metrics: whether `/metrics` is served.
        name: of this copy, for a load balancer; empty for none.
        transport: how HTTP to the queue is sent; None is the network.
    """
    connection = transport or Connection(settings.network, QUEUE_CONNECTIONS)
    counts = Counts()
    shared = Counted(connection, counts, settings.base_url)
    film_turns = anyio.Semaphore(AT_ONCE)

    def create(account: Settings, opened: Callable[[Services], None]) -> StrictServer:
        return create_server(account, transport=shared, film_turns=film_turns, opened=opened)

    accounts, readiness = Accounts(settings, create), Readiness(settings)
    metrics = _metrics(accounts, counts) if with_metrics else None
    app = App(policy, accounts, readiness, counts, path=path, metrics=metrics, name=name)
    server = Server(_config(app))
    stopped = anyio.Event()

    async def stop() -> None:
        await stopped.wait()
        server.should_exit = True
        await app.stop()

    try:
        async with accounts.running(), anyio.create_task_group() as tasks:
            tasks.start_soon(_get_ready, connection, settings)
            tasks.start_soon(stop)
            tasks.start_soon(server.serve, [listener])
            try:
                yield stopped.set
            finally:
                stopped.set()
    finally:
        with anyio.CancelScope(shield=True):
            await readiness.aclose()
            await connection.aclose()


def serve(
    settings: Settings, policy: Policy, listener: socket.socket, *, path: str, with_metrics: bool, name: str
) -> int:
    """Serve until a signal comes; then end the process. Returns the exit code: 1 after a fault of ours."""
    try:
        anyio.run(partial(_serve, settings, policy, listener, path, with_metrics=with_metrics, name=name))
    except KeyboardInterrupt:
        return 0  # only where signals can't be received, on Windows
    except Exception:  # noqa: BLE001 - logged in full, and reported by the exit code
        _log.exception("The server stopped.")
        return 1
    return 0


async def _serve(
    settings: Settings, policy: Policy, listener: socket.socket, path: str, *, with_metrics: bool, name: str
) -> None:
    async with serving(settings, policy, listener, path=path, with_metrics=with_metrics, name=name):
        for problem in settings.problems + settings.warnings:
            _log.warning("%s", problem)
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        keys = "its own key" if settings.api_key else "each caller's key"
        sys.stderr.write(f"gmi-video-mcp serves MCP at http://{shown}:{port}{path}, with {keys}.\n")
        sys.stderr.flush()
        await _signal()
        timer = threading.Timer(GRACE_SECONDS, os._exit, (0,))
        timer.daemon = True
        timer.start()


async def _signal() -> None:
    """Return when the process is to end."""
    try:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
            async for _ in received:
                return
    except NotImplementedError:
        await anyio.sleep_forever()  # Windows' event loop has no signal handlers; KeyboardInterrupt does the work there


async def _get_ready(connection: httpx.AsyncBaseTransport, settings: Settings) -> None:
    """Read the certificates before the first call needs them."""
    if isinstance(connection, Connection):
        with contextlib.suppress(SettingsError):  # named by the first call
            await connection.open(settings.base_url)


def _metrics(accounts: Accounts, counts: Counts) -> Metrics:
    from gmi_video.http import metrics  # noqa: PLC0415 - needs an extra

    return metrics.Metrics(accounts, counts)


def _config(app: App) -> uvicorn.Config:
    for quiet in ("uvicorn", "uvicorn.error"):
        # It warns of each request that is none, which anyone can send.
        logging.getLogger(quiet).setLevel(logging.ERROR)
    return uvicorn.Config(
        app,
        http=partial(BoundedProtocol, Pool(most_connections())),  # pyright: ignore[reportArgumentType] - called like a class
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        timeout_graceful_shutdown=2,
    )

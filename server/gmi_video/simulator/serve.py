"""The simulator on a real port: in this process for the demo, or as a process of its own.

On a socket a refused or dropped connection is a response that begins and breaks off: ASGI allows nothing else.
"""

import argparse
import socket
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, cast

import anyio
import httpx
import uvicorn

from gmi_video.simulator.app import create_app
from gmi_video.simulator.faults import ENDPOINTS, FAULTS, FILM_FAULTS, Endpoint, Fault, FilmFault
from gmi_video.simulator.scripts import Script
from gmi_video.simulator.state import Simulator

_IMAGE_SECONDS = 10
_IMAGE_BYTES = 20 * 1024 * 1024


async def fetch_over_http(url: str) -> bytes:
    """Download an image from the internet, in at most 10 s and 20 MiB.

    Raises:
        httpx.HTTPError: it is not available.
        ValueError: it is too large.
    """
    async with (
        httpx.AsyncClient(timeout=_IMAGE_SECONDS, follow_redirects=True) as client,
        client.stream("GET", url) as response,
    ):
        response.raise_for_status()
        data = bytearray()
        async for piece in response.aiter_bytes():
            data += piece
            if len(data) > _IMAGE_BYTES:
                raise ValueError(f"larger than {_IMAGE_BYTES} bytes")
    return bytes(data)


class _Server(uvicorn.Server):
    """A uvicorn server that does not handle the process's signals, and tells when it is started."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = anyio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and set `up`."""
        await super().startup(sockets)
        self.up.set()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the signal handlers as they are."""
        yield


@asynccontextmanager
async def running(simulator: Simulator, host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[str]:
    """Serve in this asyncio loop while the block runs. Yields the base URL, which is also set on the simulator.

    Port 0 takes any free port.

    Raises:
        OSError: the port is taken.
    """
    listener = _listen(host, port)
    server = _Server(_config(simulator))
    simulator.base_url = _address(listener)
    # Closed here as well, because a cancelled server leaves its socket open.
    with listener:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [listener])
            await server.up.wait()
            try:
                yield simulator.base_url
            finally:
                server.should_exit = True


def serve(
    simulator: Simulator, host: str = "127.0.0.1", port: int = 8090, *, greet: bool = True, control: bool = False
) -> None:
    """Serve until interrupted; `greet` prints the greeting to stdout first, `control` lets tests set pauses over HTTP.

    Raises:
        OSError: the port is taken.
    """
    listener = _listen(host, port)
    simulator.base_url = _address(listener)
    if greet:
        print(greeting(simulator), flush=True)  # noqa: T201 - a command's answer to the person who ran it
    with suppress(KeyboardInterrupt):
        uvicorn.Server(_config(simulator, control=control)).run([listener])


def greeting(simulator: Simulator) -> str:
    """The URL, the key, and the settings that point the server at the simulator."""
    return (
        f"A pretend GMI Cloud is up at {simulator.base_url}; nothing here costs anything. Point the server at it with\n"
        f"  GMI_BASE_URL={simulator.api_url}\n"
        f"  GMI_API_KEY={simulator.api_key}\n"
        "Its films are real videos, rendered when they are first requested. Stop it with Ctrl-C."
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `gmi-video-mcp simulate`."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8090, help="port to listen on, 0 for any free one (default 8090)")
    parser.add_argument("--key", default="simulated-key", help="the API key that is let in (default simulated-key)")
    parser.add_argument("--takes", type=float, metavar="SECONDS", help="how long every job takes (default 20)")
    parser.add_argument("--control", action="store_true", help="serve /control/pauses, to stop calls in a test")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        type=parse_fault,
        metavar="ENDPOINT=FAULT",
        help=f"the next call there goes wrong; again for more. Endpoints: {', '.join(ENDPOINTS)}. "
        f"Faults: {', '.join(FAULTS)}; of film only: {', '.join(FILM_FAULTS)}",
    )


def parse_fault(text: str) -> tuple[Endpoint, Fault | FilmFault]:
    """Split `submit=timeout_after` into endpoint and fault.

    Raises:
        argparse.ArgumentTypeError: no such endpoint or fault; the message names those there are.
    """
    endpoint, _, fault = text.partition("=")
    if endpoint not in ENDPOINTS:
        raise argparse.ArgumentTypeError(f"no endpoint {endpoint!r}; there are: {', '.join(ENDPOINTS)}")
    faults = (*FAULTS, *FILM_FAULTS) if endpoint == "film" else FAULTS
    if fault not in faults:
        raise argparse.ArgumentTypeError(f"no fault {fault!r}; there are: {', '.join(faults)}")
    return endpoint, cast("Fault | FilmFault", fault)


def main(args: argparse.Namespace) -> int:
    """Run `gmi-video-mcp simulate` with the parsed options. Returns the exit code."""
    scripts = {} if args.takes is None else {"*": Script.takes(args.takes)}
    simulator = Simulator(api_key=args.key, scripts=scripts, fetch=fetch_over_http)
    faults: list[tuple[Endpoint, Fault | FilmFault]] = args.fault
    for endpoint, fault in faults:
        simulator.fail(endpoint, fault)
    try:
        serve(simulator, args.host, args.port, control=args.control)
    except (OSError, OverflowError) as error:
        why = f"{error.strerror if isinstance(error, OSError) else error}"
        print(f"Can't listen on {args.host} port {args.port}: {why}. Choose another with --port.", file=sys.stderr)  # noqa: T201 - a command's output
        return 1
    return 0


def _config(simulator: Simulator, *, control: bool = False) -> uvicorn.Config:
    app = create_app(simulator, control=control)
    options: dict[str, Any] = {"server_header": False, "date_header": False, "access_log": False}
    return uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=2, lifespan="off", **options)


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.create_server((host, port), backlog=128)
    # Connections inherit it. Without it the body of a response can wait 40 ms for its head to be acknowledged; asyncio
    # sets it only for sockets that name their protocol.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{host}:{port}"

"""`gmi-video-mcp serve --http`: its options, and what keeps it from starting."""

import argparse
import socket
import sys
from importlib.util import find_spec

from gmi_video.foreign.process import installs
from gmi_video.http.names import NAME
from gmi_video.http.policy import Policy, Refused, policy_for
from gmi_video.settings import load

BACKLOG = 2048
"""Connections that wait to be accepted."""

_LAST_PORT = 65535


def main(options: argparse.Namespace) -> int:
    """Serve with the parsed options. Returns the exit code: 2 where it does not start."""
    settings = load(remote=True)
    try:
        policy = _policy(options, policy_for(settings, options.host))
        listener = _listen(options.host, options.port)
    except Refused as why:
        print(str(why).rstrip(), file=sys.stderr)  # noqa: T201 - a command's answer to the person who ran it
        return 2
    from gmi_video.http import run  # noqa: PLC0415 - takes a second to import; what is wrong is said before

    return run.serve(settings, policy, listener, path=options.path, with_metrics=options.metrics, name=options.name)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `gmi-video-mcp serve`."""
    parser.add_argument("--http", action="store_true", help="serve over HTTP instead of stdin and stdout")
    group = parser.add_argument_group("with --http")
    group.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    group.add_argument("--port", type=int, default=8765, help="port, 0 for any free one (default %(default)s)")
    group.add_argument("--path", default="/mcp", help="path of the MCP endpoint (default %(default)s)")
    group.add_argument("--name", default="", help="of this copy, at the end of its sessions' ids, for a load balancer")
    group.add_argument("--metrics", action="store_true", help="serve /metrics for Prometheus")


def _policy(options: argparse.Namespace, policy: Policy) -> Policy:
    """The policy, where the other options are right too."""
    if not options.path.startswith("/") or options.path in {"/", "/healthz", "/readyz", "/metrics"}:
        raise Refused(f"--path must begin with a slash and name something, like /mcp, not {options.path!r}.")
    if options.name and not NAME.fullmatch(options.name):
        raise Refused(
            f"--name may have letters, digits, - and _, at most 63 of them, like copy1, not {options.name!r}."
        )
    if options.metrics and find_spec("prometheus_client") is None:
        raise Refused(
            f"--metrics needs prometheus-client, which is not installed. In your clone, run\n    {installs('metrics')}"
        )
    return policy


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= _LAST_PORT:
        # Not left to the system, some of which take the number's last 16 bits.
        raise Refused(f"Can't listen on {host} port {port}: ports go to {_LAST_PORT}. Choose another with --port.")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        why = error.strerror
        raise Refused(f"Can't listen on {host} port {port}: {why}. Choose another with --host or --port.") from None
    return listener

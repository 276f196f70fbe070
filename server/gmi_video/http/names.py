"""The name of a copy of the server, at the end of the ids of its sessions.

A session of 2025-11-25 lives in the copy that began it. With the name in its id, a load balancer can send the session's
requests there without keeping a table of its own.
"""

import re

from starlette.types import Message, Scope, Send

NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")
"""What a copy may be called: a host's name without dots, a pod's name."""

_SESSION = b"mcp-session-id"


def named(name: str, scope: Scope, send: Send) -> tuple[Scope, Send]:
    """A request and its answer, with the name after each session id outside and without it inside.

    An id with another name, or without one, stays as it is: it is no session of this copy, which answers 404.
    """
    if not name:
        return scope, send
    end = b"." + name.encode()

    async def send_named(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [(key, value + end if key.lower() == _SESSION else value) for key, value in message["headers"]]
            await send({**message, "headers": headers})
        else:
            await send(message)

    headers = [(key, value.removesuffix(end) if key == _SESSION else value) for key, value in scope["headers"]]
    return {**scope, "headers": headers}, send_named

"""Assembles the MCP server from the settings."""

import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import anyio
import httpx
from mcp.server import CacheHint, MCPServer

from gmi_video import __version__
from gmi_video.mcp import pictures, prompts, resources
from gmi_video.mcp.call import deadline_of
from gmi_video.mcp.player import player
from gmi_video.mcp.questions import sealing
from gmi_video.mcp.results import MODEL_URI, OUTCOME_URI
from gmi_video.mcp.sdk import StrictServer
from gmi_video.mcp.subscriptions import Subscriptions
from gmi_video.mcp.tasks import Requests, Tasks
from gmi_video.mcp.tools import tools_for
from gmi_video.services import Services, open_services
from gmi_video.settings import Settings
from gmi_video.text import paragraphs

MAX_LOGGED = 20_000
"""Characters of one record in the log."""

INSTRUCTIONS = """\
Makes videos with Luma-Ray2 and other models of GMI Cloud. Each video costs the user money and can't be cancelled.

generate_video submits and waits; if the render (a minute to ten) outlasts the call, get_status with "wait": true goes \
on waiting. Several videos: submit each with "wait": false, then wait for each. "How are my videos?" is list_requests \
alone. Every answer has a `next_step`: follow it, unless the user's request is already answered or asks for more. \
`summary` can be passed on as it is.

What the user has not chosen stays at its default: 720p, 5s, 16:9. If what they ask for does not exist, take the \
nearest that is not less, and say what you changed. Never leave out a picture they asked for, and never make a video \
shorter or smaller than they asked to save money, unless they agree. Write prompts that are specific and visual. \
Luma-Ray2 has no sound, no seed and no negative prompt."""


class Printable(logging.Formatter):
    """Formats a record without terminal escapes and other control characters, which foreign text in it may hold."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's text, a traceback with its lines."""
        return paragraphs(super().format(record), MAX_LOGGED)


def create_server(
    settings: Settings,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    now: Callable[[], float] = time.time,
    film_turns: anyio.Semaphore | None = None,
    opened: Callable[[Services], None] = lambda _: None,
) -> StrictServer:
    """The MCP server, ready to run; nothing is opened and nothing is sent before it is.

    Args:
        settings: what the environment decides.
        transport: how HTTP to the queue is sent; None is the network.
        now: this machine's clock, in Unix seconds.
        film_turns: bounds how many films are decoded, together with other servers that have it.
        opened: is given the services once they are open.
    """
    # Before MCPServer is made, which would set up logging of its own. To stderr: stdout belongs to the protocol.
    handler = logging.StreamHandler()
    handler.setFormatter(Printable("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=settings.log_level, handlers=[handler])

    @asynccontextmanager
    async def lifespan(_: MCPServer[Services]) -> AsyncGenerator[Services]:
        async with open_services(settings, transport, now, film_turns) as services:
            opened(services)
            yield services

    subscriptions = Subscriptions()
    server = StrictServer(
        tools=tools_for(settings),
        subscriber=subscriptions,
        subscriptions=subscriptions.bus,
        recent=resources.recent,
        complete=resources.complete,
        complete_prompt=prompts.complete,
        deadline=deadline_of,
        listed=Services.get_ready_soon,
        name="gmi-video-mcp",
        title="GMI Cloud video",
        instructions=INSTRUCTIONS,
        version=__version__,
        lifespan=lifespan,
        request_state_security=sealing(settings, now),
        extensions=[Tasks(Requests()), player(settings)],
        cache_hints={"tools/list": CacheHint(ttl_ms=3_600_000, scope="public")},
    )
    server.resource(
        OUTCOME_URI,
        name="outcome",
        title="Outcome of a finished video request",
        description="The link, read afresh so that it is live, and what the video was made from.",
        mime_type="application/json",
    )(resources.outcome)
    server.resource(
        MODEL_URI,
        name="model",
        title="A video model",
        description="Its parameters, price and guide, as the queue tells them.",
        mime_type="application/json",
    )(resources.model)
    for prompt in prompts.PROMPTS:
        server.add_prompt(prompt)
    for uri, name, title, read in pictures.RESOURCES:
        server.resource(uri, name=name, title=title, mime_type="image/jpeg")(read)
    return server

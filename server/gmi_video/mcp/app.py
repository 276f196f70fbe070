"""Assembles the MCP server from the settings."""

import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import httpx
from mcp.server import CacheHint, MCPServer

from gmi_video import __version__
from gmi_video.mcp import resources
from gmi_video.mcp.call import deadline_of
from gmi_video.mcp.results import MODEL_URI, OUTCOME_URI
from gmi_video.mcp.sdk import StrictServer
from gmi_video.mcp.subscriptions import Subscriptions
from gmi_video.mcp.tasks import Requests, Tasks
from gmi_video.mcp.tools import TOOLS
from gmi_video.services import Services, open_services
from gmi_video.settings import Settings
from gmi_video.text import paragraphs

MAX_LOGGED = 20_000
"""Characters of one record in the log."""

INSTRUCTIONS = """\
Makes videos with Luma-Ray2 and other models of GMI Cloud. Each video costs the user money and can't be recalled.

The flow: generate_video submits and waits; where the host's patience ends before the render does (a minute to ten), \
the answer holds a request_id and get_status with "wait": true goes on waiting. Then show the user the link from \
`summary`. Every answer has a `next_step`: do that, and nothing else on your own. Never call generate_video to check \
on a video.

Choosing, unless the user has: 720p 5s 16:9. Resolution: 540p for trying out, 720p for most uses, 1080p for \
professional work, 4k for premium work (slow). Aspect ratio: 16:9 for YouTube and widescreen, 9:16 for phones, TikTok \
and Stories, 1:1 for social posts, 21:9 for cinema. Duration: 5s for short clips, 9s for scenes in which more \
happens. loop for backgrounds and endless animations. frame0_image starts from a picture, frame1_image ends on one, \
both together interpolate. Write the prompt specific and visual; camera motion belongs in it ("camera orbits left", \
"push in", "crane up", "aerial", "handheld", "static"). Luma-Ray2 has no negative prompt and no seed."""


class Printable(logging.Formatter):
    """Formats a record without terminal escapes and other control characters, which foreign text in it may hold."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's text, a traceback with its lines."""
        return paragraphs(super().format(record), MAX_LOGGED)


def create_server(
    settings: Settings, *, transport: httpx.AsyncBaseTransport | None = None, now: Callable[[], float] = time.time
) -> StrictServer:
    """The MCP server, ready to run; nothing is opened and nothing is sent before it is.

    Args:
        settings: what the environment decides.
        transport: how HTTP to the queue is sent; None is the network.
        now: this machine's clock, in Unix seconds.
    """
    # Before MCPServer is made, which would set up logging of its own. To stderr: stdout belongs to the protocol.
    handler = logging.StreamHandler()
    handler.setFormatter(Printable("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=settings.log_level, handlers=[handler])

    @asynccontextmanager
    async def lifespan(_: MCPServer[Services]) -> AsyncGenerator[Services]:
        async with open_services(settings, transport, now) as services:
            yield services

    subscriptions = Subscriptions()
    server = StrictServer(
        tools=TOOLS,
        subscriber=subscriptions,
        subscriptions=subscriptions.bus,
        recent=resources.recent,
        complete=resources.complete,
        deadline=deadline_of,
        name="gmi-video-mcp",
        title="GMI Cloud video",
        instructions=INSTRUCTIONS,
        version=__version__,
        lifespan=lifespan,
        extensions=[Tasks(Requests())],
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
    return server

"""The player (MCP Apps, `io.modelcontextprotocol/ui`): a page that hosts show beside an answer about one video.

The page, `player.html`, gets the answer from the host, looks at a running job through it (`get_status`), and plays the
finished video. It is one file without a build step, and all that a host needs to load.
"""

from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from mcp.server.apps import Apps, ResourceCsp, ResourcePermissions, client_supports_apps
from mcp.server.mcpserver import Context

from gmi_video.settings import Settings

PLAYER_URI = "ui://gmi-video/player.html"

BOUND = {"ui": {"resourceUri": PLAYER_URI}}
"""The `_meta` of a tool whose answers the player shows."""

VIDEO_HOSTS = ("https://storage.googleapis.com", "https://*.gmicloud.ai")
"""Where videos come from: as in the vendor's guide, and the vendor's own. The page offers a link for any other."""


def player(settings: Settings) -> Apps:
    """The extension: the page, and the hosts that it may load a video from. The queue's own is one of them."""
    base = urlsplit(settings.base_url)
    queue = f"{base.scheme}://{base.netloc}"
    known = base.scheme == "https" and f".{base.hostname}".endswith(".gmicloud.ai")
    apps = Apps()
    apps.add_html_resource(
        PLAYER_URI,
        files("gmi_video.mcp").joinpath("player.html").read_text(encoding="utf-8"),
        name="player",
        title="Video player",
        csp=ResourceCsp(resource_domains=[*VIDEO_HOSTS, *([] if known else [queue])]),
        permissions=ResourcePermissions(clipboard_write={}),
        prefers_border=True,
    )
    return apps


def has_player(ctx: Context[Any, Any]) -> bool:
    """Whether the host of this call shows the player."""
    return client_supports_apps(ctx)


def is_page(uri: str) -> bool:
    """Whether a resource is a page for hosts, and nothing for people to choose."""
    return uri.startswith("ui://")

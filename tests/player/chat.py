"""A chat in a browser: the host page of this folder, the player in its sandbox, and the server behind both.

The simulator's, the server's and the page's clocks are one that a test can put forward, so that no test waits for a
job in real time.
"""

import asyncio
import os
import shutil
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from mcp import Client
from mcp.client.extension import advertise
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, Implementation, TextResourceContents
from playwright.async_api import Browser, FrameLocator, Page, async_playwright, expect

from gmi_video.mcp.app import create_server
from gmi_video.settings import Settings
from gmi_video.simulator import Simulator
from gmi_video.simulator.serve import running
from tests.conftest import EPOCH, KEY

SHOWS_APPS: dict[str, Any] = {"extensions": [advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})]}

CAPABILITIES: dict[str, Any] = {"openLinks": {}, "serverTools": {}, "serverResources": {}}

# Without a sandbox of its own, which root may not use: it loads nothing but our own pages. Without what it would look
# up on the internet.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

SECONDS = 30
"""That a busy machine may take for what should be there at once."""

HOW_TO_GET_IT = "Chromium is needed: `apt-get install chromium`, or CHROMIUM=/path/to/it"


def chromium() -> str:
    """The browser's program; empty where there is none."""
    names = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if name and (found := shutil.which(name))), "")


@asynccontextmanager
async def browsing() -> AsyncGenerator[Browser]:
    """A headless Chromium."""
    expect.set_options(timeout=SECONDS * 1000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=[*FLAGS])
        yield browser
        await browser.close()


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Log nothing."""


@contextmanager
def pages() -> Generator[int]:
    """Serve this folder's pages on loopback; gives the port. As `127.0.0.1` and `localhost` it is two origins."""
    handler = partial(_Files, directory=str(Path(__file__).parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


class Time:
    """The time of the event loop, put forward by `passed` seconds, and Unix seconds by it."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        before, self.passed = loop.time, 0.0
        self._began = before()
        loop.time = lambda: before() + self.passed
        self._loop = loop

    def __call__(self) -> float:
        """Now."""
        return EPOCH + self._loop.time() - self._began


@dataclass
class Chat:
    """The browser's page, the client behind it, and what the player asked of the server."""

    page: Page
    client: Client
    sim: Simulator
    time: Time
    port: int
    capabilities: dict[str, Any] = field(default_factory=lambda: dict(CAPABILITIES))
    context: dict[str, Any] = field(default_factory=lambda: {"theme": "light"})
    strips: bool = False
    """Whether the host leaves the structured content out of what it passes on."""
    keeps: bool = False
    """Whether a new player is opened below those that are there, and not in their place."""
    calls: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list[Any])

    @property
    def view(self) -> FrameLocator:
        """The document of the player, of the newest where there are several."""
        return self.view_of(-1)

    def view_of(self, number: int) -> FrameLocator:
        """The document of one of several players, from above."""
        return self.page.locator("iframe").nth(number).content_frame.frame_locator("iframe")

    async def call_for_view(self, params: dict[str, Any]) -> dict[str, Any]:
        """`tools/call` of the player."""
        self.calls.append((params["at"], params["name"], params["arguments"]))
        return self.passed_on(await self.client.call_tool(params["name"], params["arguments"]))

    async def read_for_view(self, uri: str) -> dict[str, Any]:
        """`resources/read` of the player: the answer's `result` or `error`."""
        try:
            result = await self.client.read_resource(uri)
        except MCPError as error:
            return {"error": {"code": error.code, "message": error.message}}
        return {"result": result.model_dump(mode="json", by_alias=True, exclude_none=True)}

    def passed_on(self, result: CallToolResult) -> dict[str, Any]:
        """A result as the host passes it on to the player."""
        sent = result.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {key: value for key, value in sent.items() if not (self.strips and key == "structuredContent")}

    async def open(self, **changes: Any) -> None:
        """Load the player as the server has it; `changes` replace parts of what the host makes of it."""
        (content,) = (await self.client.read_resource("ui://gmi-video/player.html")).contents
        assert isinstance(content, TextResourceContents)
        assert content.mime_type == APP_MIME_TYPE
        meta: dict[str, Any] = (content.meta or {})["ui"]
        view = {
            "sandbox": f"http://localhost:{self.port}/sandbox.html",
            "html": content.text,
            "csp": meta["csp"],
            "permissions": meta["permissions"],
            "capabilities": self.capabilities,
            "hostContext": self.context,
            "below": self.keeps,
        }
        if not self.keeps:
            await self.page.goto(f"http://127.0.0.1:{self.port}/host.html")
        await self.page.evaluate("view => openView(view)", view | changes)

    async def tell(self, method: str, params: dict[str, Any]) -> None:
        """Send the player a notification."""
        await self.page.evaluate("([method, params]) => tell(method, params)", [f"ui/notifications/{method}", params])

    async def ask(self, tool: str, **arguments: Any) -> CallToolResult:
        """The assistant calls a tool: the host opens the player beside the answer."""
        await self.open()
        await self.tell("tool-input", {"arguments": arguments})
        result = await self.client.call_tool(tool, arguments)
        await self.tell("tool-result", self.passed_on(result))
        return result

    async def replay(self, result: CallToolResult, **arguments: Any) -> None:
        """The chat is reloaded: the host opens a new player, and tells it what it told the first."""
        await self.open()
        await self.tell("tool-input", {"arguments": arguments})
        await self.tell("tool-result", self.passed_on(result))

    async def let_pass(self, seconds: int) -> None:
        """Let time pass, in steps of a second in which what the player asks is answered."""
        for _ in range(seconds):
            self.time.passed += 1
            await self.page.clock.run_for(1000)
            await self.page.evaluate("settle()")

    async def sent(self, method: str) -> list[dict[str, Any]]:
        """The parameters of each message of this method that the player has sent."""
        found = "method => log.filter(m => m.method === method).map(m => m.params)"
        return await self.page.evaluate(found, method)


@asynccontextmanager
async def chatting(
    browser: Browser, port: int, *, era: str = "2026-07-28", width: int = 600, **options: Any
) -> AsyncGenerator[Chat]:
    """A chat with a new server and simulator.

    Args:
        browser: from `browsing`.
        port: from `pages`.
        era: the client's `mode`.
        width: of the window, in CSS pixels.
        options: of the browser's context.
    """
    time = Time()
    sim = Simulator(api_key=KEY, clock=time, seed=1)
    sim.behave(film_seconds=0.5)
    async with running(sim):
        settings = Settings.from_environment(
            {"GMI_API_KEY": KEY, "GMI_BASE_URL": sim.api_url, "GMI_LEDGER_URL": "none"}
        )
        me = Implementation(name="claude-code", version="1")
        async with (
            Client(create_server(settings, now=time), mode=era, client_info=me, **SHOWS_APPS) as client,
            await browser.new_context(viewport={"width": width, "height": 900}, **options) as context,
        ):
            page = await context.new_page()
            page.set_default_timeout(SECONDS * 1000)
            await page.clock.install(time=time())
            chat = Chat(page, client, sim, time, port)
            answer: Callable[..., Any] = chat.call_for_view
            await page.expose_function("callTool", answer)  # pyright: ignore[reportUnknownMemberType] - untyped in part
            read: Callable[..., Any] = chat.read_for_view
            await page.expose_function("readResource", read)  # pyright: ignore[reportUnknownMemberType] - untyped in part
            yield chat

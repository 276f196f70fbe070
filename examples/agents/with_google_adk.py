"""Google ADK.

Its `timeout` is the limit for each call. The server knows the name `google-adk` and its 5 seconds, so nothing is cut
off, but the model has to ask every few seconds. The server can't see a longer `timeout`: set `GMI_MAX_WAIT_SECONDS`
too, or nothing is gained.
"""

import asyncio
import os

from google.adk.agents import LlmAgent
from google.adk.runners import InMemoryRunner
from google.adk.tools.mcp_tool import McpToolset, StdioConnectionParams
from mcp import StdioServerParameters

SETTINGS = {name: value for name, value in os.environ.items() if name.startswith("GMI_")}


async def main() -> None:
    connection = StdioConnectionParams(
        server_params=StdioServerParameters(command="gmi-video-mcp", env=SETTINGS),
        timeout=660,  # default: 5
    )
    tools = McpToolset(connection_params=connection)
    agent = LlmAgent(name="filmmaker", model="gemini-3-pro", tools=[tools])
    async with InMemoryRunner(agent) as runner:
        await runner.run_debug("Make a five-second video of a fox in the snow.")


asyncio.run(main())

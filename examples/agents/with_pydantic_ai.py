"""pydantic-ai.

It gives its name as `fastmcp`, whose client it uses. `include_instructions` hands on the server's instructions, which
are left out by default. A call that is cut off is a retry for the model, and `max_retries` (1 by default) bounds how
many may follow each other.
"""

import asyncio
import os

from fastmcp.client.transports import StdioTransport
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset

SETTINGS = {name: value for name, value in os.environ.items() if name.startswith("GMI_")}


async def main() -> None:
    tools = MCPToolset(
        StdioTransport("gmi-video-mcp", [], env=SETTINGS),
        include_instructions=True,
        read_timeout=660,  # default: 300
    )
    agent = Agent("openai:gpt-5.2", toolsets=[tools])
    result = await agent.run("Make a five-second video of a fox in the snow.")
    print(result.output)


asyncio.run(main())

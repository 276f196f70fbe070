"""LangChain.

Open a session, as here: `client.get_tools()` starts a new server for every call, which takes a second or two, and in
which the server can't learn how long the agent waits. A call that is cut off raises an exception that ends the agent;
run it again with the same request, and it gets the same job. The structured answer is in the tool message's `artifact`.
"""

import asyncio
import os
from datetime import timedelta

from langchain.agents import create_agent
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools

SETTINGS = {name: value for name, value in os.environ.items() if name.startswith("GMI_")}


async def main() -> None:
    server = {
        "transport": "stdio", "command": "gmi-video-mcp", "args": [], "env": SETTINGS,
        "session_kwargs": {"read_timeout_seconds": timedelta(seconds=660)},  # default: none
    }  # fmt: skip
    async with MultiServerMCPClient({"gmi-video": server}).session("gmi-video") as session:
        agent = create_agent("openai:gpt-5.2", await load_mcp_tools(session))
        result = await agent.ainvoke({"messages": "Make a five-second video of a fox in the snow."})
        print(result["messages"][-1].text)


asyncio.run(main())

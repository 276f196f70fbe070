"""FastMCP's client, in a program without a model.

Read `structured_content`: `data` is an object of FastMCP's own making in which fields that the answer leaves out are
`None`. A call that is cut off raises `MCPError`; run the program again with the same prompt, and it gets the same job.
`call_tool` raises `ToolError` for an error of the server. Progress: pass `progress_handler` to `Client`.
"""

import asyncio
import os

from fastmcp import Client
from fastmcp.client.transports import StdioTransport

SETTINGS = {name: value for name, value in os.environ.items() if name.startswith("GMI_")}


async def main() -> None:
    async with Client(
        StdioTransport("gmi-video-mcp", [], env=SETTINGS),
        timeout=660,  # default: none
    ) as client:
        result = await client.call_tool("generate_video", {"prompt": "A fox in the snow."})
        while not (answer := result.structured_content)["is_final"]:
            result = await client.call_tool("get_status", {"request_id": answer["request_id"], "wait": True})
        print(answer["summary"])


asyncio.run(main())

"""FastMCP's client, in a program without a model.

Read `structured_content`: `data` is an object of FastMCP's own making in which every field that the answer leaves out
is `None`. With `raise_on_error=False` an error of the server is an answer like any other, with `summary` and
`next_step`. A call that is cut off raises `MCPError`; run the program again with the same prompt, and it gets the same
job.
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
        answer, call = {"is_final": False}, ("generate_video", {"prompt": "A fox in the snow."})
        while answer.get("is_final") is False:
            answer = (await client.call_tool(*call, raise_on_error=False)).structured_content
            if "request_id" in answer:
                call = ("get_status", {"request_id": answer["request_id"], "wait": True})
        print(answer["summary"])


asyncio.run(main())

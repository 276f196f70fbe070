"""google-genai, with the session as a tool.

A chat can't hold a session (`chats.create` copies its configuration, and fails), so each request is one of its own. It
ends after 10 calls (`automatic_function_calling.maximum_remote_calls`) without a text, which a long render reaches if
each call is short. There is no way to show progress.
"""

import asyncio
import os

from google import genai
from mcp import ClientSession, StdioServerParameters, stdio_client

SETTINGS = {name: value for name, value in os.environ.items() if name.startswith("GMI_")}


async def main() -> None:
    server = StdioServerParameters(command="gmi-video-mcp", env=SETTINGS)
    limits = {
        "read_timeout_seconds": 660,  # default: none
    }
    async with stdio_client(server) as streams, ClientSession(*streams, **limits) as session:
        await session.initialize()
        models = genai.Client().aio.models
        prompt = "Make a five-second video of a fox in the snow."
        response = await models.generate_content(model="gemini-3-pro", contents=prompt, config={"tools": [session]})
        print(response.text)


asyncio.run(main())

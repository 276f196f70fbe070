"""The OpenAI Agents SDK.

Its limit of 5 seconds is shorter than any render. Left as it is, the agent sees one time-out, repeats the call, and
then asks every few seconds. That takes more than the 10 turns that `Runner.run` allows, so a render of a minute ends in
`MaxTurnsExceeded`; a second run finds the same job. Raise the limit; where you can't, pass `max_turns=100`.
Leave strict mode of the tools' schemas off, as it is by default: it would close `model_parameters`, so that no
parameters of other models could be given. There is no way to show progress.
"""

import asyncio
import os

from agents import Agent, Runner
from agents.mcp import MCPServerStdio

SETTINGS = {name: value for name, value in os.environ.items() if name.startswith("GMI_")}


async def main() -> None:
    async with MCPServerStdio(
        params={"command": "gmi-video-mcp", "env": SETTINGS},
        client_session_timeout_seconds=660,  # default: 5
    ) as server:
        agent = Agent("Filmmaker", model="gpt-5.2", mcp_servers=[server])
        result = await Runner.run(agent, "Make a five-second video of a fox in the snow.")
        print(result.final_output)


asyncio.run(main())

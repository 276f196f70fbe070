"""The bare server that benches compare with: tools of the SDK that send the same requests; and processor time."""

import ctypes
import time

from tests.stdio import Server

_BARE = """
import os
import anyio
import httpx
from mcp.server.mcpserver import MCPServer

server = MCPServer("bare")
url = os.environ["GMI_BASE_URL"]
headers = {"Authorization": "Bearer " + os.environ["GMI_API_KEY"]}
opened = []
known = []

async def get(path):
    if not opened:
        # Connections that the queue may be closing (after 5 s) are not used again.
        opened.append(httpx.AsyncClient(headers=headers, timeout=60, limits=httpx.Limits(keepalive_expiry=2)))
    return (await opened[0].get(url + path)).json()

@server.tool()
async def generate_video(prompt: str, wait: bool = True) -> dict[str, str]:
    async with anyio.create_task_group() as tasks:
        if not known:
            tasks.start_soon(get, "/models/Luma-Ray2")
        tasks.start_soon(get, "/requests?model_id=Luma-Ray2")
    known.append(prompt)
    payload = {"prompt": prompt, "resolution": "720p", "duration": "5s", "aspect_ratio": "16:9"}
    made = await opened[0].post(url + "/requests", json={"model": "Luma-Ray2", "payload": payload})
    return {"request_id": made.json()["request_id"]}

@server.tool()
async def get_status(request_id: str) -> dict[str, str]:
    record = await get("/requests/" + request_id)
    return {name: record[name] for name in ("request_id", "status", "model")}

@server.tool()
async def list_requests() -> dict[str, int]:
    return {"total": len((await get("/requests"))["requests"])}

@server.tool()
async def list_models() -> dict[str, str]:
    return {}

server.run("stdio")
"""


class Bare(Server):
    """Tools of the SDK that check nothing and record nothing: they send the requests that this server needs."""

    program = ("-c", _BARE)


def processor_ms(pid: int) -> float:
    """Processor time that a process has taken since it began, of all its threads."""
    clock = ctypes.c_int()
    if ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock)):
        raise ProcessLookupError(pid)
    return 1000 * time.clock_gettime(clock.value)

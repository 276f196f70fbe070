"""A thousand generate_video calls waiting at once in one process: what each of them costs.

Run: python bench/waits.py [--calls 1000]

In real time, on asyncio, as in production: one client in memory that asks for progress on every call, the server, and
the simulator behind it. The figures are of the whole process, so that client and simulator count as if they were ours.
Calls to the queue are let through faster than by default, or the submits alone would take minutes. The memory of what
is alive is measured in a run of its own, because tracing it takes time; the process's own size is shown beside it,
which keeps what the reading of long lists has once needed.
"""

import argparse
import gc
import time
import tracemalloc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
from mcp import Client
from mcp_types import Implementation

from gmi_video.mcp.app import create_server
from gmi_video.settings import Settings
from gmi_video.simulator import Script, SimulatedTransport, Simulator
from gmi_video.upstream.wire import LUMA_RAY2

WINDOW = 20.0
"""Seconds over which the waiting is measured, while every call waits."""


class Bench:
    """The calls, and what is counted of them."""

    def __init__(self, calls: int) -> None:
        self.calls = calls
        self.sim = Simulator(seed=1)
        # Longer than all the rest: `end_all` ends them.
        self.sim.script(LUMA_RAY2, lambda _number: Script.takes(self.seconds, first="processing"))
        self.seconds = 3600.0
        self.delivered = 0
        self.told = 0

    @asynccontextmanager
    async def client(self) -> AsyncGenerator[Client]:
        environment = {
            "GMI_API_KEY": "simulated-key",
            "GMI_BASE_URL": self.sim.api_url,
            "GMI_MAX_REQUESTS_PER_SECOND": "100",
            "GMI_MAX_WAIT_SECONDS": "3600",
            "GMI_LOG_LEVEL": "ERROR",
        }
        server = create_server(Settings.from_environment(environment), transport=SimulatedTransport(self.sim))
        async with Client(server, client_info=Implementation(name="mcp", version="1")) as client:
            yield client

    async def call(self, client: Client, number: int) -> None:
        async def heard(progress: float, total: float | None, message: str | None) -> None:  # noqa: ARG001
            self.told += 1

        result = await client.call_tool("generate_video", {"prompt": f"take {number}"}, progress_callback=heard)
        assert result.structured_content is not None
        assert result.structured_content["status"] == "success", result.structured_content
        self.delivered += 1

    async def effort(self) -> str:
        """What it takes to wait, while everybody does."""
        told, asked, cpu, began = self.told, len(self.sim.calls), time.process_time(), time.monotonic()
        await anyio.sleep(WINDOW)
        wall = time.monotonic() - began
        core = (time.process_time() - cpu) / wall
        return (
            f"  {core:.2f} of a core while they wait, for {(self.told - told) / wall:.0f} progress messages and "
            f"{(len(self.sim.calls) - asked) / wall:.1f} calls to the queue a second"
        )

    def end_all(self) -> None:
        """Let every job have ended by now."""
        for index, job in enumerate(self.sim.jobs):
            done = Script.takes(max(self.sim.clock() - job.created_at, 1.0), first="processing")
            self.sim.jobs[index] = type(job)(job.request_id, job.model, job.payload, job.created_at, job.org_id, done)


def memory() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def run(calls: int, *, trace: bool) -> list[str]:
    """One run; what it measured, a line each."""
    bench = Bench(calls)
    lines: list[str] = []
    ending = 0.0
    async with bench.client() as client:
        await client.call_tool("generate_video", {"prompt": "to warm up", "wait": False})
        gc.collect()
        before = memory()
        if trace:
            tracemalloc.start()
        async with anyio.create_task_group() as tasks:
            began = time.monotonic()
            for number in range(calls):
                tasks.start_soon(bench.call, client, number)
            while len(bench.sim.jobs) < calls + 1:  # noqa: ASYNC110 - a measurement may look at the clock
                await anyio.sleep(0.5)
            lines.append(f"{calls} calls submitted in {time.monotonic() - began:.0f} s")
            await anyio.sleep(5)
            gc.collect()
            if trace:
                lines.append(
                    f"  alive while they wait: {tracemalloc.get_traced_memory()[0] / calls / 1024:.1f} KB a call"
                )
                tracemalloc.stop()
            else:
                lines.append(f"  the process has grown by {(memory() - before) / calls / 1024:.1f} KB a call")
                lines.append(await bench.effort())
            bench.end_all()
            ending = time.monotonic()
        lines.append(
            f"  delivered: {bench.delivered} of {calls}, {time.monotonic() - ending:.1f} s after the jobs' end"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=1000)
    calls = parser.parse_args().calls
    # The untraced run first: what it needs from the system is then not what an earlier run has left over.
    for trace in (False, True):
        print("\n".join(anyio.run(partial(run, calls, trace=trace))))


if __name__ == "__main__":
    main()

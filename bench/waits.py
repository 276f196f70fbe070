"""Memory and processor time of a thousand generate_video calls that wait at the same time in one process.

Run: python bench/waits.py [--calls 1000]

Runs in real time on asyncio, as in production, with an in-memory client that asks for progress on every call, the
server, and the simulator as its queue. The figures are of the whole process: they include the client and the simulator.
The rate limit is raised, because the submits alone would take minutes with the default. Live memory is measured in a
run of its own, because tracing slows a run down. The resident size beside it includes memory that reading long lists
once needed and that Python keeps.
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
from gmi_video.upstream.luma_ray2 import LUMA_RAY2

WINDOW = 20.0
"""How long processor time and calls are counted while every call waits (seconds)."""


class Bench:
    """Makes the calls and counts their progress messages and results."""

    def __init__(self, calls: int) -> None:
        self.calls = calls
        self.sim = Simulator(seed=1)
        # Longer than the run; `end_all` ends the jobs.
        self.sim.script(LUMA_RAY2, lambda _number: Script.takes(self.seconds, first="processing"))
        self.seconds = 3600.0
        self.delivered = 0
        self.messages = 0

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
        async def count(progress: float, total: float | None, message: str | None) -> None:  # noqa: ARG001
            self.messages += 1

        result = await client.call_tool("generate_video", {"prompt": f"take {number}"}, progress_callback=count)
        assert result.structured_content is not None
        assert result.structured_content["status"] == "success", result.structured_content
        self.delivered += 1

    async def measure_load(self) -> str:
        """Processor time and calls to the queue during `WINDOW`."""
        messages, queue_calls, cpu, began = self.messages, len(self.sim.calls), time.process_time(), time.monotonic()
        await anyio.sleep(WINDOW)
        wall = time.monotonic() - began
        core = (time.process_time() - cpu) / wall
        message_rate = (self.messages - messages) / wall
        call_rate = (len(self.sim.calls) - queue_calls) / wall
        return (
            f"  {core:.2f} of a core while they wait, for {message_rate:.0f} progress messages and "
            f"{call_rate:.1f} calls to the queue a second"
        )

    def end_all(self) -> None:
        """Replace every job's script by one that has ended by now."""
        for index, job in enumerate(self.sim.jobs):
            done = Script.takes(max(self.sim.clock() - job.created_at, 1.0), first="processing")
            self.sim.jobs[index] = type(job)(job.request_id, job.model, job.payload, job.created_at, job.org_id, done)


def memory() -> int:
    """The resident memory of this process (bytes)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def run(calls: int, *, trace: bool) -> list[str]:
    """Make one run; returns a line for each measurement."""
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
            while len(bench.sim.jobs) < calls + 1:  # noqa: ASYNC110 - the simulator has no event for it
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
                lines.append(await bench.measure_load())
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
    # The untraced run first: its growth would be too small if an earlier run had left free memory behind.
    for trace in (False, True):
        print("\n".join(anyio.run(partial(run, calls, trace=trace))))


if __name__ == "__main__":
    main()

"""A server with the tools that the official task scenarios call, built on the server's own `Tasks` class.

Run: python -m tests.conformance.fixture PORT. The jobs behind the tasks are in this process, because the scenarios need
jobs that fail or break in a known way and can be cancelled, which a render queue does not offer.
"""

import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

import anyio
import uvicorn
from mcp.server import MCPServer
from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Elicit, Resolve
from mcp_types import INTERNAL_ERROR, CallToolResult, TextContent
from pydantic import BaseModel

from gmi_video.errors import NotFound
from gmi_video.mcp.tasks import Task, Tasks


@dataclass
class Job:
    """A job that takes `seconds` and ends with `text`: a tool error if it `fails`, a protocol error if it `breaks`."""

    text: str
    seconds: float = 0.0
    fails: bool = False
    breaks: bool = False
    task_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())
    begun: float = field(default_factory=anyio.current_time)
    cancelled: bool = False

    @property
    def left(self) -> float:
        return max(self.begun + self.seconds - anyio.current_time(), 0.0)

    def task(self) -> Task:
        status = "cancelled" if self.cancelled else "working" if self.left else "failed" if self.breaks else "completed"
        return Task(
            self.task_id,
            self.created_at,
            self.created_at,
            status,
            poll_seconds=0.2,
            result=self.result() if status == "completed" else None,
            error={"code": INTERNAL_ERROR, "message": self.text} if status == "failed" else None,
        )

    def result(self) -> CallToolResult:
        return CallToolResult(content=[TextContent(type="text", text=self.text)], is_error=self.fails)


class JobStore:
    """The jobs of this process; the `Source` that `Tasks` reads them from."""

    tools: Sequence[str] = ("slow_compute", "failing_job", "protocol_error_job", "test_tool_with_task")
    required: Sequence[str] = ("failing_job", "test_tool_with_task")

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}

    def detached(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments | {"wait": False}

    async def begun(self, services: Any, result: CallToolResult) -> Task | None:  # noqa: ARG002 - the protocol's
        task_id = (result.meta or {}).get("job")
        return self.jobs[task_id].task() if isinstance(task_id, str) else None

    async def look(self, services: Any, task_id: str) -> Task:  # noqa: ARG002 - the protocol's
        if task_id not in self.jobs:
            raise NotFound("There is no such task.", "Begin one.")
        return self.jobs[task_id].task()

    async def cancel(self, services: Any, task_id: str) -> None:  # noqa: ARG002 - the protocol's
        self.jobs[task_id].cancelled |= self.jobs[task_id].left > 0

    async def do(self, job: Job, *, wait: bool) -> CallToolResult:
        """A tool's result: the job's own after waiting for it, or the job's id for a detached call."""
        if wait:
            await anyio.sleep(job.left)
            return job.result()
        self.jobs[job.task_id] = job
        return CallToolResult(content=[], _meta={"job": job.task_id})


class Name(BaseModel):
    """The form that test_tool_with_task elicits before it starts its task."""

    name: str


def create() -> MCPServer:
    """Create the server that the scenarios run against."""
    store = JobStore()
    server = MCPServer("tasks-fixture", extensions=[Tasks(store)])

    @server.tool()
    async def greet(name: str = "world") -> str:
        return f"Hello, {name}!"

    @server.tool()
    async def slow_compute(seconds: float = 1.0, label: str = "", wait: bool = True) -> CallToolResult:  # noqa: FBT001, FBT002
        return await store.do(Job(f"{label or 'done'} after {seconds} s", seconds), wait=wait)

    @server.tool()
    async def failing_job(wait: bool = True) -> CallToolResult:  # noqa: FBT001, FBT002
        return await store.do(Job("the job failed", 1.0, fails=True), wait=wait)

    @server.tool()
    async def protocol_error_job(wait: bool = True) -> CallToolResult:  # noqa: FBT001, FBT002
        return await store.do(Job("the server broke", 0.5, breaks=True), wait=wait)

    async def name_of_user() -> Elicit[Name]:
        return Elicit("What is your name?", Name)

    @server.tool()
    async def test_tool_with_task(
        user: Annotated[ElicitationResult[Name], Resolve(name_of_user)],
        wait: bool = True,  # noqa: FBT001, FBT002
    ) -> CallToolResult:
        name = user.data.name if isinstance(user, AcceptedElicitation) else "an unknown user"
        return await store.do(Job(f"done for {name}", 0.5), wait=wait)

    return server


if __name__ == "__main__":
    uvicorn.run(create().streamable_http_app(), port=int(sys.argv[1]), log_level="warning", timeout_graceful_shutdown=1)

"""Tasks (`io.modelcontextprotocol/tasks`, SEP-2663): jobs that a client polls at its own pace.

A task is a request of the queue, and its id is the request's. There is no store: a task outlives a restart and is known
to every copy of the server, and a request made by an ordinary call is a task too. The tool runs until the job is
submitted, so wrong arguments, refusals and the question about the price come before there is a task.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cachetools import LRUCache
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.extension import Extension, MethodBinding
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    CallToolRequestParams,
    CallToolResult,
    RequestParams,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import Field

from gmi_video.errors import GmiVideoError, NotFound
from gmi_video.mcp import results
from gmi_video.mcp.call import facts_of, status_result
from gmi_video.mcp.job_text import progress_text
from gmi_video.mcp.sdk import check_name_header, replace_arguments
from gmi_video.services import Services
from gmi_video.upstream.wire import Record, fields_of

IDENTIFIER = "io.modelcontextprotocol/tasks"

MIN_POLL_SECONDS = 1.0
"""Shortest poll interval that a client is told (seconds)."""

REMEMBERED = 4096
"""Tasks that a client asked to cancel and that are remembered, for their status message."""

Ctx = ServerRequestContext[Any, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """One task as it is now. `error` is a JSON-RPC error: a job that failed has a `result` that says so instead."""

    task_id: str
    created_at: str
    updated_at: str
    status: str = "working"
    message: str = ""
    poll_seconds: float | None = None
    result: CallToolResult | None = None
    error: dict[str, Any] | None = None

    def wire(self) -> dict[str, Any]:
        """As sent. A mapping and not a model, because `ttlMs` must be there although it is null: nothing expires."""
        sent: dict[str, Any] = {
            "taskId": self.task_id,
            "status": self.status,
            "createdAt": self.created_at,
            "lastUpdatedAt": self.updated_at,
            "ttlMs": None,
        }
        if self.message:
            sent["statusMessage"] = self.message
        if self.poll_seconds is not None:
            sent["pollIntervalMs"] = round(self.poll_seconds * 1000)
        if self.result is not None:
            inlined = self.result.model_dump(mode="json", by_alias=True, exclude_none=True)
            sent["result"] = {"resultType": "complete", **inlined}
        if self.error is not None:
            sent["error"] = self.error
        return sent


class Source(Protocol):
    """Where tasks come from, and their state."""

    tools: Sequence[str]
    """Tools whose calls may become tasks."""

    required: Sequence[str]
    """Tools that can't be called in another way."""

    def detached(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments with which the tool answers as soon as its job exists."""
        ...

    async def begun(self, services: Any, result: CallToolResult) -> Task | None:
        """The task that a detached call has begun; None where its answer is the end of it already."""
        ...

    async def look(self, services: Any, task_id: str) -> Task:
        """The task as it is now. Raises `NotFound` for an unknown id."""
        ...

    async def cancel(self, services: Any, task_id: str) -> None:
        """Note that the client has cancelled it. Raises like `look`."""
        ...


class TaskParams(RequestParams):
    """The parameters of `tasks/*`: the id, and for `tasks/update` answers to questions that are never asked here."""

    task_id: str = Field(alias="taskId")


class Tasks(Extension):
    """The extension: tasks out of a `Source`, for clients that declare it."""

    identifier = IDENTIFIER

    def __init__(self, source: Source) -> None:
        self._source = source

    def methods(self) -> Sequence[MethodBinding]:
        """`tasks/get`, `tasks/update` and `tasks/cancel`; the two that SEP-2663 removed stay unknown methods."""
        handlers = {"tasks/get": self._get, "tasks/update": self._update, "tasks/cancel": self._cancel}
        versions = frozenset(MODERN_PROTOCOL_VERSIONS)
        return [MethodBinding(name, TaskParams, handler, versions) for name, handler in handlers.items()]

    async def intercept_tool_call(self, params: CallToolRequestParams, ctx: Ctx, call_next: CallNext) -> HandlerResult:
        """Let a call of a client that knows tasks answer with one."""
        if params.name not in self._source.tools:
            return await call_next(ctx)
        if not _declares_tasks(ctx):
            if params.name in self._source.required:
                raise _undeclared()
            return await call_next(ctx)
        replace_arguments(params, self._source.detached(params.arguments or {}))
        result = await call_next(ctx)
        task = await self._source.begun(ctx.lifespan_context, result) if isinstance(result, CallToolResult) else None
        return result if task is None else {"resultType": "task", **task.wire()}

    async def _get(self, ctx: Ctx, params: TaskParams) -> HandlerResult:
        return {"resultType": "complete", **(await self._look(ctx, params)).wire()}

    async def _update(self, ctx: Ctx, params: TaskParams) -> HandlerResult:
        # A task never waits for an answer: what there is to ask is asked before it begins.
        await self._look(ctx, params)
        return {"resultType": "complete"}

    async def _cancel(self, ctx: Ctx, params: TaskParams) -> HandlerResult:
        await self._look(ctx, params)
        await self._source.cancel(ctx.lifespan_context, params.task_id)
        return {"resultType": "complete"}

    async def _look(self, ctx: Ctx, params: TaskParams) -> Task:
        if not _declares_tasks(ctx):
            raise _undeclared()
        check_name_header(ctx, params.task_id)
        try:
            return await self._source.look(ctx.lifespan_context, params.task_id)
        except NotFound as error:
            raise MCPError(INVALID_PARAMS, str(error)) from error
        except GmiVideoError as error:
            raise MCPError(INTERNAL_ERROR, str(error)) from error


def _declares_tasks(ctx: Ctx) -> bool:
    capabilities = ctx.session.client_capabilities
    declared = (capabilities.extensions if capabilities else None) or {}
    return ctx.protocol_version in MODERN_PROTOCOL_VERSIONS and IDENTIFIER in declared


def _undeclared() -> MCPError:
    data: dict[str, Any] = {"requiredCapabilities": {"extensions": {IDENTIFIER: {}}}}
    return MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, f"This needs the client extension {IDENTIFIER}.", data)


class Requests:
    """The queue's requests as tasks. Only cancelled ids are remembered, for their status message."""

    tools: Sequence[str] = ("generate_video",)
    required: Sequence[str] = ()

    def __init__(self) -> None:
        self._cancelled: LRUCache[str, None] = LRUCache(REMEMBERED)

    def detached(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Without waiting; an ill-typed `wait` is left to be refused."""
        return arguments | {"wait": False} if isinstance(arguments.get("wait"), bool | None) else arguments

    async def begun(self, services: Services, result: CallToolResult) -> Task | None:
        """The job that generate_video has submitted or found; refusals, dry runs and jobs that have ended are none."""
        answer = fields_of(result.structured_content)
        if result.is_error or "request_id" not in answer or answer.get("is_final", True):
            return None
        # The extension sees the tool's result only, so the record is read back from it.
        record = Record.model_validate(answer | {"payload": answer.get("parameters"), "created_at": None})
        expected = (await facts_of(services, record)).expected
        now = results.iso(services.queue.now())
        created = answer.get("created_at", now)
        return Task(
            task_id=record.request_id,
            created_at=created,
            updated_at=answer.get("updated_at", created),
            message=progress_text(record, 0.0, expected),
            poll_seconds=max(expected.pause(0.0), MIN_POLL_SECONDS),
        )

    async def look(self, services: Services, task_id: str) -> Task:
        """Fetch the request once; the result of a finished one is what get_status answers."""
        services.settings.check()
        record = await services.poller.look(task_id)
        facts = await facts_of(services, record)
        expected = facts.expected
        created = services.queue.now() if record.created_at is None else record.created_at
        age = max(services.queue.now() - created, 0.0)
        result = await status_result(services, record, facts, age=None) if record.is_final else None
        if result is not None:
            # A failed job is the result of a task that was carried out; a failed task is a fault of the protocol.
            result.is_error = not record.succeeded
        return Task(
            task_id=task_id,
            created_at=results.iso(created),
            updated_at=results.iso(created if record.updated_at is None else record.updated_at),
            status="working" if result is None else "completed",
            message=self._message(record, progress_text(record, record.took or age, expected)),
            poll_seconds=max(expected.pause(age), MIN_POLL_SECONDS) if result is None else None,
            result=result,
        )

    async def cancel(self, services: Services, task_id: str) -> None:  # noqa: ARG002 - the protocol's signature
        """Remember it for the status message: the queue can't recall a job."""
        self._cancelled[task_id] = None

    def _message(self, record: Record, progress: str) -> str:
        if record.request_id not in self._cancelled:
            return progress
        if record.is_final:
            return f"{progress}; it was asked to be cancelled, but a submitted job can't be recalled"
        return f"{progress}; a submitted job can't be recalled: it runs on and is paid for, only the waiting can end"

"""The SDK's server and tools, made strict; and everything that reaches into SDK internals, in this one module.

The SDK ignores unknown arguments, coerces types and answers a misfit with its validator's dump. Here an unknown or
ill-typed argument is refused in words before anything runs, an unknown tool is a protocol error, and every failure
has the shape that successes have.

`mcp` is pinned below its next minor version because of what this module uses; tests/test_sdk.py has a test for each
use that fails where the SDK changes it.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Protocol, cast
from weakref import WeakKeyDictionary

from mcp.server import MCPServer, ServerRequestContext
from mcp.server.context import CallNext, HandlerResult
from mcp.server.lowlevel import NotificationOptions
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.session import ServerSession
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp_types import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolResult,
    CompleteRequestParams,
    CompleteResult,
    Completion,
    EmptyResult,
    InputRequiredResult,
    ListResourcesResult,
    PaginatedRequestParams,
    Resource,
    ResourceTemplateReference,
    SubscribeRequestParams,
    ToolAnnotations,
    UnsubscribeRequestParams,
)

from gmi_video.errors import GmiVideoError, SpendingRefused, Unavailable
from gmi_video.mcp import pipes, results
from gmi_video.mcp.arguments import check_arguments
from gmi_video.mcp.deadlines import CURRENT, Deadline
from gmi_video.mcp.patience import Patience
from gmi_video.mcp.results import tool_result
from gmi_video.services import Services
from gmi_video.text import quote_untrusted
from gmi_video.upstream.wire import fields_of, items_of

_log = logging.getLogger(__name__)

_PATIENCE: WeakKeyDictionary[object, Patience] = WeakKeyDictionary()
"""By connection, for as long as it lasts."""

RequestContext = ServerRequestContext[Services, Any]


class Subscriber(Protocol):
    """What follows outcomes for listeners: the SDK has no public hook for subscriptions of the handshake era."""

    async def middleware(self, ctx: RequestContext, call_next: Any) -> Any:
        """Sees every request; follows the outcomes named in `subscriptions/listen`."""
        ...

    async def subscribe(self, ctx: RequestContext, params: SubscribeRequestParams) -> EmptyResult:
        """`resources/subscribe`."""
        ...

    async def unsubscribe(self, ctx: RequestContext, params: UnsubscribeRequestParams) -> EmptyResult:
        """`resources/unsubscribe`."""
        ...


def strict_tool(function: Callable[..., Any], *, title: str, annotations: ToolAnnotations) -> Tool:
    """A tool from an async function: its signature is the input schema, its docstring the description.

    The published schema is flat and closed, and is what `StrictServer` checks arguments against.
    """
    description = "\n".join(" ".join(paragraph.split()) for paragraph in (function.__doc__ or "").split("\n\n"))
    tool = Tool.from_function(
        function, title=title, description=description, annotations=annotations, structured_output=True
    )
    tool.fn_metadata.output_schema = _flat(fields_of(tool.fn_metadata.output_schema))
    return tool.model_copy(update={"parameters": {"additionalProperties": False, **_flat(tool.parameters)}})


def _flat(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without references and without the titles that repeat its names."""
    definitions = fields_of(schema.get("$defs"))

    def inlined(node: Any) -> Any:
        if isinstance(node, list):
            return [inlined(item) for item in items_of(cast("object", node))]
        if not isinstance(node, dict):
            return node
        fields = fields_of(cast("object", node))
        if "$ref" in fields:
            target = fields_of(definitions[str(fields["$ref"]).rsplit("/", 1)[-1]])
            return inlined(target | {key: value for key, value in fields.items() if key != "$ref"})
        return {key: inlined(value) for key, value in fields.items() if not (key == "title" and isinstance(value, str))}

    return {key: value for key, value in inlined(schema).items() if key not in {"$defs", "description"}}


class StrictServer(MCPServer[Services]):
    """An `MCPServer` with readable refusals, the account's outcomes as resources, completion and subscriptions.

    Args:
        tools: from `strict_tool`.
        subscriber: follows outcomes for listeners.
        recent: the account's finished outcomes, for resources/list.
        complete: ids for a resource template's argument: its URI, the argument's name, what was typed.
        deadline: when a request that has just come in must have been answered.
        options: as `MCPServer` has them.
    """

    def __init__(
        self,
        *,
        tools: Sequence[Tool],
        subscriber: Subscriber,
        recent: Callable[[Services], Awaitable[list[Resource]]],
        complete: Callable[[Services, str, str, str], Awaitable[Completion]],
        deadline: Callable[[RequestContext], Deadline],
        **options: Any,
    ) -> None:
        super().__init__(tools=list(tools), middleware=[self._in_time, subscriber.middleware], **options)
        self._deadline = deadline
        self._getting_ready = False
        self._tools = {tool.name: tool for tool in tools}
        self._recent = recent
        self._complete = complete
        lowlevel = self._lowlevel_server
        lowlevel.add_request_handler("completion/complete", CompleteRequestParams, self._handle_complete)
        lowlevel.add_request_handler("resources/subscribe", SubscribeRequestParams, subscriber.subscribe)
        lowlevel.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, subscriber.unsubscribe)
        # Announced in the handshake of 2025-11-25 and before; 2026-07-28 derives it from subscriptions/listen.
        lowlevel.create_initialization_options = partial(  # pyright: ignore[reportAttributeAccessIssue] - no setting
            lowlevel.create_initialization_options, notification_options=NotificationOptions(resources_changed=True)
        )

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Services, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool. Raises `MCPError` for a tool that does not exist; every other failure is a result."""
        tool = self._tools.get(name)
        if tool is None:
            raise MCPError(
                INVALID_PARAMS, f"Unknown tool: {quote_untrusted(name, 80)}. There are: {', '.join(self._tools)}."
            )
        try:
            check_arguments(tool.name, tool.parameters, arguments)
            with CURRENT.get().enforced():
                return await super().call_tool(name, arguments, context)
            raise AssertionError("the body returns or raises")
        except GmiVideoError as error:
            return tool_result(results.error_result(error), is_error=True)
        except ToolError as error:
            return tool_result(results.error_result(_explained(tool, error)), is_error=True)

    async def run_stdio(self) -> None:
        """Serve the host at the other end of stdin and stdout until one of the two is closed."""
        lowlevel = self._lowlevel_server
        async with pipes.stdio() as (incoming, outgoing):
            await lowlevel.run(incoming, outgoing, lowlevel.create_initialization_options())

    async def _in_time(self, ctx: RequestContext, call_next: CallNext) -> HandlerResult:
        """Middleware: every request has a deadline, but for the one that lasts as long as its client listens."""
        if ctx.request_id is None or ctx.method == "subscriptions/listen":
            return await call_next(ctx)
        if ctx.method == "tools/list" and not self._getting_ready:
            self._getting_ready = True
            services = ctx.lifespan_context
            services.tasks.start_soon(services.get_ready)
        deadline = self._deadline(ctx)
        CURRENT.set(deadline)
        if ctx.method == "tools/call":
            return await call_next(ctx)  # `call_tool` says in the form of a result that the time is over
        try:
            with deadline.enforced():
                return await call_next(ctx)
        except Unavailable as error:
            raise MCPError(INTERNAL_ERROR, str(error)) from None

    async def _handle_list_resources(
        self, ctx: RequestContext, params: PaginatedRequestParams | None
    ) -> ListResourcesResult:
        fixed = await super()._handle_list_resources(ctx, params)
        return ListResourcesResult(resources=fixed.resources + await self._recent(ctx.lifespan_context))

    async def _handle_complete(self, ctx: RequestContext, params: CompleteRequestParams) -> CompleteResult:
        uri = params.ref.uri if isinstance(params.ref, ResourceTemplateReference) else ""
        found = await self._complete(ctx.lifespan_context, uri, params.argument.name, params.argument.value)
        return CompleteResult(completion=found)


def is_over_http(ctx: RequestContext) -> bool:
    """Whether a request came over HTTP and not over stdio."""
    return getattr(ctx.request, "headers", None) is not None


def patience_of(ctx: RequestContext) -> Patience:
    """What the request's connection has shown of its host's patience; the SDK has no place for it.

    Over stdio the connection lasts as long as the services. Over HTTP the SDK's own connection object is used: in
    2026-07-28 it is one for each request, but there a host that gives up closes the stream, which cancels the call.
    """
    owner = ctx.session._connection if is_over_http(ctx) else ctx.lifespan_context  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return _PATIENCE.setdefault(owner, Patience())


def connection_of(session: ServerSession) -> tuple[int, AsyncExitStack]:
    """A key for a session's connection, and the stack that is closed when it ends; the SDK has no public hook."""
    connection = session._connection  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return id(connection), connection.exit_stack


def check_name_header(ctx: RequestContext, name: str) -> None:
    """Over HTTP `Mcp-Name` must mirror the name in the body, so that what routes by it and what answers agree.

    The SDK checks this for its own methods only.
    """
    headers = getattr(ctx.request, "headers", None)  # of the HTTP request; there is none over stdio
    if headers is not None and decode_header_value(headers.get(MCP_NAME_HEADER)) != name:
        raise MCPError(
            HEADER_MISMATCH, f"{MCP_NAME_HEADER} header does not match the request body's 'taskId' parameter"
        )


def replace_arguments(params: Any, arguments: dict[str, Any]) -> None:
    """Change a tools/call under way: the SDK calls the tool with this very object, whatever context is passed on."""
    params.arguments = arguments


def _explained(tool: Tool, error: ToolError) -> GmiVideoError:
    cause = error.__cause__
    if isinstance(cause, GmiVideoError):
        return cause
    if isinstance(cause, ToolError) and "elicitation" in str(cause):
        return SpendingRefused.unreadable_answer()
    _log.error("%s failed unexpectedly", tool.name, exc_info=cause or error)
    return GmiVideoError(
        f"This server has a fault of its own ({type(cause or error).__name__}); its log on stderr has the details.",
        'Call list_requests with {"model": ""} to see whether a job was made before trying again.',
        charged="unknown" if tool.name == "generate_video" else "no",
    )

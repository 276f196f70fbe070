"""The SDK's server, made strict; and everything that reaches into SDK internals, in this one module.

The SDK ignores unknown arguments, coerces types and answers a misfit with its validator's dump. Here an unknown or
ill-typed argument is refused in words before anything runs, an unknown tool is a protocol error, and every failure
has the shape that successes have.

`mcp` is pinned below its next minor version because of what this module uses; tests/test_sdk.py has a test for each
use that fails where the SDK changes it.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

from mcp.server import MCPServer, ServerRequestContext
from mcp.server.context import CallNext, HandlerResult
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.prompts import Prompt
from mcp.server.mcpserver.tools import Tool
from mcp.server.session import ServerSession
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp_types import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    CallToolResult,
    CompleteRequestParams,
    CompleteResult,
    Completion,
    EmptyResult,
    GetPromptResult,
    InputRequiredResult,
    ListPromptsResult,
    ListResourcesResult,
    PaginatedRequestParams,
    PromptsCapability,
    Resource,
    ResourcesCapability,
    ResourceTemplateReference,
    ServerCapabilities,
    SubscribeRequestParams,
    ToolsCapability,
    UnsubscribeRequestParams,
)

from gmi_video.errors import GmiVideoError, SpendingRefused, Unavailable
from gmi_video.mcp import pipes, results
from gmi_video.mcp.arguments import check_arguments
from gmi_video.mcp.deadlines import CURRENT, Deadline
from gmi_video.mcp.front import Front
from gmi_video.mcp.patience import Patience
from gmi_video.mcp.player import is_page
from gmi_video.mcp.prompts import check_arguments as check_prompt_arguments
from gmi_video.mcp.results import tool_result
from gmi_video.services import Services
from gmi_video.text import quote_untrusted

if TYPE_CHECKING:
    from gmi_video.mcp.sessions import Sessions

_log = logging.getLogger(__name__)

_PATIENCE: WeakKeyDictionary[object, Patience] = WeakKeyDictionary()
"""By connection, for as long as it lasts."""

SPENDS = "generate_video"
"""The tool that spends money."""

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


class StrictServer(MCPServer[Services]):
    """An `MCPServer` with readable refusals, the account's outcomes as resources, completion and subscriptions.

    Args:
        tools: from `strict_tool` (mcp/tool_schemas.py).
        subscriber: follows outcomes for listeners.
        recent: the account's finished outcomes, for resources/list.
        complete: ids for a resource template's argument: its URI, the argument's name, what was typed.
        deadline: when a request that has just come in must have been answered.
        complete_prompt: values for a prompt's argument: the prompt's name, the argument's name, what was typed.
        listed: called when a host asks for the tools.
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
        complete_prompt: Callable[[str, str, str], Completion] | None = None,
        listed: Callable[[Services], None] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(tools=list(tools), middleware=[self._in_time, subscriber.middleware], **options)
        self._deadline = deadline
        self._listed = listed
        self._tools = {tool.name: tool for tool in tools}
        self._recent = recent
        self._complete = complete
        self._complete_prompt = complete_prompt
        lowlevel = self._lowlevel_server
        lowlevel.add_request_handler("completion/complete", CompleteRequestParams, self._handle_complete)
        lowlevel.add_request_handler("resources/subscribe", SubscribeRequestParams, subscriber.subscribe)
        lowlevel.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, subscriber.unsubscribe)
        self._derived_capabilities = lowlevel.get_capabilities
        lowlevel.get_capabilities = self._capabilities  # no setting for it; both eras ask this

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
            arguments = check_arguments(tool.name, tool.parameters, arguments)
            with CURRENT.get().enforced():
                return await super().call_tool(name, arguments, context)
            raise AssertionError("the body returns or raises")
        except GmiVideoError as error:
            return tool_result(results.error_result(error, spends=name == SPENDS), is_error=True)
        except ToolError as error:
            return tool_result(results.error_result(_explained(tool, error), spends=name == SPENDS), is_error=True)

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[Services, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        """Get a prompt. Raises `MCPError` for one that does not exist, and for unknown and missing arguments."""
        check_prompt_arguments(self._prompt(name), arguments or {})
        return await super().get_prompt(name, arguments, context)

    def _prompt(self, name: str) -> Prompt:
        prompts = {prompt.name: prompt for prompt in self._prompt_manager.list_prompts()}
        if name not in prompts:
            there_are = f"There are: {', '.join(prompts)}." if prompts else "There are none."
            raise MCPError(INVALID_PARAMS, f"Unknown prompt: {quote_untrusted(name, 80)}. {there_are}")
        return prompts[name]

    async def run_stdio(self, front: Front) -> None:
        """Serve the host at the other end of stdin and stdout until one of the two is closed; `front` has begun it."""
        lowlevel = self._lowlevel_server
        async with pipes.stdio(front) as (incoming, outgoing):
            await lowlevel.run(incoming, outgoing, lowlevel.create_initialization_options())

    def over_http(self, *, max_sessions: int, max_body_bytes: int) -> "Sessions":
        """What serves this server's endpoint over HTTP, in both eras."""
        from gmi_video.mcp.sessions import Sessions  # noqa: PLC0415 - a server over stdio needs none of it

        return Sessions(self._lowlevel_server, max_sessions, max_body_bytes)

    async def _in_time(self, ctx: RequestContext, call_next: CallNext) -> HandlerResult:
        """Middleware: every request has a deadline, but for the one that lasts as long as its client listens."""
        if ctx.request_id is None or ctx.method == "subscriptions/listen":
            return await call_next(ctx)
        if ctx.method == "tools/list" and self._listed:
            self._listed(ctx.lifespan_context)
        deadline = self._deadline(ctx)
        CURRENT.set(deadline)
        if ctx.method == "tools/call":
            return await call_next(ctx)  # `call_tool` says in the form of a result that the time is over
        try:
            with deadline.enforced():
                return await call_next(ctx)
        except Unavailable as error:
            raise MCPError(INTERNAL_ERROR, str(error)) from None

    def _capabilities(self, *options: Any, **more: Any) -> ServerCapabilities:
        """What the server announces, in both eras: of its lists only that of resources changes."""
        derived = self._derived_capabilities(*options, **more)
        return derived.model_copy(
            update={
                "tools": ToolsCapability(list_changed=False),
                "resources": ResourcesCapability(subscribe=True, list_changed=True),
                "prompts": PromptsCapability(list_changed=False) if self._prompt_manager.list_prompts() else None,
            }
        )

    async def _handle_list_prompts(
        self, ctx: RequestContext, params: PaginatedRequestParams | None
    ) -> ListPromptsResult:
        if not self._prompt_manager.list_prompts():
            raise MCPError(METHOD_NOT_FOUND, "Method not found: this server has no prompts.")
        return await super()._handle_list_prompts(ctx, params)

    async def _handle_list_resources(
        self, ctx: RequestContext, params: PaginatedRequestParams | None
    ) -> ListResourcesResult:
        fixed = await super()._handle_list_resources(ctx, params)
        # A host finds a page by the tool that it belongs to; in the list it would be something to attach.
        shown = [resource for resource in fixed.resources if not is_page(resource.uri)]
        return ListResourcesResult(resources=shown + await self._recent(ctx.lifespan_context))

    async def _handle_complete(self, ctx: RequestContext, params: CompleteRequestParams) -> CompleteResult:
        ref, argument = params.ref, params.argument
        if isinstance(ref, ResourceTemplateReference):
            found = await self._complete(ctx.lifespan_context, ref.uri, argument.name, argument.value)
        else:
            prompt = self._prompt(ref.name).name
            complete = self._complete_prompt
            found = complete(prompt, argument.name, argument.value) if complete else Completion(values=[])
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
        "Call list_requests to see whether a job was made before trying again.",
        charged="unknown" if tool.name == "generate_video" else "no",
    )

"""The SDK's server and tools, made strict.

The SDK as it comes ignores unknown arguments in silence, coerces types, and answers a misfit with a dump of its
validator. Here an unknown or ill-typed argument is refused in words before anything runs, an unknown tool is a
protocol error, and every failure is answered in the shape that successes have.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, CallToolResult, InputRequiredResult, TextContent, ToolAnnotations
from pydantic import ConfigDict, ValidationError

from gmi_video.errors import GmiVideoError
from gmi_video.mcp import arguments, results
from gmi_video.services import Services
from gmi_video.upstream.wire import fields_of, items_of

if TYPE_CHECKING:
    from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase

_log = logging.getLogger(__name__)


class StrictTool(Tool):
    """A tool whose published schema is flat, and is the very thing that its arguments are checked against."""

    @classmethod
    def of(cls, fn: Callable[..., Any], *, title: str, annotations: ToolAnnotations) -> "StrictTool":
        """A tool from an async function: its signature is the input schema, its docstring the description."""
        description = "\n".join(" ".join(paragraph.split()) for paragraph in (fn.__doc__ or "").split("\n\n"))
        tool = cls.from_function(
            fn, title=title, description=description, annotations=annotations, structured_output=True
        )
        lenient = tool.fn_metadata.arg_model
        config = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True)
        strict: type[ArgModelBase] = type(
            lenient.__name__, (lenient,), {"model_config": config, "__module__": __name__}
        )
        metadata = tool.fn_metadata.model_copy(update={"arg_model": strict})
        metadata.output_schema = flat(fields_of(metadata.output_schema))
        return cls.model_validate(
            dict(tool)
            | {"fn_metadata": metadata, "parameters": flat(strict.model_json_schema()), "annotations": annotations}
        )


def flat(schema: dict[str, Any]) -> dict[str, Any]:
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
    """An `MCPServer` whose refusals and failures can be read and acted on."""

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Services, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool. Raises `MCPError` for a tool that does not exist; every other failure is a result."""
        tool = self._tool_manager.get_tool(name)
        if tool is None:
            known = ", ".join(tool.name for tool in self._tool_manager.list_tools())
            raise MCPError(INVALID_PARAMS, f"Unknown tool: {name[:80]!r}. There are: {known}.")
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            return _failure(_explained(tool, error))


def _explained(tool: Tool, error: ToolError) -> GmiVideoError:
    cause = error.__cause__
    if isinstance(cause, GmiVideoError):
        return cause
    if isinstance(cause, ValidationError):
        return arguments.refusal(tool.name, tool.parameters, cause.errors(include_url=False))
    _log.error("%s failed unexpectedly", tool.name, exc_info=cause or error)
    unexpected = GmiVideoError(
        f"This server has a fault of its own ({type(cause or error).__name__}); its log on stderr has the details.",
        'Call list_requests with {"model": ""} to see whether a job was made before trying again.',
    )
    unexpected.charged = "unknown" if tool.name == "generate_video" else "no"
    return unexpected


def _failure(error: GmiVideoError) -> CallToolResult:
    answer = results.error_result(error)
    text = TextContent(type="text", text=results.text_of(answer))
    return CallToolResult(content=[text], structured_content=dict(answer), is_error=True)

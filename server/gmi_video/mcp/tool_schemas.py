"""Tools from functions, with schemas that every client can read."""

from collections.abc import Callable
from typing import Any, cast

from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations

from gmi_video.upstream.wire import fields_of, items_of


def strict_tool(
    function: Callable[..., Any], *, title: str, annotations: ToolAnnotations, meta: dict[str, Any] | None = None
) -> Tool:
    """A tool from an async function: its signature is the input schema, its docstring the description.

    The published schema is flat, and is what `StrictServer` checks arguments against, as one of a closed object. It
    does not say that it is closed: google-genai fails at an `additionalProperties` that is true or false.
    """
    description = "\n".join(" ".join(paragraph.split()) for paragraph in (function.__doc__ or "").split("\n\n"))
    tool = Tool.from_function(
        function, title=title, description=description, annotations=annotations, meta=meta, structured_output=True
    )
    tool.fn_metadata.output_schema = _flat(fields_of(tool.fn_metadata.output_schema))
    return tool.model_copy(update={"parameters": _flat(tool.parameters)})


def _flat(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without references, the titles that repeat its names, and `additionalProperties` of true or false."""
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
        # A property may have one of these names; its value is a schema.
        dropped = {"title": str, "additionalProperties": bool}
        return {
            key: inlined(value)
            for key, value in fields.items()
            if not (key in dropped and isinstance(value, dropped[key]))
        }

    return {key: value for key, value in inlined(schema).items() if key not in {"$defs", "description"}}

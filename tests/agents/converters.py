"""A framework's own conversion of tools: PYTHON converters.py CONVERTER, with the tools of tools/list on stdin.

It runs in the framework's environment, which has nothing of this project. Prints, for each tool, the schema of its
arguments as the model's API gets it, or the error that the conversion ended in.
"""

# ruff: noqa: PLC0415, T201 - each environment has one framework; a command that prints its results
# What it imports is in those environments, and not in ours.
# pyright: basic, reportMissingImports=false

import json
import sys
from collections.abc import Callable
from typing import Any

Tool = dict[str, Any]


def genai_session(tool: Tool) -> Any:
    """google-genai with a session in `tools`."""
    from google.genai._mcp_utils import mcp_to_gemini_tool
    from mcp import types

    declared = mcp_to_gemini_tool(types.Tool.model_validate(tool)).function_declarations[0]
    return declared.parameters.model_dump(mode="json", by_alias=True, exclude_none=True)


def genai_schema(tool: Tool) -> Any:
    """google-genai with the schema given by the program."""
    from google.genai import types

    schema = types.JSONSchema.model_validate(tool["inputSchema"])
    return types.Schema.from_json_schema(json_schema=schema).model_dump(mode="json", by_alias=True, exclude_none=True)


def adk(tool: Tool) -> Any:
    """Google ADK's McpToolset."""
    from google.adk.tools.mcp_tool.mcp_tool import McpTool
    from mcp import types

    # The session manager is used by calls only.
    declared = McpTool(mcp_tool=types.Tool.model_validate(tool), mcp_session_manager=None)._get_declaration()
    found = declared.parameters_json_schema or declared.parameters
    return found if isinstance(found, dict) else found.model_dump(mode="json", by_alias=True, exclude_none=True)


def openai_strict(tool: Tool) -> Any:
    """The OpenAI Agents SDK with convert_schemas_to_strict."""
    from agents.strict_schema import ensure_strict_json_schema

    return ensure_strict_json_schema(tool["inputSchema"])


def langchain_strict(tool: Tool) -> Any:
    """LangChain with bind_tools(strict=True)."""
    from langchain_core.tools import StructuredTool
    from langchain_core.utils.function_calling import convert_to_openai_tool

    structured = StructuredTool(
        name=tool["name"], description=tool["description"], args_schema=tool["inputSchema"], func=print
    )
    return convert_to_openai_tool(structured, strict=True)["function"]["parameters"]


CONVERTERS: dict[str, Callable[[Tool], Any]] = {
    one.__name__: one for one in (genai_session, genai_schema, adk, openai_strict, langchain_strict)
}


def main() -> None:
    """Convert every tool."""
    convert = CONVERTERS[sys.argv[1]]
    converted: dict[str, Any] = {}
    for tool in json.load(sys.stdin):
        try:
            converted[tool["name"]] = {"schema": convert(tool)}
        except Exception as error:  # noqa: BLE001 - whatever it fails with is what is asked for
            converted[tool["name"]] = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(converted))


if __name__ == "__main__":
    main()

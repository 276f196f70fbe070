"""What is shipped beside the wheel: the one-click bundle (.mcpb) and the entry in the MCP registry (server.json)."""

MCPB = "@anthropic-ai/mcpb@2.1.2"
"""The official program that validates and packs a bundle, from npm."""

NAME = "gmi-video-mcp"
"""The distribution's name, and the bundle's."""

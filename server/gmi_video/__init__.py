"""gmi-video-mcp: an MCP server for the video models of GMI Cloud's request queue."""

__version__ = "0.1.0"

"""`gmi-video-mcp demo`: run the real server as a process with the simulator as its queue, and show it on a terminal.

`command` runs it, `terminal` shows it. May import: simulator, upstream.wire, and the MCP client.
"""

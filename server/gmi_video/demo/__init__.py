"""`gmi-video-mcp demo`: run the real server as a process with the simulator as its queue, and show it on a terminal.

`command` runs it: `session` starts both, `making` makes a video by the tools, `shots` makes a story of several, whose
prompts are in `story`; `saving` saves the films, `joining` makes one of them, `terminal` shows it all.
May import: simulator, upstream.wire, and the MCP client.
"""

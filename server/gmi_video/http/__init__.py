"""`gmi-video-mcp serve --http`: MCP over Streamable HTTP, for a team or a browser, with a token and bounds.

`command` has the options and `policy` says who may call. `run` is the process: uvicorn, its signals, its end, with the
connections that `connections` bounds. `app` answers a request, whose body `bodies` bounds; `accounts` has a whole
server for each API key; `names` has the name of a copy. `readiness`, `counts` and `metrics` tell operators how it is.
May import: mcp, services, jobs, frames, upstream, foreign, variables, and errors, settings, text, background.
"""

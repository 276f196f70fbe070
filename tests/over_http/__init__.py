"""The server over HTTP: in this process on a free port, or as a process of its own; and the real MCP client."""

"""How long a tool call may take, by the host that makes it.

Hosts cut a tool call off after a time of their own; progress messages extend it in few. The table goes by
`clientInfo.name`; a host that is not in it gets `DEFAULT_SECONDS`, which is below the 60 s of the TypeScript SDK.
`mcp`, the Python SDK's default name, is no host: OpenAI Agents sends it with a limit of 5 s, LangChain and google-genai
without any. What the host was seen to hold (`patience`) goes before the table.
"""

DEFAULT_SECONDS = 45.0

UNLIMITED_SECONDS = 20 * 60.0
"""For hosts that wait without limit: longer than any render that is not stuck."""

# Evidence: reports of users, as of 2026, each bound to a version: anthropics/claude-code issues 5221, 20335, 22542,
# 44032 and 63379, microsoft/vscode issues 261734 and 274094, QwenLM/qwen-code issue 574, and the SDKs' own sources. The
# names of agent frameworks are what they sent in tests/agents (tests/agents/measured.json).
SECONDS_BY_NAME = {
    "claude-ai": 45.0,  # Claude Desktop: 60 s in some paths, 4 minutes in others, neither moved by progress
    "claude-code": UNLIMITED_SECONDS,  # MCP_TOOL_TIMEOUT is about 28 h; the call moves to the background after 2 min
    "codex-mcp-client": 45.0,  # 300 s in 0.169.0, 60 s reported for older ones, whose name is the same
    "cursor-vscode": 45.0,  # no documented control; reports of about 60 s
    "fastmcp": 240.0,  # pydantic-ai sends it too, with a limit of 5 minutes; FastMCP itself has none
    "gemini-cli-mcp-client": 540.0,  # 10 minutes
    "gmi-video-demo": UNLIMITED_SECONDS,  # our demo
    "google-adk": 4.0,  # 5 s unless the program sets `timeout`, which it can't tell
    "qwen-code": 540.0,  # 10 minutes since mid-2026
    "visual studio code": 240.0,  # cut at 5 minutes over HTTP; progress did not help
}

_SECONDS_OVER_HTTP = {
    "claude-code": 45.0,  # cut at 30 to 60 s over HTTP in some versions
}


def longest_wait(client_name: str, *, over_http: bool) -> float:
    """Seconds that a call of this client may wait.

    Args:
        client_name: `clientInfo.name` as the client gave it; empty where it gave none.
        over_http: whether the call came over HTTP and not over stdio.
    """
    name = client_name.strip().lower().removesuffix(" - insiders")
    if over_http and name in _SECONDS_OVER_HTTP:
        return _SECONDS_OVER_HTTP[name]
    return SECONDS_BY_NAME.get(name, DEFAULT_SECONDS)

"""Lines of input: each is a message, or is answered with errors that can be sent; no request goes unanswered."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.message import SessionMessage

from gmi_video.mcp import messages

from . import target

TEXTS = st.sampled_from(["", "a", "id", "\ud800", "\0", "\u202e", "tools/call", "2.0", "é" * 40])
ANYTHING = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0") | ANYTHING,
        "id": st.integers() | ANYTHING,
        "method": st.just("tools/call") | ANYTHING,
        "params": st.fixed_dictionaries({"name": TEXTS, "arguments": ANYTHING}) | ANYTHING,
        "result": ANYTHING,
        "error": ANYTHING,
    },
)
LINES = st.one_of(
    st.binary(max_size=200),
    ANYTHING.map(lambda value: json.dumps(value).encode()),
    st.tuples(MESSAGES, st.integers(0, 20)).map(lambda found: json.dumps(found[0]).encode()[: -found[1] or None]),
    st.lists(MESSAGES, max_size=3).map(lambda batch: json.dumps(batch).encode()),
)


def _is_request(line: bytes) -> bool:
    try:
        parsed: Any = json.loads(line)
    except ValueError:
        return False
    return isinstance(parsed, dict) and "id" in parsed and "method" in parsed


@target("lines")
@given(LINES)
def lines(line: bytes) -> None:
    """The errors are JSON-RPC, and hold no text that has no UTF-8 once they are escaped."""
    found = messages.read(line)
    if isinstance(found, SessionMessage):
        return
    assert found or not _is_request(line)
    for error in found:
        assert json.loads(json.dumps(error, allow_nan=False).encode()).keys() == {"jsonrpc", "id", "error"}

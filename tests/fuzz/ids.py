"""Ids: whatever passes as one is a single segment of a path, in every reading of it."""

import posixpath
from urllib.parse import quote, unquote

import httpx
from hypothesis import given
from hypothesis import strategies as st

from gmi_video.upstream.wire import is_model_id, is_request_id

from . import target, work_within

BASE = "https://queue.example/api/v1"

PIECES = st.sampled_from(
    [".", "..", "/", "//", "\\", "%", "%2e", "%2E", "%2f", "%5c", "%252e", "%00", " ", "\n", "\0", "?", "#", ";", "@",
     "\uff0e", "\uff0f", "\u2024", "\u200b", "\ud800", "é", "~", "+", "-", "_", ":", "a", "Ray2", "v1.5", "x" * 127]
)  # fmt: skip
ALPHABET = st.sampled_from("aZ9-_ ._:/+%\\")
VALUES = st.one_of(
    st.lists(PIECES, max_size=8).map("".join), st.text(ALPHABET, max_size=230), st.text(max_size=300)
)  # fmt: skip


@target("ids")
@given(VALUES)
def ids(value: str) -> None:
    """A model id may hold slashes, which are sent encoded: also a server that decodes them finds no way out."""
    with work_within(20 + 2 * len(value)):
        model, request = is_model_id(value), is_request_id(value)
    if request:
        assert set(value) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
        assert 0 < len(value) <= 128
    for folder, valid in (("models", model), ("requests", request)):
        if not valid:
            continue
        path = httpx.URL(f"{BASE}/{folder}/{quote(value, safe='')}").raw_path.decode()
        prefix, _, segment = path.rpartition("/")
        assert prefix == f"/api/v1/{folder}"
        assert segment
        assert unquote(segment) == value
        decoded = unquote(unquote(path)).replace("\\", "/")
        assert posixpath.normpath(decoded) == f"/api/v1/{folder}/{value}"
        # As a server for Windows files would read it.
        windows = "/".join(part.rstrip(" .") for part in decoded.split("/"))
        assert windows == f"/api/v1/{folder}/{value}"

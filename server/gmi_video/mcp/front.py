"""Answers a host's first lines before the SDK is loaded, which takes half a second, and steps aside.

These are `initialize` or `server/discover`, and `tools/list`. Their answers depend on the protocol's version alone, and
answers.json has them as the SDK gives them (`make tables`). Any other line, or a late one, is the end of it. The SDK
reads everything from the first byte on, and its answers to what was answered here are dropped.
"""

import json
import os
import select
import signal
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, cast

WAIT_SECONDS, LONGEST_LINE = 0.1, 4096
"""For the next line. Hosts write one after the other; behind one that does not, the SDK is loaded meanwhile."""

# What the SDK accepts for certain: by name, `?` where it may be missing, `*?` for any other name. The rest it decides.
_CAPABILITIES: Mapping[str, Any] = {
    "roots?": {"listChanged?": (bool,)},
    "sampling?": {"context?": {}, "tools?": {}},
    "elicitation?": {"form?": {"applyDefaults?": (bool,)}, "url?": {}},
    "extensions?": {"*?": (dict,)},
    "experimental?": {"*?": (dict,)},
}
_CLIENT = {"name": (str,), "version": (str,), "title?": (str,), "description?": (str,), "websiteUrl?": (str,)}
_META = {"progressToken?": (int, str)}
_ENVELOPE = _META | {
    "io.modelcontextprotocol/protocolVersion": (str,),
    "io.modelcontextprotocol/clientCapabilities": _CAPABILITIES,
    "io.modelcontextprotocol/clientInfo?": _CLIENT,
}
_OPENING = {"protocolVersion": (str,), "capabilities": _CAPABILITIES, "clientInfo": _CLIENT, "_meta?": _META}
_LINE = {"jsonrpc": (str,), "id?": (int, str), "method": (str,), "params?": (dict,)}
_PARAMS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "legacy": {"initialize": _OPENING, "notifications/initialized": {}, "tools/list": {"_meta?": _META}},
    "modern": {"server/discover": {"_meta": _ENVELOPE}, "tools/list": {"_meta": _ENVELOPE}},
}


class Front:
    """What was read of stdin, and the ids of the requests in it that have been answered."""

    def __init__(self) -> None:
        self.read = b""
        self.answered: set[int | str] = set()
        self._next, self._era, self._version = 0, "", ""

    def answer(self) -> None:
        """Answer lines until the tools are listed, none comes, or one is not known. Raises the pipes' `OSError`."""
        with open(__file__.replace("front.py", "answers.json"), encoding="utf-8") as file:  # noqa: PTH123 - 3 ms less
            answers = json.load(file)
        method = ""
        while method != "tools/list" and (line := self._line()):
            try:
                asked, method = self._request(line)
                if asked is None:
                    continue
                result = answers[self._era][self._version][method]
            except (KeyError, ValueError, RecursionError):
                return
            answer = f'{{"jsonrpc":"2.0","id":{json.dumps(asked, ensure_ascii=False)},"result":{result}}}\n'.encode()
            while answer:
                answer = answer[os.write(1, answer) :]
            self.answered.add(asked)

    def _line(self) -> bytes:
        """The next line; empty where none comes."""
        while (end := self.read.find(b"\n", self._next)) < 0:
            ready = len(self.read) - self._next <= LONGEST_LINE and select.select([0], [], [], WAIT_SECONDS)[0]
            if not (more := os.read(0, LONGEST_LINE) if ready else b""):
                return b""
            self.read += more
        line, self._next = self.read[self._next : end], end + 1
        return line

    def _request(self, line: bytes) -> tuple[int | str | None, str]:
        """A line's id (None for a notification) and method. Raises where the SDK might refuse it."""
        message = json.loads(line.decode("ascii"), parse_float=int, parse_constant=int)
        if not _fits(message, _LINE) or message["jsonrpc"] != "2.0" or line.count(b"{") + line.count(b"[") > 64:
            raise ValueError
        asked, method, params = message.get("id"), message["method"], message.get("params", {})
        opens, self._era = not self._era, self._era or ("legacy" if method == "initialize" else "modern")
        if not _fits(params, _PARAMS[self._era][method]) or (method == "initialize" and not opens):
            raise ValueError
        if method.startswith("notifications/") != (asked is None) or asked in self.answered or not f"{asked}".isascii():
            raise ValueError
        if self._era == "modern":
            self._version = params["_meta"]["io.modelcontextprotocol/protocolVersion"]
        elif opens:
            self._version = params["protocolVersion"]
        return asked, method


def _fits(value: Any, shape: tuple[type, ...] | Mapping[str, Any]) -> bool:
    if isinstance(shape, tuple) or type(value) is not dict:
        return type(value) in shape  # where True is no `int`
    fields = cast("dict[str, Any]", value)
    return all(name.endswith("?") or name in fields for name in shape) and all(
        _fits(fields[name], shape.get(name, shape.get(f"{name}?", shape.get("*?", ())))) for name in fields
    )


def answered() -> Front:
    """Answer what can be answered on stdin and stdout; nothing on Windows, where a pipe can't be waited for."""
    front = Front()
    on = os.name != "nt" and not os.isatty(0) and os.environ.get("GMI_FAST_START", "").strip() in {"", "on"}
    in_the_tools = ("GMI_CONFIRM_ABOVE_USD", "GMI_SPEND_LIMIT_USD", "GMI_IMAGE_DIRS")  # which the SDK then lists
    if on and not any(os.environ.get(name, "").strip() for name in in_the_tools):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _end)  # until the SDK is loaded, when nothing has begun
        with suppress(OSError):  # stdin or stdout is closed, which the SDK finds too
            front.answer()
    return front


def _end(*_: object) -> None:
    os._exit(0)

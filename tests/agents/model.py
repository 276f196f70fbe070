"""A scripted model in place of a language model: it does what the server's answers say, over the vendors' HTTP APIs.

It answers the APIs of OpenAI, Anthropic and Google on a loopback port (`vendors`), so that a framework or a host and
its model client run unchanged. It asks for one video, makes the call that `next_step` names, repeats a call whose
result is no answer of the server (a time-out, in the words of the framework), and ends with the summary.
"""

import json
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from gmi_video.mcp.app import INSTRUCTIONS
from gmi_video.upstream.wire import fields_of, items_of

from .vendors import Call, Response, Result, offered, respond

MOST_CALLS = 30
"""A model that has not got its video by then gives up."""

FIRST = Call("generate_video", {"prompt": "A fox in the snow.", "duration": "5s"})


@dataclass
class Model:
    """What the model was offered and did."""

    address: str = ""
    tools: set[str] = field(default_factory=set[str])
    instructed: bool = False
    """Whether it was told the server's instructions."""
    calls: int = 0
    cut: int = 0
    """Calls whose result was no answer of the server."""

    def decide(self, history: list[Call | Result]) -> Call | str:
        """The next call, or the last words."""
        made = [item for item in history if isinstance(item, Call)]
        results = [item for item in history if isinstance(item, Result)]
        if not made:
            self.calls += 1
            return FIRST
        answer = _answer(results[-1].value) if results else None
        if answer is None:
            self.cut += 1
        elif answer.get("is_final") or "error" in answer:
            return str(answer["summary"])
        if self.calls >= MOST_CALLS:
            return "No video after so many calls."
        self.calls += 1
        return made[-1] if answer is None else named_call(answer["next_step"])

    def answer(self, path: str, body: dict[str, Any]) -> Response | None:
        """The response to a request; None if there is no such address."""
        tools = offered(body)
        self.tools |= set(tools)
        self.instructed |= json.dumps(INSTRUCTIONS.partition("\n")[0])[1:-1] in json.dumps(body)
        if FIRST.tool not in tools:
            # Hosts also ask for a title and the like, without tools.
            return respond(path, body, lambda _: "There is no tool for videos.")
        return respond(path, body, self.decide)


def named_call(next_step: str) -> Call:
    """The call that `next_step` names.

    Raises:
        ValueError: it names none.
    """
    if found := re.search(r"(\w+) with (\{.*?\})", next_step):
        return Call(found[1], json.loads(found[2]))
    raise ValueError(f"next_step names no call: {next_step}")


def _answer(value: object) -> dict[str, Any] | None:
    """The server's answer somewhere in a result: an object with a summary; JSON in a text, or in a line of it, too."""
    if isinstance(value, str):
        texts = [value, *value.splitlines()] if "\n" in value.strip() else [value]
        return next((found for text in texts if (found := _answer(_parsed(text)))), None)
    fields = fields_of(value)
    if "summary" in fields:
        return fields
    return next((found for part in [*fields.values(), *items_of(value)] if (found := _answer(part))), None)


def _parsed(text: str) -> object:
    try:
        return json.loads(text) if text.lstrip().startswith(("{", "[")) else None
    except ValueError:
        return None


@contextmanager
def scripted_model() -> Generator[Model]:
    """Serve a model on a free loopback port."""
    model = Model()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            answer = model.answer(self.path.partition("?")[0], body)
            content_type, text = answer or Response("application/json", '{"error": {"message": "no such address"}}')
            sent = text.encode()
            self.send_response(200 if answer else 404)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        model.address = f"http://127.0.0.1:{server.server_port}"
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield model
        finally:
            server.shutdown()
            serving.join()

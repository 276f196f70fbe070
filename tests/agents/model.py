"""A scripted model in place of a language model: it does what the server's answers say, over the vendors' HTTP APIs.

It answers OpenAI's Responses and Chat Completions and Gemini's generateContent on a loopback port, so that a framework
and its model client run unchanged. It asks for one video, makes the call that `next_step` names, repeats a call whose
result is no answer of the server (a time-out, in the words of the framework), and ends with the summary.
"""

import json
import re
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from gmi_video.upstream.wire import fields_of, items_of

MOST_CALLS = 30
"""A model that has not got its video by then gives up."""


class Call(NamedTuple):
    """A call of a tool."""

    tool: str
    arguments: dict[str, Any]


class Result(NamedTuple):
    """What a tool's call came to, in the form in which the framework hands it on."""

    value: Any


FIRST = Call("generate_video", {"prompt": "A fox in the snow.", "duration": "5s"})


@dataclass
class Model:
    """What the model was offered and did."""

    address: str = ""
    tools: set[str] = field(default_factory=set[str])
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


def named_call(next_step: str) -> Call:
    """The call that `next_step` names.

    Raises:
        ValueError: it names none.
    """
    if found := re.search(r"(\w+) with (\{.*?\})", next_step):
        return Call(found[1], json.loads(found[2]))
    raise ValueError(f"next_step names no call: {next_step}")


def _answer(value: object) -> dict[str, Any] | None:
    """The server's answer somewhere in a result: an object with a summary; JSON in a text counts too."""
    if isinstance(value, str):
        try:
            return _answer(json.loads(value)) if value.lstrip().startswith(("{", "[")) else None
        except ValueError:
            return None
    fields = fields_of(value)
    if "summary" in fields:
        return fields
    return next((found for part in [*fields.values(), *items_of(value)] if (found := _answer(part))), None)


# -- the APIs: the history in a request, and a decision as a response ------------------------------------------------


def _responses(body: dict[str, Any], decide: Callable[[list[Call | Result]], Call | str]) -> dict[str, Any]:
    history: list[Call | Result] = []
    for item in body["input"]:
        if item.get("type") == "function_call":
            history.append(Call(item["name"], json.loads(item["arguments"])))
        elif item.get("type") == "function_call_output":
            history.append(Result(item["output"]))
    decision = decide(history)
    output: dict[str, Any]
    if isinstance(decision, Call):
        output = {
            "type": "function_call",
            "id": f"fc_{len(history)}",
            "call_id": f"call_{len(history)}",
            "name": decision.tool,
            "arguments": json.dumps(decision.arguments),
            "status": "completed",
        }
    else:
        text: dict[str, Any] = {"type": "output_text", "text": decision, "annotations": []}
        output = {
            "type": "message",
            "id": "msg",
            "role": "assistant",
            "status": "completed",
            "content": [text],
        }
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    return {
        "id": "resp",
        "object": "response",
        "created_at": 0,
        "status": "completed",
        "model": body["model"],
        "output": [output],
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "tools": [],
        "usage": {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0, **details},
    }


def _chat(body: dict[str, Any], decide: Callable[[list[Call | Result]], Call | str]) -> dict[str, Any]:
    history: list[Call | Result] = []
    for message in body["messages"]:
        calls = [call["function"] for call in message.get("tool_calls") or ()]
        history += [Call(call["name"], json.loads(call["arguments"])) for call in calls]
        if message["role"] == "tool":
            history.append(Result(message["content"]))
    decision = decide(history)
    message: dict[str, Any] = {"role": "assistant", "content": None}
    if isinstance(decision, Call):
        function = {"name": decision.tool, "arguments": json.dumps(decision.arguments)}
        message["tool_calls"] = [{"id": f"call_{len(history)}", "type": "function", "function": function}]
    else:
        message["content"] = decision
    choice = {"index": 0, "finish_reason": "tool_calls" if isinstance(decision, Call) else "stop", "message": message}
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    return {
        "id": "chat",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [choice],
        "usage": usage,
    }


def _gemini(body: dict[str, Any], decide: Callable[[list[Call | Result]], Call | str]) -> dict[str, Any]:
    history: list[Call | Result] = []
    for part in (part for content in body["contents"] for part in content["parts"]):
        if "functionCall" in part:
            history.append(Call(part["functionCall"]["name"], part["functionCall"].get("args", {})))
        elif "functionResponse" in part:
            history.append(Result(part["functionResponse"]["response"]))
    decision = decide(history)
    said: dict[str, Any] = {"text": decision}
    if isinstance(decision, Call):
        said = {"functionCall": {"name": decision.tool, "args": decision.arguments}}
    content = {"role": "model", "parts": [said]}
    return {"candidates": [{"content": content, "finishReason": "STOP", "index": 0}]}


_APIS = {"/responses": _responses, "/chat/completions": _chat, ":generateContent": _gemini}


def _offered(body: dict[str, Any]) -> set[str]:
    """The names of the tools in a request of any of the APIs."""
    names: set[str] = set()
    for tool in body.get("tools", ()):
        for declared in tool.get("functionDeclarations") or [tool.get("function") or tool]:
            names.add(declared["name"])
    return names


@contextmanager
def scripted_model() -> Generator[Model]:
    """Serve a model on a free loopback port."""
    model = Model()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            api = next((api for path, api in _APIS.items() if self.path.partition("?")[0].endswith(path)), None)
            model.tools |= _offered(body)
            answer = json.dumps(api(body, model.decide) if api else {"error": {"message": "no such address"}}).encode()
            self.send_response(200 if api else 404)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

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

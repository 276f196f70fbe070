"""The HTTP APIs of model vendors: the history in a request, and a decision as a response, streamed where asked for."""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from gmi_video.upstream.wire import items_of


class Call(NamedTuple):
    """A call of a tool."""

    tool: str
    arguments: dict[str, Any]


class Result(NamedTuple):
    """What a tool's call came to, in the form in which the framework hands it on."""

    value: Any


Decide = Callable[[list[Call | Result]], Call | str]
Body = dict[str, Any]


class Response(NamedTuple):
    """What is sent back."""

    content_type: str
    text: str


def offered(body: Body) -> dict[str, dict[str, str]]:
    """The tools in a request of any of the APIs: by their names, the fields that name them on the wire.

    Hosts put a prefix with the server's name before a tool's, or the tools of a server into a namespace.
    """
    names: dict[str, dict[str, str]] = {}
    for tool in body.get("tools", ()):
        space = {"namespace": tool["name"]} if tool.get("type") == "namespace" else {}
        for declared in tool.get("functionDeclarations") or tool.get("tools") or [tool.get("function") or tool]:
            if "name" in declared:
                names[_plain(declared["name"])] = {"name": declared["name"]} | space
    return names


def _plain(name: str) -> str:
    """A tool's name without a host's prefix."""
    return re.sub(r"^mcp_+gmi[-_]video_+", "", name)


def respond(path: str, body: Body, decide: Decide) -> Response | None:
    """The response to a request; None if there is no such address.

    Args:
        path: of the request, without its query.
        body: the request's JSON.
        decide: what the model says to a history.
    """
    for end, api in _APIS.items():
        if path.endswith(end):
            return api(body, decide)
    return None


def _responses(body: Body, decide: Decide) -> Response:
    history: list[Call | Result] = []
    for item in body["input"]:
        if item.get("type") == "function_call":
            history.append(Call(_plain(item["name"]), json.loads(item["arguments"])))
        elif item.get("type") == "function_call_output":
            history.append(Result(item["output"]))
    decision = decide(history)
    output: dict[str, Any]
    if isinstance(decision, Call):
        output = {
            "type": "function_call",
            "id": f"fc_{len(history)}",
            "call_id": f"call_{len(history)}",
            **offered(body)[decision.tool],
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
    response: dict[str, Any] = {
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
    if not body.get("stream"):
        return _json(response)
    return _events(
        [
            {"type": "response.created", "response": {"id": "resp"}},
            {"type": "response.output_item.done", "output_index": 0, "item": output},
            {"type": "response.completed", "response": response},
        ]
    )


def _chat(body: Body, decide: Decide) -> Response:
    history: list[Call | Result] = []
    for message in body["messages"]:
        calls = [call["function"] for call in message.get("tool_calls") or ()]
        history += [Call(_plain(call["name"]), json.loads(call["arguments"])) for call in calls]
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
    return _json(
        {
            "id": "chat",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [choice],
            "usage": usage,
        }
    )


def _messages(body: Body, decide: Decide) -> Response:
    history: list[Call | Result] = []
    for block in (block for message in body["messages"] for block in items_of(message["content"])):
        if block["type"] == "tool_use":
            history.append(Call(_plain(block["name"]), block["input"]))
        elif block["type"] == "tool_result":
            history.append(Result(block.get("content")))
    decision = decide(history)
    block: dict[str, Any]
    if isinstance(decision, Call):
        block = {"type": "tool_use", "id": f"toolu_{len(history)}", "input": {}, **offered(body)[decision.tool]}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(decision.arguments)}
    else:
        block, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": decision}
    usage = {"input_tokens": 0, "output_tokens": 0}
    start: dict[str, Any] = {"id": "msg", "type": "message", "role": "assistant", "content": [], "usage": usage}
    reason = "tool_use" if isinstance(decision, Call) else "end_turn"
    return _events(
        [
            {
                "type": "message_start",
                "message": start | {"model": body["model"], "stop_reason": None, "stop_sequence": None},
            },
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage},
            {"type": "message_stop"},
        ]
    )


def _gemini(body: Body, decide: Decide) -> Response:
    return _json(_generated(body, decide))


def _gemini_stream(body: Body, decide: Decide) -> Response:
    return Response("text/event-stream", f"data: {json.dumps(_generated(body, decide))}\n\n")


def _generated(body: Body, decide: Decide) -> dict[str, Any]:
    history: list[Call | Result] = []
    for part in (part for content in body["contents"] for part in content["parts"]):
        if "functionCall" in part:
            history.append(Call(_plain(part["functionCall"]["name"]), part["functionCall"].get("args", {})))
        elif "functionResponse" in part:
            history.append(Result(part["functionResponse"]["response"]))
    decision = decide(history)
    said: dict[str, Any] = {"text": decision}
    if isinstance(decision, Call):
        said = {"functionCall": {"args": decision.arguments, **offered(body)[decision.tool]}}
    content = {"role": "model", "parts": [said]}
    return {"candidates": [{"content": content, "finishReason": "STOP", "index": 0}]}


def _json(answer: dict[str, Any]) -> Response:
    return Response("application/json", json.dumps(answer))


def _events(events: Iterable[dict[str, Any]]) -> Response:
    return Response(
        "text/event-stream", "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events)
    )


_APIS: dict[str, Callable[[Body, Decide], Response]] = {
    "/responses": _responses,
    "/chat/completions": _chat,
    "/messages": _messages,
    ":generateContent": _gemini,
    ":streamGenerateContent": _gemini_stream,
}

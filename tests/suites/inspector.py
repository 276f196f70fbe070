"""The Inspector's command line: every tool, resource and prompt, each in a session of its own, in either era."""

import json
from pathlib import Path
from typing import Any

from gmi_video.mcp import schema_files
from tests.npm import NODE, on_path, run

from .target import Target

ERAS = ("legacy", "modern")
SECONDS = 90

TOOL_ERROR = 5
"""The exit code for a tool's error."""

_PROGRAM = "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"


class NotAsPromisedError(Exception):
    """The server, or what a suite says of it, is not as it should be."""


class Inspector:
    """The Inspector in one era, at one server.

    Args:
        packages: where it is installed.
        target: the server.
        era: `legacy` or `modern`.
    """

    def __init__(self, packages: Path, target: Target, era: str) -> None:
        self._packages, self._target = packages, target
        self._command = [str(NODE), _PROGRAM, "--cli", "--protocol-era", era, "--quiet", "--format", "json"]
        self._environment = {"HOME": str(packages), "PATH": on_path(), "LANG": "C.UTF-8"}
        self._requests = 0

    def check(self) -> int:
        """Ask for everything. Returns how many requests that were.

        Raises:
            NotAsPromisedError: a request was answered otherwise than promised.
        """
        tools = self._ask("tools/list", "--strict")["tools"]
        _must({tool["name"] for tool in tools} == set(schema_files.as_sent()), "it lists all tools")
        video = self._call("generate_video", prompt="A fox in the snow.", resolution="540p")
        _must(video["is_final"] is True, "generate_video waits for the video")
        request_id = video["request_id"]
        _must(self._call("get_status", request_id=request_id)["status"] == "success", "get_status shows the video")
        _must(self._call("list_requests")["requests"][0]["request_id"] == request_id, "list_requests shows the video")
        model = self._call("list_models")["models"][0]
        refused = self._ask("tools/call", *_tool("list_models", {"modle": model}), code=TOOL_ERROR)
        _must(refused["isError"] is True, "a misspelt argument is refused")
        templates = self._ask("resources/templates/list")["resourceTemplates"]
        uris = [one["uriTemplate"].format(request_id=request_id, model_id=model) for one in templates]
        listed = [one["uri"] for one in self._ask("resources/list")["resources"]]
        _must(any(request_id in uri for uri in listed), "resources/list has the finished video")
        for uri in sorted({*uris, *listed}):
            contents = self._ask("resources/read", "--uri", uri)["contents"]
            _must(any(one.get("text") or one.get("blob") for one in contents), f"{uri} can be read")
        for prompt in self._ask("prompts/list")["prompts"]:
            needed = [f"{one['name']}=a fox" for one in prompt["arguments"] if one.get("required")]
            filled = self._ask("prompts/get", "--prompt-name", prompt["name"], "--prompt-args", *needed)
            _must("a fox" in json.dumps(filled["messages"]), f"{prompt['name']} has its argument")
        return self._requests

    def _call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        result = self._ask("tools/call", *_tool(tool, arguments))
        _must(result["structuredContent"] == json.loads(result["content"][0]["text"]), "its two forms are the same")
        return result["structuredContent"]

    def _ask(self, method: str, *arguments: str, code: int = 0) -> dict[str, Any]:
        command = [*self._command, "--method", method, *arguments, *self._target.for_inspector()]
        done = run(command, self._environment, self._packages, seconds=SECONDS)
        self._requests += 1
        if done.code != code:
            raise NotAsPromisedError(f"{method} {arguments}: exit code {done.code}\n{done.stdout}{done.stderr}")
        said = json.loads(done.stdout)
        # With --strict, a schema that some client might not understand; a warning leaves the exit code at 0.
        if "schemaFindings" in said:
            raise NotAsPromisedError(f"schemas are not portable: {said['schemaFindings']}")
        return said["result"]


def _tool(name: str, arguments: dict[str, Any]) -> list[str]:
    return ["--tool-name", name, "--tool-args-json", json.dumps(arguments)]


def _must(promise: bool, what: str) -> None:  # noqa: FBT001 - as assert has it
    if not promise:
        raise NotAsPromisedError(f"it does not hold that {what}")

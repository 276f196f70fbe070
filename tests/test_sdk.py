"""What mcp/sdk.py relies on inside the SDK. A test that fails here says what the SDK has changed and where to adapt."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

import anyio
import httpx
import pytest
from mcp import Client, MCPError
from mcp.server import MCPServer
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.extension import Extension
from mcp_types import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    CallToolRequestParams,
    CallToolResult,
    Completion,
    EmptyResult,
    PromptsCapability,
    Resource,
    ResourceTemplateReference,
    ResourceUpdatedNotification,
    SubscribeRequest,
    SubscribeRequestParams,
    TextContent,
    ToolAnnotations,
)
from typing_extensions import TypedDict

from gmi_video.errors import GmiVideoError
from gmi_video.mcp.deadlines import Deadline
from gmi_video.mcp.patience import Patience
from gmi_video.mcp.results import MODEL_URI, OUTCOME_URI
from gmi_video.mcp.sdk import StrictServer, replace_arguments
from gmi_video.mcp.subscriptions import Subscriptions
from gmi_video.mcp.tasks import IDENTIFIER
from gmi_video.mcp.tool_schemas import strict_tool
from gmi_video.mcp.tools import tools_for
from gmi_video.services import Services
from gmi_video.settings import Settings
from gmi_video.simulator import Script

from .conftest import ERAS, Host, World, answer_of

pytestmark = pytest.mark.anyio


class Echo(TypedDict):
    """The result of a tool of these tests."""

    text: str


EchoResult = Annotated[CallToolResult, Echo]


async def echo(text: str) -> EchoResult:
    """Return what was given."""
    return CallToolResult(content=[], structured_content={"text": text})


async def refuse() -> EchoResult:
    """Raise an error of ours."""
    raise GmiVideoError("It is raining.", "Wait for the sun.")


async def crash() -> EchoResult:
    """Raise an error that is not ours."""
    raise ZeroDivisionError


def small_server(extensions: Sequence[Extension] = ()) -> StrictServer:
    """A server with the tools above, and nothing behind it."""

    @asynccontextmanager
    async def nothing(_: MCPServer[Any]) -> AsyncGenerator[Any]:
        yield None

    async def no_resources(_: Services) -> list[Resource]:
        return []

    async def no_completion(*_: object) -> Completion:
        return Completion(values=[])

    return StrictServer(
        tools=[strict_tool(tool, title="A tool", annotations=ToolAnnotations()) for tool in (echo, refuse, crash)],
        subscriber=Subscriptions(),
        recent=no_resources,
        complete=no_completion,
        deadline=lambda _: Deadline(60, Patience()),
        name="small",
        lifespan=nothing,
        extensions=list(extensions),
    )


# -- tools -------------------------------------------------------------------------------------------------------


async def test_tools_list_sends_a_tools_replaced_parameters_and_its_output_schema_set_in_place(
    world: World, era: str
) -> None:
    async with world.host(era=era) as host:
        sent = {tool.name: tool for tool in (await host.client.list_tools()).tools}
    for tool in tools_for(Settings()):
        assert sent[tool.name].input_schema == tool.parameters, (
            "The SDK no longer sends Tool.parameters as the input schema: see strict_tool, which replaces it."
        )
        assert sent[tool.name].output_schema == tool.fn_metadata.output_schema, (
            "The SDK no longer sends fn_metadata.output_schema: see strict_tool, which sets it in place."
        )
        assert "$defs" not in json.dumps(sent[tool.name].output_schema)


async def test_an_error_of_ours_that_a_tool_raises_is_the_cause_of_the_sdks_error(era: str) -> None:
    async with Client(small_server(), mode=era) as client:
        result = await client.call_tool("refuse", {})
    assert result.is_error
    assert answer_of(result).get("error") == {"message": "It is raining.", "charged": "no"}, (
        "ToolError.__cause__ is no longer what the tool raised: see StrictServer.call_tool and _explained."
    )


async def test_a_crash_of_a_tool_is_the_cause_of_the_sdks_error_and_is_named(
    era: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Client(small_server(), mode=era) as client:
        result = await client.call_tool("crash", {})
    assert result.is_error
    assert "ZeroDivisionError" in answer_of(result)["error"]["message"], (
        "UnexpectedToolError.__cause__ is no longer the crash: see _explained."
    )
    assert "crash failed unexpectedly" in caplog.text


class Replaces(Extension):
    """Changes the arguments of every call on its way, as `Tasks` does."""

    identifier = "test/replaces"

    async def intercept_tool_call(
        self, params: CallToolRequestParams, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        replace_arguments(params, {"text": "replaced"})
        return await call_next(ctx)


async def test_an_interceptor_that_changes_the_params_changes_what_the_tool_is_called_with(era: str) -> None:
    async with Client(small_server([Replaces()]), mode=era) as client:
        result = await client.call_tool("echo", {"text": "given"})
    assert result.structured_content == {"text": "replaced"}, (
        "The SDK calls the tool with another object than the one that interceptors get: see replace_arguments. Until "
        "that is mended a call that should become a task waits for its video."
    )


# -- resources ---------------------------------------------------------------------------------------------------


async def submitted(host: Host, prompt: str = "a fox") -> str:
    """The id of a new job that runs."""
    answer = await host.call_ok("generate_video", prompt=prompt, wait=False)
    return str(answer["request_id"])


def uri_of(request_id: str) -> str:
    return OUTCOME_URI.format(request_id=request_id)


async def test_resources_list_is_answered_by_our_override_and_holds_finished_outcomes(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        made = await host.call_ok("generate_video", prompt="a fox")
        listed = [str(resource.uri) for resource in (await host.client.list_resources()).resources]
    assert listed == [made["outcome_uri"]], (
        "MCPServer no longer answers resources/list with _handle_list_resources: see StrictServer, which overrides it."
    )


async def test_completion_is_answered_by_the_handler_that_we_register(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        reference = ResourceTemplateReference(uri=MODEL_URI)
        completed = await host.client.complete(reference, {"name": "model_id", "value": "veo"})
    assert "Veo3" in completed.completion.values, (
        "add_request_handler no longer sets the handler of completion/complete: see StrictServer.__init__."
    )


# -- capabilities and prompts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_no_era_is_told_of_prompts_that_are_not_there_or_of_tools_that_change(mode: str) -> None:
    async with Client(small_server(), mode=mode) as client:
        capabilities = client.server_capabilities
    assert capabilities.prompts is None, "get_capabilities, as StrictServer replaces it, is no longer what is answered."
    assert capabilities.tools is not None
    assert capabilities.tools.list_changed is False
    assert capabilities.completions is not None


@pytest.mark.parametrize("name", ["none", "", "a\x1b[2Jb", "x" * 100_000])
async def test_an_unknown_prompt_is_a_wrong_argument_and_leaves_no_trace_in_the_log(
    world: World, era: str, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    async with world.host(era=era) as host:
        with pytest.raises(MCPError, match="Unknown prompt") as caught:
            await host.client.get_prompt(name)
    assert caught.value.error.code == INVALID_PARAMS
    assert len(caught.value.error.message) < 200
    assert "\x1b" not in caught.value.error.message
    assert "Traceback" not in caplog.text


async def test_a_server_without_prompts_does_not_know_how_to_list_them(era: str) -> None:
    async with Client(small_server(), mode=era) as client:
        with pytest.raises(MCPError, match="no prompts") as caught:
            await client.list_prompts()
    assert caught.value.error.code == METHOD_NOT_FOUND


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_server_that_has_a_prompt_announces_it_as_one_that_never_changes(mode: str) -> None:
    server = small_server()

    @server.prompt()
    def sketch(subject: str) -> str:
        """Ask for a cheap first version."""
        return f"Sketch {subject}."

    async with Client(server, mode=mode) as client:
        assert client.server_capabilities.prompts == PromptsCapability(list_changed=False)
        assert [prompt.name for prompt in (await client.list_prompts()).prompts] == ["sketch"]
        (message,) = (await client.get_prompt("sketch", {"subject": "a fox"})).messages
        assert message.content == TextContent(text="Sketch a fox.")
        with pytest.raises(MCPError, match=r"Unknown prompt.*There are: sketch"):
            await client.get_prompt("scetch")


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_both_eras_are_told_that_resources_can_be_subscribed_and_that_their_list_changes(
    world: World, mode: str
) -> None:
    async with world.host(era=mode) as host:
        capabilities = host.client.server_capabilities.resources
    assert capabilities is not None
    assert capabilities.list_changed, "get_capabilities, as StrictServer replaces it, is no longer what is answered."
    assert capabilities.subscribe


class Updates:
    """The URIs that an older client was notified of."""

    def __init__(self) -> None:
        self.uris: list[str] = []

    async def receive(self, message: object) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            self.uris.append(str(message.params.uri))


async def subscribe(host: Host, uri: str) -> None:
    await host.client.session.send_request(SubscribeRequest(params=SubscribeRequestParams(uri=uri)), EmptyResult)


async def test_a_sessions_connection_is_one_object_for_all_its_requests_and_another_for_another_client(
    world: World,
) -> None:
    world.sim.script("Luma-Ray2", Script.takes(60, first="processing"))
    server = world.server()
    first, second = Updates(), Updates()
    async with (
        world.host(server, era="legacy", options={"message_handler": first.receive}) as one,
        world.host(server, era="legacy", options={"message_handler": second.receive}) as other,
    ):
        uri = uri_of(await submitted(one))
        for host in (one, one, other):
            await subscribe(host, uri)
        await anyio.sleep(120)
    assert first.uris == [uri], (
        "session._connection is another object in each request, or the same for all clients: see connection_of."
    )
    assert second.uris == [uri]


async def test_our_middleware_sees_a_listener_and_the_uris_that_it_names(world: World) -> None:
    world.sim.script("Luma-Ray2", Script.takes(60, first="processing"))
    async with world.host() as host:
        uri = uri_of(await submitted(host))
        events = 0
        async with host.client.listen(resource_subscriptions=[uri]) as listening:
            with anyio.move_on_after(120):
                async for _ in listening:
                    events += 1
    assert events == 1, (
        "Middleware no longer sees subscriptions/listen with notifications.resourceSubscriptions: see Subscriptions."
    )


# -- HTTP --------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def http_of(server: StrictServer) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of the server's Starlette app, in this process."""
    app = server.streamable_http_app()
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as client,
    ):
        yield client


LEGACY = "2025-11-25"
OPENING = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "mcp", "version": "1"}}
ACCEPT = {"accept": "application/json, text/event-stream"}


def request(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """A JSON-RPC request."""
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def message_in(response: httpx.Response) -> dict[str, Any]:
    """The JSON-RPC message in a body that is JSON or a stream of events."""
    return json.loads(next(line for line in response.text.splitlines() if "{" in line).removeprefix("data: "))


async def task_over_http(client: httpx.AsyncClient, task_id: str, headers: dict[str, str]) -> dict[str, Any]:
    """The JSON-RPC response to tasks/get."""
    envelope: dict[str, Any] = {
        "io.modelcontextprotocol/protocolVersion": ERAS[1],
        "io.modelcontextprotocol/clientCapabilities": {"extensions": {IDENTIFIER: {}}},
        "io.modelcontextprotocol/clientInfo": {"name": "mcp", "version": "1"},
    }
    message = request("tasks/get", {"taskId": task_id, "_meta": envelope})
    headers = ACCEPT | {"mcp-protocol-version": ERAS[1], "mcp-method": "tasks/get"} | headers
    return message_in(await client.post("/mcp", json=message, headers=headers))


def encoded(text: str) -> str:
    """A header's value in the form for text that is not plain ASCII."""
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


@pytest.mark.parametrize("form", [str, encoded])
async def test_over_http_a_task_is_found_where_the_name_header_mirrors_its_id_in_either_form(
    world: World, form: Any
) -> None:
    server = world.server()
    async with world.host(server) as host:
        request_id = await submitted(host)
    async with http_of(server) as client:
        response = await task_over_http(client, request_id, {"mcp-name": form(request_id)})
    assert response.get("result", {}).get("taskId") == request_id, (
        f"MCP_NAME_HEADER or decode_header_value have changed: see check_name_header. {response}"
    )


@pytest.mark.parametrize("headers", [{"mcp-name": "another"}, {"mcp-name": encoded("another")}, {"mcp-name": ""}, {}])
async def test_over_http_a_name_header_that_differs_from_the_task_id_is_refused_before_the_queue_is_asked(
    world: World, headers: dict[str, str]
) -> None:
    async with http_of(world.server()) as client:
        response = await task_over_http(client, "a-request", headers)
    assert response.get("error", {}).get("code") == HEADER_MISMATCH, (
        f"The request's headers are no longer at ctx.request.headers: see check_name_header. {response}"
    )
    assert world.sim.calls == []


async def test_the_end_of_a_connection_runs_the_callbacks_on_its_exit_stack(world: World) -> None:
    # Over HTTP, where the services outlive a connection; in memory and over stdio they end with it.
    world.sim.script("Luma-Ray2", Script.takes(600))
    server = world.server()
    async with world.host(server) as host:
        uri = uri_of(await submitted(host))
    async with http_of(server) as client:
        begun = await client.post("/mcp", json=request("initialize", OPENING), headers=ACCEPT)
        session = ACCEPT | {"mcp-session-id": begun.headers["mcp-session-id"], "mcp-protocol-version": LEGACY}
        await client.post("/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=session)
        subscribed = await client.post("/mcp", json=request("resources/subscribe", {"uri": uri}), headers=session)
        assert message_in(subscribed)["result"] == {}
        await anyio.sleep(30)
        assert world.count("get") > 2
        await client.delete("/mcp", headers=session)
        polls = world.count("get")
        await anyio.sleep(120)
        assert world.count("get") == polls, (
            "connection.exit_stack is no longer closed with the connection: see connection_of. Jobs are polled for "
            "clients that are gone."
        )


# -- stdio -------------------------------------------------------------------------------------------------------


def test_the_low_level_server_runs_over_stdio_and_ends_with_its_input() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gmi_video"],
        input=json.dumps(request("initialize", OPENING)) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("GMI_")} | {"GMI_API_KEY": "k"},
    )
    assert (done.returncode, done.stderr) == (0, ""), (
        "Server.run has changed: see StrictServer.run_stdio and mcp/pipes.py, which stand in for run_stdio_async."
    )
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["result"]["capabilities"]["resources"] == {"subscribe": True, "listChanged": True}

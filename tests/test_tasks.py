"""Tasks: a client that declares the extension watches a job at its own pace."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import anyio
import pytest
from mcp import MCPError
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult, Request, Result
from pydantic import ConfigDict, Field

from gmi_video.mcp.tasks import IDENTIFIER
from gmi_video.simulator import Script

from .conftest import Host, World, answer_of

pytestmark = pytest.mark.anyio


class Created(Result):
    """What tools/call answers in place of a result."""

    model_config = ConfigDict(extra="allow")

    result_type: Literal["task"] = Field(alias="resultType")
    task_id: str = Field(alias="taskId")


class DeclaresTasks(ClientExtension):
    """A client that declares the extension, and keeps the tasks it is given."""

    identifier = IDENTIFIER

    def __init__(self) -> None:
        self.created: list[Created] = []

    def claims(self) -> Sequence[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=Created, resolve=self._keep)]

    async def _keep(self, created: Created, _ctx: ClaimContext) -> CallToolResult:
        self.created.append(created)
        return CallToolResult(content=[], structured_content={"summary": "It is being made."})


class TaskRequest(Request[dict[str, Any], str]):
    """Any of tasks/*."""

    name_param: ClassVar[str | None] = "taskId"


class Anything(Result):
    """A result as it came."""

    model_config = ConfigDict(extra="allow")


DECLARES_TASKS: dict[str, Any] = {"extensions": [DeclaresTasks()]}


async def called(host: Host, tool: str = "generate_video", **arguments: Any) -> Any:
    return await host.client.session.call_tool(tool, {"prompt": "a fox"} | arguments, allow_claimed=True)


async def begun(host: Host, **arguments: Any) -> str:
    """The id of the task that a call has become."""
    created = await called(host, **arguments)
    assert isinstance(created, Created), created
    return created.task_id


async def ask(host: Host, method: str, task_id: str) -> dict[str, Any]:
    answer = await host.client.session.send_request(TaskRequest(method=method, params={"taskId": task_id}), Anything)
    return answer.model_dump(by_alias=True, exclude={"meta"})


async def until_settled(host: Host, task_id: str) -> dict[str, Any]:
    """Poll as the task says, until it no longer works."""
    while (task := await ask(host, "tasks/get", task_id))["status"] == "working":  # noqa: ASYNC110 - as clients do
        await anyio.sleep(task["pollIntervalMs"] / 1000)
    return task


async def code_of(host: Host, method: str, task_id: str) -> int:
    with pytest.raises(MCPError) as raised:
        await ask(host, method, task_id)
    return raised.value.error.code


async def test_a_call_whose_wait_is_null_becomes_a_task_as_one_without_it_does(world: World) -> None:
    world.sim.script("Luma-Ray2", Script.takes(60))
    async with world.host(options=DECLARES_TASKS) as host:
        assert await begun(host, wait=None) == world.sim.jobs[0].request_id


async def test_a_client_that_declares_tasks_gets_one_as_soon_as_the_job_exists(world: World) -> None:
    world.sim.script("Luma-Ray2", Script.takes(100))
    async with world.host(options=DECLARES_TASKS) as host:
        created = await called(host)
        assert created.model_dump(by_alias=True, exclude={"meta"}) == {
            "resultType": "task",
            "taskId": world.sim.jobs[0].request_id,
            "status": "working",
            "createdAt": "2025-06-15T15:06:40Z",
            "lastUpdatedAt": "2025-06-15T15:06:40Z",
            "ttlMs": None,
            "pollIntervalMs": 1500,
            "statusMessage": "queued, 0 s",
        }
        assert world.count("get") == 0
        task = await ask(host, "tasks/get", created.task_id)
        assert (task["status"], "result" in task) == ("working", False)


async def test_the_result_of_a_task_is_the_answer_of_get_status(world: World) -> None:
    world.sim.script("Luma-Ray2", Script.takes(40))
    async with world.host(options=DECLARES_TASKS) as host:
        task_id = await begun(host)
        task = await until_settled(host, task_id)
        await host.call_ok("get_status", request_id=task_id)
    plain = host.results[-1].model_dump(mode="json", by_alias=True, exclude_none=True)
    assert task["status"] == "completed"
    assert "pollIntervalMs" not in task
    assert {k: v for k, v in task["result"].items() if k != "_meta"} == {k: v for k, v in plain.items() if k != "_meta"}
    assert len(world.sim.jobs) == 1


async def test_a_job_that_failed_is_a_completed_task_whose_result_is_an_error(world: World) -> None:
    world.sim.script("Luma-Ray2", Script.fails(10, "content policy"))
    async with world.host(options=DECLARES_TASKS) as host:
        task = await until_settled(host, await begun(host))
    assert task["status"] == "completed"
    assert task["result"]["isError"] is True
    assert "content policy" in answer_of(CallToolResult.model_validate(task["result"]))["summary"]


async def test_the_poll_interval_follows_what_this_accounts_jobs_took(world: World) -> None:
    world.sim.script("Luma-Ray2", Script.takes(70))
    for number in range(5):
        payload = {"prompt": "an owl", "resolution": "720p", "duration": "5s"}
        world.sim.add_history("Luma-Ray2", payload=payload, created_at=1.7e9 + number * 900, took_seconds=66 + number)
    async with world.host(options=DECLARES_TASKS) as host:
        created = await called(host)
        fields: Any = created.model_dump(by_alias=True)
        assert fields["pollIntervalMs"] == 4000  # for a failure that comes early
        await anyio.sleep(30)
        later = await ask(host, "tasks/get", fields["taskId"])
        assert 20_000 < later["pollIntervalMs"] < 40_000
        assert fields["statusMessage"] == "queued, 0 s, usually about 68 s"


async def test_a_task_outlives_a_restart_and_is_known_to_another_copy(world: World) -> None:
    world.sim.script("Luma-Ray2", Script.takes(30))
    async with world.host(options=DECLARES_TASKS) as host:
        task_id = await begun(host)
    async with world.host(options=DECLARES_TASKS) as another:
        task = await until_settled(another, task_id)
    assert task["status"] == "completed"


async def test_a_request_made_by_a_plain_call_is_a_task_too(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(30))
    server = world.server()
    async with world.host(server, era=era) as plain_host:
        answer = await plain_host.call_ok("generate_video", prompt="a fox", wait=False)
    async with world.host(server, options=DECLARES_TASKS) as host:
        assert (await ask(host, "tasks/get", answer["request_id"]))["status"] == "working"


async def test_cancelling_is_acknowledged_and_the_message_says_that_the_job_runs_on(world: World) -> None:
    world.sim.script("Luma-Ray2", Script.takes(30))
    async with world.host(options=DECLARES_TASKS) as host:
        task_id = await begun(host)
        assert await ask(host, "tasks/cancel", task_id) == {"resultType": "complete"}
        task = await ask(host, "tasks/get", task_id)
        assert task["status"] == "working"
        assert "can't be recalled" in task["statusMessage"]
        assert (await until_settled(host, task_id))["status"] == "completed"
        assert await ask(host, "tasks/cancel", task_id) == {"resultType": "complete"}


async def test_update_is_acknowledged_although_a_task_never_asks(world: World) -> None:
    async with world.host(options=DECLARES_TASKS) as host:
        task_id = await begun(host)
        assert await ask(host, "tasks/update", task_id) == {"resultType": "complete"}


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
@pytest.mark.parametrize("task_id", ["00000000-0000-4000-8000-000000000000", "../models"])
async def test_an_unknown_id_is_an_invalid_parameter(world: World, method: str, task_id: str) -> None:
    async with world.host(options=DECLARES_TASKS) as host:
        assert await code_of(host, method, task_id) == -32602


@pytest.mark.parametrize("method", ["tasks/result", "tasks/list"])
async def test_the_methods_that_the_extension_dropped_are_unknown(world: World, method: str) -> None:
    async with world.host(options=DECLARES_TASKS) as host:
        assert await code_of(host, method, "x") == -32601


async def test_a_client_that_does_not_declare_tasks_gets_a_plain_answer_and_no_tasks(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        answer = await host.call_ok("generate_video", prompt="a fox")
        assert answer["is_final"]
        expected = -32601 if era == "legacy" else -32021
        assert await code_of(host, "tasks/get", answer["request_id"]) == expected


async def test_an_older_client_that_declares_it_all_the_same_gets_a_plain_answer(world: World) -> None:
    async with world.host(era="legacy", options=DECLARES_TASKS) as host:
        assert isinstance(await called(host), CallToolResult)


async def test_what_is_refused_before_the_job_exists_is_no_task(world: World) -> None:
    async with world.host(options=DECLARES_TASKS) as host:
        assert (await called(host, resolution="8k")).is_error
        assert (await called(host, wait="yes")).is_error
        assert not (await called(host, dry_run=True)).is_error
        assert isinstance(await called(host, tool="list_requests", prompt="a fox"), CallToolResult)
    assert world.sim.jobs == []


async def test_a_job_that_ends_at_once_is_answered_at_once(world: World) -> None:
    world.sim.script("Luma-Ray2", Script.synchronous())
    async with world.host(options=DECLARES_TASKS) as host:
        result = await called(host)
        assert isinstance(result, CallToolResult)
        assert answer_of(result)["is_final"]


async def test_the_question_about_the_price_comes_before_there_is_a_task(world: World) -> None:
    asked: list[str] = []

    async def agree(_context: Any, params: ElicitRequestParams) -> ElicitResult:
        asked.append(params.message)
        assert world.sim.jobs == []
        return ElicitResult(action="accept", content={"go_ahead": True})

    extension = DeclaresTasks()
    options: dict[str, Any] = {"extensions": [extension], "elicitation_callback": agree}
    async with world.host(options=options, GMI_CONFIRM_ABOVE_USD="0.01") as host:
        await host.client.call_tool("generate_video", {"prompt": "a fox"})
    assert len(asked) == 1
    assert [created.task_id for created in extension.created] == [world.sim.jobs[0].request_id]

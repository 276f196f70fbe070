"""What a video costs: shown, asked about, and limited."""

import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult
from PIL import Image

from gmi_video.simulator import Script, Simulator
from gmi_video.simulator.serve import running

from .conftest import EPOCH, KEY, World, answer_of, per_video

pytestmark = pytest.mark.anyio


class User:
    """Answers the server's questions, and remembers them."""

    def __init__(self, action: str, *, go_ahead: bool = True) -> None:
        self.asked: list[str] = []
        self._answer = {"action": action} | ({"content": {"go_ahead": go_ahead}} if action == "accept" else {})

    async def __call__(self, context: Any, params: ElicitRequestParams) -> ElicitResult:  # noqa: ARG002 - the SDK passes it by name
        self.asked.append(params.message)
        return ElicitResult.model_validate(self._answer)


async def test_the_price_is_in_the_answer(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        answer = await host.call_ok("generate_video", prompt="a fox")
    assert answer["estimated_cost_usd"] == 0.71


async def test_a_dry_run_shows_payload_and_price_and_sends_nothing(world: World, era: str) -> None:
    async with world.host(era=era) as host:
        answer = await host.call_ok("generate_video", prompt="a fox", resolution="4k", duration="9s", dry_run=True)
    assert answer["parameters"]["resolution"] == "4k"
    assert answer["estimated_cost_usd"] == pytest.approx(1.278)
    assert "$1.28" in answer["summary"]
    assert "request_id" not in answer
    assert world.count("submit") == 0


async def test_above_the_threshold_the_user_is_asked_and_a_yes_submits_once(world: World, era: str) -> None:
    user = User("accept")
    async with world.host(era=era, options={"elicitation_callback": user}, GMI_CONFIRM_ABOVE_USD="1") as host:
        cheap = await host.call_ok("generate_video", prompt="a fox")
        assert user.asked == []
        dear = await host.call_ok("generate_video", prompt="a fox", duration="9s")
    assert cheap["status"] == dear["status"] == "success"
    assert len(user.asked) == 1
    assert "$1.28" in user.asked[0]
    assert len(world.sim.jobs) == 2


async def test_the_question_names_what_is_not_documented_and_what_would_cost_less(world: World, era: str) -> None:
    user = User("decline")
    frames = {"loop": True, "frame1_image": "https://example.com/end.png"}
    async with world.host(era=era, options={"elicitation_callback": user}, GMI_CONFIRM_ABOVE_USD="1") as host:
        await host.call_error("generate_video", prompt="a fox", duration="9s", **frames)
    (question,) = user.asked
    assert "does not document" in question
    assert "5 s instead of 9 s, about $0.71" in question
    assert question.endswith("Make it?")


@pytest.mark.parametrize("user", [User("decline"), User("cancel"), User("accept", go_ahead=False)])
async def test_a_no_submits_nothing(world: World, era: str, user: User) -> None:
    async with world.host(era=era, options={"elicitation_callback": user}, GMI_CONFIRM_ABOVE_USD="1") as host:
        refused = await host.call_error("generate_video", prompt="a fox", duration="9s")
    assert "has not agreed to pay about $1.28" in refused["summary"]
    assert refused["error"]["charged"] == "no"
    assert world.count("submit") == 0


async def test_a_host_that_cannot_ask_gets_the_sentence_with_the_price(world: World, era: str) -> None:
    async with world.host(era=era, GMI_CONFIRM_ABOVE_USD="1") as host:
        refused = await host.call_error("generate_video", prompt="a fox", duration="9s")
        assert "$1.28" in refused["summary"]
        assert '"confirm_cost": true' in refused["next_step"]
        assert world.count("submit") == 0
        await host.call_ok("generate_video", prompt="a fox", duration="9s", confirm_cost=True)
    assert len(world.sim.jobs) == 1


async def test_an_unknown_price_counts_as_above_the_threshold(world: World) -> None:
    unpriced = next(name for name, record in world.sim.models.items() if "price_info" not in record)
    needed = {p["name"]: "https://example.com/a.png" for p in world.sim.models[unpriced]["parameters"] if p["required"]}
    needed.pop("prompt", None)
    async with world.host(GMI_CONFIRM_ABOVE_USD="1000") as host:
        refused = await host.call_error("generate_video", prompt="a fox", model=unpriced, model_parameters=needed)
    assert "is not given as a number" in refused["summary"]
    assert '"confirm_cost": true' in refused["next_step"]


async def test_a_repeat_of_a_running_job_is_not_asked_about_again(world: World) -> None:
    user = User("accept")
    options = {"elicitation_callback": user}
    async with world.host(
        options=options, name="claude-ai", GMI_CONFIRM_ABOVE_USD="1", GMI_MAX_WAIT_SECONDS="5"
    ) as host:
        first = await host.call_ok("generate_video", prompt="a fox", duration="9s")
        again = await host.call_ok("generate_video", prompt="a fox", duration="9s")
    assert again["request_id"] == first["request_id"]
    assert again["reused"]
    assert len(user.asked) == 1


async def test_a_repeat_of_a_running_job_with_a_local_image_is_not_asked_about_again(
    world: World, era: str, tmp_path: Path
) -> None:
    Image.new("RGB", (64, 36), "orange").save(tmp_path / "fox.png")
    call: dict[str, Any] = {"prompt": "a fox", "duration": "9s", "frame0_image": str(tmp_path / "fox.png")}
    world.sim.script("Luma-Ray2", Script.takes(600))
    world.environment |= {"GMI_CONFIRM_ABOVE_USD": "1", "GMI_IMAGE_DIRS": str(tmp_path)}
    user = User("accept")
    async with world.host(era=era, options={"elicitation_callback": user}) as host:
        first = await host.call_ok("generate_video", **call, wait=False)
        again = await host.call_ok("generate_video", **call, wait=False)
    assert len(user.asked) == 1
    assert (again["request_id"], again["reused"]) == (first["request_id"], True)


async def test_a_repeat_of_a_running_job_with_a_local_image_is_not_refused_where_the_host_cannot_ask(
    world: World, era: str, tmp_path: Path
) -> None:
    Image.new("RGB", (64, 36), "orange").save(tmp_path / "fox.png")
    call: dict[str, Any] = {"prompt": "a fox", "duration": "9s", "frame0_image": str(tmp_path / "fox.png")}
    async with world.host(era=era, GMI_CONFIRM_ABOVE_USD="1", GMI_IMAGE_DIRS=str(tmp_path)) as host:
        first = await host.call_ok("generate_video", **call, wait=False, confirm_cost=True)
        again = await host.call_ok("generate_video", **call, wait=False)
    assert (again["request_id"], again["reused"]) == (first["request_id"], True)


async def test_an_earlier_submit_that_made_no_job_is_no_consent_to_another(world: World, era: str) -> None:
    user = User("accept")
    world.sim.fail("submit", "dropped_before")
    async with world.host(era=era, options={"elicitation_callback": user}, GMI_CONFIRM_ABOVE_USD="0.5") as host:
        unknown = await host.call_error("generate_video", prompt="a fox")
        assert unknown["status"] == "unknown"
        await anyio.sleep(1200)
        refused = await host.call_error("generate_video", prompt="a fox")
        assert refused["error"]["charged"] == "no"
        assert world.sim.jobs == []
        await host.call_ok("generate_video", prompt="a fox")
    assert len(user.asked) == 2
    assert len(world.sim.jobs) == 1


async def test_with_a_limit_of_5_and_4_50_spent_71_cents_are_refused_and_40_go_through(world: World) -> None:
    world.sim.add_model(per_video("cheap-video", 400_000))
    world.sim.add_model(per_video("old-video", 450_000))
    for hours in range(10):
        world.sim.add_history(
            "old-video",
            payload={"prompt": "x"},
            created_at=EPOCH - hours * 3600 - 100,
            took_seconds=50,
            status="failed",
        )
    world.sim.add_history("old-video", payload={"prompt": "x"}, created_at=EPOCH - 25 * 3600, took_seconds=50)
    async with world.host(GMI_SPEND_LIMIT_USD="5") as host:
        refused = await host.call_error("generate_video", prompt="a fox")
        assert "costs about $0.71" in refused["summary"]
        assert "come to $4.50" in refused["summary"]
        assert "the limit is $5.00" in refused["summary"]
        assert world.count("submit") == 0
        await host.call_ok("generate_video", prompt="a fox", model="cheap-video")
        refused = await host.call_error("generate_video", prompt="another fox", model="cheap-video")
        assert "come to $4.90" in refused["summary"]
    async with world.host(GMI_SPEND_LIMIT_USD="5") as restarted:
        await restarted.call_error("generate_video", prompt="a third fox", model="cheap-video")
    assert len(world.sim.jobs) == 1


async def test_the_limit_counts_what_the_list_does_not_show_yet(world: World) -> None:
    world.sim.behave(list_lag=60)
    async with world.host(GMI_SPEND_LIMIT_USD="1") as host:
        await host.call_ok("generate_video", prompt="a fox", wait=False)
        refused = await host.call_error("generate_video", prompt="another fox", wait=False)
    assert "come to $0.71" in refused["summary"]


async def test_a_job_whose_payload_is_hidden_counts_with_the_longest_its_model_offers(world: World) -> None:
    world.sim.behave(echo_payload=False)
    world.sim.add_history("Luma-Ray2", payload={}, created_at=EPOCH - 600, took_seconds=50)
    async with world.host(GMI_SPEND_LIMIT_USD="1.50") as host:  # two of 5 s cost $1.42, one of 9 s and one of 5 s $1.99
        refused = await host.call_error("generate_video", prompt="a fox")
        assert refused["error"]["charged"] == "no"
        assert world.count("submit") == 0
    async with world.host(GMI_SPEND_LIMIT_USD="2") as host:
        await host.call_ok("generate_video", prompt="a fox")


async def test_a_limit_that_cannot_be_checked_refuses(world: World) -> None:
    world.sim.fail("list", "503", times=None)
    async with world.host(GMI_SPEND_LIMIT_USD="5") as host:
        refused = await host.call_error("generate_video", prompt="a fox")
    assert "can't be checked" in refused["summary"]
    assert world.count("submit") == 0


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_over_stdio_a_4k_job_is_asked_about_declined_and_nothing_is_sent(era: str) -> None:
    sim = Simulator(api_key=KEY)
    user = User("decline")
    async with running(sim):
        process = StdioServerParameters(
            command=sys.executable,
            args=["-m", "gmi_video"],
            env={"GMI_API_KEY": KEY, "GMI_BASE_URL": sim.api_url, "GMI_CONFIRM_ABOVE_USD": "1", "PYTHONPATH": "server"},
        )
        async with Client(process, mode=era, elicitation_callback=user) as client:
            arguments = {"prompt": "a fox", "resolution": "4k", "duration": "9s"}
            result = await client.call_tool("generate_video", arguments)
    assert isinstance(result, CallToolResult)
    assert result.is_error
    assert "has not agreed" in answer_of(result)["summary"]
    assert len(user.asked) == 1
    assert sim.jobs == []

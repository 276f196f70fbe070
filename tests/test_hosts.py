"""How long a call may take, by the host that makes it."""

import anyio
import pytest

from gmi_video.mcp import hosts
from gmi_video.simulator import Script

from .conftest import World, now

pytestmark = pytest.mark.anyio

TABLE = [
    # name, seconds over stdio, seconds over HTTP
    ("claude-ai", 45, 45),
    ("claude-code", 1200, 45),
    ("Claude-Code", 1200, 45),
    ("codex-mcp-client", 45, 45),
    ("cursor-vscode", 45, 45),
    ("Visual Studio Code", 240, 240),
    ("Visual Studio Code - Insiders", 240, 240),
    ("qwen-code", 540, 540),
    ("gemini-cli-mcp-client", 540, 540),
    ("fastmcp", 240, 240),
    ("google-adk", 4, 4),
    ("mcp", 45, 45),
    ("gmi-video-demo", 1200, 1200),
    ("an unknown host", 45, 45),
    ("", 45, 45),
]


@pytest.mark.parametrize(("name", "stdio", "http"), TABLE)
def test_a_hosts_name_decides_its_time_limit(name: str, stdio: float, http: float) -> None:
    assert hosts.longest_wait(name, over_http=False) == stdio
    assert hosts.longest_wait(name, over_http=True) == http


@pytest.mark.parametrize(("name", "seconds"), [(name, stdio) for name, stdio, _ in TABLE if name and stdio < 1000])
async def test_a_call_answers_just_before_its_hosts_time_limit(
    world: World, era: str, name: str, seconds: float
) -> None:
    world.sim.script("Luma-Ray2", Script.takes(3000))
    async with world.host(era=era, name=name) as host:
        begun = now()
        answer = await host.call_ok("generate_video", prompt="a fox")
        assert seconds - 4 <= now() - begun <= seconds
        assert not answer["is_final"]
        begun = now()
        await host.call_ok("get_status", request_id=answer["request_id"], wait=True)
        assert seconds - 4 <= now() - begun <= seconds


async def test_the_setting_wins_over_the_hosts_name(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(3000))
    async with world.host(era=era, name="claude-code", GMI_MAX_WAIT_SECONDS="20") as host:
        begun = now()
        await host.call_ok("generate_video", prompt="a fox")
        assert 15 <= now() - begun <= 20


async def test_a_slow_queue_shortens_the_wait_so_that_the_call_stays_within_the_hosts_time_limit(
    world: World, era: str
) -> None:
    world.sim.script("Luma-Ray2", Script.takes(3000))
    world.sim.behave(latency=6)
    async with world.host(era=era, name="claude-ai") as host:
        begun = now()
        answer = await host.call_ok("generate_video", prompt="a fox")
        assert now() - begun <= 45
        assert answer["request_id"]


async def test_a_submit_that_outlasts_the_host_is_answered_and_joined_by_the_same_call(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(60))
    world.sim.fail("list", "timeout_before", times=2)
    world.sim.fail("submit", "timeout_after")
    async with world.host(era=era, name="claude-ai") as host:
        begun = now()
        answer = await host.call_ok("generate_video", prompt="a fox")
        assert now() - begun <= 56
        assert "request_id" not in answer
        assert "same call again" in answer["next_step"]
        assert not answer["is_final"]
        for _ in range(5):
            answer = await host.call_ok("generate_video", prompt="a fox")
            if answer.get("is_final"):
                break
    assert answer["status"] == "success"
    assert len(world.sim.jobs) == 1


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("get_status", {"request_id": "00000000-0000-4000-8000-000000000000"}),
        ("generate_video", {"prompt": "a fox", "model": "Veo3"}),
    ],
)
async def test_a_call_to_a_silent_queue_is_answered_before_the_host_gives_up(
    world: World, era: str, tool: str, arguments: dict[str, str]
) -> None:
    world.sim.fail("get", "timeout_before", times=None)
    world.sim.fail("model", "timeout_before", times=None)
    async with world.host(era=era, name="claude-ai") as host:
        with anyio.fail_after(46):
            answer = await host.call_error(tool, **arguments)
    assert answer["next_step"]
    assert world.sim.jobs == []

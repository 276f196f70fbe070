"""A job that ended while its caller did not look is the answer to the same call, whatever the clocks say."""

from typing import Any

import pytest
import trio

from gmi_video.simulator import Script
from tests.conftest import World

pytestmark = pytest.mark.anyio

FOX = {"prompt": "a fox in the snow"}
CLOCKS: dict[str, dict[str, Any]] = {
    "stamps 5 min behind": {"stamp_skew": -300},
    "stamps 5 min ahead": {"stamp_skew": 300},
    "queue 5 min ahead": {"skew": 300},
    "stamps unreadable": {"stamps": "unreadable"},
}


@pytest.mark.parametrize("clocks", CLOCKS.values(), ids=CLOCKS)
@pytest.mark.parametrize("later", [30, 290])
@pytest.mark.parametrize("elsewhere", [False, True], ids=["same server", "other server"])
@pytest.mark.parametrize("ledger", ["sqlite", "none"])
async def test_a_job_that_ended_unseen_is_not_paid_again(
    world: World, era: str, clocks: dict[str, Any], later: float, *, elsewhere: bool, ledger: str
) -> None:
    world.sim.script("Luma-Ray2", Script.takes(30))
    world.sim.behave(**clocks)
    environment: dict[str, Any] = {"GMI_LEDGER_URL": "none"} if ledger == "none" else {}
    async with world.host(era=era, **environment) as host, world.host(era=era, **environment) as other:
        first = await host.call_ok("generate_video", **FOX, wait=False)
        await trio.sleep(30 + later)
        again = await (other if elsewhere else host).call_ok("generate_video", **FOX)
    assert [job.request_id for job in world.sim.jobs] == [first["request_id"]] == [again["request_id"]]
    assert again["status"] == "success"


@pytest.mark.parametrize("clocks", CLOCKS.values(), ids=CLOCKS)
@pytest.mark.parametrize("list_fails", [False, True])
async def test_a_job_whose_answer_was_dropped_is_found_by_any_clock(
    world: World, clocks: dict[str, Any], *, list_fails: bool
) -> None:
    world.sim.script("Luma-Ray2", Script.takes(30))
    world.sim.behave(**clocks)
    if list_fails:
        world.sim.fail("list", "refused", times=8)
    world.sim.fail("submit", "dropped_after")
    async with world.host(GMI_MAX_WAIT_SECONDS="300") as host:
        answer = await host.call("generate_video", **FOX)
        if clocks == {"stamp_skew": -300} and list_fails:
            # By its stamp it is older than the submit, and no list from before says otherwise.
            assert answer["status"] == "unknown"
            await host.call_error("generate_video", **FOX)
            assert len(world.sim.jobs) == 1
            return
    assert [job.request_id for job in world.sim.jobs] == [answer["request_id"]]

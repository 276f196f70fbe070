"""A record that shows its payload or model in another spelling than it was sent in is still known as the same job."""

import unicodedata
from typing import Any

import pytest

from gmi_video.simulator import Script
from tests.conftest import World

from . import ABANDONED_BODIES

pytestmark = [pytest.mark.anyio, *ABANDONED_BODIES]

# The prompt has characters that Unicode can write in two ways, and white space at its ends.
PROMPT = {"prompt": "  ein Fuchs im schönen Café \n"}
LUMA: dict[str, Any] = {**PROMPT, "loop": True}
VEO3: dict[str, Any] = {**PROMPT, "model": "Veo3", "model_parameters": {"seed": 5}}
CALLS = pytest.mark.parametrize("call", [LUMA, VEO3], ids=["Luma-Ray2", "Veo3"])

SPELLINGS: dict[str, dict[str, Any]] = {
    **{change: {"echo": (change,)} for change in ("defaults", "nulls", "strings", "stripped", "nfd")},
    "all": {"echo": ("defaults", "nulls", "strings", "stripped", "nfd"), "record_model": "other_case"},
    "other case": {"record_model": "other_case"},
    "no model": {"record_model": "absent"},
}
ECHOES = pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)


@ECHOES
@CALLS
@pytest.mark.parametrize("ledger", ["sqlite", "none"])
async def test_after_a_restart_the_job_is_found(
    world: World, call: dict[str, Any], spelling: dict[str, Any], ledger: str
) -> None:
    world.sim.behave(**spelling)
    environment: dict[str, Any] = {"GMI_LEDGER_URL": "none"} if ledger == "none" else {}
    async with world.host(**environment) as host:
        first = await host.call_ok("generate_video", **call)
    async with world.host(**environment) as restarted:
        again = await restarted.call_ok("generate_video", **call)
    assert [job.request_id for job in world.sim.jobs] == [first["request_id"]] == [again["request_id"]]
    assert again["reused"]


@ECHOES
@CALLS
async def test_after_a_dropped_answer_the_job_is_found(
    world: World, call: dict[str, Any], spelling: dict[str, Any]
) -> None:
    world.sim.behave(**spelling)
    world.sim.fail("submit", "dropped_after")
    async with world.host() as host:
        answer = await host.call_ok("generate_video", **call)
    assert [job.request_id for job in world.sim.jobs] == [answer["request_id"]]


@pytest.mark.parametrize(
    "other",
    [
        {"prompt": "Ein Fuchs im schönen Café"},
        {"prompt": "ein  Fuchs im schönen Café"},
        {"prompt": "ein Fuchs im schonen Cafe"},
        {"loop": False},
        {"duration": "9s"},
    ],
    ids=str,
)
@pytest.mark.parametrize("ledger", ["sqlite", "none"])
async def test_anything_else_is_another_video(world: World, other: dict[str, Any], ledger: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(200))
    world.sim.behave(**SPELLINGS["all"])
    environment: dict[str, Any] = {"GMI_LEDGER_URL": "none"} if ledger == "none" else {}
    async with world.host(**environment) as host:
        await host.call_ok("generate_video", **LUMA, wait=False)
        answer = await host.call_ok("generate_video", **(LUMA | other), wait=False)
    assert not answer.get("reused")
    assert len(world.sim.jobs) == 2


async def test_a_seed_of_another_value_is_another_video(world: World) -> None:
    world.sim.behave(**SPELLINGS["all"])
    async with world.host() as host:
        await host.call_ok("generate_video", **VEO3, wait=False)
        await host.call_ok("generate_video", **(VEO3 | {"model_parameters": {"seed": 50}}), wait=False)
        await host.call_ok("generate_video", **(VEO3 | {"model_parameters": {}}), wait=False)
    assert len(world.sim.jobs) == 3


@pytest.mark.parametrize(
    "again",
    [{"prompt": PROMPT["prompt"].strip()}, {"prompt": unicodedata.normalize("NFD", PROMPT["prompt"])}],
    ids=["stripped", "nfd"],
)
async def test_a_call_in_another_spelling_is_the_same_call(world: World, again: dict[str, Any]) -> None:
    async with world.host() as host:
        first = await host.call_ok("generate_video", **LUMA)
        second = await host.call_ok("generate_video", **(LUMA | again))
    assert [job.request_id for job in world.sim.jobs] == [first["request_id"]] == [second["request_id"]]


async def test_a_value_at_its_models_default_is_the_same_as_an_absent_one(world: World) -> None:
    defaults = {p["name"]: p["default_value"] for p in world.sim.models["Veo3"]["parameters"] if p["default_value"]}
    defaults.pop("prompt", None)
    assert defaults
    async with world.host() as host:
        await host.call_ok("generate_video", prompt="a fox", model="Veo3")
        await host.call_ok("generate_video", prompt="a fox", model="Veo3", model_parameters=defaults)
    assert len(world.sim.jobs) == 1


async def test_luma_ray2_is_the_same_call_while_its_live_record_is_unavailable(world: World) -> None:
    world.sim.behave(list_lag=600)
    for parameter in world.sim.models["Luma-Ray2"]["parameters"]:
        parameter["default_value"] = None
    async with world.host() as host:
        first = await host.call_ok("generate_video", prompt="a fox", wait=False)
    world.sim.fail("model", "500", times=None)
    async with world.host() as restarted:
        again = await restarted.call_ok("generate_video", prompt="a fox", wait=False)
    assert [job.request_id for job in world.sim.jobs] == [first["request_id"]] == [again["request_id"]]


@pytest.mark.parametrize("ledger", ["sqlite", "none"])
async def test_what_luma_ray2s_live_record_has_beyond_the_table_makes_another_video(world: World, ledger: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(200))
    seed = {"name": "seed", "type": "integer", "required": False, "default_value": 0}
    world.sim.models["Luma-Ray2"]["parameters"].append(seed | dict.fromkeys(("options", "min_value", "max_value")))
    environment: dict[str, Any] = {"GMI_LEDGER_URL": "none"} if ledger == "none" else {}
    for parameters in ({}, {"seed": 1}, {"seed": 2}, {"seed": 2}, {"seed": 0}):
        async with world.host(**environment) as host:
            await host.call_ok("generate_video", prompt="a fox", model_parameters=parameters, wait=False)
    assert [job.payload.get("seed") for job in world.sim.jobs] == [None, 1, 2]

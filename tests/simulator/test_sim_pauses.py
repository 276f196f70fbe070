"""Pauses: a call stops at an exact moment, in process and in another process."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import httpx
import pytest

from gmi_video.simulator import Simulator

from .test_sim_process import BODY, process

Submit = Callable[..., Any]


@pytest.mark.anyio
@pytest.mark.parametrize(("moment", "jobs"), [("received", 0), ("made", 1), ("answered", 1)])
async def test_a_submit_stops_at_the_moment_and_continues_when_released(
    sim: Simulator, submit: Submit, moment: str, jobs: int
) -> None:
    made: list[dict[str, Any]] = []

    async def call() -> None:
        made.append(await submit())

    async with anyio.create_task_group() as tasks:
        with sim.pause_at(f"submit:{moment}") as pause:
            tasks.start_soon(call)
            await pause.reached()
            assert (len(sim.calls), len(sim.jobs), made) == (1, jobs, [])
    assert made[0]["request_id"] == sim.jobs[0].request_id
    await submit()
    assert len(sim.jobs) == 2, "a pause is for one call"


@pytest.mark.anyio
async def test_pauses_at_one_point_stop_several_calls_in_turn(sim: Simulator, client: httpx.AsyncClient) -> None:
    with sim.pause_at("models:received") as one, sim.pause_at("models:received") as other:
        async with anyio.create_task_group() as tasks:
            for pause in (one, other):
                tasks.start_soon(client.get, "/models")
                await pause.reached()
            one.release()
            other.release()
    assert len(sim.calls) == 2


@pytest.mark.anyio
async def test_a_pause_released_before_any_call_does_not_hide_the_next_one(
    sim: Simulator, client: httpx.AsyncClient
) -> None:
    sim.pause_at("models:received").release()
    async with anyio.create_task_group() as tasks:
        with sim.pause_at("models:received") as pause:
            tasks.start_soon(client.get, "/models")
            with anyio.fail_after(1):
                await pause.reached()


@pytest.mark.anyio
async def test_a_caller_that_gives_up_at_a_pause_has_its_call_cancelled_there(sim: Simulator, submit: Submit) -> None:
    for moment, jobs in (("received", 0), ("made", 1)):
        with sim.pause_at(f"submit:{moment}") as pause, anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(submit)
                await pause.reached()
                scope.cancel()
        assert len(sim.jobs) == jobs


@pytest.mark.anyio
async def test_a_pause_counts_towards_the_callers_timeout(sim: Simulator, client: httpx.AsyncClient) -> None:
    with sim.pause_at("list:received"), pytest.raises(httpx.ReadTimeout):
        await client.get("/requests")


def test_an_unknown_point_is_refused(sim: Simulator) -> None:
    for wrong in ("submit", "submit:later", "cancel:made"):
        with pytest.raises(ValueError, match="submit:received"):
            sim.pause_at(wrong)


def test_a_call_to_another_process_stops_too() -> None:
    with process("--control") as (_, client), ThreadPoolExecutor() as callers:
        control = str(client.base_url.join("/control/pauses/"))
        for moment, jobs in (("received", 0), ("made", 2), ("answered", 3)):
            point = f"{control}submit:{moment}"
            assert client.put(point).status_code == 204
            response = callers.submit(client.post, "requests", json=BODY)
            assert client.get(point).status_code == 204
            assert client.get("requests").json()["total"] == jobs
            if moment == "answered":
                assert response.result(30).status_code == 200, "the caller has the response, and its connection is held"
            else:
                assert not response.done()
            assert client.delete(point).status_code == 204
            assert response.result(30).json()["status"] == "queued"
        assert client.get(f"{control}submit:later").status_code == 404
        assert client.get(f"{control}list:made").status_code == 404
        assert client.put(f"{control}submit:made", headers={"Authorization": ""}).status_code == 401


def test_another_process_has_no_control_unless_asked_for_it() -> None:
    with process() as (_, client):
        assert client.put(str(client.base_url.join("/control/pauses/submit:made"))).status_code == 405

"""The queue's endpoints, and job statuses that follow the clock."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import trio

from gmi_video.simulator import Script, SimulatedTransport, Simulator
from gmi_video.simulator.catalog import NO_ACCESS, PRIVATE
from gmi_video.simulator.media import Media

from .conftest import EPOCH

pytestmark = pytest.mark.anyio
Submit = Callable[..., Any]

GUIDES_CURL = {
    "prompt": "A majestic dragon soaring through a mystical forest at sunset",
    "durationSeconds": 9,
    "aspectRatio": "16:9",
    "resolution": "1080p",
    "loop": False,
    "negative_prompt": "",
    "seed": None,
}


async def test_a_submit_returns_the_guides_six_keys_in_order(sim: Simulator, submit: Submit) -> None:
    answer = await submit()
    assert list(answer) == ["request_id", "model", "status", "created_at", "updated_at", "queued_at"]
    assert (answer["status"], answer["created_at"]) == ("queued", EPOCH)
    assert [job.request_id for job in sim.jobs] == [answer["request_id"]]


async def test_a_record_has_the_live_keys_in_the_live_order(client: httpx.AsyncClient, submit: Submit) -> None:
    made = await submit(loop=True)
    record = (await client.get(f"/requests/{made['request_id']}")).json()
    assert list(record) == [
        "request_id", "org_id", "user_id", "model", "status", "is_public", "payload", "outcome", "created_at",
        "updated_at", "queued_at",
    ]  # fmt: skip
    assert record["payload"] == {"prompt": "a fox", "loop": True}
    assert record["outcome"] is None


async def test_a_job_goes_through_its_statuses_by_the_clock(client: httpx.AsyncClient, submit: Submit) -> None:
    made = await submit()
    seen: list[tuple[str, int]] = []
    for _ in range(3):
        record = (await client.get(f"/requests/{made['request_id']}")).json()
        seen.append((record["status"], record["updated_at"] - EPOCH))
        await trio.sleep(10.5)
    assert seen == [("queued", 0), ("processing", 3), ("success", 20)]


async def test_a_finished_job_stays_finished(client: httpx.AsyncClient, submit: Submit) -> None:
    made = await submit()
    await trio.sleep(80_000)
    record = (await client.get(f"/requests/{made['request_id']}")).json()
    assert (record["status"], record["updated_at"]) == ("success", EPOCH + 20)


@pytest.mark.parametrize(
    ("script", "statuses"),
    [
        (Script.takes(8), ["queued", "processing", "success"]),
        (Script.takes(8, first="dispatched"), ["dispatched", "processing", "success"]),
        (Script.takes(8, first="processing"), ["processing", "processing", "success"]),
        (Script.synchronous(), ["success", "success", "success"]),
        (Script.stuck(), ["queued", "queued", "queued"]),
        (Script.fails(8, "no dragons"), ["queued", "processing", "failed"]),
        (Script.fails_at_once(), ["failed", "failed", "failed"]),
        (Script.cancelled(8), ["queued", "processing", "cancelled"]),
        (Script(((0, "created"), (4, "upscaling"), (10, "success"))), ["created", "upscaling", "success"]),
    ],
)
async def test_a_script_decides_how_jobs_run(
    sim: Simulator, client: httpx.AsyncClient, submit: Submit, script: Script, statuses: list[str]
) -> None:
    sim.script("Luma-Ray2", script)
    made = await submit()
    seen = [made["status"]]
    for _ in range(2):
        await trio.sleep(5)
        seen.append((await client.get(f"/requests/{made['request_id']}")).json()["status"])
    assert seen == statuses


async def test_a_stuck_job_never_changes_its_timestamps(
    sim: Simulator, client: httpx.AsyncClient, submit: Submit
) -> None:
    sim.script("*", Script.stuck())
    made = await submit()
    await trio.sleep(86_400)
    record = (await client.get(f"/requests/{made['request_id']}")).json()
    assert record["updated_at"] == record["created_at"]


async def test_a_job_that_ends_at_once_has_its_outcome_in_the_submit_response(sim: Simulator, submit: Submit) -> None:
    sim.script("Luma-Ray2", Script.synchronous())
    assert (await submit())["outcome"]["video_url"].endswith(".mp4")
    sim.script("Luma-Ray2", Script.fails_at_once("blocked"))
    assert (await submit())["outcome"] == {"error": "blocked"}


async def test_a_script_can_depend_on_the_jobs_number(sim: Simulator, submit: Submit) -> None:
    sim.script("Luma-Ray2", lambda number: Script.takes(10 * number))
    await submit()
    await submit()
    assert [job.script for job in sim.jobs] == [Script.takes(10), Script.takes(20)]


async def test_veo_starts_dispatched(submit: Submit) -> None:
    assert (await submit("Veo3"))["status"] == "dispatched"


async def test_an_unknown_payload_key_is_accepted_and_ignored(sim: Simulator, submit: Submit) -> None:
    await submit(**GUIDES_CURL)
    spec = Media(sim).spec(sim.jobs[0])
    assert (spec.frames, spec.width, spec.height) == (5 * 24, 1920, 1080)
    assert sim.jobs[0].payload == GUIDES_CURL


@pytest.mark.parametrize(
    ("model", "payload", "status", "words"),
    [
        ("Luma-Ray2", {}, 400, ["prompt"]),
        ("Luma-Ray2", {"prompt": ""}, 400, ["prompt"]),
        ("pixverse-v5.6-i2v", {}, 400, ["prompt", "image_url"]),
        ("Luma-Ray2", {"prompt": "x", "duration": "6s"}, 400, ["duration", "5s, 9s"]),
        ("Luma-Ray2", {"prompt": "x", "duration": 9}, 400, ["duration"]),
        ("wan2.6-t2v", {"prompt": "x", "duration": "5"}, 400, ["duration", "5, 10, 15"]),
        ("Luma-Ray2", {"prompt": "x", "loop": "yes"}, 500, ["Backend error (400). Please try again."]),
        ("Luma-Ray2", {"prompt": 7}, 500, ["Backend error (400)"]),
        ("luma-ray-3-2-generate", {"prompt": "x" * 6001}, 500, ["Backend error (400)"]),
        ("Veo3", {"prompt": "x", "seed": -1}, 500, ["Backend error (400)"]),
        ("luma-ray2", {"prompt": "x"}, 404, ["model luma-ray2 does not exist"]),
        (NO_ACCESS, {"prompt": "x"}, 404, ["you do not have access"]),
    ],
)
async def test_a_refused_submit_names_what_is_wrong_and_makes_no_job(
    sim: Simulator, client: httpx.AsyncClient, *, model: str, payload: dict[str, Any], status: int, words: list[str]
) -> None:
    answer = await client.post("/requests", json={"model": model, "payload": payload})
    assert answer.status_code == status
    assert all(word in answer.json()["error"] for word in words)
    assert sim.jobs == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"model": "Luma-Ray2"}', b'{"model": 3, "payload": {}}'])
async def test_a_body_that_is_not_a_submit_is_refused(sim: Simulator, client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/requests", content=body)
    assert (answer.status_code, sim.jobs) == (400, [])


@pytest.mark.parametrize("shown", ["", "Bearer wrong", "simulated-key", "bearer simulated-key "])
@pytest.mark.parametrize("path", ["/requests", "/requests/x", "/models", "/models/Luma-Ray2"])
async def test_without_the_key_every_call_is_401(client: httpx.AsyncClient, path: str, shown: str) -> None:
    answer = await client.get(path, headers={"Authorization": shown})
    assert (answer.status_code, list(answer.json())) == (401, ["error"])


async def test_the_organisation_of_the_header_is_in_the_record(client: httpx.AsyncClient, submit: Submit) -> None:
    client.headers["X-Organization-ID"] = "org-7"
    made = await submit()
    assert (await client.get(f"/requests/{made['request_id']}")).json()["org_id"] == "org-7"


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nix"), ("DELETE", "/requests/x"), ("POST", "/models"), ("GET", "/")]
)
async def test_a_path_of_another_host_is_405(client: httpx.AsyncClient, method: str, path: str) -> None:
    assert (await client.request(method, path)).status_code == 405


async def test_an_unknown_request_is_404(client: httpx.AsyncClient) -> None:
    answer = await client.get("/requests/00000000-0000-4000-8000-000000000000")
    assert (answer.status_code, list(answer.json())) == (404, ["error"])


async def test_the_list_holds_a_models_jobs_with_those_of_the_history(
    sim: Simulator, client: httpx.AsyncClient, submit: Submit
) -> None:
    old = sim.add_history("Luma-Ray2", payload={"prompt": "old"}, created_at=EPOCH - 900, took_seconds=60)
    sim.add_history("Veo3", payload={"prompt": "other"}, created_at=EPOCH - 800, took_seconds=60, status="failed")
    made = await submit()
    body = (await client.get("/requests", params={"model_id": "Luma-Ray2"})).json()
    assert [row["request_id"] for row in body["requests"]] == [made["request_id"], old.request_id]
    assert body["total"] == 2
    assert body["requests"][1]["updated_at"] == EPOCH - 840
    assert (await client.get("/requests")).json()["total"] == 3
    assert len(sim.jobs) == 1, "the history was not submitted"


async def test_the_model_list_is_padded_like_the_live_one() -> None:
    sim = Simulator(padding=300, seed=1)
    headers = {"Authorization": "Bearer simulated-key"}
    async with httpx.AsyncClient(transport=SimulatedTransport(sim), base_url=sim.api_url, headers=headers) as client:
        ids = (await client.get("/models")).json()["model_ids"]
        assert (await client.get(f"/models/{ids[-1]}")).json()["model"] == ids[-1]
    assert len(ids) == len(set(ids)) == 300 + len(sim.models)
    assert {"Luma-Ray2", PRIVATE} <= set(ids)


async def test_a_model_can_be_added_and_its_id_percent_encoded(sim: Simulator, client: httpx.AsyncClient) -> None:
    sim.add_model({"model": "lab/new model", "parameters": []})
    assert (await client.get("/models/lab%2Fnew%20model")).json() == {"model": "lab/new model", "parameters": []}


async def test_calls_are_logged_without_the_key(sim: Simulator, client: httpx.AsyncClient, submit: Submit) -> None:
    made = await submit()
    await trio.sleep(2)
    await client.get(f"/requests/{made['request_id']}")
    await client.get("/requests", params={"model_id": "Veo3"}, headers={"Authorization": ""})
    logged = [(call.endpoint, call.model, call.request_id, call.at - EPOCH) for call in sim.calls]
    assert logged == [("submit", "Luma-Ray2", None, 0), ("get", None, made["request_id"], 2), ("list", "Veo3", None, 2)]
    assert sim.api_key not in repr(sim.calls)


async def test_the_same_seed_gives_the_same_ids() -> None:
    one, other, another = Simulator(seed=7), Simulator(seed=7), Simulator(seed=8)
    first = one.new_id()
    assert first == other.new_id()
    assert first != another.new_id()


def test_a_script_that_does_not_start_at_zero_is_refused() -> None:
    for stages in ((), ((1, "queued"),), ((0, "queued"), (5, "a"), (2, "b"))):
        with pytest.raises(ValueError, match="second 0"):
            Script(stages)

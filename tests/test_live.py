"""The live check, run against the simulator: agreement, differences, and what the report must not contain."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gmi_video
from gmi_video.live import CheckResult, check
from gmi_video.live.expectations import find_schemas
from gmi_video.simulator import Script, SimulatedTransport, Simulator

from .conftest import EPOCH, KEY, World, now
from .structure import PACKAGE, ROOT

pytestmark = pytest.mark.anyio

SCHEMAS = ROOT / "schemas" / "upstream"
UNKNOWN = (
    "The real body of `GET /models/Luma-Ray2`", "The outcome shape of Luma-Ray2", "The 401 text",
    "A `Retry-After` header", "Order and length of the list", "The text of a 400", "How long URLs live", "Upload size",
    "Refunds",
)  # fmt: skip
PROMPT = "my secret wedding"


@pytest.fixture
def sim(world: World) -> Simulator:
    """A queue that behaves as expected, with three videos made on the days before."""
    sim = world.sim
    sim.behave(film_seconds=0.1)
    for days in (1, 2, 3):
        sim.add_history(
            "Luma-Ray2",
            payload={"prompt": PROMPT},
            created_at=EPOCH - days * 86400,
            took_seconds=60,
            org_id="my-org-77",
        )
    return sim


async def checked(world: World, *, schemas: Path = SCHEMAS, **environment: str) -> CheckResult:
    """The report and exit code of one run."""
    return await check(world.environment | environment, schemas, transport=SimulatedTransport(world.sim), now=now)


def differences(result: CheckResult) -> list[str]:
    """The report's differences, one a line."""
    return [line for line in result.text.splitlines() if line.startswith("- **")]


def seen(result: CheckResult, question: str) -> str:
    """What the report says of a question."""
    (line,) = (line for line in result.text.splitlines() if line.startswith(f"| {question} |"))
    return line.removeprefix(f"| {question} | ").removesuffix(" |")


async def test_a_queue_that_is_as_expected_gives_no_difference_and_a_line_for_every_open_question(
    world: World, sim: Simulator
) -> None:
    result = await checked(world)
    assert (differences(result), result.exit_code) == ([], 0)
    assert "## Differences: none" in result.text
    assert all(seen(result, question) for question in UNKNOWN)
    assert "duration (enum)" in seen(result, UNKNOWN[0])
    assert "3 of them successes; `video_url` (string)" in seen(result, UNKNOWN[1])
    assert seen(result, "The 401 text") == "HTTP 401, “invalid api key”"
    assert "3 records, `total` 3, newest first" in seen(result, "Order and length of the list")
    assert "made 71 h 59 min ago: HTTP 206, “video/mp4”, no CORS" in seen(result, "How long URLs live")
    assert sim.outside_requests == []


async def test_without_paid_nothing_is_submitted_and_nothing_uploaded(world: World, sim: Simulator) -> None:
    for value in ("", "0", "no"):
        await checked(world, PAID=value)
    assert {call.method for call in sim.calls} == {"GET"}
    assert sim.jobs == []


async def test_with_paid_one_540p_5s_video_is_made_and_polled_to_its_end(world: World, sim: Simulator) -> None:
    sim.behave(list_lag=30)
    sim.script("Luma-Ray2", Script.takes(90))
    result = await checked(world, PAID="1")
    assert (differences(result), result.exit_code) == ([], 0)
    (job,) = sim.jobs
    assert (job.payload["resolution"], job.payload["duration"]) == ("540p", "5s")
    assert seen(result, "The text of a 400") == "HTTP 400, “missing required parameters: prompt”"
    story = seen(result, "The paid video")
    assert story.startswith("queued at 0 s, then processing at")
    assert "then success at" in story
    assert "in the list after 3" in story
    assert "of the paid video: `video_url`" in seen(result, "The outcome shape of Luma-Ray2")


def _luma(sim: Simulator, **changes: Any) -> None:
    sim.add_model(sim.models["Luma-Ray2"] | changes)


def _parameter(sim: Simulator, which: str, /, **changes: Any) -> None:
    rows: list[dict[str, Any]] = sim.models["Luma-Ray2"]["parameters"]
    _luma(sim, parameters=[row | changes if row["name"] == which else row for row in rows])


def _without(sim: Simulator, name: str) -> None:
    rows: list[dict[str, Any]] = sim.models["Luma-Ray2"]["parameters"]
    _luma(sim, parameters=[row for row in rows if row["name"] != name])


def _veo_in_numbers(sim: Simulator) -> None:
    veo = sim.models["Veo3"]
    for row in veo["parameters"]:
        if row["name"] == "durationSeconds":
            row["options"] = [8, 6, 4]


def _history(sim: Simulator, status: str, error: str = "x") -> None:
    sim.add_history("Luma-Ray2", payload={}, created_at=EPOCH - 50, took_seconds=9, status=status, error=error)


def _list_of(**record: Any) -> bytes:
    whole = {"request_id": "r1", "model": "Luma-Ray2", "status": "queued", "created_at": 1, "updated_at": 1}
    return json.dumps({"requests": [whole | record], "total": 1}).encode()


Change = Callable[[Simulator], object]

DIFFERENCES: list[tuple[Change, str]] = [
    (lambda sim: _luma(sim, eta=3), "**GET /models/Luma-Ray2**: `$.eta` is a field not known before (integer)"),
    (lambda sim: _luma(sim, tags="x"), "`$.tags` is string, expected: array or null"),
    (lambda sim: _parameter(sim, "loop", hint=1), "`$.parameters[].hint` is a field not known before"),
    (lambda sim: _without(sim, "loop"), "**parameters of Luma-Ray2**: `loop` is not among them"),
    (lambda sim: _parameter(sim, "loop", name="seed"), "**parameters of Luma-Ray2**: “seed” is one not known"),
    (lambda sim: _parameter(sim, "duration", options=["5s", "10s"]), "`duration`: options “('5s','10s')”"),
    (lambda sim: _parameter(sim, "duration", default_value="9s"), "`duration`: default “9s”, expected: 5s"),
    (lambda sim: _parameter(sim, "duration", required=True), "`duration`: required is True, expected: False"),
    (lambda sim: _parameter(sim, "loop", type="string"), "`loop`: type “string”, expected: boolean"),
    (lambda sim: _parameter(sim, "duration", type="select"), "`duration` is of a type not known before: “select”"),
    (lambda sim: _luma(sim, price_info={"price": 1, "unit": "credit"}), "the price is per “credit”"),
    (lambda sim: _luma(sim, price_info={"price": "1", "unit": "second"}), "`$.price_info.price` is string"),
    (_veo_in_numbers, "**parameters of Veo3**: `durationSeconds`: options “(8,6,4)”, expected"),
    (lambda sim: sim.behave(list_limit=2), "shows 2 records of a `total` of 3: it is cut off"),
    (lambda sim: _history(sim, "archived"), "the status “archived” is not known"),
    (lambda sim: _history(sim, "failed", ""), "a failure without a text we can find"),
    (lambda sim: sim.answer("list", _list_of(priority=1)), "`$.requests[].priority` is a field not known before"),
    (lambda sim: sim.answer("list", _list_of(created_at="x")), "`$.requests[].created_at` is string"),
    (lambda sim: sim.answer("list", _list_of(model="Veo3")), "also lists 1 other model(s)"),
    (lambda sim: sim.answer("list", _list_of(created_at=1750000000123), times=2), "can't be read as Unix seconds"),
    (lambda sim: sim.answer("list", b'{"requests": [{}]}'), "`$.requests[].status` is missing"),
    (lambda sim: sim.answer("list", b'{"requests": [{}]}'), "our parsing reads 0 of 1 records"),
    (lambda sim: sim.answer("list", b"{}"), "`$.requests` is missing"),
    (lambda sim: sim.answer("models", b'{"ids": []}'), "`$` has none of the expected forms"),
    (lambda sim: sim.answer("models", b'{"model_ids": ["x"]}'), "Luma-Ray2 is not listed"),
    (lambda sim: sim.answer("get", b'{"status": "success", "outcome": {}}', times=2), "`$.request_id` is missing"),
    (lambda sim: sim.fail("models", "404", after=1), "**a wrong key**: HTTP 404"),
    (lambda sim: sim.fail("models", "empty_200", after=1), "**a wrong key**: HTTP 200, not JSON"),
    (lambda sim: sim.fail("model", "wrong_types"), "**GET /models/Luma-Ray2**: `$.model` is integer"),
    (lambda sim: sim.fail("model", "not_json"), "**GET /models/Luma-Ray2**: the answer is not JSON"),
    (lambda sim: sim.fail("list", "502_html"), "HTTP 502, not JSON; expected: HTTP 200"),
    (lambda sim: sim.fail("list", "redirect"), "HTTP 302, not JSON; expected: HTTP 200"),
    (lambda sim: sim.fail("list", "dropped_before"), "did not answer requests: RemoteProtocolError"),
    (lambda sim: sim.fail("get", "timeout_before", times=None), "did not answer requests: ReadTimeout"),
]  # fmt: skip
"""What is changed in the queue, and what the report then says."""


@pytest.mark.parametrize(("change", "expected"), DIFFERENCES, ids=[expected for _, expected in DIFFERENCES])
async def test_a_difference_is_shown_and_changes_the_exit_code(
    world: World, sim: Simulator, change: Change, expected: str
) -> None:
    change(sim)
    result = await checked(world)
    assert any(expected in line for line in differences(result)), result.text
    assert result.exit_code == 1
    assert all(seen(result, question) for question in UNKNOWN)
    assert sim.outside_requests == []


SEEN: list[tuple[Change, str, str]] = [
    (lambda sim: sim.behave(outcome="media_urls"), UNKNOWN[1], "`media_urls` (array), `thumbnail_image_url`"),
    (lambda sim: sim.behave(list_order="oldest"), "Order and length of the list", "oldest first"),
    (lambda sim: sim.behave(models_key="models"), "The model list", "under `models`"),
    (lambda sim: sim.behave(unauthorized="who are you?"), "The 401 text", "HTTP 401, “who are you?”"),
    (lambda sim: sim.behave(unknown_request="gone"), "The 404 text of an unknown request", "HTTP 404, “gone”"),
    (lambda sim: sim.fail("list", "429_header"), "A `Retry-After` header", "with HTTP 429: “30”"),
    (lambda sim: sim.fail("list", "429_body"), "A `Retry-After` header", "with HTTP 429: “none”"),
    (lambda sim: sim.fail("film", "404"), "How long URLs live", "HTTP 404"),
    (lambda sim: sim.history.clear(), "How long URLs live", "no finished request to try"),
]  # fmt: skip
"""What is changed, the question it is about, and what the report then says."""


@pytest.mark.parametrize(("change", "question", "expected"), SEEN, ids=[expected for _, _, expected in SEEN])
async def test_what_is_not_documented_is_reported_as_it_was_observed(
    world: World, sim: Simulator, change: Change, question: str, expected: str
) -> None:
    change(sim)
    assert expected in seen(await checked(world), question)


async def test_the_report_holds_no_data_of_the_account(world: World, sim: Simulator) -> None:
    signed = "https://storage.example/a.mp4?X-Goog-Signature=5ecret&user=me@mail.example"
    sim.behave(unauthorized=f"key {KEY} of my-org-77 at {signed}", unknown_request="no {request_id} for my-org-77")
    sim.add_history(
        "Luma-Ray2", payload={"prompt": PROMPT, "secretkey": 1}, created_at=EPOCH - 90, took_seconds=9, status="failed",
        error=f"{KEY} {signed}",
    )  # fmt: skip
    _luma(sim, **{"org_id": "my-org-77", "my-org-77": 1, "brief_description": PROMPT})
    result = await checked(world, PAID="1", GMI_ORG_ID="my-org-77")
    ids = [job.request_id for job in (*sim.jobs, *sim.history)]
    for secret in (KEY, "eyJ", "my-org-77", "simulated-user", "5ecret", "me@mail.example", PROMPT, "secretkey", *ids):
        assert secret not in result.text, secret
    assert "storage.example/a.mp4?(redacted)" in result.text


async def test_the_key_goes_to_the_queue_alone(world: World, sim: Simulator) -> None:
    sim.fail("models", "redirect", after=1)
    elsewhere = _list_of(status="success", outcome={"video_url": "https://elsewhere.example/a.mp4"})
    sim.answer("list", elsewhere, times=2)
    await checked(world)
    assert [(stray.method, stray.has_authorization) for stray in sim.outside_requests] == [("GET", False)]
    assert all(not call.has_authorization for call in sim.calls if call.endpoint == "film")


# -- when it can't be run ----------------------------------------------------------------------------------------


async def test_without_a_key_it_says_so_and_asks_nothing(world: World, sim: Simulator) -> None:
    result = await checked(world, GMI_API_KEY="")
    assert result.exit_code == 2
    assert "could not run. GMI_API_KEY is not set" in result.text
    assert sim.calls == []


async def test_a_key_that_is_not_accepted_a_dead_host_and_missing_schemas_are_reported(
    world: World, sim: Simulator, tmp_path: Path
) -> None:
    wrong = await checked(world, GMI_API_KEY="eyJ-another")
    assert (wrong.exit_code, "did not accept the key: HTTP 401" in wrong.text) == (2, True)
    sim.fail("models", "refused")
    dead = await checked(world)
    assert (dead.exit_code, "127.0.0.1 did not answer models: ConnectError" in dead.text) == (2, True)
    lost = await checked(world, schemas=tmp_path)
    assert (lost.exit_code, "does not hold the schemas" in lost.text) == (2, True)


async def test_a_fault_in_a_setting_that_it_does_not_use_does_not_stop_it(world: World, sim: Simulator) -> None:
    assert sim.history
    assert (await checked(world, GMI_IMAGE_DIRS="nowhere", GMI_LOG_LEVEL="LOUD")).exit_code == 0


def command(cwd: Path, *first_on_path: str, **settings: str) -> str:
    """What `python -m gmi_video.live` says when it can't run."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GMI_")}
    path = os.pathsep.join([*first_on_path, *filter(None, sys.path)])
    ran = subprocess.run(
        [sys.executable, "-m", "gmi_video.live"],
        capture_output=True, text=True, check=False, cwd=cwd, env=environment | {"PYTHONPATH": path} | settings,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (2, "")
    return ran.stderr


def test_the_command_itself_without_a_key_exits_with_2(tmp_path: Path) -> None:
    assert "GMI_API_KEY is not set" in command(tmp_path)


@pytest.mark.skipif(not PACKAGE.is_dir(), reason="the source was deleted: this is the installed package")
def test_in_a_clone_the_schemas_of_the_clone_are_used() -> None:
    assert find_schemas() == SCHEMAS


def test_installed_the_schemas_of_the_package_are_used_and_their_absence_is_reported(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    package = Path(gmi_video.__file__).parent
    shutil.copytree(package, site / "gmi_video", ignore=shutil.ignore_patterns("__pycache__", "schemas"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = f"http://127.0.0.1:{listener.getsockname()[1]}"
    settings = {"GMI_API_KEY": KEY, "GMI_BASE_URL": closed}
    said = command(tmp_path, str(site), **settings)
    assert f"Its schemas are neither installed ({site / 'gmi_video' / 'live' / 'schemas'}) nor part of a clone" in said
    assert "--schemas" in said
    shutil.copytree(SCHEMAS, site / "gmi_video" / "live" / "schemas")
    assert find_schemas(site / "gmi_video" / "live") == site / "gmi_video" / "live" / "schemas"
    assert "127.0.0.1 did not answer models: ConnectError" in command(tmp_path, str(site), **settings)


# -- the paid video ----------------------------------------------------------------------------------------------


async def test_a_paid_video_that_fails_or_never_ends_is_a_difference(world: World, sim: Simulator) -> None:
    sim.script("Luma-Ray2", Script.fails(30, "The sky fell."))
    assert any("**the paid video**: ended failed" in line for line in differences(await checked(world, PAID="1")))
    sim.script("Luma-Ray2", Script.stuck())
    assert any("was after 30 min still queued" in line for line in differences(await checked(world, PAID="1")))


async def test_lost_responses_do_not_end_the_polling_of_the_paid_video(world: World, sim: Simulator) -> None:
    sim.fail("get", "dropped_before", times=2, after=2)
    sim.fail("get", "timeout_before", times=2)
    result = await checked(world, PAID="1")
    assert (differences(result), result.exit_code) == ([], 0)
    assert "then success at" in seen(result, "The paid video")


async def test_a_submit_whose_answer_is_lost_is_never_repeated(world: World, sim: Simulator) -> None:
    sim.fail("submit", "dropped_after", after=1)
    result = await checked(world, PAID="1")
    assert len(sim.jobs) == 1
    assert world.count("submit") == 2  # the one that must be refused, and the one
    assert any("It may have been made: look at the console" in line for line in differences(result))


async def test_a_payload_that_comes_back_changed_is_a_difference_and_an_empty_one_is_not(
    world: World, sim: Simulator
) -> None:
    sim.behave(echo_payload=False)
    assert differences(await checked(world, PAID="1")) == []

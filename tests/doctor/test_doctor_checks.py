"""What `doctor` finds, one fault at a time, and what it says to do; in virtual time, over the simulator."""

import errno
import json
import os
import re
import socket
import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from jsonschema import Draft202012Validator

from gmi_video.doctor.folders import check_folders
from gmi_video.doctor.network import why
from gmi_video.jobs.ledger import Ledger
from gmi_video.settings import Settings
from gmi_video.simulator import FAULTS, Fault, Simulator
from gmi_video.variables import VARIABLES
from tests.conftest import KEY, World, now
from tests.reliability import ABANDONED_BODIES
from tests.structure import ROOT

from .conftest import HELD_BACK, Ask, Report

pytestmark = [pytest.mark.anyio, *ABANDONED_BODIES]

SECONDS = 10
"""A report takes no longer, whatever the network does."""


# -- all is well -------------------------------------------------------------------------------------------------


async def test_where_all_is_well_it_says_so_and_costs_nothing(doctor: Ask, world: World) -> None:
    report = await doctor()
    assert (report.exit_code, report.states, report.json["state"]) == (0, {}, "ok")
    assert report.text.endswith("\nno problems, no warnings.\n")
    assert {call.endpoint for call in world.sim.calls} == {"models", "model"}
    assert "lists 8 models" in report.check("key")["message"]
    assert report.check("luma_ray2")["message"].startswith("Luma-Ray2's price: $0.142 per second.")


async def test_every_setting_is_shown_with_its_value_and_its_source(doctor: Ask, folder: Path) -> None:
    report = await doctor(GMI_IMAGE_DIRS=str(folder), GMI_SPEND_LIMIT_USD=" 12.5 ", GMI_ORG_ID="my-org-77")
    shown = {check["name"]: check for check in report.json["checks"] if check["group"] == "settings"}
    assert list(shown) == [variable.name for variable in VARIABLES]
    said = {name: check["message"] for name, check in shown.items()}
    assert said["GMI_API_KEY"].startswith(f"GMI_API_KEY: set, {len(KEY)} characters, does not look like a JWT")
    assert said["GMI_ORG_ID"] == "GMI_ORG_ID: set, 9 characters (environment)"
    assert said["GMI_SPEND_LIMIT_USD"] == "GMI_SPEND_LIMIT_USD: 12.5 (environment)"
    assert said["GMI_IMAGE_DIRS"] == f"GMI_IMAGE_DIRS: {folder} (environment)"
    assert said["GMI_MAX_WAIT_SECONDS"] == "GMI_MAX_WAIT_SECONDS: by host, else 45 (default)"
    assert "my-org-77" not in report.text
    assert report.exit_code == 0


async def test_a_placeholder_of_a_host_counts_as_unset(doctor: Ask) -> None:
    report = await doctor(GMI_SPEND_LIMIT_USD="${user_config.limit}")
    check = report.check("GMI_SPEND_LIMIT_USD")
    assert (check["state"], check["details"]) == ("ok", {"value": None, "source": "default"})
    assert "a placeholder that the host has not replaced" in check["message"]


async def test_a_jwt_is_recognised_and_not_shown(doctor: Ask, world: World) -> None:
    key = f"eyJ{'a' * 100}.eyJ{'b' * 100}.{'c' * 46}"
    world.sim.api_key = key
    report = await doctor(GMI_API_KEY=f"Bearer {key}")
    assert "GMI_API_KEY: set, 254 characters, looks like a JWT (environment)" in report.text
    assert "eyJ" not in report.text + str(report.json)
    assert report.exit_code == 0


# -- settings that are wrong, one by one ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GMI_API_KEY", ""),
        ("GMI_API_KEY", "${GMI_API_KEY}"),
        ("GMI_API_KEY", "YOUR-GMI-CLOUD-API-KEY"),
        ("GMI_API_KEY", "a\nb"),
        ("GMI_ORG_ID", "YOUR-ORGANIZATION-ID"),
        ("GMI_BASE_URL", "ftp://somewhere"),
        ("GMI_BASE_URL", "https://user:hunter2@somewhere"),
        ("GMI_BASE_URL", "http://192.0.2.1"),
        ("GMI_MAX_WAIT_SECONDS", "soon"),
        ("GMI_MAX_REQUESTS_PER_SECOND", "0"),
        ("GMI_CONFIRM_ABOVE_USD", "-1"),
        ("GMI_SPEND_LIMIT_USD", "ten"),
        ("GMI_IMAGE_DIRS", "pictures"),
        ("GMI_LEDGER_URL", "sqlite:///"),
        ("GMI_LEDGER_URL", "mysql://me:hunter2@db/x"),
        ("GMI_LOG_LEVEL", "LOUD"),
        ("GMI_SPENDING_LIMIT_USD", "5"),
        ("HTTPS_PROXY", "http://me:hunter2@["),
        ("SSL_CERT_FILE", "missing.pem"),
    ],
)
async def test_a_wrong_setting_is_a_problem_with_its_name_and_a_remedy(
    doctor: Ask, world: World, name: str, value: str
) -> None:
    if name == "HTTPS_PROXY":
        world.environment["GMI_BASE_URL"] = "https://queue.example"
    report = await doctor(**{name: value})
    check = report.check(name)
    assert (check["state"], report.exit_code) == ("problem", 1)
    assert name in check["message"]
    assert check["remedy"]
    assert "hunter2" not in report.text + str(report.json)
    needed = name in {"GMI_API_KEY", "GMI_ORG_ID", "GMI_BASE_URL", "HTTPS_PROXY", "SSL_CERT_FILE"}
    assert bool(world.sim.calls) != needed, "the queue is asked where the setting has nothing to do with it"
    if needed:
        assert report.check("key")["message"] == f"The queue was not asked, because of {name}."


async def test_a_misspelt_setting_is_named_with_the_nearest_and_a_foreign_one_is_a_warning(doctor: Ask) -> None:
    report = await doctor(GMI_SPEND_LIMIT="5", GMI_GPU_COUNT="8")
    assert "the nearest is GMI_SPEND_LIMIT_USD" in report.check("GMI_SPEND_LIMIT")["message"]
    assert report.states == {"GMI_SPEND_LIMIT": "problem", "GMI_GPU_COUNT": "warning"}


@pytest.mark.parametrize(
    "name", ["GMI_MAX_WAIT_SECONDS", "GMI_LOG_LEVEL", "GMI_IMAGE_DIRS", "GMI_ORG_ID", "GMI_BASE_URL", "GMI_LEDGER_URL"]
)
@pytest.mark.parametrize("value", [KEY, f"/{KEY}", f"https://{KEY}.example/{KEY}"])
async def test_a_key_in_the_place_of_another_setting_is_not_shown(doctor: Ask, name: str, value: str) -> None:
    report = await doctor(**{name: value})  # which compares with the key
    assert HELD_BACK not in report.text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:hunter2@127.0.0.1:1/videos?password=hunter2", "postgresql://me@127.0.0.1:1/videos"),
        ("postgresql://me:hunter2/x@127.0.0.1:1/videos", None),
        ("postgresql://me:hun/ter2@127.0.0.1:1/videos", None),
        ("postgresql://me:1#hunter2@127.0.0.1/videos", "postgresql://…"),
        ("postgresql://me:1/hunter2@127.0.0.1/videos", "postgresql://…"),
    ],
)
async def test_an_address_of_a_database_is_shown_without_its_password(doctor: Ask, url: str, shown: str | None) -> None:
    report = await doctor(GMI_LEDGER_URL=url)
    assert report.check("GMI_LEDGER_URL")["details"]["value"] == shown
    assert "hun" not in report.text + str(report.json)


# -- the key and the network ---------------------------------------------------------------------------------------

SAID: dict[Fault, tuple[str, str]] = {
    "401": ("did not accept the API key (HTTP 401)", "Make a key at console.gmicloud.ai"),
    "402": ("no credits left (HTTP 402)", "Add credits"),
    "404": ("does not know this address (HTTP 404)", "Check GMI_BASE_URL"),
    "405": ("does not serve the video queue (HTTP 405)", "Check GMI_BASE_URL"),
    "429_body": ("rate limit is reached", "Wait a minute"),
    "500": ("a fault of its own (HTTP 500)", "Try again"),
    "503": ("HTTP 503", "Try again"),
    "redirect": ("a redirect (HTTP 302)", "Check GMI_BASE_URL"),
    "not_json": ("is not the JSON object it should be", "Check GMI_BASE_URL"),
    "refused": ("No connection to 127.0.0.1 could be made", "Check this machine's network"),
    "dropped_before": ("broke the connection off", "Try again"),
    "timeout_before": ("did not answer within 8 seconds", "Check this machine's network"),
}


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "429_record"])
async def test_a_queue_that_fails_is_a_problem_in_words_within_seconds(
    doctor: Ask, sim: Simulator, fault: Fault
) -> None:
    sim.fail("models", fault, times=None)
    began = trio.current_time()
    report = await doctor()
    assert trio.current_time() - began <= 2 * SECONDS, "it was asked twice"
    check = report.check("key")
    assert (check["state"], report.exit_code) == ("problem", 1), check
    message, remedy = SAID.get(fault, ("", ""))
    assert message in check["message"]
    assert check["remedy"].startswith(remedy)
    assert check["remedy"]
    assert "luma_ray2" not in {check["name"] for check in report.json["checks"]}, "left out"


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "429_record"])
async def test_an_unavailable_record_of_luma_ray2_is_a_warning_within_seconds(
    doctor: Ask, sim: Simulator, fault: Fault
) -> None:
    sim.fail("model", fault, times=None)
    began = trio.current_time()
    report = await doctor()
    assert trio.current_time() - began <= 2 * SECONDS
    assert (report.states, report.exit_code) == ({"luma_ray2": "warning"}, 0)


async def test_a_wrong_key_that_is_sent_back_is_not_shown(doctor: Ask, sim: Simulator, world: World) -> None:
    sim.behave(unauthorized=f"no such key: {KEY}, {KEY[:30]}")
    world.sim.api_key = "another"
    report = await doctor()
    assert "did not accept the API key (HTTP 401)" in report.check("key")["message"]
    assert "Make a key at console.gmicloud.ai" in report.text


async def test_a_list_without_luma_ray2_is_a_warning(doctor: Ask, sim: Simulator) -> None:
    sim.answer("models", b'{"model_ids": ["Veo3"]}', times=None)
    report = await doctor()
    assert report.states == {"key": "warning"}
    assert "lists 1 models, but not Luma-Ray2" in report.check("key")["message"]


def resolved(cause: Exception) -> httpx.ConnectError:
    """An error of httpx that has a cause, as httpx and httpcore make it."""
    error = httpx.ConnectError("All connection attempts failed")
    error.__cause__ = OSError("All connection attempts failed")
    error.__cause__.__cause__ = ExceptionGroup("several", [cause])
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (resolved(socket.gaierror(socket.EAI_NONAME, "unknown")), "No address was found for queue.example (DNS)."),
        (resolved(ConnectionRefusedError()), "nothing listens where queue.example should be"),
        (resolved(OSError(errno.ENETUNREACH, "x")), "There is no route to queue.example."),
        (resolved(OSError(errno.EHOSTUNREACH, "x")), "There is no route to queue.example."),
        (httpx.ConnectTimeout(""), "No connection to queue.example could be made in time."),
        (httpx.ReadTimeout(""), "queue.example did not answer in time."),
        (httpx.RemoteProtocolError(""), "queue.example broke the connection off"),
    ],
)
def test_why_there_was_no_answer(error: httpx.TransportError, said: str) -> None:
    settings = Settings.from_environment({"GMI_API_KEY": KEY, "GMI_BASE_URL": "https://queue.example"})
    failure = why(error, settings)
    assert said in failure.message
    assert failure.remedy


def test_behind_a_proxy_it_is_the_proxy_that_was_not_reached_and_its_password_is_not_shown() -> None:
    proxy = "http://me:hunter2@proxy.example:3128"
    settings = Settings.from_environment(
        {"GMI_API_KEY": KEY, "GMI_BASE_URL": "https://queue.example", "HTTPS_PROXY": proxy}
    )
    failure = why(resolved(ConnectionRefusedError()), settings)
    assert "nothing listens where the proxy http://proxy.example:3128 should be" in failure.message
    assert failure.remedy == "Check HTTPS_PROXY, or name queue.example in NO_PROXY if no proxy is needed."


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "127.0.0.1 is reached without a proxy; the environment names none for https."),
        ({"HTTPS_PROXY": "http://p:1"}, "127.0.0.1 is this machine and is reached without the proxy of HTTPS_PROXY."),
        (
            {"GMI_BASE_URL": "https://q.example", "all_proxy": "http://me:hunter2@p:1"},
            "q.example is reached through the proxy http://p:1 (all_proxy).",
        ),
        (
            {"GMI_BASE_URL": "https://q.example", "HTTPS_PROXY": "http://p:1", "NO_PROXY": "example"},
            "q.example is reached without the proxy of HTTPS_PROXY, because NO_PROXY names it.",
        ),
    ],
)
async def test_the_proxy_that_applies_is_named(doctor: Ask, environment: dict[str, str], said: str) -> None:
    report = await doctor(**environment)
    assert report.check("proxy")["message"] == said
    assert "hunter2" not in report.text


# -- the clock -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("skew", "said"),
    [
        (0, "agrees with"),
        (20, "agrees with"),
        (-20, "agrees with"),
        (120, "is 2 min behind the queue's"),
        (-3600, "is 1 h ahead of the queue's"),
    ],
)
async def test_a_clock_that_is_off_is_a_warning_that_says_what_it_affects(
    doctor: Ask, sim: Simulator, skew: float, said: str
) -> None:
    sim.behave(skew=skew)
    report = await doctor()
    check = report.check("clock")
    assert said in re.sub(r" \d+ s", "", check["message"])
    assert abs(check["details"]["ahead_seconds"] + skew) <= 2
    assert check["state"] == ("warning" if abs(skew) > 30 else "ok")
    assert ("TLS" in check["remedy"]) == (abs(skew) > 30)
    assert report.exit_code == 0


async def test_the_clock_is_compared_also_where_the_key_is_refused(doctor: Ask, sim: Simulator) -> None:
    sim.behave(skew=900)
    sim.fail("models", "401", times=None)
    assert (await doctor()).states == {"key": "problem", "clock": "warning"}


# -- Luma-Ray2 -----------------------------------------------------------------------------------------------------


def luma(sim: Simulator, **changes: Any) -> None:
    sim.add_model(sim.models["Luma-Ray2"] | changes)


def parameter(sim: Simulator, which: str, **changes: Any) -> None:
    rows: list[dict[str, Any]] = sim.models["Luma-Ray2"]["parameters"]
    luma(sim, parameters=[row | changes if row["name"] == which else row for row in rows])


def renamed(sim: Simulator) -> None:
    parameter(sim, "loop", name="seamless")


DIFFERENCES: dict[str, Callable[[Simulator], None]] = {
    "loop is missing; “seamless” is new": renamed,
    "resolution has other options": lambda sim: parameter(sim, "resolution", options=["540p", "720p"]),
    "duration has another default": lambda sim: parameter(sim, "duration", default_value="9s"),
    "frame0_image is required": lambda sim: parameter(sim, "frame0_image", required=True),
    "prompt is not required": lambda sim: parameter(sim, "prompt", required=False),
}


@pytest.mark.parametrize("difference", DIFFERENCES)
async def test_a_live_record_that_differs_from_the_table_is_a_warning(
    doctor: Ask, sim: Simulator, difference: str
) -> None:
    DIFFERENCES[difference](sim)
    report = await doctor()
    check = report.check("luma_ray2")
    assert report.states == {"luma_ray2": "warning"}
    assert f"is not as documented: {difference}." in check["message"]


async def test_a_record_without_a_price_is_a_warning(doctor: Ask, sim: Simulator) -> None:
    luma(sim, price_info=None, pricing_details="")
    report = await doctor()
    assert report.states == {"luma_ray2": "warning"}
    assert report.check("luma_ray2")["message"].startswith("Luma-Ray2's price: not known. Its parameters")


# -- folders and the ledger ------------------------------------------------------------------------------------------


async def test_image_folders_are_each_looked_into(doctor: Ask, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for made in folders:
        made.mkdir()
    report = await doctor(GMI_IMAGE_DIRS=os.pathsep.join(map(str, folders)))
    found = [check for check in report.json["checks"] if check["name"] == "image_folder"]
    assert [check["details"]["folder"] for check in found] == list(map(str, folders))
    assert report.exit_code == 0


@pytest.fixture
def unreadable(folder: Path) -> Generator[Path]:
    folder.chmod(0)
    yield folder
    folder.chmod(0o700)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
async def test_an_image_folder_that_can_not_be_read_is_a_problem(doctor: Ask, unreadable: Path) -> None:
    report = await doctor(GMI_IMAGE_DIRS=str(unreadable))
    assert report.states == {"image_folder": "problem"}
    assert "Permission denied" in report.check("image_folder")["message"]


async def test_what_is_no_folder_any_more_is_a_problem_with_its_reason(tmp_path: Path) -> None:
    settings = Settings(api_key=KEY, image_dirs=(tmp_path / "gone",), ledger_url="none")
    (check, *_) = await check_folders(settings, now)
    assert (check.state, "can't be read: No such file or directory" in check.message) == ("problem", True)
    assert "GMI_IMAGE_DIRS" in check.remedy


async def test_a_folder_for_videos_that_is_there_is_named(doctor: Ask, tmp_path: Path) -> None:
    report = await doctor(GMI_OUTPUT_DIR=str(tmp_path))
    assert report.check("output_folder")["message"] == f"Finished videos are saved in {tmp_path}."
    assert report.exit_code == 0


@pytest.mark.parametrize(
    ("value", "says", "remedy"),
    [
        ("/nowhere/at/all", "the folder does not exist", "make it"),
        ("videos", "is not an absolute path", "correct it"),
    ],
)
async def test_a_folder_for_videos_that_can_not_be_used_is_a_warning_because_videos_are_made_all_the_same(
    doctor: Ask, value: str, says: str, remedy: str
) -> None:
    report = await doctor(GMI_OUTPUT_DIR=value)
    check = report.check("output_folder")
    assert (check["state"], says in check["message"], remedy in check["remedy"]) == ("warning", True, True)
    assert report.exit_code == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
async def test_a_folder_for_videos_that_can_not_be_written_is_a_warning(doctor: Ask, unreadable: Path) -> None:
    check = (await doctor(GMI_OUTPUT_DIR=str(unreadable))).check("output_folder")
    assert (check["state"], "may not write there" in check["message"]) == ("warning", True)


async def test_open_submits_are_counted_and_left_as_they_are(doctor: Ask, world: World, ledger_url: str) -> None:
    world.environment["GMI_LEDGER_URL"] = ledger_url
    ledger = Ledger.from_settings(Settings.from_environment(world.environment), now)
    await ledger.claim("one", usd=1)
    await ledger.claim("two", usd=1)
    report = await doctor()
    check = report.check("ledger")
    assert "Submits of the last day: 2, of which open: 2." in check["message"]
    assert check["details"]["intents"] == {"sending": 2}
    assert await ledger.recent() == {"sending": 2}
    await ledger.aclose()


async def test_a_ledger_that_can_not_be_used_is_a_problem_with_its_place(doctor: Ask, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    report = await doctor(GMI_LEDGER_URL=f"sqlite://{tmp_path}/file/ledger.sqlite3")
    check = report.check("ledger")
    assert (check["state"], report.exit_code) == ("problem", 1)
    assert f"{tmp_path}/file/ledger.sqlite3" in check["message"]
    assert "in this process only" in check["message"]
    assert "GMI_LEDGER_URL" in check["remedy"]


async def test_a_ledger_with_tables_of_another_version_is_a_problem(doctor: Ask, tmp_path: Path) -> None:
    assert (await doctor()).exit_code == 0
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as connection, connection:
        connection.execute("ALTER TABLE gmi_video_intents DROP COLUMN answered")
    report = await doctor()
    assert report.states == {"ledger": "problem"}
    assert "its tables are not as this server makes them" in report.check("ledger")["message"]


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """The ledger's file, damaged."""
    (tmp_path / "ledger.sqlite3").write_bytes(b"no database" * 1000)
    return tmp_path / "ledger.sqlite3"


async def test_a_damaged_ledger_is_set_aside_as_by_the_server_and_that_is_a_warning(doctor: Ask, damaged: Path) -> None:
    report = await doctor()
    assert report.states == {"ledger": "warning"}
    assert f"was set aside as {damaged}.corrupt-" in report.check("ledger")["message"]
    assert (await doctor()).states == {}, "there is a new one"


async def test_a_ledger_that_is_switched_off_is_a_warning(doctor: Ask) -> None:
    report = await doctor(GMI_LEDGER_URL="none")
    assert (report.states, report.exit_code) == ({"ledger": "warning"}, 0)


async def test_a_state_folder_that_can_not_be_written_is_a_problem(
    doctor: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    report = await doctor(GMI_LEDGER_URL="")
    assert report.states == {"state_folder": "problem", "ledger": "problem"}
    assert f"{tmp_path}/file" in report.check("state_folder")["message"]


# -- the forms of the report ------------------------------------------------------------------------------------------


def documented() -> dict[str, Any]:
    """The schema in docs/doctor.md."""
    page = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    return json.loads(page.partition("```json\n")[2].partition("```")[0])


def described(report: Report) -> set[str]:
    return {error.message for error in Draft202012Validator(documented()).iter_errors(report.json)}  # pyright: ignore[reportUnknownMemberType] - untyped in its stub


async def test_the_json_has_the_documented_form(doctor: Ask, sim: Simulator, home: Path) -> None:
    Draft202012Validator.check_schema(documented())
    (home / ".cursor").mkdir()
    (home / ".cursor" / "mcp.json").write_text('{"mcpServers": {"gmi-video": {"command": "x"}}}')
    report = await doctor()
    assert described(report) == set()
    assert described(report._replace(json=report.json | {"state": "fine"})), "the schema refuses something"
    sim.fail("models", "401")
    assert described(await doctor(GMI_SPEND_LIMIT="1", GMI_LEDGER_URL="none")) == set()


async def test_every_check_is_in_the_documentation(doctor: Ask, folder: Path) -> None:
    page = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    report = await doctor(GMI_IMAGE_DIRS=str(folder))
    for check in report.json["checks"]:
        assert f"| `{check['group']}` |" in page
        assert check["group"] == "settings" or f"`{check['name']}`" in page, check["name"]


async def test_the_text_fits_into_80_columns_but_for_paths_and_blocks(doctor: Ask, sim: Simulator) -> None:
    sim.fail("models", "401", times=None)
    report = await doctor(GMI_SPEND_LIMIT="1", GMI_LEDGER_URL="none")
    checks = report.text.partition("The entry for each host")[0]
    for line in checks.splitlines():
        assert len(line) <= 80 or " " not in line.strip(), line
    assert "\x1b" not in report.text

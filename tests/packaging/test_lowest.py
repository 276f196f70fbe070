"""The wheel, with the lowest versions that pyproject.toml allows and no extra, makes a video."""

import json
import os
import re
import subprocess
import sys
import venv
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.conftest import ERAS, KEY, answer_of

from .floors import PROJECT, floors

pytestmark = [pytest.mark.slow, pytest.mark.packaging]

SECONDS = 300
"""Installing takes about twenty."""

WALK = """
import importlib, json, pkgutil, gmi_video
missing = {}
for module in pkgutil.walk_packages(gmi_video.__path__, "gmi_video.", onerror=lambda name: None):
    if not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            missing[module.name] = error.name
print(json.dumps(missing))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Path:
    """The interpreter of a new environment that has the wheel and the lowest versions."""
    folder = tmp_path_factory.mktemp("lowest")
    venv.create(folder / "venv", with_pip=True)
    (folder / "floors.txt").write_text("\n".join(floors(PROJECT["dependencies"])), encoding="utf-8")
    interpreter = folder / "venv" / "bin" / "python"
    (wheel,) = built.glob("*.whl")
    run(interpreter, "-m", "pip", "install", "--quiet", "-c", str(folder / "floors.txt"), str(wheel))
    return interpreter


def run(interpreter: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the new environment's Python outside the clone; without the key or settings of whoever runs the tests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GMI_", "PYTHON"))}
    done = subprocess.run(  # noqa: S603 - an interpreter of our own
        [str(interpreter), *arguments],
        cwd=interpreter.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


@contextmanager
def simulator() -> Generator[str]:
    """The simulator as a process of this environment, because it needs the demo extra; gives its address."""
    command = [sys.executable, "-m", "gmi_video", "simulate", "--port", "0", "--takes", "2", "--key", KEY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:  # noqa: S603 - our own interpreter
        try:
            assert child.stdout is not None
            address = re.search(r"GMI_BASE_URL=(\S+)", "".join(child.stdout.readline() for _ in range(3)))
            assert address is not None
            yield address[1]
        finally:
            child.kill()


def test_the_lowest_versions_are_what_is_installed(python: Path) -> None:
    listed = json.loads(run(python, "-m", "pip", "list", "--format", "json").stdout)
    installed = {row["name"].lower().replace("_", "-"): row["version"] for row in listed}
    for pin in floors(PROJECT["dependencies"]):
        name, version = pin.split("==")
        assert re.fullmatch(rf"{re.escape(version)}(\.0)*", installed[name]), pin
    assert not {"av", "pillow", "rich"} & installed.keys(), "no extra"


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("era", ERAS)
async def test_the_lowest_versions_make_a_video_over_stdio(python: Path, era: str) -> None:
    with simulator() as address:
        server = StdioServerParameters(
            command=str(python),
            args=["-m", "gmi_video"],
            env={"GMI_API_KEY": KEY, "GMI_BASE_URL": address},
            cwd=python.parent,
        )
        async with Client(stdio_client(server), mode=era) as client:
            made = await client.call_tool("generate_video", {"prompt": "a fox"})
    assert made.structured_content is not None, made
    assert made.structured_content["status"] == "success", made
    assert made.structured_content["video_url"].startswith("http")


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("era", ERAS)
async def test_without_the_extra_frames_are_a_thumbnail_and_a_word_on_what_to_install(python: Path, era: str) -> None:
    install = f'{python} -m pip install ".[frames]"'
    with simulator() as address:
        server = StdioServerParameters(
            command=str(python),
            args=["-m", "gmi_video"],
            env={"GMI_API_KEY": KEY, "GMI_BASE_URL": address, "GMI_LEDGER_URL": "none"},
            cwd=python.parent,
        )
        async with Client(stdio_client(server), mode=era) as client:
            made = answer_of(await client.call_tool("generate_video", {"prompt": "a fox"}))
            looked = await client.call_tool("get_status", {"request_id": made["request_id"], "frames": 4})
            frame = f"gmi-video://requests/{made['request_id']}/last-frame"
            turns = await client.call_tool("generate_video", {"prompt": "she turns", "frame0_image": frame})
            listed = answer_of(await client.call_tool("list_requests", {}))
    assert [block.type for block in looked.content] == ["text", "image"]
    assert install in answer_of(looked)["summary"]
    assert turns.is_error
    refused = answer_of(turns)
    assert install in refused["next_step"]
    assert refused["error"]["charged"] == "no"
    assert listed["total"] == 1


def test_every_module_of_the_wheel_runs_from_it(python: Path) -> None:
    missing: dict[str, str] = json.loads(run(python, "-c", WALK).stdout)
    # Only what the extras bring: one module each, and `demo` the others.
    one_each = {
        "jobs.ledger.postgres": "psycopg",
        "frames.av_program": "av",
        "images.pillow_program": "PIL",
        "http.metrics": "prometheus_client",
    }
    for module, package in one_each.items():
        assert missing.pop(f"gmi_video.{module}").partition(".")[0] == package
    assert {name.partition(".")[0] for name in missing.values()} <= {"av", "PIL", "rich"}, missing
    assert all(name.startswith(("gmi_video.demo", "gmi_video.simulator")) for name in missing)
    assert "usage:" in run(python, "-m", "gmi_video.live", "--help").stdout
    assert "GMI_API_KEY" in run(python, "-m", "gmi_video.live", code=2).stderr


def test_without_the_extra_the_demo_says_where_it_comes_from(python: Path) -> None:
    said = run(python, "-m", "gmi_video", "demo", code=1).stderr
    assert re.search(r"This command needs (rich|PIL|av), which is not installed", said)
    assert f'{python} -m pip install ".[demo]"' in said
    assert "Traceback" not in said


def test_without_an_extra_doctor_says_so_and_does_its_work(python: Path) -> None:
    said = run(python, "-m", "gmi_video", "doctor", code=1).stdout
    assert "extras installed: none, not installed: demo," in " ".join(said.split())
    assert "GMI_API_KEY is not set" in said
    assert f"Hosts start it as {python.with_name('gmi-video-mcp')}" in " ".join(said.split())

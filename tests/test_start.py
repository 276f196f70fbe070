"""The first lines of a host, answered before the SDK is loaded (mcp/front.py): as the SDK would, and none is lost."""

import json
import os
import signal
import subprocess
import sys
from typing import Any

import anyio
import pytest
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCRequest

from gmi_video.mcp import messages
from gmi_video.mcp.app import create_server
from gmi_video.mcp.hosts import SECONDS_BY_NAME
from gmi_video.mcp.pipes import _as_json  # pyright: ignore[reportPrivateUsage] - as it is sent
from gmi_video.settings import Settings
from gmi_video.variables import VARIABLES

from .conftest import ERAS
from .start_answers import PATH, VERSIONS, recorded
from .stdio import SECONDS, Server, cloud, event_loop

pytestmark = pytest.mark.slow

LEGACY, MODERN = VERSIONS["legacy"], VERSIONS["modern"]
CLIENT = {"name": "mcp", "version": "1"}
APPS = {"io.modelcontextprotocol/ui": {"mimeTypes": ["text/html;profile=mcp-app"]}}
EVERYTHING: dict[str, Any] = {
    "roots": {"listChanged": True},
    "sampling": {"context": {}, "tools": {}},
    "elicitation": {"form": {"applyDefaults": False}, "url": {}},
    "extensions": APPS | {"io.modelcontextprotocol/tasks": {}},
    "experimental": {"x": {"deep": [1, None, "é", {"y": True}]}},
}


def line(method: str, asked: Any = 1, **params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": asked, "method": method, "params": params}).encode() + b"\n"


def opening(version: str, asked: Any = 1, capabilities: Any = None, client: Any = None, **more: Any) -> bytes:
    """`initialize` or `server/discover`, as the version has it."""
    if version in LEGACY:
        given = {"protocolVersion": version, "capabilities": capabilities or {}, "clientInfo": client or CLIENT}
        return line("initialize", asked, **given, **more)
    return line("server/discover", asked, _meta=envelope(version, capabilities, client), **more)


def envelope(version: str, capabilities: Any = None, client: Any = None) -> dict[str, Any]:
    return {
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientCapabilities": capabilities or {},
        "io.modelcontextprotocol/clientInfo": client or CLIENT,
    }


def listing(version: str, asked: Any = 2, **meta: Any) -> bytes:
    more = {"_meta": (envelope(version) if version in MODERN else {}) | meta} if version in MODERN or meta else {}
    return line("tools/list", asked, **more)


INITIALIZED = b'{"jsonrpc": "2.0", "method": "notifications/initialized"}\n'

ALONE = """
import sys
from gmi_video.mcp.front import answered
front = answered()
print(len(front.read), sorted(map(repr, front.answered)), file=sys.stderr)
"""


def front(written: bytes, **environment: str) -> tuple[bytes, str]:
    """What is answered to these lines before the SDK is loaded; how much was read, and the ids that were answered."""
    done = run(["-c", ALONE], written, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr.decode().strip()


def run(program: list[str], written: bytes, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Start a program, write these lines at once, and close its stdin."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GMI_")}
    command = [sys.executable, *program]
    return subprocess.run(  # noqa: S603 - our own interpreter
        command, input=written, env=clean | environment, capture_output=True, timeout=SECONDS, check=False
    )


async def of_the_sdk(written: bytes, **environment: str) -> bytes:
    """What the SDK answers to these lines, one after the other."""
    server = create_server(Settings.from_environment(environment))._lowlevel_server  # pyright: ignore[reportPrivateUsage] - what runs it
    send, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, receive = anyio.create_memory_object_stream[SessionMessage](0)
    said = b""
    async with send, receive, anyio.create_task_group() as tasks:
        tasks.start_soon(server.run, incoming, outgoing, server.create_initialization_options())
        for given in written.splitlines():
            message = messages.read(given)
            assert isinstance(message, SessionMessage)
            await send.send(message)
            if isinstance(message.message, JSONRPCRequest):
                said += _as_json(await receive.receive()) + b"\n"
        tasks.cancel_scope.cancel()
    return said


# -- its answers are the SDK's ---------------------------------------------------------------------------------------


def test_the_answers_that_are_written_down_are_the_sdks() -> None:
    assert PATH.read_text(encoding="utf-8") == recorded(), "run `make tables`, look at the diff, and commit it"


KNOWN: dict[str, dict[str, Any]] = {
    "plain": {},
    "id 0": {"asked": 0},
    "a long id": {"asked": -(10**30)},
    "a text id": {"asked": 'a "b" \\ \n\t\x7f\x1f/<'},
    "an empty id": {"asked": ""},
    "the player": {"capabilities": {"extensions": APPS}},
    "all capabilities": {"capabilities": EVERYTHING},
    "a deep one": {"capabilities": {"experimental": {"x": json.loads('{"a":' * 50 + "{}" + "}" * 50)}}},
    "a client in full": {
        "client": CLIENT | {"title": "É", "description": "d", "websiteUrl": "https://claude.com/claude-code"}
    },
}


@pytest.mark.parametrize("version", LEGACY + MODERN)
@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
@pytest.mark.anyio
async def test_each_answer_is_the_sdks_to_the_byte(version: str, known: dict[str, Any]) -> None:
    written = opening(version, **known) + INITIALIZED * (version in LEGACY) + listing(version, "list", progressToken=7)
    said, _ = front(written)
    assert said.count(b"\n") == 2
    assert said == await of_the_sdk(written)


@pytest.mark.anyio
@pytest.mark.parametrize("version", [LEGACY[-1], MODERN[-1]])
async def test_no_host_and_no_other_setting_changes_an_answer(version: str) -> None:
    told = {"GMI_CONFIRM_ABOVE_USD", "GMI_SPEND_LIMIT_USD", "GMI_IMAGE_DIRS"}
    settings = dict.fromkeys((variable.name for variable in VARIABLES if variable.name not in told), "7")
    for name in SECONDS_BY_NAME:
        written = opening(version, client={"name": name, "version": "1"}) + listing(version)
        said, _ = front(written)
        assert said.count(b"\n") == 2
        assert said == await of_the_sdk(written, **settings)


LEFT: dict[str, bytes] = {
    "an unknown version": opening("2025-11-25").replace(b"2025-11-25", b"2031-01-01"),
    "a modern version in the handshake": opening("2025-11-25").replace(b"2025-11-25", b"2026-07-28"),
    "a handshake's version in the envelope": opening("2026-07-28").replace(b"2026-07-28", b"2025-11-25"),
    "an unknown capability": opening("2025-11-25", capabilities={"tasks": {}}),
    "a capability of the wrong type": opening("2025-11-25", capabilities={"roots": True}),
    "a part of one of the wrong type": opening("2025-11-25", capabilities={"roots": {"listChanged": 1}}),
    "an extension of the wrong type": opening("2026-07-28", capabilities={"extensions": {"x": []}}),
    "null for an object": opening("2025-11-25").replace(b'"capabilities": {}', b'"capabilities": null'),
    "a client without a version": opening("2025-11-25", client={"name": "mcp"}),
    "a client with icons": opening("2025-11-25", client=CLIENT | {"icons": []}),
    "an unknown parameter": opening("2025-11-25", x=1),
    "a trace in the envelope": opening("2026-07-28").replace(b'"_meta": {', b'"_meta": {"traceparent": "00",'),
    "no envelope": line("server/discover"),
    "no params": b'{"jsonrpc": "2.0", "id": 1, "method": "initialize"}\n',
    "a list before its opening": listing("2025-11-25"),
    "a cursor": line("tools/list", cursor="x", _meta=envelope("2026-07-28")),
    "another method": line("ping"),
    "a notification first": INITIALIZED,
    "a request without an id": opening("2025-11-25").replace(b'"id": 1, ', b""),
    "a notification with one": INITIALIZED.replace(b"{", b'{"id": 1, '),
    "an id of another type": opening("2025-11-25", asked=1.5),
    "true as an id": opening("2025-11-25", asked=True),
    "an id that is not ASCII": opening("2025-11-25", asked="É"),
    "half a surrogate pair": opening("2025-11-25", asked="\ud800"),
    "another version of JSON-RPC": opening("2025-11-25").replace(b'"2.0"', b'"1.0"'),
    "a member more": opening("2025-11-25").replace(b"{", b'{"x": 1, ', 1),
    "a batch": b"[" + opening("2025-11-25").strip() + b"]\n",
    "no JSON": b"{\n",
    "an empty line": b"\n",
    "NaN": opening("2025-11-25", capabilities={"experimental": {"x": {"y": float("nan")}}}),
    "bytes that are not ASCII": opening("2025-11-25").replace(b"mcp", "É".encode()),
    "a byte order mark": b"\xef\xbb\xbf" + opening("2025-11-25"),
    "a nest": opening("2025-11-25", capabilities={"experimental": {"x": json.loads('{"a":' * 99 + "{}" + "}" * 99)}}),
    "a long line": opening("2025-11-25", client=CLIENT | {"title": "x" * 10_000}),
    "half a line": opening("2025-11-25").strip(),
    "nothing": b"",
}


@pytest.mark.parametrize("given", LEFT.values(), ids=LEFT)
def test_any_other_line_is_left_to_the_sdk_and_what_follows_it_too(given: bytes) -> None:
    followed = given + opening("2025-11-25", "next") + listing("2025-11-25") if given.endswith(b"\n") else given
    assert front(followed)[0] == b""


@pytest.mark.parametrize(
    "environment",
    [
        {"GMI_FAST_START": "off"},
        {"GMI_FAST_START": "false"},
        {"GMI_CONFIRM_ABOVE_USD": "1"},
        {"GMI_SPEND_LIMIT_USD": "x"},
        {"GMI_IMAGE_DIRS": "/tmp"},  # noqa: S108 - a folder that exists
    ],
    ids=str,
)
def test_turned_off_or_where_the_tools_tell_of_a_setting_everything_is_left_to_the_sdk(
    environment: dict[str, str],
) -> None:
    assert front(opening("2025-11-25") + listing("2025-11-25"), **environment) == (b"", "0 []")


def test_an_empty_setting_is_none() -> None:
    assert front(opening("2025-11-25"), GMI_IMAGE_DIRS="", GMI_SPEND_LIMIT_USD=" ", GMI_FAST_START="on")[0]


@pytest.mark.parametrize(
    "after",
    [opening("2025-11-25", 5), listing("2025-11-25", 1), listing("2026-07-28", 5), line("ping", 5), INITIALIZED * 2],
    ids=["another opening", "the same id", "the other era", "another request", "notifications alone"],
)
def test_after_the_opening_too(after: bytes) -> None:
    assert front(opening("2025-11-25") + after)[0].count(b"\n") == 1


# -- the SDK behind it loses nothing, and answers nothing twice ------------------------------------------------------


def answers(done: subprocess.CompletedProcess[bytes]) -> list[Any]:
    """The ids of the answers, in order; the process must have ended well."""
    assert done.returncode == 0, done.stderr
    return [json.loads(said)["id"] for said in done.stdout.splitlines()]


class Held(Server):
    """The server, which says `loading` in its log when it has stopped answering and begins to load the SDK."""

    program = (
        "-c",
        """
import sys
from gmi_video.mcp import front
answered = front.answered
def held():
    found = answered()
    print("loading", file=sys.stderr, flush=True)
    return found
front.answered = held
from gmi_video.__main__ import main
main([])
""",
    )


@pytest.mark.parametrize("version", LEGACY + MODERN)
def test_many_lines_in_one_write_are_each_answered_once_the_first_ones_first(version: str) -> None:
    server = Server("legacy" if version in LEGACY else version)
    meta = envelope(version) if version in MODERN else {}
    more = [line(method, asked, _meta=meta) for asked, method in enumerate(["prompts/list", "tools/list"] * 3, 3)]
    initialized = INITIALIZED if version in LEGACY else b""
    server.write(b"".join([opening(version), initialized, listing(version), *more]))
    found = [server.message()["id"] for _ in range(8)]
    assert found[:2] == [1, 2]
    assert sorted(found) == list(range(1, 9))
    assert server.end() == 0


@pytest.mark.parametrize("version", [LEGACY[-1], MODERN[-1]])
def test_an_id_that_was_answered_and_cancelled_may_be_used_again(version: str) -> None:
    cancelled = b'{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}}\n'
    server = Server("legacy" if version in LEGACY else version)
    server.write(opening(version) + listing(version) + cancelled + listing(version))
    assert [server.message()["id"] for _ in range(3)] == [1, 2, 2]
    server.write(listing(version))
    assert server.message()["id"] == 2
    assert server.end() == 0


@pytest.mark.parametrize("version", [LEGACY[-1], MODERN[-1]])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_half_a_line_waits_for_its_other_half_at_the_sdk(version: str, end: bytes) -> None:
    server = Held("legacy" if version in LEGACY else version)
    whole = listing(version).replace(b"\n", end)
    server.write(opening(version).replace(b"\n", end) + whole[:20])
    assert server.message()["id"] == 1
    server.logged("loading")
    server.write(whole[20:])
    assert len(server.message()["result"]["tools"]) == 4
    assert server.end() == 0


def test_a_call_in_the_same_write_as_the_opening_is_made() -> None:
    with event_loop() as portal, cloud(portal) as queue:
        server = Server("legacy", **queue.environment(GMI_LEDGER_URL="none"))
        call = line("tools/call", 3, name="generate_video", arguments={"prompt": "a fox", "wait": False})
        server.write(opening("2025-11-25") + INITIALIZED + listing("2025-11-25") + call)
        assert [server.message()["id"] for _ in range(3)] == [1, 2, 3]
        assert server.end() == 0
        assert len(queue.sim.jobs) == 1


@pytest.mark.parametrize("era", ERAS)
def test_a_stdin_that_is_closed_at_once_ends_it_well(era: str) -> None:
    version = "2025-11-25" if era == "legacy" else era
    assert answers(run(["-m", "gmi_video"], opening(version) + listing(version))) == [1, 2]
    assert answers(run(["-m", "gmi_video"], opening(version))) == [1]
    assert answers(run(["-m", "gmi_video"], opening(version).strip())) in ([], [1])
    assert answers(run(["-m", "gmi_video"], b"")) == []


def test_a_stdout_that_is_closed_ends_it_well() -> None:
    theirs, ours = os.pipe()
    os.close(theirs)
    command = [sys.executable, "-m", "gmi_video"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GMI_")}
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        command, env=environment, stdin=subprocess.PIPE, stdout=ours, stderr=subprocess.PIPE
    ) as child:
        os.close(ours)
        assert child.stdin is not None
        child.stdin.write(opening("2025-11-25") + listing("2025-11-25"))
        child.stdin.flush()
        assert child.wait(SECONDS) == 0
        assert child.stderr is not None
        assert b"stdout is closed" in child.stderr.read()


# -- what goes wrong while the SDK is loaded is seen -----------------------------------------------------------------

LOADING = """
import sys
class Hook:
    def find_spec(self, name, path=None, target=None):
        if name == "mcp":
            print("loading", file=sys.stderr, flush=True)
            {does}
sys.meta_path.insert(0, Hook())
from gmi_video.__main__ import main
sys.exit(main([]))
"""


def test_an_sdk_that_can_not_be_loaded_ends_it_with_a_traceback_and_a_code() -> None:
    program = ["-c", LOADING.format(does="raise ImportError('broken installation')")]
    done = run(program, opening("2025-11-25") + listing("2025-11-25"))
    assert done.stdout.count(b"\n") == 2
    assert done.returncode == 1
    assert b"ImportError: broken installation" in done.stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_sdk_is_loaded_ends_it_at_once(how: signal.Signals) -> None:
    class Loading(Server):
        program = ("-c", LOADING.format(does="__import__('time').sleep(60)"))

    server = Loading("legacy")
    server.open()
    server.logged("loading")
    assert server.end(how) == 0


@pytest.mark.parametrize("era", ERAS)
def test_a_missing_key_is_told_on_stderr_and_by_each_call(era: str) -> None:
    server = Server(era)
    server.open()
    server.result(server.ask("tools/list"))
    server.logged("GMI_API_KEY is not set")
    assert "GMI_API_KEY is not set" in server.call("list_models")["error"]["message"]
    assert server.end() == 0


# -- what is loaded ----------------------------------------------------------------------------------------------------

HEAVY = {
    "mcp",
    "mcp_types",
    "pydantic",
    "anyio",
    "asyncio",
    "httpx",
    "ssl",
    "email",
    "inspect",
    "dataclasses",
    "pathlib",
}


def loaded(code: str) -> set[str]:
    """The packages and modules at the top that a program has loaded."""
    done = run(["-c", f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"], b"")
    return set(done.stdout.decode().split())


def test_nothing_heavy_is_loaded_before_the_first_lines_are_answered() -> None:
    assert not HEAVY & loaded("from gmi_video import __main__; from gmi_video.mcp import front; front.answered()")


def test_no_package_but_these_is_loaded_with_the_sdk_before_a_call() -> None:
    ours = "from gmi_video.mcp.app import create_server; from gmi_video.settings import load; create_server(load())"
    added = loaded(f"import gmi_video.mcp.stdio; {ours}") - loaded("import mcp.server.mcpserver, httpx")
    assert added - sys.stdlib_module_names == {"gmi_video", "cachetools"}

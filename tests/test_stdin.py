"""Whatever a host writes to stdin, every request is answered; a closed stdout ends the process."""

import json
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from gmi_video.mcp import arguments
from gmi_video.mcp.messages import MAX_LINE_BYTES, MAX_LINE_VALUES

from .conftest import ERAS
from .stdio import Cloud, Server, cloud, event_loop

pytestmark = pytest.mark.slow

HALF = "\\ud800"


@pytest.fixture(scope="module")
def queue() -> Generator[Cloud]:
    with event_loop() as portal, cloud(portal) as found:
        yield found


@pytest.fixture(scope="module", params=ERAS)
def server(queue: Cloud, request: pytest.FixtureRequest) -> Generator[Server]:
    """One server for all lines: none of them may do it harm."""
    started = Server(request.param, **queue.environment(GMI_LEDGER_URL="none"))
    started.open()
    yield started
    assert started.call("list_models")["total"] > 0
    assert started.end() == 0


def call_of(server: Server, tool: str, arguments: str, asked: str = "77") -> bytes:
    """A call as a line, with its arguments and its id as JSON text."""
    line = server.line("tools/call", name=tool, arguments="ARGUMENTS", asked="ASKED")
    return line.replace('"ARGUMENTS"', arguments).replace('"ASKED"', asked).encode() + b"\n"


def refused(server: Server, line: bytes, asked: Any = 77) -> str:
    """The words with which a line is refused, as the result of a tool or as an error."""
    server.write(line)
    message = server.message()
    assert message["id"] == asked, message
    if "error" in message:
        return message["error"]["message"]
    assert message["result"]["isError"]
    return json.loads(message["result"]["content"][0]["text"])["error"]["message"]


@pytest.mark.parametrize(
    ("tool", "given", "place"),
    [
        ("generate_video", f'{{"prompt": "a fox {HALF}"}}', '"prompt" holds text that is not valid Unicode'),
        ("generate_video", f'{{"prompt": "{HALF}"}}', '"prompt" holds text that is not valid Unicode'),
        ("generate_video", '{"prompt": "a", "frame0_image": "\\udfff"}', '"frame0_image" holds text'),
        ("generate_video", f'{{"prompt": "a", "model_parameters": {{"x": "{HALF}"}}}}', '"model_parameters" holds'),
        ("generate_video", f'{{"prompt": "a", "model_parameters": {{"{HALF}": 1}}}}', '"model_parameters" holds'),
        ("generate_video", f'{{"prompt": "a", "model_parameters": {{"x": ["{HALF}"]}}}}', '"model_parameters" holds'),
        ("generate_video", f'{{"prompt": "a", "{HALF}": 1}}', "params.arguments: a name holds text"),
        ("get_status", f'{{"request_id": "{HALF}"}}', '"request_id" holds text'),
        ("list_models", f'{{"search": "{HALF}"}}', '"search" holds text'),
        (HALF, "{}", "params.name holds text"),
    ],
)
def test_half_a_surrogate_pair_is_refused_with_its_place(
    queue: Cloud, server: Server, tool: str, given: str, place: str
) -> None:
    line = call_of(server, "TOOL", given).replace(b'"TOOL"', f'"{tool}"'.encode())
    assert place in refused(server, line)
    assert queue.sim.jobs == []


def test_bytes_that_are_not_utf_8_are_refused_with_their_place(queue: Cloud, server: Server) -> None:
    line = call_of(server, "generate_video", '{"prompt": "BYTES"}').replace(b"BYTES", b"a f\xf6x")
    assert '"prompt" holds text that is not valid Unicode' in refused(server, line)
    assert queue.sim.jobs == []


def test_half_a_surrogate_pair_in_the_id_or_the_token_is_answered(server: Server) -> None:
    assert "id holds text" in refused(server, call_of(server, "list_models", "{}", f'"{HALF}"'), "\ud800")
    line = call_of(server, "list_models", "{}").replace(
        b'"progressToken": ', f'"progressToken": "{HALF}", "x": '.encode()
    )
    assert "params._meta.progressToken holds text" in refused(server, line)
    line = call_of(server, "list_models", "{}").replace(b"tools/call", HALF.encode())
    assert "method holds text" in refused(server, line)


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        (b"{", None),
        (b'"text"', None),
        (b"17", None),
        (b"[]", None),
        (b'[{"jsonrpc": "2.0", "id": 5, "method": "ping"}]', 5),
        (b'{"jsonrpc": "2.0", "id": 5}', None),
        (b'{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', 1.5),
        (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', None),
        (b'{"jsonrpc": "2.0", "id": true, "method": "ping"}', None),
        (b'{"jsonrpc": "2.0", "id": NaN, "method": "ping"}', None),
        (b'{"jsonrpc": "2.0", "id": {}, "method": "ping"}', None),
        (b'{"jsonrpc": "2.0", "id": 5, "method": 5}', 5),
        (b'{"jsonrpc": "2.0", "id": 5, "method": "ping", "params": []}', 5),
        (b'{"jsonrpc": "1.0", "id": 5, "method": "ping"}', 5),
        (b'{"id": 5, "method": "ping"}', 5),
        (
            b'{"jsonrpc": "2.0", "id": 5, "method": "ping", "params": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
            None,
        ),
    ],
)
def test_a_line_that_is_no_request_is_answered(server: Server, line: bytes, asked: Any) -> None:
    assert refused(server, line + b"\n", asked)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"   ",
        b'{"jsonrpc": "2.0", "method": 5}',
        b'{"jsonrpc": "2.0", "method": "notifications/x", "params": "\\ud800"}',
        b'{"jsonrpc": "2.0", "id": 99, "result": "\\ud800"}',
    ],
)
def test_what_asks_for_nothing_is_not_answered(server: Server, line: bytes) -> None:
    server.write(line + b"\n")
    assert server.call("list_models")["total"] > 0


LONG = "x" * (arguments.MAX_PROMPT + 1)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"prompt": LONG}, '"prompt" has 20,001 characters; at most 20,000'),
        ({"prompt": "éx" * 4_000_000}, '"prompt" has 8,000,000 characters; at most 20,000'),
        ({"prompt": "x" * 10_000_000, "dry_run": True}, '"prompt" has 10,000,000 characters; at most 20,000'),
        ({"prompt": "a", "model": "x" * 5000}, '"model" has 5,000 characters; at most 4,096'),
        ({"prompt": "a", "frame0_image": "/x" * 5000}, '"frame0_image" has 10,000 characters'),
        (
            {"prompt": "a", "model_parameters": {"a": "x" * 300_000}},
            '"model_parameters" has 300,009 characters as JSON',
        ),
        ({"prompt": "a", "model_parameters": json.dumps({"a": "x" * 300_000})}, "has 300,009 characters; at most"),
        ({"prompt": "a", "model_parameters": {f"k{n}": n for n in range(101)}}, "names 101 values; at most 100"),
        ({"prompt": "a", "model_parameters": {"x" * 101: 1}}, "a name of 101 characters; at most 100"),
        ({"prompt": "a", "model_parameters": {"a": [0] * 10_000}}, "holds at least 10,002 values; at most 10,000"),
        ({f"k{n}": n for n in range(20_000)}, "The call names 20,000 values; at most 100"),
        ({"x" * 1_000_000: 1}, "The call has a name of 1,000,000 characters; at most 100"),
    ],
)
def test_an_argument_that_is_too_large_is_refused_with_its_size_and_the_bound(
    queue: Cloud, server: Server, given: dict[str, Any], says: str
) -> None:
    assert says in refused(server, call_of(server, "generate_video", json.dumps(given, ensure_ascii=False)))
    assert queue.sim.jobs == []


@pytest.mark.parametrize("as_text", [False, True], ids=["object", "JSON text"])
def test_an_argument_that_is_nested_too_deeply_is_refused(server: Server, *, as_text: bool) -> None:
    deep = '{"a":' * 17 + "1" + "}" * 17
    deep = json.dumps(deep) if as_text else deep
    line = call_of(server, "generate_video", f'{{"prompt": "a", "model_parameters": {deep}}}')
    assert "nested more than 16 levels deep" in refused(server, line)


def test_a_prompt_at_its_bound_is_accepted(server: Server) -> None:
    answer = server.call("generate_video", prompt=LONG[:-1], dry_run=True)
    assert "Nothing was sent" in answer["summary"]


@pytest.mark.parametrize("id_first", [True, False])
def test_a_line_that_is_too_long_is_answered_with_its_size_and_the_bound(server: Server, *, id_first: bool) -> None:
    params = b'"params": {"name": "list_models", "arguments": {"search": "%s"}}' % (b"x" * MAX_LINE_BYTES)
    parts = [b'"jsonrpc": "2.0"', b'"id": 77', b'"method": "tools/call"', params]
    if not id_first:
        parts = [parts[2], parts[3], parts[0], parts[1]]
    line = b"{" + b", ".join(parts) + b"}\n"
    assert f"has {len(line):,} bytes; at most {MAX_LINE_BYTES:,}" in refused(server, line)


def test_a_line_with_too_many_values_is_answered_with_the_bound(server: Server) -> None:
    line = call_of(server, "list_models", "[" + "0," * MAX_LINE_VALUES + "0]")
    # In the later era the id stands between the method and the params.
    assert f"more than {MAX_LINE_VALUES:,} values" in refused(server, line)


# -- the end of stdout -------------------------------------------------------------------------------------------


def test_a_closed_stdout_ends_the_process_although_stdin_is_open(queue: Cloud) -> None:
    server = Server("2026-07-28", **queue.environment(GMI_LEDGER_URL="none"))
    server.open()
    server.close_output()
    server.ask("tools/list")
    assert server.ended() == 0
    assert "stdout is closed" in server.stderr


def test_a_closed_stdout_ends_the_process_while_a_call_waits(queue: Cloud) -> None:
    server = Server("legacy", **queue.environment(GMI_LEDGER_URL="none"))
    server.open()
    server.started_job("a fox whose host has closed stdout")
    server.close_output()  # the next progress message can't be written
    assert server.ended() == 0


def test_a_submit_under_way_is_recorded_when_stdout_is_closed(queue: Cloud, tmp_path: Path) -> None:
    ledger = f"sqlite://{tmp_path}/ledger.sqlite3"
    jobs = len(queue.sim.jobs)
    first = Server("2026-07-28", **queue.environment(GMI_LEDGER_URL=ledger, GMI_LOG_LEVEL="INFO"))
    first.open()
    pause = queue.pause_at("submit:made")
    first.start("generate_video", prompt="a fox in its last second")
    queue.reached(pause)
    first.close_output()
    first.ask("tools/list")
    first.logged("1 submit under way")
    queue.release(pause)
    assert first.ended() == 0
    job = queue.sim.jobs[-1]
    second = Server("2026-07-28", **queue.environment(GMI_LEDGER_URL=ledger))
    second.open()
    again = second.call("generate_video", prompt="a fox in its last second", wait=False)
    assert (again["request_id"], again["reused"]) == (job.request_id, True)
    assert second.end() == 0
    assert len(queue.sim.jobs) == jobs + 1


@pytest.mark.parametrize("how", [None, signal.SIGTERM], ids=["end of input", "SIGTERM"])
def test_a_server_whose_host_has_stopped_reading_ends(queue: Cloud, how: signal.Signals | None) -> None:
    server = Server("2026-07-28", **queue.environment(GMI_LEDGER_URL="none"))
    server.open()
    server.stop_reading()
    for _ in range(40):  # of 10 kB each, into a pipe of 64 kB
        server.ask("tools/list")
    assert server.end(how) == 0

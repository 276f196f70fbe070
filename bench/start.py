"""The start of a server: from the spawn of its process to the answer of tools/list, beside a bare server of the SDK.

Run: python -m bench.start [--pairs 20] [--beside "node replicate-mcp"] [--slow]

A process of each is started in turn over stdio, spoken to as a host speaks (the next request follows the answer of the
last), and killed. The bare server has four trivial tools. Bytecode is compiled. It needs nothing of the development
environment, so a plain installation can run it; `/proc` is needed for the memory.
"""

import argparse
import compileall
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, NamedTuple

from bench.pairs import Pairs, header

import gmi_video

ERAS = ("2025-11-25", "2026-07-28")
OURS = (sys.executable, "-m", "gmi_video")

ALWAYS = {"GMI_API_KEY": "k", "GMI_LEDGER_URL": "none"}
"""Of the environment of each server."""

_BARE = '''
from mcp.server.mcpserver import MCPServer

server = MCPServer("bare")

@server.tool()
def first(text: str) -> str:
    """The first tool."""
    return text

@server.tool()
def second(text: str, number: int = 1) -> str:
    """The second tool."""
    return text

@server.tool()
def third(text: str) -> str:
    """The third tool."""
    return text

@server.tool()
def fourth(text: str) -> str:
    """The fourth tool."""
    return text

def main():
    server.run("stdio")
'''


class Start(NamedTuple):
    """One start: ms from the spawn to the answers, and ms of processor time and MiB resident after the last of them."""

    listed: float
    served: float
    cpu: float
    resident: float


def started(command: Sequence[str], era: str, *, serve: bool = False) -> Start:
    """Start a server, ask for its tools and kill it.

    Args:
        command: what is started.
        era: the protocol's version.
        serve: whether to ask for one thing more, which only the SDK answers.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GMI_")}
    began = time.perf_counter()
    child = subprocess.Popen(  # noqa: S603 - a server that the user names
        command,
        env=environment | ALWAYS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    modern = era == ERAS[1]
    client = {"name": "bench", "version": "1"}
    try:
        if modern:
            _ask(child.stdin, 1, "server/discover", era)
        else:
            opening = {"protocolVersion": era, "capabilities": {}, "clientInfo": client}
            _ask(child.stdin, 1, "initialize", None, **opening)
        _answered(child.stdout, 1)
        if not modern:
            child.stdin.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
        _ask(child.stdin, 2, "tools/list", era if modern else None)
        _answered(child.stdout, 2)
        listed = served = time.perf_counter()
        if serve:
            _ask(child.stdin, 3, "prompts/list", era if modern else None)
            _answered(child.stdout, 3)
            served = time.perf_counter()
        pages = int(Path(f"/proc/{child.pid}/statm").read_text(encoding="ascii").split()[1])
    finally:
        child.kill()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        child.stdin.close()
        child.stdout.close()
    return Start(
        listed=1000 * (listed - began),
        served=1000 * (served - began),
        cpu=1000 * (usage.ru_utime + usage.ru_stime),
        resident=pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
    )


def _ask(stdin: IO[bytes], asked: int, method: str, modern: str | None, **params: Any) -> None:
    if modern:
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": modern,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
        }
    stdin.write(json.dumps({"jsonrpc": "2.0", "id": asked, "method": method, "params": params}).encode() + b"\n")
    stdin.flush()


def _answered(stdout: IO[bytes], asked: int) -> None:
    while True:
        message = json.loads(stdout.readline())
        if message.get("id") == asked:
            assert "result" in message or asked == 3, message  # not every server has prompts
            return


def rows(name: str, other: Sequence[str], era: str, pairs: int) -> None:
    """Measure this server and another in turn, and print the rows of the table."""
    for what, answered, serve in (("tools/list", "listed", False), ("prompts/list after it", "served", True)):
        found = [(started(OURS, era, serve=serve), started(other, era, serve=serve)) for _ in range(pairs)]
        for value, of, unit in ((what, answered, "ms"), ("processor", "cpu", "ms"), ("resident", "resident", "MiB")):
            values = Pairs([(getattr(one, of), getattr(two, of)) for one, two in found])
            print(values.row(f"{name}, {era}: {what}" if value == what else f"– {value} then", unit))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="three pairs, to see that it runs")
    parser.add_argument("--beside", metavar="COMMAND", action="append", default=[], help="another server, legacy only")
    parser.add_argument("--slow", action="store_true", help="without GMI_FAST_START")
    arguments = parser.parse_args()
    if arguments.slow:
        ALWAYS["GMI_FAST_START"] = "off"
    pairs = 3 if arguments.quick else arguments.pairs
    print("## Start: `python -m bench.start`\n")
    print(
        f"From the spawn of the process to an answer, {pairs} pairs in turn, beside a bare `MCPServer` with four "
        f"trivial tools. {'Everything is answered' if arguments.slow else 'prompts/list is the first answered'} "
        "by the SDK.\n"
    )
    print(header("this server", "beside"))
    with TemporaryDirectory() as folder:
        Path(folder, "bare.py").write_text(_BARE, encoding="utf-8")
        compileall.compile_dir(folder, quiet=1)
        compileall.compile_dir(Path(gmi_video.__file__).parent, quiet=1)
        bare = [sys.executable, "-c", f"import sys; sys.path.insert(0, {folder!r}); import bare; bare.main()"]
        for command in (OURS, bare):
            started(command, ERAS[0])  # compiles and reads what the measured ones read
        for era in ERAS:
            rows("bare", bare, era, pairs)
    for command in arguments.beside:
        rows(f"`{command}`", shlex.split(command), ERAS[0], pairs)


if __name__ == "__main__":
    main()

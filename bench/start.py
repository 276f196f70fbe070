"""The start of a server: from the spawn of its process to the answer of tools/list, beside a bare server of the SDK.

Run: python -m bench.start [--pairs 20] [--beside "node replicate-mcp"]

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
    """One start: ms from the spawn to each answer, ms of processor time and MiB resident when tools were listed."""

    opened: float
    listed: float
    served: float
    cpu: float
    resident: float


def started(command: Sequence[str], era: str, *, serve: bool = False) -> Start:
    """Start a server, ask for its tools and kill it.

    Args:
        command: what is started.
        era: the protocol's version.
        serve: whether to ask for one thing more, which is in no table; its processor time then counts too.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GMI_")}
    began = time.perf_counter()
    child = subprocess.Popen(  # noqa: S603 - a server that the user names
        command,
        env=environment | {"GMI_API_KEY": "k", "GMI_LEDGER_URL": "none"},
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
        opened = time.perf_counter()
        if not modern:
            child.stdin.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
        _ask(child.stdin, 2, "tools/list", era if modern else None)
        _answered(child.stdout, 2)
        listed = served = time.perf_counter()
        pages = int(Path(f"/proc/{child.pid}/statm").read_text(encoding="ascii").split()[1])
        if serve:
            _ask(child.stdin, 3, "prompts/list", era if modern else None)
            _answered(child.stdout, 3)
            served = time.perf_counter()
    finally:
        child.kill()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        child.stdin.close()
        child.stdout.close()
    times = [1000 * (moment - began) for moment in (opened, listed, served)]
    cpu = 1000 * (usage.ru_utime + usage.ru_stime)
    return Start(*times, cpu, pages * os.sysconf("SC_PAGE_SIZE") / 2**20)


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
            assert "result" in message, message
            return


def rows(name: str, other: Sequence[str], era: str, pairs: int) -> None:
    """Measure this server and another in turn, and print the rows of the table."""
    found = [(started(OURS, era), started(other, era)) for _ in range(pairs)]
    for what, unit, of in (("tools/list", "ms", "listed"), ("processor", "ms", "cpu"), ("resident", "MiB", "resident")):
        values = Pairs([(getattr(one, of), getattr(two, of)) for one, two in found])
        print(values.row(f"{name}, {era}: {what}", unit))
    later = [(started(OURS, era, serve=True), started(other, era, serve=True)) for _ in range(pairs)]
    print(Pairs([(one.served, two.served) for one, two in later]).row(f"{name}, {era}: prompts/list after it"))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="three pairs, to see that it runs")
    parser.add_argument("--beside", metavar="COMMAND", action="append", default=[], help="another server, legacy only")
    arguments = parser.parse_args()
    pairs = 3 if arguments.quick else arguments.pairs
    print("## Start: `python -m bench.start`\n")
    print(
        f"From the spawn of the process to the answer of tools/list, {pairs} pairs in turn, beside a bare `MCPServer` "
        "with four trivial tools. Processor time and resident memory are those of the moment when tools were listed. "
        "prompts/list is asked next, and never answered before the SDK is loaded.\n"
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

"""How long a ping takes while the server is attacked: by hostile answers of its queue, and by its host's own lines.

Run: python -m bench.pings [--quick]

Runs the real process over pipes, with a raw server on a loopback port as its queue. During each attack a small request
is sent every 20 ms, and the time until its answer is taken. `ping` exists in the handshake era only.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.reliability import bombs

MEGABYTE = 1024 * 1024
INTERVAL = 0.02
"""Between two pings (seconds)."""

Line = dict[str, Any]


class Process:
    """The server as a process; notes when each answer comes."""

    def __init__(self, url: str, state: str) -> None:
        environment = {
            "GMI_API_KEY": "k",
            "GMI_BASE_URL": url,
            "GMI_LEDGER_URL": "none",
            "GMI_MAX_WAIT_SECONDS": "10",
            "XDG_STATE_HOME": state,
        }
        command = [sys.executable, "-m", "gmi_video"]
        self._child = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own module
        self.answered: dict[int, float] = {}
        self._last_id = 0
        self._writing = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()
        client = {"name": "bench", "version": "1"}
        self.wait(self.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}))
        self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def ask(self, method: str, params: dict[str, Any]) -> int:
        """Send a request; returns its id."""
        with self._writing:
            self._last_id += 1
            asked = self._last_id
        self._write({"jsonrpc": "2.0", "id": asked, "method": method, "params": params})
        return asked

    def call(self, tool: str, arguments: dict[str, Any]) -> int:
        """Call a tool; returns the request's id."""
        return self.ask("tools/call", {"name": tool, "arguments": arguments})

    def ping(self) -> float:
        """Seconds until a ping is answered."""
        began = time.perf_counter()
        return self.wait(self.ask("ping", {})) - began

    def wait(self, asked: int) -> float:
        """When a request is answered (`time.perf_counter`)."""
        while asked not in self.answered:
            time.sleep(0.0005)
        return self.answered[asked]

    def end(self) -> None:
        """End it."""
        self._child.kill()
        self._child.wait()

    def _write(self, message: Line) -> None:
        line = json.dumps(message).encode() + b"\n"
        with self._writing:
            assert self._child.stdin is not None
            self._child.stdin.write(line)
            self._child.stdin.flush()

    def _read(self) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            asked = json.loads(line).get("id")
            if isinstance(asked, int):
                self.answered[asked] = time.perf_counter()


def many_requests() -> Iterator[bytes]:
    """A list of 60,000 requests, 24 MB."""
    row = {"request_id": "r-%05d", "model": "Luma-Ray2", "status": "success", "payload": {"prompt": "x" * 200}}
    row |= {"created_at": 1_750_000_000, "updated_at": 1_750_000_020, "outcome": {"video_url": "https://f.example/a"}}
    text = json.dumps(row)
    return bombs.answer(('{"requests": [' + ", ".join(text % n for n in range(60_000)) + "]}").encode())


RESPONSES = {
    "/gzipped-once": bombs.gzipped_once,
    "/gzipped-twice": bombs.gzipped_twice,
    "/tiny-chunks": bombs.tiny_chunks,
    "/endless-headers": bombs.endless_headers,
    "/endless-continue": bombs.endless_continue,
    "/empty-objects": bombs.empty_objects,
}

Attack = Callable[[Process], list[int]]


def model(name: str) -> Attack:
    """Ask for a model whose record is that response."""
    return lambda process: [process.call("list_models", {"model": name})]


def many(number: int) -> Attack:
    """Ask for that many jobs at once."""
    return lambda process: [process.call("get_status", {"request_id": f"job-{n}"}) for n in range(number)]


def call(**arguments: Any) -> Attack:
    """Call generate_video."""
    return lambda process: [process.call("generate_video", arguments)]


FIRST = "no attack, the first call"
"""It opens the connection pool, which reads the certificate store; before each attack that is done."""

ATTACKS: dict[str, Attack] = {
    FIRST: lambda process: [process.call("list_models", {"model": "nothing"})],
    "512 MB in one gzip": model("gzipped-once"),
    "512 MB gzipped twice": model("gzipped-twice"),
    "chunks of one byte": model("tiny-chunks"),
    "endless headers": model("endless-headers"),
    "endless 100 Continue": model("endless-continue"),
    "5 million empty objects": model("empty-objects"),
    "a list of 60,000 requests": lambda process: [process.call("list_requests", {"model": ""})],
    "a prompt of 10 MB": call(prompt="x" * 10_000_000),
    "a prompt of 10 MB in an id": lambda process: [process.call("get_status", {"request_id": "x" * 10_000_000})],
    "10 MB of numbers": call(prompt="a", model_parameters={"a": [0] * 3_000_000}),
    "490,000 numbers": call(prompt="a", model_parameters={"a": [0] * 490_000}),
    "100 unknown parameters": call(prompt="a", model_parameters={f"k{'x' * 90}{n}": 0 for n in range(100)}),
    "a line of 40 MB": call(prompt="x" * 40_000_000),
    "half a surrogate in 10 MB": call(prompt="\ud800" + "x" * 10_000_000),
    "2,000 get_status": many(2000),
}
QUICK = (FIRST, "512 MB gzipped twice", "a prompt of 10 MB")


def measure(url: str, name: str, seconds: float) -> str:
    """Ping during one attack; a row with what was measured."""
    with tempfile.TemporaryDirectory() as state:
        process = Process(url, state)
        try:
            if name != FIRST:
                process.wait(ATTACKS[FIRST](process)[0])
            process.ping()
            open_calls: list[int] = []
            attacker = threading.Thread(target=lambda: open_calls.extend(ATTACKS[name](process)))
            began = time.perf_counter()
            attacker.start()
            taken: list[float] = []
            while time.perf_counter() - began < seconds and (
                attacker.is_alive() or any(asked not in process.answered for asked in open_calls) or len(taken) < 20
            ):
                taken.append(process.ping())
                time.sleep(INTERVAL)
            attacker.join()
        finally:
            process.end()
    return f"| {name} | {len(taken)} | {statistics.median(taken) * 1000:.1f} ms | {max(taken) * 1000:.1f} ms |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three attacks of two seconds each")
    quick: bool = parser.parse_args().quick
    print(
        "## Pings under attack: `python -m bench.pings`\n\n"
        "How long a ping takes while the server is attacked by answers of its queue or by lines of its host. One is "
        f"sent {INTERVAL * 1000:.0f} ms after the other is answered.\n\n"
        "| attack | pings | median | worst |\n|---|---|---|---|"
    )
    bombs.bomb(512)
    listed = b"".join(many_requests())
    nothing: Callable[[], Iterator[bytes]] = lambda: bombs.answer(b"{}")  # noqa: E731 - one of a table
    with bombs.serving({**RESPONSES, "/nothing": nothing, "/requests": lambda: iter([listed]), "": nothing}) as url:
        for name in QUICK if quick else ATTACKS:
            print(measure(url, name, 2.0 if quick else 6.0), flush=True)


if __name__ == "__main__":
    main()

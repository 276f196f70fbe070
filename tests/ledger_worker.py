"""One copy of the server as a process of its own, for the races and kills of `test_ledger_processes`.

It reads commands, one JSON object per line, and writes one JSON object per line as the result. With `kill_before` the
command runs in a child process that kills itself before that statement of the transaction.
"""

import json
import os
import signal
import sys
from typing import Any

import anyio

from gmi_video.jobs.ledger import Account, Ledger, Limit

# pyright: reportPrivateUsage=false


async def run(ledger: Ledger, command: dict[str, Any]) -> dict[str, Any]:
    """Run one command; returns its outcome and the ledger's report."""
    outcome: Any = None
    if command["operation"] == "claim":
        limit = Limit(command["limit"]) if "limit" in command else None
        outcome = await ledger.claim(command["fingerprint"], usd=1.0, limit=limit)
    else:
        found = await ledger.find(command["fingerprint"])
        if found and command["operation"] == "adopt":
            outcome = await ledger.adopt(found.intent)
        elif found:
            outcome = await ledger.made(found.intent, command["request_id"])
    intent = getattr(outcome, "intent", outcome)
    return {"outcome": type(outcome).__name__, "id": getattr(intent, "id", ""), "trouble": ledger.report()}


async def run_and_die(ledger: Ledger, command: dict[str, Any]) -> None:
    """Run one command and be killed before a statement of it, counted from 1, or exit at its end."""
    found = await ledger.find(command["fingerprint"])
    assert ledger._stores
    connection: Any = getattr(ledger._stores._durable, "_connection", None)
    left = command["kill_before"]

    def before_statement(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if hasattr(connection, "set_trace_callback"):
        connection.set_trace_callback(before_statement)
    else:
        execute = connection.execute

        def counted(*arguments: Any) -> Any:
            before_statement()
            return execute(*arguments)

        connection.execute = counted
    if command["operation"] == "claim":
        await ledger.claim(command["fingerprint"], usd=1.0)
    elif found:
        await ledger.made(found.intent, command["request_id"])
    # Not killed: exit code 0, without releasing anything.
    os._exit(0)


async def main(url: str) -> None:
    """Run commands until the end of input."""
    ledger = new(url)
    await ledger.recent()
    write({"ready": True})
    for line in sys.stdin:
        write(await run(ledger, json.loads(line)))
    await ledger.aclose()


def main_with_kills(url: str) -> None:
    """Run commands until the end of input, each in a child process."""
    write({"ready": True})
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            anyio.run(run_and_die, new(url), json.loads(line))
        _, status = os.waitpid(child, 0)
        write({"killed": os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, "status": status})


def new(url: str) -> Ledger:
    """A ledger of the account that all workers share."""
    return Ledger(url, Account("simulated-key", "https://queue.example"))


def write(answer: dict[str, Any]) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "kill":
        main_with_kills(sys.argv[2])
    else:
        anyio.run(main, sys.argv[2])

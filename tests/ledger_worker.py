"""One copy of the server as a process of its own, for the races and kills of `test_ledger_processes`.

It reads one JSON object a line, does with the ledger what it says, and writes one JSON object a line. `kill_before`
makes a child do it that kills itself before that statement of the transaction.
"""

import json
import os
import signal
import sys
from typing import Any

import anyio

from gmi_video.jobs.ledger import Account, Ledger, Limit

# pyright: reportPrivateUsage=false


async def act(ledger: Ledger, told: dict[str, Any]) -> dict[str, Any]:
    """Do one thing; what came of it, and what the ledger has to say."""
    outcome: Any = None
    if told["do"] == "claim":
        limit = Limit(told["limit"]) if "limit" in told else None
        outcome = await ledger.claim(told["fingerprint"], usd=1.0, limit=limit)
    else:
        found = await ledger.find(told["fingerprint"])
        if found and told["do"] == "adopt":
            outcome = await ledger.adopt(found.intent)
        elif found:
            outcome = await ledger.made(found.intent, told["request_id"])
    intent = getattr(outcome, "intent", outcome)
    return {"outcome": type(outcome).__name__, "id": getattr(intent, "id", ""), "trouble": ledger.tell()}


async def act_and_die(ledger: Ledger, told: dict[str, Any]) -> None:
    """Do one thing, and be killed before a statement of it, counted from 1, or at its end."""
    found = await ledger.find(told["fingerprint"])
    assert ledger._stores
    connection: Any = getattr(ledger._stores._durable, "_connection", None)
    left = told["kill_before"]

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
    if told["do"] == "claim":
        await ledger.claim(told["fingerprint"], usd=1.0)
    elif found:
        await ledger.made(found.intent, told["request_id"])
    # It came to its end: say so by the exit code, and let go of nothing.
    os._exit(0)


async def main(url: str) -> None:
    """Answer until the end of input."""
    ledger = new(url)
    await ledger.recent()
    say({"ready": True})
    for line in sys.stdin:
        say(await act(ledger, json.loads(line)))
    await ledger.aclose()


def main_with_kills(url: str) -> None:
    """Answer until the end of input, each time by a child."""
    say({"ready": True})
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            anyio.run(act_and_die, new(url), json.loads(line))
        _, status = os.waitpid(child, 0)
        say({"killed": os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, "status": status})


def new(url: str) -> Ledger:
    """A ledger of the account that all workers have."""
    return Ledger(url, Account("simulated-key", "https://queue.example"))


def say(answer: dict[str, Any]) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "kill":
        main_with_kills(sys.argv[2])
    else:
        anyio.run(main, sys.argv[2])

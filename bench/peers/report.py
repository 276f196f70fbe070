"""What was measured of the servers, as Markdown."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from bench.pairs import Pairs, header
from bench.peers.calls import Seen
from bench.peers.process import Started
from bench.peers.table import Server

LONGEST_QUOTE = 100
"""Characters of an answer."""


@dataclass(frozen=True)
class Figures:
    """All of one server. Calls are empty where they are not measured."""

    server: Server
    version: str
    sdk: str
    size: int | None
    """Bytes of its environment; None if it has none of its own."""
    started: Started
    job: list[Seen]
    bad_gateways: list[Seen]
    paid_for: list[Seen]
    too_long: list[Seen]
    unknown: list[Seen]
    failed: list[Seen]


def starts(peers: Sequence[tuple[Server, Pairs, Pairs]]) -> str:
    """The table of starts: wall time and processor time of this server beside each peer's, in ms."""
    rows = [header("this server", "the other", "spawn to `tools/list` answered")]
    for server, wall, cpu in peers:
        rows += [wall.row(f"{server.name}, wall"), cpu.row(f"{server.name}, CPU")]
    return "\n".join(rows)


def comparison(columns: Sequence[Figures], job_seconds: float) -> str:
    """The table of everything else, a column a server."""
    rows = [
        ("", [f"{figures.server.name} {figures.version}" for figures in columns]),
        ("made for", [figures.server.made_for for figures in columns]),
        ("MCP SDK", [figures.sdk for figures in columns]),
        ("tools", [str(len(figures.started.tools)) for figures in columns]),
        ("`tools/list`, compact JSON", [f"{figures.started.bytes / 1000:.1f} KB" for figures in columns]),
        ("installed", [_size(figures.size) for figures in columns]),
        (f"requests for one job of {job_seconds:g} s", [_or_why(f, f.job, _job) for f in columns]),
        ("two 502s, no job made by them", [_or_why(f, f.bad_gateways, _bad_gateways) for f in columns]),
        ("two 502s, each after its job was made and paid", [_or_why(f, f.paid_for, _bad_gateways) for f in columns]),
        ("a length of three minutes", [_nonsense(f.too_long, "180") for f in columns]),
        ("an argument that does not exist", [_nonsense(f.unknown, "ultraviolet") for f in columns]),
        ("a failed job", [_or_why(f, f.failed, _failed) for f in columns]),
    ]
    lines = [f"| {name} | {' | '.join(cell.replace('|', '/') for cell in cells)} |" for name, cells in rows]
    return "\n".join([lines[0], "|---" * (len(columns) + 1) + "|", *lines[1:]])


def _or_why(figures: Figures, seen: list[Seen], words: Callable[[list[Seen]], str]) -> str:
    return words(seen) if seen else figures.server.unmeasured or "left out"


def _size(size: int | None) -> str:
    return "not measured: no environment of its own" if size is None else f"{size / 1e6:.0f} MB"


def _job(seen: list[Seen]) -> str:
    [call] = seen
    return f"{len(call.requests)}, answered after {call.seconds:.1f} s"


def _bad_gateways(seen: list[Seen]) -> str:
    first, last = seen[0], seen[-1]
    once = f"{_count(len(first.submits), 'POST')}, {_count(len(first.jobs), 'job')}; {_outcome(first)}"
    if len(seen) == 1:
        return once
    end = "a video" if last.has_job else "no video"
    return f"{once}. The same call again: {end}, {_count(len(last.jobs), 'job')} in all"


def _outcome(call: Seen) -> str:
    return f"after {call.seconds:.1f} s {'a video' if call.has_job and not call.is_error else _told(call)}"


def _nonsense(seen: list[Seen], trace: str) -> str:
    [call] = seen
    if not call.requests:
        return f"refused, nothing sent: {_told(call)}"
    if not call.submits:
        # Through the proxy that lets nothing out, nobody can see what would have been sent.
        tried = call.requests[0].startswith("CONNECT")
        return "ignored, a request is made" if tried else f"no job asked for: {_told(call)}"
    arrived = any(trace in body for body in call.submits)
    return "sent as it is: the API decides" if arrived else "ignored, sent without it"


def _failed(seen: list[Seen]) -> str:
    [call] = seen
    return _told(call)


def _told(call: Seen) -> str:
    text = " ".join(_words(call.text).split())
    quote = text if len(text) <= LONGEST_QUOTE else text[:LONGEST_QUOTE].rsplit(" ", 1)[0] + " …"
    return f"isError {str(call.is_error).lower()}, “{quote}”"


def _words(text: str) -> str:
    """What a person would read first: of a JSON object, its fields that say how it went."""
    try:
        fields = json.loads(text)
    except ValueError:
        return text
    if not isinstance(fields, dict):
        return text
    said = cast("dict[str, Any]", fields)
    status = ", ".join(f"{name}: {said[name]}" for name in ("status", "error") if name in said)
    return str(said.get("summary") or status or text)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

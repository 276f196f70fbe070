"""The environment variables that are settings; and what people write by mistake: another name, a placeholder."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from gmi_video.text import folded, nearest, one_line


class Variable(NamedTuple):
    """An environment variable as the README describes it: its name, its default, and what it decides."""

    name: str
    default: str
    decides: str


DEFAULT_BASE_URL = "https://console.gmicloud.ai/api/v1/ie/requestqueue/apikey"
"""The queue's documented URL (luma-ray2-guide, "Endpoint")."""

VARIABLES = (
    Variable("GMI_API_KEY", "none", "your GMI Cloud API key; without it every call says where to put it"),
    Variable("GMI_ORG_ID", "none", "sent as `X-Organization-ID`, for people in several organisations"),
    Variable("GMI_BASE_URL", DEFAULT_BASE_URL, "the queue's address; plain http only for loopback"),
    Variable(
        "GMI_MAX_WAIT_SECONDS",
        "by host, else 45",
        "how long one tool call may wait for a video; set it below your host's own limit",
    ),
    Variable("GMI_MAX_REQUESTS_PER_SECOND", "5", "calls to the queue from this process"),
    Variable(
        "GMI_CONFIRM_ABOVE_USD", "none", "ask before a video that is priced above this, or whose price is not known"
    ),
    Variable(
        "GMI_SPEND_LIMIT_USD",
        "none",
        "refuse a video that would take the account's last 24 hours above this",
    ),
    Variable(
        "GMI_IMAGE_DIRS",
        "none",
        "folders that local images may come from, separated as in `PATH` (`:`, on Windows `;`)",
    ),
    Variable("GMI_OUTPUT_DIR", "none", "finished videos are saved in this folder"),
    Variable(
        "GMI_LEDGER_URL",
        "a file in this user's state folder",
        "where it is recorded what is about to be paid, for all copies of this server: `sqlite:///absolute/path`, "
        "`postgresql://…` for copies on several machines (needs the extra `postgres`), or `none`",
    ),
    Variable(
        "GMI_MCP_TOKEN",
        "none",
        "over HTTP, the token that clients must show (`Authorization: Bearer …`); needed on any address but loopback",
    ),
    Variable(
        "GMI_MCP_ALLOWED_HOSTS",
        "loopback",
        "over HTTP, the names that the server is reached by, separated by commas: `video.example.com`, or with a port",
    ),
    Variable(
        "GMI_MCP_ALLOWED_ORIGINS",
        "loopback",
        "over HTTP, the web pages that may call it, separated by commas: `https://app.example.com`; or `none`",
    ),
    Variable(
        "GMI_FAST_START",
        "on",
        "over stdio, tell a host the tools before the rest is loaded; `off` loads everything first",
    ),
    Variable("GMI_LOG_LEVEL", "WARNING", "how much is written to stderr: DEBUG, INFO, WARNING, ERROR or CRITICAL"),
)
"""The settings; no other variable whose name begins like theirs may be taken for one."""

_OURS = {variable.name: variable.name.removeprefix("GMI_") for variable in VARIABLES}

_MONEY = re.compile(r"spend|limit|budget|confirm|cost|price|usd|dollar", re.IGNORECASE)
"""In the name of a variable that was meant to guard money."""

_NAMED = 10
"""Unknown variables that are named; one is enough to find the mistake."""

_UNFILLED = re.compile(r"\$\{[^${}]*\}")

_LONGEST_PLACEHOLDER = 120
"""Characters; real keys have about 250."""

_IN_BRACKETS = re.compile(r"[<\[({].*[>\])}]|%\w+%|\$(env:)?\w+|\$\(.*\)", re.IGNORECASE)
_CUT_OR_FILLED = re.compile(r".*(\.\.\.|\u2026|\*\*\*).*|([a-z]{2,4}[-_])?x{3,}([-_]x+)*", re.IGNORECASE)
_WORDS = re.compile(
    r"(your|my|the|this|own|real|actual|new|insert|enter|put|paste|add|replace|change|fill|with|me|in|it|here|goes|"
    r"example|sample|dummy|placeholder|todo|tbd|none|null|undefined|gmi|cloud|api|access|secret|auth|key|token|jwt|"
    r"value|organi[sz]ation|org|id)+"
)


def is_unfilled(value: str) -> bool:
    """Whether a value holds a placeholder like `${user_config.x}`, which hosts pass on where none is set."""
    return bool(_UNFILLED.search(value))


def is_placeholder(value: str) -> bool:
    """Whether a key or id is evidently none: `YOUR-GMI-CLOUD-API-KEY`, `<key>`, `sk-...`, `$KEY`, `xxx`.

    The forms of real ones are not documented, so anything else passes.
    """
    value = value.strip()
    if not 0 < len(value) <= _LONGEST_PLACEHOLDER:
        return False
    return any(form.fullmatch(value) for form in (_IN_BRACKETS, _CUT_OR_FILLED)) or bool(
        _WORDS.fullmatch(folded(value))
    )


def unknown(environment: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The variables that are taken for settings and are none, a sentence each.

    Returns:
        those that leave something unset that was meant to be set, and those that are ignored without harm: other
        programs have `GMI_` variables too. An empty value is no value.
    """
    problems: list[str] = []
    ignored: list[str] = []
    given = {name: value for name, value in environment.items() if value.strip() and not is_unfilled(value)}
    for name in sorted(given):
        if not _looks_like_ours(name):
            continue
        near = nearest(re.sub(r"^gmi_?", "", name.strip(), flags=re.IGNORECASE), _OURS.values())
        near = f"GMI_{near}" if near else ""
        said = f"{one_line(name, 80)} is not a setting of this server"
        if _MONEY.search(name):
            meant = f"the nearest is {near}" if near else "GMI_CONFIRM_ABOVE_USD and GMI_SPEND_LIMIT_USD guard money"
        elif near and near not in given:
            meant = f"the nearest is {near}"
        else:
            ignored.append(f"{said} and is ignored.")
            continue
        problems.append(f'{said}; {meant}. If it is meant for another program, set it to "" for this server.')
    return problems[:_NAMED], ignored[:_NAMED]


def _looks_like_ours(name: str) -> bool:
    if name in _OURS or not name.strip().upper().startswith("GMI"):
        return False
    return name.strip().upper().startswith("GMI_") or folded(name) in map(folded, _OURS)

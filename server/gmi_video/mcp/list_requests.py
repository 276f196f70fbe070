"""The tool that answers "how are my videos?": list_requests."""

from collections import Counter
from typing import Annotated, Any, cast

import anyio
from mcp_types import CallToolResult
from pydantic import Field

from gmi_video.catalog import pricing
from gmi_video.catalog.roles import Role, role_of
from gmi_video.jobs.estimates import estimate
from gmi_video.mcp import results
from gmi_video.mcp.call import Call, ToolContext
from gmi_video.mcp.deadlines import CURRENT
from gmi_video.mcp.job_text import status_call
from gmi_video.mcp.results import RequestRow, RequestsResult, tool_result
from gmi_video.services import Services
from gmi_video.text import one_line, quote_untrusted
from gmi_video.upstream.luma_ray2 import named
from gmi_video.upstream.wire import LISTED, ModelRecord, Record, SubmitRequest

RUNNING = "running"
"""A status of ours: every job that has not ended."""

PRICED_MODELS = 8
"""Models whose records are fetched for the prices of one list."""

_STATES = ("ready", "being made", "failed", "cancelled")


async def list_requests(
    ctx: ToolContext,
    *,
    model: Annotated[str, Field(description='Only this model\'s; "" for all.')] = "",
    status: Annotated[
        str, Field(description='Only this status: success, failed, cancelled, or running for all others; "" for all.')
    ] = "",
    search: Annotated[str, Field(description='Only those whose prompt holds all these words; "" for all.')] = "",
    limit: Annotated[int, Field(ge=1, le=100, description="How many rows, newest first.")] = 10,
) -> Annotated[CallToolResult, RequestsResult]:
    """List this account's videos, newest first: how they are, an earlier one, or a job whose id got lost.

    Costs nothing. Rows hold state, settings, cost, link, and the usual time while it is being made. To wait for one
    job, call get_status instead.
    """
    services = Call(ctx).services
    listing = await services.queue.list_requests(model)
    everything = listing.newest_first()
    words = search.casefold().split()
    found = [record for record in everything if _has_status(record, status) and _holds(record, words)]
    shown = found[:limit]
    models = await _models_of(services, shown)
    rows = [_row(record, everything, models.get(record.model), services.queue.now()) for record in shown]
    filtered = bool(status or words)
    total = len(found) if filtered or listing.total is None else max(listing.total, len(found))
    which = _which(model, status, search)
    return tool_result(
        {
            "summary": _summary(found, rows, total, which),
            "total": total,
            "requests": rows,
            "next_step": _next_step(shown) if shown else _nothing_found(which),
        }
    )


def _has_status(record: Record, status: str) -> bool:
    wanted = status.strip().lower()
    return not wanted or record.status.lower() == wanted or (wanted == RUNNING and not record.is_final)


def _holds(record: Record, words: list[str]) -> bool:
    prompt = record.payload.get("prompt")
    return all(word in prompt.casefold() for word in words) if isinstance(prompt, str) else not words


async def _models_of(services: Services, shown: list[Record]) -> dict[str, ModelRecord | None]:
    """The records of the models of these requests, fetched side by side; None for what can't be had in time."""
    models: dict[str, ModelRecord | None] = {}

    async def fetch(model: str) -> None:
        models[model] = await services.catalog.known(model)

    with CURRENT.get().soft():
        async with anyio.create_task_group() as group:
            for model in list(dict.fromkeys(record.model for record in shown if record.model))[:PRICED_MODELS]:
                group.start_soon(fetch, model)
    return models


def _row(record: Record, listed: list[Record], model: ModelRecord | None, now: float) -> RequestRow:
    usd = pricing.cost_as_listed(model, record.payload)
    age = record.took if record.is_final else results.age_of(record, now)
    usual = None
    if not record.is_final:
        usual = estimate(SubmitRequest(model=record.model, payload=record.payload), listed).expected_seconds
    fields: dict[str, Any] = {
        "request_id": record.request_id,
        "model": record.model,
        "status": record.status,
        "created_at": None if record.created_at is None else results.iso(record.created_at),
        "elapsed_seconds": None if age is None else round(age),
        "expected_seconds": None if usual is None else round(usual),
        "prompt": one_line(record.payload.get("prompt") or "", results.PROMPT_SHOWN) or None,
        "settings": _settings(results.with_defaults(record.payload, model.defaults if model else {})) or None,
        "estimated_cost_usd": None if usd is None else round(usd, 6),
        "video_url": (record.succeeded and record.video_url) or None,
    }
    return cast("RequestRow", {name: value for name, value in fields.items() if value is not None})


def _settings(parameters: dict[str, Any]) -> str:
    """A job's settings on one line: "resolution 720p, duration 5s, loop"; images by their names, without the prompt."""
    said: list[str] = []
    for name, value in results.bounded(parameters).items():
        if name == "prompt" or value in (None, "", False):
            continue
        plain = value is True or role_of(name) is Role.IMAGE
        said.append(name if plain else f"{name} {one_line(value, 40)}")
    return one_line(", ".join(said), 300)


def _state(record: Record) -> str:
    if record.succeeded:
        return "ready"
    return record.status.lower() if record.is_final else "being made"


def _summary(found: list[Record], rows: list[RequestRow], total: int, which: str) -> str:
    """How many requests there are of each state, and what those in the list come to."""
    if not total:
        return f"There are no requests{which}."
    states = Counter(map(_state, found))
    counted = ", ".join(f"{states[state]} {state}" for state in _STATES if states[state])
    said = f"{total} request{'' if total == 1 else 's'}{which}: {counted}."
    if total > len(found):
        said = f"{total} requests{which}; the queue lists {len(found)} of them: {counted}."
    if len(rows) < len(found):
        said += f" The newest {len(rows)} are in this list."
    prices = [row["estimated_cost_usd"] for row in rows if "estimated_cost_usd" in row]
    if prices:
        unpriced = f", {len(rows) - len(prices)} of unknown price not counted" if len(prices) < len(rows) else ""
        said += f" {'It comes' if len(rows) == 1 else 'They come'} to about {pricing.dollars(sum(prices))}{unpriced}."
    return said + (" Links are as of now and may expire." if any("video_url" in row for row in rows) else "")


def _which(model: str, status: str, search: str) -> str:
    of = f" of {named(model)}" if model else ""
    known = status.strip().lower() in {*LISTED, RUNNING}
    state = f" with status {status.strip().lower() if known else quote_untrusted(status, 40)}" if status else ""
    return f"{of}{state}" + (f" whose prompt holds {quote_untrusted(search, 60)}" if search.split() else "")


def _next_step(shown: list[Record]) -> str:
    running = next((record for record in shown if not record.is_final), None)
    if running is None:
        return "Answer the user from these rows; nothing else needs to be called."
    call = status_call(running.request_id)
    return f"Answer the user from these rows. Only if they want to wait for one that is being made: {call}."


def _nothing_found(which: str) -> str:
    if which:
        return "Tell the user. list_requests without arguments shows the newest requests of every kind."
    return "Tell the user that this account has made no videos yet."

"""The tool that answers "how are my videos?": list_requests."""

from collections import Counter, defaultdict
from functools import cached_property, partial
from typing import Annotated, Any, NamedTuple, cast

import anyio
from anyio import to_thread
from mcp_types import CallToolResult
from pydantic import Field

from gmi_video.catalog import pricing
from gmi_video.catalog.roles import Role, role_of
from gmi_video.jobs.estimates import KEPT, NO_HISTORY, Estimate, estimate
from gmi_video.mcp import results
from gmi_video.mcp.call import Call, ToolContext
from gmi_video.mcp.deadlines import CURRENT
from gmi_video.mcp.job_text import is_stuck, status_call
from gmi_video.mcp.results import PROMPT_SHOWN, RequestRow, RequestsResult, tool_result
from gmi_video.services import Services
from gmi_video.text import nearest, one_line, quote_untrusted
from gmi_video.upstream.lists import RecordList
from gmi_video.upstream.luma_ray2 import named
from gmi_video.upstream.wire import FINAL, LISTED, ModelRecord, Record, SubmitRequest

RUNNING = "running"
"""A status of ours: every job that has not ended."""

PRICED_MODELS = 8
"""Models whose records are fetched for the prices of one list."""

LONG = 2000
"""Requests in a list that is gone through in a thread: a longer one takes more than some milliseconds."""

MAX_REASON = 120
"""Characters of the reason of a failure in a row."""

_STATES = ("ready", "being made", "probably stuck", "failed", "cancelled")


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
    words, now = search.casefold().split(), services.queue.now()
    selection = partial(_selected, listing, status, words, limit, now)
    long = len(listing.requests) > LONG
    found = await to_thread.run_sync(selection) if long else selection()
    models = await _models_of(services, [look.record for look in found.shown])
    rows = [look.row(models.get(look.record.model), whole=found.number == 1) for look in found.shown]
    known = None if status or words else listing.total
    total = max(known or 0, found.number)
    gap = "" if known or listing.complete else f" The queue's list {listing.gap}, so there may be others."
    which = _which(model, status, search)
    if not rows:
        return tool_result(_nothing(listing, words, which, _meant(listing, model, status)))
    return tool_result(
        {
            "summary": f"{_summary(found.states, rows, total, which)}{gap}",
            "total": total,
            "requests": rows,
            "next_step": _next_step(found.shown, rows),
        }
    )


class _Found(NamedTuple):
    """What matches in a list: how many requests, of which states, and those that are shown."""

    number: int
    states: Counter[str]
    shown: list["_Look"]


def _selected(listing: RecordList, status: str, words: list[str], limit: int, now: float) -> _Found:
    """The requests that match, newest first. Its time grows with the list's length only."""
    found = everything = listing.newest_first()
    if status or words:
        found = [record for record in everything if _has_status(record, status) and _holds(record, words)]
    history = _History(everything)
    shown = [_Look(record, now, history.expect(record)) for record in found[:limit]]
    others = Counter(_ended(record) or _Look(record, now, history.of_model(record)).state for record in found[limit:])
    return _Found(len(found), Counter([look.state for look in shown]) + others, shown)


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


def _ended(record: Record) -> str:
    """Which of `_STATES` a request has that has ended; empty for one that has not."""
    status = record.status.lower()
    return "ready" if status == "success" else status if status in FINAL else ""


def _age(record: Record, now: float) -> float | None:
    """Seconds since a job was made, at the time `now`; None where its stamp can't be read."""
    return None if record.created_at is None else max(now - record.created_at, 0.0)


class _History:
    """How long the requests of a list took, by model.

    Args:
        newest_first: all requests of the list.
    """

    def __init__(self, newest_first: list[Record]) -> None:
        self._newest_first = newest_first
        self._by_model: dict[str, Estimate] = {}

    @cached_property
    def _done(self) -> dict[str, list[Record]]:
        """The newest finished ones of each model; in most lists nothing is being made, and none is needed."""
        done: dict[str, list[Record]] = defaultdict(list)
        for record in self._newest_first:
            if record.succeeded and len(done[record.model]) < KEPT:
                done[record.model].append(record)
        return done

    def expect(self, record: Record) -> Estimate:
        """What is known of a job's length before it ends."""
        if record.is_final:
            return NO_HISTORY
        return estimate(SubmitRequest(model=record.model, payload=record.payload), self._done.get(record.model, ()))

    def of_model(self, record: Record) -> Estimate:
        """The same by the model alone, which is known at once for the next job of that model."""
        if record.is_final:
            return NO_HISTORY
        if record.model not in self._by_model:
            request = SubmitRequest(model=record.model, payload={})
            self._by_model[record.model] = estimate(request, self._done.get(record.model, ()))
        return self._by_model[record.model]


class _Look:
    """A request as it was listed.

    Args:
        record: the request.
        now: Unix seconds, by the queue's clock.
        expected: what is known of such a job's length.
    """

    def __init__(self, record: Record, now: float, expected: Estimate) -> None:
        self.record = record
        self.age = record.took if record.is_final else _age(record, now)
        self._expected = expected

    @property
    def state(self) -> str:
        """One of `_STATES`."""
        stuck = not self.record.is_final and is_stuck(self.record, self.age, self._expected)
        return _ended(self.record) or ("probably stuck" if stuck else "being made")

    def row(self, model: ModelRecord | None, *, whole: bool) -> RequestRow:
        """Its row; with the whole prompt, or with its beginning. `model` is its model's record, where it is known."""
        record, prompt = self.record, self.record.payload.get("prompt") or ""
        usd = pricing.cost_as_listed(model, record.payload)
        usual = self._expected.expected_seconds
        defaults = model.defaults if model else {}
        failed = record.is_final and not record.succeeded
        fields: dict[str, Any] = {
            "request_id": record.request_id,
            "model": record.model,
            "status": record.status,
            "created_at": None if record.created_at is None else results.iso(record.created_at),
            "elapsed_seconds": None if self.age is None else round(self.age),
            "expected_seconds": None if usual is None else round(usual),
            "prompt": (results.bounded_value(prompt, "prompt") if whole else one_line(prompt, PROMPT_SHOWN)) or None,
            "settings": _settings(results.with_defaults(record.payload, defaults)) or None,
            "estimated_cost_usd": None if usd is None else round(usd, 6),
            "video_url": (record.succeeded and record.video_url) or None,
            "error": one_line(record.failure_text, MAX_REASON) or None if failed else None,
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


def _summary(states: Counter[str], rows: list[RequestRow], total: int, which: str) -> str:
    """How many videos there are of each state, and what those in the list come to."""
    found = states.total()
    counted = ", ".join(f"{states[state]} {state}" for state in _STATES if states[state])
    said = f"{total} video{'' if total == 1 else 's'}{which}: {counted}."
    if total > found:
        said = f"{total} videos{which}, of which the queue lists {found}: {counted}."
    prices = [row["estimated_cost_usd"] for row in rows if "estimated_cost_usd" in row]
    if prices:
        cost = f"about {pricing.dollars(sum(prices))}{' in all' if len(prices) > 1 else ''}"
        asides = [
            "counting those that were not made"
            if any(row.get("status", "").lower() in {"failed", "cancelled"} for row in rows)
            else "",
            f"without {len(rows) - len(prices)} of unknown price" if len(prices) < len(rows) else "",
        ]
        cost = ", ".join([cost, *filter(None, asides)])
        said += f" The newest {len(rows)} are shown, {cost}." if len(rows) < found else f" Cost: {cost}."
    elif len(rows) < found:
        said += f" The newest {len(rows)} are shown."
    return said + (" Links are as of now and may expire." if any("video_url" in row for row in rows) else "")


def _which(model: str, status: str, search: str) -> str:
    of = f" of {named(model)}" if model else ""
    known = status.strip().lower() in {*LISTED, RUNNING}
    state = f" with status {status.strip().lower() if known else quote_untrusted(status, 40)}" if status else ""
    return f"{of}{state}" + (f" whose prompt holds {quote_untrusted(search, 60)}" if search.split() else "")


def _next_step(looks: list[_Look], rows: list[RequestRow]) -> str:
    said = "Answer the user from these rows; nothing else needs to be called."
    running = next((look.record for look in looks if look.state == "being made"), None)
    if running is not None:
        call = status_call(running.request_id)
        said = f"Answer the user from these rows. Only if they want to wait for one that is being made: {call}."
    if any(row.get("prompt", "").endswith("…") for row in rows):
        said += " Prompts are shortened: before making one again, take the whole from get_status."
    return said


def _nothing(listing: RecordList, words: list[str], which: str, meant: str) -> RequestsResult:
    """The answer where nothing matches: also what the list can't tell, and what was probably meant."""
    hidden = sum(not record.payload for record in listing.requests) if words else 0
    said = f"There are no videos{which}."
    if not listing.complete:
        said = f"None of the {listing.rows} videos that the queue lists is one{which}. Its list {listing.gap}."
    if hidden:
        said += f" The queue does not show the prompts of {hidden} of them."
    result: RequestsResult = {"summary": f"{said}{meant}", "total": 0, "requests": []}
    result["next_step"] = (
        "Tell the user. list_requests without arguments shows the newest videos of every kind."
        if which
        else "Tell the user that this account has made no videos yet."
    )
    return result


def _meant(listing: RecordList, model: str, status: str) -> str:
    """What was probably meant by a status that does not exist, or by a model's id in other letters."""
    wanted = status.strip().lower()
    if wanted and wanted not in {*LISTED, RUNNING} and (near := nearest(wanted, [*LISTED, RUNNING])):
        return f' {quote_untrusted(status, 40)} is no status; the nearest is "{near}".'
    return " Model ids are case-sensitive; list_models has them." if model and not listing.requests else ""

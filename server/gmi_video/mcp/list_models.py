"""The tool list_models: which models there are, several of them in a line each, or one of them whole."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Required

from anyio import to_thread
from mcp_types import CallToolResult
from pydantic import Field

# The standard library's TypedDict can't be read by pydantic before Python 3.12.
from typing_extensions import TypedDict

from gmi_video.catalog import facts, pricing, reading, validation
from gmi_video.catalog.search import matching, nearest, words_of
from gmi_video.errors import NotFound, UpstreamError
from gmi_video.mcp.call import Call, ToolContext
from gmi_video.mcp.results import Fault, tool_result
from gmi_video.text import as_json_literal, one_line, quote_untrusted
from gmi_video.upstream.luma_ray2 import DOCUMENTED, LUMA_RAY2, named
from gmi_video.upstream.wire import ModelRecord

MAX_IDS = 100
"""Model ids in one result; `search` narrows them."""

MAX_DETAILS = 8
"""Models of which a line is told each, where no more match; each costs a request to the queue."""


class ModelsResult(TypedDict, total=False):
    """The answer of list_models."""

    summary: Required[str]
    total: int
    models: list[str]
    details: Annotated[list[str], Field(description="A line a model.")]
    model: str
    description: Annotated[str, Field(description="The vendor's words.")]
    parameters: Annotated[str, Field(description="One a line.")]
    price: str
    error: Fault
    next_step: str


async def list_models(
    ctx: ToolContext,
    *,
    model: Annotated[str, Field(description='One model id, to read about it; "" for the list.')] = "",
    search: Annotated[str, Field(description='Only ids with these words, such as "veo 3" or "image to video".')] = "",
) -> Annotated[CallToolResult, ModelsResult]:
    """List the models that generate_video can use, compare up to eight, or show one's parameters and price.

    Costs nothing. Call it before generate_video with any model but Luma-Ray2: names and types of parameters differ
    from model to model.
    """
    catalog = Call(ctx).services.catalog
    if model:
        return tool_result(_one(*await reading.find(catalog, model)))
    every = await catalog.ids()
    if not words_of(search):
        return tool_result(_ids(every, f"There {'is' if len(every) == 1 else 'are'} {_count(every)}"))
    ids = await to_thread.run_sync(matching, every, search)  # with 20,000 ids it takes 0.4 s
    said = f"{_count(ids).capitalize()} match{'es' if len(ids) == 1 else ''} {quote_untrusted(search, 60)}"
    if len(ids) == 1:
        name, record = await reading.find(catalog, ids[0])
        one = _one(name, record)
        one["summary"] = f"{said}: {named(name)}. {one['summary']}"
        one["total"], one["models"] = 1, ids
        return tool_result(one)
    if not ids:
        near = await to_thread.run_sync(nearest, every, search)
        return tool_result(_none(said, near))
    if len(ids) > MAX_DETAILS:
        return tool_result(_ids(ids, said))
    return tool_result(_several(ids, said, await reading.side_by_side(catalog, ids)))


def _count(ids: Sequence[str]) -> str:
    return "1 model" if len(ids) == 1 else f"{len(ids) or 'no'} models"


def _ids(ids: Sequence[str], said: str) -> ModelsResult:
    """More models than can be told of one by one."""
    listed: ModelsResult = {
        "summary": f"{said}; the first {MAX_IDS} are listed." if len(ids) > MAX_IDS else f"{said}.",
        "total": len(ids),
        "models": list(ids[:MAX_IDS]),
        "next_step": f'Add words to "search" to narrow the list; {_read(ids)}',
    }
    return listed


def _several(ids: Sequence[str], said: str, records: Mapping[str, ModelRecord | UpstreamError]) -> ModelsResult:
    """A few models, with what is known of each."""
    readable = [name for name in ids if isinstance(records.get(name), ModelRecord)]
    return {
        "summary": f"{said}.",
        "total": len(ids),
        "models": list(ids),
        "details": [f"{_begins(name)}: {_facts(records.get(name))}" for name in ids],
        "next_step": f"Choose by these details, or ask the user; {_read(readable or ids)}",
    }


def _none(said: str, near: Sequence[str]) -> ModelsResult:
    """No model, and the ids that may have been meant."""
    known = f"; the nearest: {', '.join(map(as_json_literal, near))}." if near else "."
    step = (
        f"If one of these is meant, {_read(near)}"
        if near
        else 'Call list_models with other words in "search", or with none.'
    )
    return {"summary": said + known, "total": 0, "models": [], "next_step": step}


def _read(ids: Sequence[str]) -> str:
    """The call that shows one of some models, filled in: the first that is not Luma-Ray2 and seems to make videos."""
    others = [name for name in ids if name != LUMA_RAY2]
    first = next((name for name in others if "image" not in name.lower()), next(iter(others), LUMA_RAY2))
    another = " (or another of these ids)" if len(ids) > 1 else ""
    shown = as_json_literal(first, 200)
    return f'for parameters and price call list_models with {{"model": {shown}}}{another}.'


def _begins(name: str) -> str:
    return name if re.fullmatch(r"[\w.+-]+", name) else as_json_literal(name, 200)


def _facts(found: ModelRecord | UpstreamError | None) -> str:
    if isinstance(found, NotFound):
        return "not for this account"
    return facts.line(found) if isinstance(found, ModelRecord) else "no details can be had just now"


def _one(model: str, record: ModelRecord) -> ModelsResult:
    name = named(model) if record.display_name in {"", model} else quote_untrusted(record.display_name, 80)
    price = pricing.in_words(record)
    summary = f"The price of {name} is {price}" + ("" if price.endswith((".", "”")) else ".")
    if record is DOCUMENTED:
        summary += " Its live record can't be had just now, so this is the documented table."
    answer: ModelsResult = {
        "summary": summary,
        "model": one_line(model, 200),
        "parameters": parameter_table(record),
        "price": price,
        "next_step": _how_to_use(model, record),
    }
    if said := record.brief_description or record.detailed_description:
        answer["description"] = quote_untrusted(said, 600)
    return answer


def parameter_table(record: ModelRecord) -> str:
    """A model's parameters, one a line: name, what it may be, whether it must be given, what it does."""
    rows = [
        f"{p.name if p.name.isidentifier() else as_json_literal(p.name)} "
        f"({'required; ' if p.required else ''}{validation.allowed_for(p)})"
        + (f": {quote_untrusted(p.description, 140)}" if p.description else "")
        for p in record.parameters[:60]
    ]
    return "\n".join(rows) or "none are told"


def _how_to_use(model: str, record: ModelRecord) -> str:
    if model == LUMA_RAY2:
        return "Call generate_video; these parameters are its own arguments."
    example = facts.example(record)
    needed = [p.name for p in record.parameters if p.required and p.name != "prompt" and f'"{p.name}"' not in example]
    given = [f"such as {example}"] if example != "{}" else []
    given += [f"with {', '.join(map(as_json_literal, needed[:5]))}"] if needed else []
    parameters = f', "model_parameters" {" ".join(given)}' if given else ""
    return (
        f'Call generate_video with the prompt, "model": {as_json_literal(model, 200)}{parameters}; first with '
        '"dry_run": true if the user wants to know the exact price.'
    )

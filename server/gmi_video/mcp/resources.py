"""Resources: what a host can attach to a conversation. Outcomes are fetched at each read, so their links are live."""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any

from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp_types import Completion, Resource

from gmi_video.catalog import pricing, reading, validation
from gmi_video.errors import GmiVideoError, JobFailed, NotFound, StillRunning
from gmi_video.mcp import results
from gmi_video.mcp.call import ToolContext
from gmi_video.mcp.deadlines import CURRENT
from gmi_video.mcp.job_text import failure_of, status_call
from gmi_video.mcp.results import MODEL_URI, OUTCOME_URI, REQUEST_URIS
from gmi_video.services import Services
from gmi_video.text import one_line
from gmi_video.upstream.wire import Parameter, Record, fields_of

LISTED = 20
"""Recent finished requests in resources/list."""

COMPLETIONS = 100
"""The protocol's own limit on the values of one completion."""


@contextmanager
def protocol_errors() -> Generator[None]:
    """Our errors as the protocol's: -32602 for what does not exist, -32603 for the rest, with our text."""
    try:
        yield
    except NotFound as error:
        raise ResourceNotFoundError(str(error)) from error
    except GmiVideoError as error:
        raise ResourceError(str(error)) from error


async def outcome(request_id: str, ctx: ToolContext) -> str:
    """The outcome of a finished request, as JSON. Unfinished, failed and unknown requests are errors that say which."""
    services = ctx.request_context.lifespan_context
    with protocol_errors():
        services.settings.check()
        record = await services.poller.look(request_id)
        must_have_succeeded(record)
    return results.text_of(outcome_of(record))


async def model(model_id: str, ctx: ToolContext) -> str:
    """A model's parameters, price and whole guide, as JSON. An unknown id is an error that says so."""
    services = ctx.request_context.lifespan_context
    with protocol_errors():
        services.settings.check()
        model_id, record = await reading.find(services.catalog, model_id)
    return results.text_of(
        {
            "model": model_id,
            "display_name": record.display_name,
            "description": record.brief_description,
            "price": pricing.in_words(record),
            "parameters": [_parameter(parameter) for parameter in record.parameters],
            # The vendor's Markdown, for whoever attaches it.
            "guide": record.detailed_description,
        }
    )


def _parameter(parameter: Parameter) -> dict[str, Any]:
    fields = {
        "name": parameter.name,
        "type": parameter.type,
        "required": parameter.required,
        "allowed": validation.allowed_for(parameter),
        "default": results.bounded_value(parameter.default_value),
        "options": [results.bounded_value(option) for option in validation.options_of(parameter)[:200]],
        "description": parameter.description,
    }
    return {name: value for name, value in fields.items() if value not in (None, "", [])}


def outcome_of(record: Record) -> dict[str, Any]:
    """A finished request's outcome: the links, what it was made from, and whatever else the queue says of it."""
    extra = {name: value for name, value in fields_of(record.outcome).items() if isinstance(value, str | int | float)}
    links = {"video_url": record.video_url, "thumbnail_image_url": record.thumbnail_url}
    return {
        "request_id": record.request_id,
        "model": record.model,
        "status": record.status,
        "outcome": results.bounded({name: value for name, value in extra.items() if name not in links})
        | {name: url for name, url in links.items() if url},
        "parameters": results.bounded(record.payload),
    } | {
        name: results.iso(at)
        for name, at in (("created_at", record.created_at), ("updated_at", record.updated_at))
        if at is not None
    }


async def recent(services: Services) -> list[Resource]:
    """The newest finished outcomes, for resources/list; none where the queue can't be asked, or not in time."""
    # A list has no place for an error, and the server's other resources must stay listed.
    with suppress(GmiVideoError), CURRENT.get().soft():
        services.settings.check()
        return [_as_resource(record) for record in (await _finished(services))[:LISTED]]
    return []


async def complete(services: Services, uri: str, argument: str, typed: str) -> Completion:
    """Ids that begin with what was typed: of finished requests, or of models; none where the queue can't be asked."""
    ids: list[str] = []
    with suppress(GmiVideoError), CURRENT.get().soft():
        services.settings.check()
        if uri in REQUEST_URIS and argument == "request_id":
            ids = [record.request_id for record in await _finished(services)]
        elif (uri, argument) == (MODEL_URI, "model_id"):
            ids = await services.catalog.ids()
    matching = [found for found in ids if found.lower().startswith(typed.lower())]
    return Completion(values=matching[:COMPLETIONS], total=len(matching), has_more=len(matching) > COMPLETIONS)


async def _finished(services: Services) -> list[Record]:
    """The finished requests, newest first."""
    listing = await services.queue.list_requests(patience=0)
    return [record for record in listing.newest_first() if record.succeeded]


def must_have_succeeded(record: Record) -> None:
    """Raises `JobFailed` or `StillRunning` where a request has no outcome."""
    if record.succeeded:
        return
    if record.is_final:
        failure = failure_of(record)
        raise JobFailed(f"{failure.reason} {failure.cost}", failure.next_step)
    raise StillRunning(
        f"Request {record.request_id} is not finished: {record.status_words}.",
        f"Call {status_call(record.request_id)} to wait for it.",
    )


def _as_resource(record: Record) -> Resource:
    prompt = one_line(record.payload.get("prompt") or "a video", 60)
    made = results.iso(record.created_at)[:16].replace("T", " ") if record.created_at is not None else ""
    return Resource(
        uri=OUTCOME_URI.format(request_id=record.request_id),
        name=record.request_id,
        title=prompt,
        description=f"{one_line(record.model, 60)}, {made}".strip(", "),
        mime_type="application/json",
    )

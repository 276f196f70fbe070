"""From a tool call's arguments to a checked and priced request, or every fault at once. Sends nothing that costs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gmi_video.catalog import combinations, facts, pricing, validation
from gmi_video.catalog.lookup import Catalog
from gmi_video.catalog.priced import PricedRequest
from gmi_video.catalog.roles import Role, counterpart, role_of
from gmi_video.errors import InvalidRequest
from gmi_video.text import as_json_literal, nearest
from gmi_video.upstream.luma_ray2 import DOCUMENTED, LUMA_RAY2, LumaRay2Payload, named
from gmi_video.upstream.rate_limit import moment
from gmi_video.upstream.wire import ModelRecord, Parameter, SubmitRequest, is_model_id

_DOCUMENTED = {parameter.name: parameter for parameter in DOCUMENTED.parameters}
_LUMA_IMAGES = tuple(name for name in _DOCUMENTED if role_of(name) is Role.IMAGE)

Parameters = Mapping[str, Parameter]


@dataclass(frozen=True, slots=True)
class VideoArguments:
    """What a call of generate_video asks for: `luma` are Luma-Ray2's arguments, `parameters` is model_parameters."""

    model: str
    prompt: str
    luma: Mapping[str, Any]
    parameters: Mapping[str, Any]


async def prepare(
    catalog: Catalog, arguments: VideoArguments, ahead: Callable[[str], None] | None = None
) -> PricedRequest:
    """Check and price what a call asks for.

    Args:
        catalog: the models.
        arguments: the call's.
        ahead: called with the model where its record has to be fetched and nothing is known against the call: what
            else it needs of the queue can be asked for meanwhile.

    Raises:
        InvalidRequest: names every fault and what would be right.
        UpstreamError: another model's live record is unavailable; nothing is sent unchecked.
    """
    began, model = moment(), arguments.model
    if ahead and not catalog.has(model) and _may_be_right(arguments):
        ahead(model)
    record = await catalog.luma() if model == LUMA_RAY2 else await catalog.model(model)
    return replace(_checked(arguments, record), began=began)


def _may_be_right(arguments: VideoArguments) -> bool:
    """Whether nothing is known against a call before the model's record is there, and no image has to be checked."""
    if any(arguments.luma[name] for name in _LUMA_IMAGES):
        return False
    if arguments.model != LUMA_RAY2:
        return is_model_id(arguments.model) and all(
            value == _DOCUMENTED[name].default_value for name, value in arguments.luma.items()
        )
    try:
        _checked(arguments, DOCUMENTED)
    except InvalidRequest:
        return False
    return True


def _checked(arguments: VideoArguments, record: ModelRecord) -> PricedRequest:
    """The request, by the model's record. Raises `InvalidRequest` as `prepare` does."""
    model = arguments.model
    parameters = record.parameters or (DOCUMENTED.parameters if model == LUMA_RAY2 else [])
    if not parameters:
        raise InvalidRequest(
            f"The queue does not tell what {named(model)} takes, so nothing can be checked before it is paid for.",
            "Choose another model; list_models has them.",
        )
    live = {parameter.name: parameter for parameter in parameters}
    schema = validation.schema_of(parameters)
    arguments = replace(arguments, parameters=validation.conformed(schema, arguments.parameters))
    payload, faults, notes = (_for_luma if model == LUMA_RAY2 else _for_other)(arguments, live)
    faults += validation.faults(schema, payload, validation.Subject("parameter", model))
    if faults:
        shown = f' list_models with {{"model": {as_json_literal(model, 200)}}} shows what the model takes.'
        raise InvalidRequest(
            " ".join(dict.fromkeys(faults)),
            "Correct this and call generate_video again; where that changes what the user asked for, tell them."
            + ("" if model == LUMA_RAY2 else shown),
        )
    usd = pricing.cost(record, payload)
    return PricedRequest(
        SubmitRequest(model=model, payload=payload),
        usd,
        pricing=pricing.UNKNOWN if usd is not None else pricing.in_words(record),
        notes=(*notes, *combinations.notes(model, payload)),
        images=tuple(name for name in payload if role_of(name) is Role.IMAGE),
        defaults={parameter.name: parameter.default_value for parameter in parameters},
        cheaper=tuple(pricing.cheaper(record, payload)),
        ratios=tuple(facts.ratios(parameters) or (facts.ratios(DOCUMENTED.parameters) if model == LUMA_RAY2 else ())),
    )


Draft = tuple[dict[str, Any], list[str], list[str]]
"""A payload, the faults found while it was put together, and notes for the user."""


def _for_luma(arguments: VideoArguments, live: Parameters) -> Draft:
    """Luma-Ray2: its own arguments, and what the live record has beyond the documented table."""
    payload = LumaRay2Payload(prompt=arguments.prompt, **arguments.luma).wire()
    gone = [name for name in _DOCUMENTED if name not in live]
    for name in gone:
        # The queue would ignore the key in silence: a default is left out, anything else is refused.
        if name in payload and payload[name] == _DOCUMENTED[name].default_value:
            del payload[name]
    faults = [
        _elsewhere(name)
        for name, value in arguments.parameters.items()
        if name in _DOCUMENTED and value in (_DOCUMENTED[name].options or [value])
    ]
    return payload | dict(arguments.parameters), faults, _differences(live, gone)


def _differences(live: Parameters, gone: list[str]) -> list[str]:
    """How the live record differs from the documented table, as a note for the user."""
    said = [f'"{name}" is gone' for name in gone]
    said += [f"{as_json_literal(name)} is new" for name in live if name not in _DOCUMENTED]
    for name in _DOCUMENTED.keys() & live.keys():
        options, documented = validation.options_of(live[name]), _DOCUMENTED[name].options
        if options and documented and set(map(str, options)) != set(documented):
            said.append(f'"{name}" may be {", ".join(map(as_json_literal, options[:12]))}')
    if not said:
        return []
    return [f"Luma-Ray2's live record differs from the documented table ({'; '.join(said)}); the live one counts."]


def _for_other(arguments: VideoArguments, live: Parameters) -> Draft:
    """Any other model: the prompt, where it takes one, and model_parameters."""
    faults = [
        _of_luma(name, live, arguments.model)
        for name, value in arguments.luma.items()
        if value != _DOCUMENTED[name].default_value
    ]
    payload = dict(arguments.parameters)
    if "prompt" in payload:
        return payload, [*faults, _elsewhere("prompt")], []
    if "prompt" in live:
        return {"prompt": arguments.prompt, **payload}, faults, []
    return payload, faults, [f"{named(arguments.model)} takes no prompt, so it is not sent."]


def _elsewhere(name: str) -> str:
    return f"{as_json_literal(name)} is an argument of generate_video itself; give it there, not in model_parameters."


def _of_luma(name: str, live: Parameters, model: str) -> str:
    theirs = counterpart(name, live) or nearest(name, live)
    if not theirs:
        return f'"{name}" is Luma-Ray2\'s; {named(model)} has nothing like it. Leave it out.'
    calls_it = f"{named(model)} calls it {as_json_literal(theirs)}: {validation.allowed_for(live[theirs])}"
    return f'"{name}" is Luma-Ray2\'s; {calls_it}. Give it in model_parameters.'

"""From a tool call's arguments to a checked and priced request, or every fault at once. Sends nothing that costs."""

import math
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gmi_video.catalog import pricing, validation
from gmi_video.catalog.lookup import Catalog
from gmi_video.catalog.roles import Role, counterpart, role_of
from gmi_video.errors import InvalidRequest
from gmi_video.text import as_json_literal, nearest
from gmi_video.upstream.luma_ray2 import DOCUMENTED, LUMA_RAY2, LumaRay2Payload, named
from gmi_video.upstream.rate_limit import moment
from gmi_video.upstream.wire import ModelRecord, Parameter, SubmitRequest, items_of

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


@dataclass(frozen=True, slots=True)
class PricedRequest:
    """A checked request and its price: the one object that travels from the arguments to the submission.

    Attributes:
        wire: what is submitted. Local images stand in it as paths, then as digests, and as URLs once uploaded.
        usd: the price in dollars; None where it is unknown.
        pricing: what the record says of the price, for where it can't be computed.
        notes: sentences for the user.
        images: the names of the parameters that hold images.
        defaults: the model's defaults, by parameter.
        began: when its check began (`moment`): what the queue was asked after that may be used for it.
    """

    wire: SubmitRequest
    usd: float | None = None
    pricing: str = pricing.UNKNOWN
    notes: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    began: float = math.inf

    @property
    def price(self) -> str:
        """The price in words."""
        if self.usd is not None:
            return f"about {pricing.dollars(self.usd)}"
        return "a price that is not known" + ("" if self.pricing == pricing.UNKNOWN else f" ({self.pricing})")

    @property
    def has_images(self) -> bool:
        """Whether it is made from images, which may have to be uploaded first."""
        return any(self.wire.payload[name] for name in self.images)

    @property
    def title(self) -> str:
        """The job in a few words: "Luma-Ray2 video (720p, 5s, 16:9)"."""
        payload = self.wire.payload
        small = [str(v) for k, v in payload.items() if k not in self.images and isinstance(v, str | int)]
        choices = [_in_title(v) for v in small if v not in {payload.get("prompt"), "True", "False"}][:4]
        return f"{named(self.wire.model)} video" + (f" ({', '.join(choices)})" if choices else "")

    async def with_images(self, convert: Callable[[str, str], Awaitable[str]]) -> "PricedRequest":
        """This request with every image, also those in lists, put through `convert(value, parameter name)`."""
        payload = dict(self.wire.payload)
        for name in self.images:
            value = payload[name]
            if isinstance(value, list):
                payload[name] = [
                    await convert(i, name) if i and isinstance(i, str) else i for i in items_of(payload[name])
                ]
            elif value and isinstance(value, str):
                payload[name] = await convert(value, name)
        return replace(self, wire=SubmitRequest(model=self.wire.model, payload=payload))


def _in_title(value: str) -> str:
    """A value in a few characters: a figure such as "16:9" or "1080p" as it is, anything else in quotation marks."""
    return value if re.fullmatch(r"\d[\d:.x*]{0,10}[a-z]{0,2}", value) else as_json_literal(value, 20)


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
        return all(value == _DOCUMENTED[name].default_value for name, value in arguments.luma.items())
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
    payload, faults, notes = (_for_luma if model == LUMA_RAY2 else _for_other)(arguments, live)
    faults += validation.faults(validation.schema_of(parameters), payload, validation.Subject("parameter", model))
    if faults:
        raise InvalidRequest(
            " ".join(dict.fromkeys(faults)),
            f'Correct this and call generate_video again; list_models with {{"model": {as_json_literal(model, 200)}}} '
            "shows what the model takes.",
        )
    usd = pricing.cost(record, payload)
    return PricedRequest(
        SubmitRequest(model=model, payload=payload),
        usd,
        pricing.UNKNOWN if usd is not None else pricing.in_words(record),
        tuple(notes),
        tuple(name for name in payload if role_of(name) is Role.IMAGE),
        {parameter.name: parameter.default_value for parameter in parameters},
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

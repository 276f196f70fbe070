"""From a tool's arguments to the exact payload and its price; or every fault at once. Sends nothing that costs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gmi_video.catalog import pricing, validation
from gmi_video.catalog.lookup import Catalog
from gmi_video.errors import InvalidRequest
from gmi_video.text import as_json_literal, nearest, one_line
from gmi_video.upstream.wire import LUMA_RAY2, LumaRay2Payload, ModelRecord, Parameter

_TABLE = LumaRay2Payload.model_json_schema()["properties"]

# What other models call Luma-Ray2's parameters, in the order in which they are looked for.
_ELSEWHERE = {
    "resolution": ("resolution", "size", "quality"),
    "duration": ("duration", "durationSeconds", "seconds", "length"),
    "aspect_ratio": ("aspect_ratio", "aspectRatio", "ratio"),
    "loop": ("loop",),
    "frame0_image": ("image", "image_url", "start_frame_url", "start_image", "first_frame", "input_reference"),
    "frame1_image": ("lastFrame", "last_frame", "end_frame_url", "end_image", "image_tail"),
}

_IMAGE = re.compile(r"image|frame|picture|photo|reference", re.IGNORECASE)
_NOT_AN_IMAGE = re.compile(r"(_|\b)(id|ids|count|num|strength|weight|type|mode)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class VideoArguments:
    """What a call of generate_video asks for, as it was given."""

    model: str
    prompt: str
    luma: Mapping[str, Any]
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PricedRequest:
    """A request that may be submitted, once its images are where the vendor can see them.

    `usd` is its price, None where that is not known; `price` the same in words; `notes` are for the user.
    """

    model: str
    payload: dict[str, Any]
    usd: float | None
    price: str
    notes: tuple[str, ...] = ()
    images: tuple[str, ...] = field(default=())

    @property
    def in_words(self) -> str:
        """The job in a few words: "Luma-Ray2 video (720p, 5s, 16:9)"."""
        small = [str(v) for k, v in self.payload.items() if k not in self.images and isinstance(v, str | int)]
        choices = [one_line(v, 20) for v in small if v not in {self.payload.get("prompt"), "True", "False"}][:4]
        return f"{self.model} video" + (f" ({', '.join(choices)})" if choices else "")


async def draft(catalog: Catalog, wanted: VideoArguments) -> PricedRequest:
    """Check and price what is wanted.

    Raises:
        InvalidRequest: with every fault, and what would be right.
        UpstreamError: another model's live record could not be had; nothing is sent unchecked.
    """
    if wanted.model == LUMA_RAY2:
        return await _luma(catalog, wanted)
    return await _other(catalog, wanted)


# -- Luma-Ray2: the built-in table, or the live record where that says otherwise ----------------------------------


async def _luma(catalog: Catalog, wanted: VideoArguments) -> PricedRequest:
    record = await catalog.luma()
    given = dict(wanted.parameters)
    faults = [
        f'"{one_line(name, 60)}" is an argument of generate_video itself; give it there, not in model_parameters.'
        for name, value in given.items()
        if name in _TABLE and (record is None or value in _TABLE[name].get("enum", [value]))
    ]
    payload = LumaRay2Payload(prompt=wanted.prompt, **wanted.luma).wire()
    notes: tuple[str, ...] = ()
    if record is None or not record.parameters:
        faults += [
            f'"{one_line(name, 60)}" is not a parameter of Luma-Ray2. There are: {", ".join(_TABLE)}.'
            for name in given
            if name not in _TABLE
        ]
    else:
        live = {parameter.name: parameter for parameter in record.parameters}
        gone = [name for name in _TABLE if name not in live]
        for name in gone:
            # The queue would ignore the key in silence: what is at its default is left out, anything else refused.
            if name in payload and payload[name] == _TABLE[name].get("default"):
                del payload[name]
        payload |= given
        faults += validation.faults(record.parameters, payload, LUMA_RAY2)
        notes = _differences(live, gone)
    _refuse(faults, LUMA_RAY2)
    return _drafted(wanted.model, payload, record, notes, ("frame0_image", "frame1_image"))


def _differences(live: Mapping[str, Parameter], gone: list[str]) -> tuple[str, ...]:
    """How the live record differs from the documented table, for the user."""
    said = [f'"{name}" is gone' for name in gone]
    said += [f'"{one_line(name, 60)}" is new' for name in live if name not in _TABLE]
    for name, parameter in live.items():
        options, known = validation.options_of(parameter), _TABLE.get(name, {}).get("enum")
        if options and known and set(map(str, options)) != set(known):
            said.append(f'"{name}" may be {", ".join(map(as_json_literal, options[:12]))}')
    if not said:
        return ()
    return (f"Luma-Ray2's live record differs from the documented table ({'; '.join(said)}); the live one counts.",)


# -- any other model: its live record ----------------------------------------------------------------------------


async def _other(catalog: Catalog, wanted: VideoArguments) -> PricedRequest:
    record = await catalog.model(wanted.model)
    if not record.parameters:
        raise InvalidRequest(
            f"The queue does not tell what {wanted.model} takes, so nothing can be checked before it is paid for.",
            "Choose another model; list_models has them.",
        )
    live = {parameter.name: parameter for parameter in record.parameters}
    faults = [
        _misplaced(name, live, wanted.model) for name, value in wanted.luma.items() if value != _TABLE[name]["default"]
    ]
    payload = dict(wanted.parameters)
    notes: tuple[str, ...] = ()
    if "prompt" in payload:
        faults.append('"prompt" is an argument of generate_video itself; give it there, not in model_parameters.')
    elif "prompt" in live:
        payload = {"prompt": wanted.prompt, **payload}
    else:
        notes = (f"{wanted.model} takes no prompt, so it is not sent.",)
    faults += validation.faults(record.parameters, payload, wanted.model)
    _refuse(faults, wanted.model)
    images = tuple(name for name in payload if _IMAGE.search(name) and not _NOT_AN_IMAGE.search(name))
    return _drafted(wanted.model, payload, record, notes, images)


def _misplaced(name: str, live: Mapping[str, Parameter], model: str) -> str:
    theirs = next((other for other in _ELSEWHERE[name] if other in live), nearest(name, live))
    if not theirs:
        return f'"{name}" is Luma-Ray2\'s; {model} has nothing like it. Leave it out.'
    return (
        f'"{name}" is Luma-Ray2\'s; {model} calls it "{theirs}": {validation.allowed(live[theirs])}. '
        "Give it in model_parameters."
    )


# -- both --------------------------------------------------------------------------------------------------------


def _refuse(faults: list[str], model: str) -> None:
    if faults:
        raise InvalidRequest(
            " ".join(dict.fromkeys(faults)),
            f'Correct this and call generate_video again; list_models with {{"model": {as_json_literal(model)}}} shows '
            "what the model takes.",
        )


def _drafted(
    model: str, payload: dict[str, Any], record: ModelRecord | None, notes: tuple[str, ...], images: tuple[str, ...]
) -> PricedRequest:
    usd = pricing.cost(record, payload)
    words = f"about {pricing.dollars(usd)}" if usd is not None else "a price that is not known"
    if usd is None and record is not None:
        words += f" ({pricing.in_words(record)})"
    return PricedRequest(model, payload, usd, words, notes, tuple(name for name in images if name in payload))

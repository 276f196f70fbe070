"""A model in one line: what its record tells of lengths, shapes, sizes, images, seed, sound and price."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from gmi_video.catalog import pricing
from gmi_video.catalog.roles import Role, counterpart, role_of
from gmi_video.catalog.validation import options_of
from gmi_video.text import as_json_literal, quote_untrusted
from gmi_video.upstream.wire import ModelRecord, Parameter, error_text

MOST_VALUES = 8
"""Values of one parameter that a line shows."""

_RATIO = re.compile(r"\d{1,4}:\d{1,4}")
_FIGURE = re.compile(r"\d[\d:.x*]{0,10}[a-zA-Z]{0,2}")
_SECONDS = re.compile(r"(\d{1,4}(?:\.\d{1,2})?) ?(?:s|sec|seconds)?", re.IGNORECASE)


def line(record: ModelRecord) -> str:
    """The facts, such as "5 or 9 s; 16:9, 9:16; 720p, 1080p; start and end image; $0.142 per second"."""
    named = {parameter.name: parameter for parameter in record.parameters}
    facts = [
        next(filter(None, (_seconds(p) for p in record.parameters if role_of(p.name) is Role.LENGTH)), ""),
        _values(ratios(record.parameters)),
        _values(_options(named.get(counterpart("resolution", named)))),
        _images(record.parameters),
        "seed" if any(name.lower() == "seed" for name in named) else "",
        "sound" if any(map(_is_sound, record.parameters)) else "",
        _price(record),
    ]
    return "; ".join(filter(None, facts))


def ratios(parameters: Sequence[Parameter]) -> list[str]:
    """The aspect ratios that a model offers, as "16:9"."""
    named = {parameter.name: parameter for parameter in parameters}
    return [value for value in _options(named.get(counterpart("aspect_ratio", named))) if _RATIO.fullmatch(value)]


def _options(parameter: Parameter | None) -> list[str]:
    return [str(option) for option in options_of(parameter) if option] if parameter else []


def _values(values: Sequence[str]) -> str:
    shown = [value if _FIGURE.fullmatch(value) else as_json_literal(value, 20) for value in values[:MOST_VALUES]]
    return ", ".join(shown) + (", …" if len(values) > MOST_VALUES else "")


def _seconds(parameter: Parameter) -> str:
    """Lengths: "5 or 9 s", "3 to 15 s"; empty where none is told."""
    found = [_SECONDS.fullmatch(option) for option in _options(parameter)]
    lengths = sorted({float(match[1]) for match in found if match})
    low, high = parameter.min_value, parameter.max_value
    if not lengths:
        return f"{low:g} to {high:g} s" if low and high and 0 < low < high < 10_000 else ""
    run = len(lengths) > 2 and all(after - before == 1 for before, after in pairwise(lengths))
    if run:
        return f"{lengths[0]:g} to {lengths[-1]:g} s"
    shown = [f"{length:g}" for length in lengths[:MOST_VALUES]]
    return " or ".join(filter(None, [", ".join(shown[:-1]), shown[-1]])) + " s"


def _images(parameters: Sequence[Parameter]) -> str:
    """Whether images are taken, and as what."""
    if not parameters:
        return "its parameters are not told"
    names = [parameter.name for parameter in parameters if role_of(parameter.name) is Role.IMAGE]
    if not names:
        return "no image input"
    start, end = counterpart("frame0_image", names), counterpart("frame1_image", names)
    kinds = [kind for kind, name in (("start", start), ("end", end)) if name]
    needed = any(parameter.required for parameter in parameters if parameter.name in names)
    return ("needs " if needed else "takes ") + (f"a {' and an '.join(kinds)} image" if kinds else "images")


def _is_sound(parameter: Parameter) -> bool:
    """Whether a parameter turns sound on; not one that takes a recording."""
    takes = parameter.type in {"boolean", "enum"} or bool(parameter.options)
    return takes and re.search(r"audio|sound", parameter.name, re.IGNORECASE) is not None


def _price(record: ModelRecord) -> str:
    if pricing.unit_price(record) is not None:
        return pricing.in_words(record.model_copy(update={"pricing_details": None})).rstrip(".")
    said = error_text(record.pricing_details)
    return f"price: {quote_untrusted(said, 80)}" if said else "price not known"


def example(record: ModelRecord) -> str:
    """Some of a model's choices with their defaults, as JSON that can be given as model_parameters; may be "{}"."""
    wanted: dict[str, Any] = {}
    for role in ("duration", "aspect_ratio", "resolution"):
        named = {parameter.name: parameter for parameter in record.parameters}
        choice = named.get(counterpart(role, named))
        if choice and choice.default_value in (options_of(choice) or [None]):
            wanted[choice.name] = choice.default_value
    return "{" + ", ".join(f"{as_json_literal(k)}: {as_json_literal(v)}" for k, v in wanted.items()) + "}"

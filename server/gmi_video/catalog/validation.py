"""A payload against a model's own parameters: every fault at once, before anything is sent.

The queue ignores an unknown key in silence and charges for the default, so a name or type that is off is named here
and never guessed: a number where the model lists strings (Veo3's "8") is a fault, and so is the reverse (Wan's 10).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gmi_video.text import as_json_literal, nearest, nearest_option, one_line
from gmi_video.upstream.wire import Parameter, fields_of

_KINDS = {
    "string": "text",
    "enum": "one of its options",
    "integer": "a whole number",
    "float": "a number",
    "number": "a number",
    "boolean": "true or false",
}

_MEANT = {
    "negativeprompt": "negative_prompt",
    "startimage": "image",
    "firstframe": "image",
    "frame0image": "image",
    "frame1image": "lastFrame",
    "lastframe": "lastFrame",
    "length": "duration",
}


def options_of(parameter: Parameter) -> list[Any]:
    """The values a parameter lists; the form of an option is not documented beyond plain values, so objects too."""
    return [fields_of(option).get("value", option) for option in parameter.options]


def faults(parameters: Sequence[Parameter], given: Mapping[str, Any], model: str) -> list[str]:
    """What is wrong with `given`, a sentence a fault; empty where it may be sent."""
    by_name = {parameter.name: parameter for parameter in parameters}
    found = [
        _fault(by_name[name], value) if name in by_name else _unknown(name, by_name, model)
        for name, value in given.items()
    ]
    found += [
        f'{model} needs "{name}": {allowed(parameter)}.'
        for name, parameter in by_name.items()
        if parameter.required and name not in given
    ]
    return [fault for fault in found if fault]


def allowed(parameter: Parameter) -> str:
    """What a parameter may be, in words."""
    options = options_of(parameter)
    if options:
        words = f"one of {', '.join(map(as_json_literal, options[:30]))}"
    else:
        words = _KINDS.get(parameter.type, "a value")
        low, high = parameter.min_value, parameter.max_value
        if parameter.type == "string" and high is not None:
            words = f"text of at most {_digits(high)} characters"
        elif low is not None and high is not None:
            words += f" from {_digits(low)} to {_digits(high)}"
        elif low is not None or high is not None:
            words += f" of at least {_digits(low)}" if low is not None else f" of at most {_digits(high or 0)}"
    default = parameter.default_value
    return f"{words}; default {as_json_literal(default)}" if default not in (None, "") else words


def _unknown(name: str, by_name: Mapping[str, Parameter], model: str) -> str:
    named = one_line(name, 60)
    if near := nearest(name, by_name, _MEANT):
        return f'"{named}" is not a parameter of {model}. The nearest is "{near}": {allowed(by_name[near])}.'
    return f'"{named}" is not a parameter of {model}. There are: {", ".join(list(by_name)[:40])}.'


def _fault(parameter: Parameter, value: object) -> str:
    must = f'"{parameter.name}" must be {allowed(parameter)}'
    options = options_of(parameter)
    if options:
        if any(option == value and type(option) is type(value) for option in options):
            return ""
        twin = next((option for option in options if str(option) == str(value)), None)
        if twin is not None and not isinstance(value, bool):
            kind = "text" if isinstance(twin, str) else "a number"
            return f"{must}; {as_json_literal(value)} has the wrong type, it must be {kind}: {as_json_literal(twin)}."
        near = nearest_option(value, [option for option in options if isinstance(option, str)])
        return f"{must}, not {as_json_literal(value)}." + (f" Did you mean {as_json_literal(near)}?" if near else "")
    if not _fits_type(parameter.type, value):
        return f"{must}, not {_described(value)}."
    if not _fits_range(parameter, value):
        return f"{must}, not {as_json_literal(value)}."
    return ""


def _fits_type(kind: str, value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    match kind:
        case "string" | "enum":
            return isinstance(value, str)
        case "integer":
            return number and isinstance(value, int)
        case "float" | "number":
            return number
        case "boolean":
            return isinstance(value, bool)
        case _:
            # A type nobody has documented: anything but nothing.
            return value is not None


def _fits_range(parameter: Parameter, value: object) -> bool:
    low, high = parameter.min_value, parameter.max_value
    if isinstance(value, str):
        # For text the bounds count characters, where there are any (gmi-api: "prompt (1-6000)").
        size: float = len(value)
        low = None if low is None or low <= 0 else low
    elif isinstance(value, int | float) and not isinstance(value, bool):
        size = value
    else:
        return True
    return (low is None or size >= low) and (high is None or size <= high)


def _digits(number: float) -> str:
    return str(int(number)) if number.is_integer() else str(number)


def _described(value: object) -> str:
    if isinstance(value, str):
        return f"the text {as_json_literal(value)}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"the number {as_json_literal(value)}"
    return as_json_literal(value)

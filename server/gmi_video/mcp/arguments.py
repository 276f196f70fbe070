"""Arguments that don't fit, put into words: every fault at once, each with the right argument and what it may be."""

from collections.abc import Iterable, Mapping
from typing import Any

from gmi_video.errors import InvalidRequest
from gmi_video.text import as_json_literal, folded, nearest, nearest_option, one_line

# What people and other models' pages call Luma-Ray2's parameters; the guide's own curl example is among them.
_MEANT = {
    "durationseconds": "duration",
    "seconds": "duration",
    "length": "duration",
    "size": "resolution",
    "quality": "resolution",
    "ratio": "aspect_ratio",
    "negativeprompt": "prompt",
    "text": "prompt",
    "image": "frame0_image",
    "imageurl": "frame0_image",
    "startframe": "frame0_image",
    "startimage": "frame0_image",
    "startframeurl": "frame0_image",
    "firstframe": "frame0_image",
    "inputreference": "frame0_image",
    "endframe": "frame1_image",
    "endimage": "frame1_image",
    "endframeurl": "frame1_image",
    "lastframe": "frame1_image",
    "modelid": "model",
    "id": "request_id",
    "taskid": "request_id",
    "query": "search",
}

_WHY_NOT = {
    "negativeprompt": "Luma-Ray2 has no negative prompt: say in the prompt what should be seen instead",
    "seed": "Luma-Ray2 takes no seed",
}


def allowed(schema: Mapping[str, Any]) -> str:
    """What a property may be, in words, from its JSON Schema."""
    if "enum" in schema:
        words = "one of " + ", ".join(map(as_json_literal, schema["enum"]))
    else:
        kind = str(schema.get("type", "any value"))
        words = {"boolean": "true or false", "string": "text", "integer": "a whole number", "object": "an object"}.get(
            kind, kind
        )
        if "minimum" in schema or "maximum" in schema:
            words += f" from {schema.get('minimum', '…')} to {schema.get('maximum', '…')}"
        if schema.get("pattern") == r"\S":
            words = "text that is not blank"
    return f"{words}; default {as_json_literal(schema['default'])}" if "default" in schema else words


def refusal(tool: str, schema: Mapping[str, Any], errors: Iterable[Mapping[str, Any]]) -> InvalidRequest:
    """The error for arguments that the tool's schema refuses.

    Args:
        tool: its name.
        schema: its input schema.
        errors: pydantic's list of faults.
    """
    properties: Mapping[str, Mapping[str, Any]] = schema["properties"]
    faults = dict.fromkeys(_fault(tool, properties, error) for error in errors)
    return InvalidRequest(
        " ".join(faults),
        f"Correct the {'arguments' if len(faults) > 1 else 'argument'} and call {tool} again.",
    )


def _fault(tool: str, properties: Mapping[str, Mapping[str, Any]], error: Mapping[str, Any]) -> str:
    name = str(error["loc"][0]) if error["loc"] else ""
    if error["type"] == "extra_forbidden":
        return unknown_argument(one_line(name, 60), properties, f"an argument of {tool}")
    may_be = allowed(properties.get(name, {}))
    if error["type"] == "missing":
        return f'"{name}" is missing; it must be {may_be}.'
    value = error.get("input")
    options = [str(option) for option in properties.get(name, {}).get("enum", [])]
    near = nearest_option(value, options)
    hint = f" Did you mean {as_json_literal(near)}?" if near else ""
    return f'"{name}" must be {may_be}, not {as_json_literal(value)}.{hint}'


def unknown_argument(name: str, properties: Mapping[str, Mapping[str, Any]], of_what: str) -> str:
    """The sentence for a name that does not exist: the nearest that does, and what it may be; else all there are."""
    why = _WHY_NOT.get(folded(name))
    if near := nearest(name, properties, _MEANT):
        reason = f"; {why}." if why else "."
        return f'"{name}" is not {of_what}{reason} The nearest is "{near}": {allowed(properties[near])}.'
    names = ", ".join(f'"{known}"' for known in properties)
    return f'"{name}" is not {of_what}{f"; {why}" if why else ""}. There are: {names}.'

"""Checks a tool's arguments against its published schema and the bounds on their size, before anything runs."""

import json
from collections.abc import Mapping
from itertools import starmap
from typing import Any, cast

from gmi_video.catalog import validation
from gmi_video.errors import InvalidRequest
from gmi_video.text import as_json_literal
from gmi_video.upstream.wire import fields_of, items_of

MAX_PROMPT = 20_000
"""Characters of a prompt. The longest that a model is known to take are 6,000 (gmi-api)."""

MAX_TEXT = 4096
"""Characters of any other text: the longest are an image's path or URL."""

MAX_OBJECT = 262_144
"""Characters of an object or a list, as JSON."""

MAX_DEPTH = 16
"""Levels of an object or a list."""

MAX_VALUES = 10_000
"""Values in an object or a list, with those inside it."""

MAX_NAMES = 100
"""Names in an object, or arguments of a call: for each that is unknown the nearest known one is looked for."""

MAX_NAME = 100
"""Characters of a name."""


def check_arguments(tool: str, schema: validation.Schema, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Check a call's arguments; returns them with the schema's types.

    Clients write the same in several ways: 10.0 for 10, null for an argument that is left out, an object as JSON text.

    Args:
        tool: the tool's name.
        schema: its published input schema.
        arguments: as they were given.

    Raises:
        InvalidRequest: names every argument that is too large or that the schema refuses, and what it may be.
    """
    if faults := _too_large(arguments):
        raise _refused(tool, faults)
    properties: Mapping[str, validation.Schema] = schema["properties"]
    given = dict(arguments)
    for name, value in arguments.items():
        if isinstance(value, str) and properties.get(name, {}).get("type") == "object":
            given[name], fault = _parsed(value)
            faults += [f"{as_json_literal(name)} {fault}"] if fault else []
    if faults:
        raise _refused(tool, faults)
    given = validation.conformed(schema, given)
    faults = _too_large(given) or [
        f"{as_json_literal(name)} holds {trouble}." for name, value in given.items() if (trouble := _unsendable(value))
    ]
    if faults := faults or validation.faults(schema, given, validation.Subject("argument", tool)):
        raise _refused(tool, faults)
    return given


def _refused(tool: str, faults: list[str]) -> InvalidRequest:
    return InvalidRequest(
        " ".join(dict.fromkeys(faults[:MAX_NAMES])),
        f"Correct the {'arguments' if len(faults) > 1 else 'argument'} and call {tool} again.",
    )


def _too_large(arguments: Mapping[str, Any]) -> list[str]:
    return [fault for fault in (_names_fault("The call", arguments), *starmap(_size_fault, arguments.items())) if fault]


def _size_fault(name: str, value: object) -> str:
    """How an argument is too large, as a sentence; empty where it is not."""
    shown = as_json_literal(name)
    if isinstance(value, str):
        bound = MAX_PROMPT if name == "prompt" else MAX_OBJECT if name == "model_parameters" else MAX_TEXT
        return f"{shown} has {len(value):,} characters; at most {bound:,} are accepted." if len(value) > bound else ""
    if not isinstance(value, dict | list):
        return ""
    if fault := _names_fault(shown, fields_of(cast("object", value))):
        return fault
    level, number, depth = [cast("object", value)], 0, 0
    while level:
        number, depth = number + len(level), depth + 1
        if depth > MAX_DEPTH:
            return f"{shown} is nested more than {MAX_DEPTH} levels deep; at most {MAX_DEPTH} are accepted."
        if number > MAX_VALUES:
            return f"{shown} holds at least {number:,} values; at most {MAX_VALUES:,} are accepted."
        level = [inner for held in level for inner in (*fields_of(held).values(), *items_of(held))]
    size = len(json.dumps(value))
    return f"{shown} has {size:,} characters as JSON; at most {MAX_OBJECT:,} are accepted." if size > MAX_OBJECT else ""


def _names_fault(of: str, named: Mapping[str, Any]) -> str:
    if len(named) > MAX_NAMES:
        return f"{of} names {len(named):,} values; at most {MAX_NAMES} are accepted."
    longest = max(map(len, named), default=0)
    return f"{of} has a name of {longest:,} characters; at most {MAX_NAME} are accepted." if longest > MAX_NAME else ""


def _parsed(text: str) -> tuple[object, str]:
    """The object that came as JSON text; else the text, and what is wrong with it as the rest of a sentence."""
    must = "must be an object, or an object as JSON text"
    try:
        value: object = json.loads(text)
    except json.JSONDecodeError as error:
        return text, f"{must}; this text is not JSON: {error.msg} at character {error.pos + 1}."
    except (ValueError, RecursionError) as error:
        return text, f"{must}; this text is not JSON that can be read ({type(error).__name__})."
    if not isinstance(value, dict):
        return text, f"{must}; this text is JSON, but not an object."
    return fields_of(cast("object", value)), ""


def _unsendable(value: object) -> str:
    """What in a value can't be sent on as JSON; empty where it can. Half of a surrogate pair, for one, has no UTF-8."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (UnicodeEncodeError, RecursionError):
        return "text that is not valid Unicode"
    except ValueError:
        # Python's parsers read NaN, Infinity and 1e999, and what is sent would be null in their place.
        return "a number that JSON does not have: NaN, or one that is too large"
    return ""

"""Checks a tool's arguments against its published schema, before anything runs."""

import json
from collections.abc import Mapping
from typing import Any

from gmi_video.catalog import validation
from gmi_video.errors import InvalidRequest
from gmi_video.text import as_json_literal


def check_arguments(tool: str, schema: validation.Schema, arguments: Mapping[str, Any]) -> None:
    """Check a call's arguments.

    Args:
        tool: the tool's name.
        schema: its published input schema.
        arguments: as they were given.

    Raises:
        InvalidRequest: names every argument that the schema refuses, and what it may be.
    """
    given = {name: _parsed(schema["properties"].get(name, {}), value) for name, value in arguments.items()}
    faults = [
        f"{as_json_literal(name)} holds text that is not valid Unicode."
        for name, value in given.items()
        if not _is_unicode(value)
    ]
    if faults := faults or validation.faults(schema, given, validation.Subject("argument", tool)):
        raise InvalidRequest(
            " ".join(dict.fromkeys(faults)),
            f"Correct the {'arguments' if len(faults) > 1 else 'argument'} and call {tool} again.",
        )


def _parsed(schema: validation.Schema, value: object) -> object:
    """An object that came as JSON text, as some clients send it; the SDK parses it too."""
    if schema.get("type") != "object" or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _is_unicode(value: object) -> bool:
    """Whether a JSON value can be sent on: a string may hold half of a surrogate pair, which has no UTF-8."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        return False
    return True

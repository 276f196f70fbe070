"""Checks arguments against a JSON Schema and names every fault in a sentence: a tool's arguments, a model's parameters.

The queue ignores an unknown key in silence and charges for the default, so a name or type that is off is refused and
never guessed: a number where the model lists strings (Veo3's "8") is a fault, and so is the reverse (Wan's 10).
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from gmi_video.catalog.roles import counterpart
from gmi_video.text import as_json_literal, folded, nearest, nearest_option
from gmi_video.upstream.luma_ray2 import named
from gmi_video.upstream.wire import MODEL_ID_PATTERN, REQUEST_ID_PATTERN, Parameter, fields_of, items_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jsonschema.protocols import Validator

Schema = Mapping[str, Any]

_TYPES = {"enum": "string", "float": "number"}
"""The vendor's types that JSON Schema has other names for."""

_KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
}

_PATTERNS = {
    r"\S": "text that is not blank",
    REQUEST_ID_PATTERN: "a request's id: up to 128 letters, digits, hyphens and underscores",
    MODEL_ID_PATTERN: "a model's id: up to 200 letters, digits, blanks and . _ : / + -",
}
"""What text may be that must match one of the patterns of our own arguments."""

_WHY_NOT = {
    "negativeprompt": ("prompt", "Luma-Ray2 has no negative prompt: say in the prompt what should be seen instead"),
    "seed": ("", "Luma-Ray2 takes no seed"),
}
"""Arguments of other models that Luma-Ray2 lacks: what to use instead, and the reason."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked, for the sentences: `kind` is "argument" or "parameter", `owner` a tool or a model."""

    kind: str
    owner: str

    @property
    def name(self) -> str:
        """The owner in a sentence."""
        return self.owner if self.kind == "argument" else named(self.owner)

    def __str__(self) -> str:
        return f"{'an' if self.kind == 'argument' else 'a'} {self.kind} of {self.name}"


def load() -> None:
    """Import what the first check needs, which takes 35 ms."""
    _validator_class()


def options_of(parameter: Parameter) -> list[Any]:
    """The values a parameter lists; the form of an option is not documented beyond plain values, so objects too."""
    return [fields_of(option).get("value", option) for option in parameter.options]


def schema_of(parameters: Sequence[Parameter]) -> Schema:
    """A model's parameters as a JSON Schema."""
    return {
        "properties": {parameter.name: _schema_of(parameter) for parameter in parameters},
        "required": [parameter.name for parameter in parameters if parameter.required],
    }


def _schema_of(parameter: Parameter) -> Schema:
    known = _TYPES.get(parameter.type, parameter.type)
    low, high = parameter.min_value, parameter.max_value
    schema: dict[str, Any]
    if options := options_of(parameter):
        schema = {"enum": options}
    elif known == "string":
        # For text the bounds count characters (gmi-api: "prompt (1-6000)").
        schema = {"type": known, "minLength": low if low and low > 0 else None, "maxLength": high}
    elif known in {"integer", "number"}:
        schema = {"type": known, "minimum": low, "maximum": high}
    else:
        # Of a type that is not documented: anything but null.
        schema = {"type": known} if known == "boolean" else {"not": {"type": "null"}}
    schema["default"] = parameter.default_value if parameter.default_value != "" else None
    return {key: value for key, value in schema.items() if value is not None}


def conformed(schema: Schema, given: Mapping[str, Any]) -> dict[str, Any]:
    """`given` with the types of the schema where JSON knows no difference: 10.0 is the integer 10, or the option 10.

    A null is an optional value that was left out. Whatever does not fit stays as it is, for `faults`.
    """
    properties: Mapping[str, Schema] = schema["properties"]
    needed = schema.get("required", ())
    return {
        name: _conformed(properties.get(name, {}), value)
        for name, value in given.items()
        if value is not None or name in needed or name not in properties
    }


def _conformed(schema: Schema, value: object) -> object:
    if not _is_number(value):
        return value
    if "enum" in schema:
        return next((option for option in schema["enum"] if _is_number(option) and option == value), value)
    if schema.get("type") == "integer" and isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:
        return int(value)
    return value


def faults(schema: Schema, given: Mapping[str, Any], subject: Subject) -> list[str]:
    """What is wrong with `given`, a sentence a fault; empty where nothing is.

    A name that the schema does not have is a fault, whether the schema says so or not.
    """
    properties: Mapping[str, Schema] = schema["properties"]
    found = [
        _fault(name, properties[name], value, subject.kind)
        if name in properties
        else _unknown(name, properties, subject)
        for name, value in given.items()
    ]
    found += [_missing(name, properties, subject) for name in schema.get("required", ()) if name not in given]
    return [fault for fault in found if fault]


def allowed(schema: Schema) -> str:
    """What a value may be and what it is by default, in words, from its JSON Schema."""
    default = schema.get("default")
    return f"{_may_be(schema)}; default {as_json_literal(default)}" if default is not None else _may_be(schema)


def _may_be(schema: Schema) -> str:
    if "enum" in schema:
        words = f"one of {', '.join(map(as_json_literal, schema['enum'][:30]))}"
    else:
        words = _KINDS.get(schema.get("type", ""), "a value") + _bounds(schema)
    return _PATTERNS.get(schema.get("pattern", ""), words)


def allowed_for(parameter: Parameter) -> str:
    """What a model's parameter may be, in words."""
    return allowed(_schema_of(parameter))


def _bounds(schema: Schema) -> str:
    if "maxLength" in schema:
        return f" of at most {_digits(schema['maxLength'])} characters"
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f" from {_digits(low)} to {_digits(high)}"
    if low is not None:
        return f" of at least {_digits(low)}"
    return f" of at most {_digits(high)}" if high is not None else ""


def _unknown(name: str, properties: Mapping[str, Schema], subject: Subject) -> str:
    instead, why = _WHY_NOT.get(folded(name), ("", "")) if subject.kind == "argument" else ("", "")
    said = f"{as_json_literal(name)} is not {subject}" + (f"; {why}." if why else ".")
    if near := instead or counterpart(name, properties) or nearest(name, properties):
        return f"{said} The nearest is {as_json_literal(near)}: {_may_be(properties[near])}."
    return f"{said} There are: {', '.join(map(as_json_literal, list(properties)[:40]))}."


def _missing(name: str, properties: Mapping[str, Schema], subject: Subject) -> str:
    may_be = allowed(properties[name])
    if subject.kind == "argument":
        return f'"{name}" is missing; it must be {may_be}.'
    return f"The model {subject.name} needs {as_json_literal(name)}: {may_be}."


def _fault(name: str, schema: Schema, value: object, kind: str) -> str:
    if _validator_class()(schema).is_valid(cast("Any", value)):
        return ""
    must = f"The {kind} {as_json_literal(name)} must be {_may_be(schema)}"
    options = items_of(schema.get("enum"))
    twin = next((option for option in options if str(option) == str(value)), None)
    if twin is not None and not isinstance(value, bool):
        right = "text" if isinstance(twin, str) else "a number"
        return f"{must}; {as_json_literal(value)} has the wrong type, it must be {right}: {as_json_literal(twin)}."
    near = nearest_option(value, [option for option in options if isinstance(option, str)])
    return f"{must}, not {as_json_literal(value)}." + (f" Did you mean {as_json_literal(near)}?" if near else "")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _digits(number: float) -> str:
    return str(int(number)) if float(number).is_integer() and abs(number) < 1e15 else str(number)


@cache
def _validator_class() -> "Callable[[Schema], Validator]":
    """JSON Schema 2020-12 for what is sent: 5.0 is no integer, and an option has exactly its listed type."""
    # Imported at the first check: it takes 35 ms, and tools/list is answered without it.
    from jsonschema import Draft202012Validator, ValidationError, validators  # noqa: PLC0415

    def is_integer(_: object, value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool)

    def is_number(_: object, value: object) -> bool:
        return _is_number(value) and math.isfinite(cast("float", value))

    def enum(_: object, options: list[Any], value: object, __: object) -> "Iterator[ValidationError]":
        if not any(option == value and type(option) is type(value) for option in options):
            yield ValidationError("not an option")

    def pattern(_: object, wanted: str, value: object, __: object) -> "Iterator[ValidationError]":
        # In JSON Schema `$` is the very end; in Python it also matches before a last line feed.
        if isinstance(value, str) and not re.search(re.sub(r"\$$", r"\\Z", wanted), value):
            yield ValidationError("does not match")

    types = Draft202012Validator.TYPE_CHECKER.redefine_many({"integer": is_integer, "number": is_number})
    rules = {"enum": enum, "pattern": pattern}
    extend = cast("Any", validators).extend  # its stub leaves the types of rules open
    return extend(Draft202012Validator, rules, type_checker=types)

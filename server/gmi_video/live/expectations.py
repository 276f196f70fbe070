"""The schemas in `schemas/upstream`, and how a response body differs from one."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from gmi_video.live.report import code
from gmi_video.text import one_line
from gmi_video.upstream.wire import fields_of, items_of

SCHEMAS = ("error", "luma-ray2-payload", "model-list", "model-record", "request-list", "request-record",
           "submit-response")  # fmt: skip

PACKAGE = Path(__file__).parent


class CouldNotRun(Exception):
    """The check can't be made; `str(error)` says why."""


def find_schemas(package: Path = PACKAGE) -> Path:
    """The folder of the schemas: inside the installed package, else in the clone that the package is part of.

    Args:
        package: the folder of `gmi_video.live`.

    Raises:
        CouldNotRun: the schemas are in neither place.
    """
    installed = package / "schemas"
    cloned = package.parents[2] / "schemas" / "upstream"
    for folder in (installed, cloned):
        if folder.is_dir():
            return folder
    raise CouldNotRun(
        f"Its schemas are neither installed ({installed}) nor part of a clone ({cloned}). Run it in a clone of the "
        "repository, or name the folder `schemas/upstream` with --schemas."
    )


class Expectations:
    """The schemas of one folder.

    Raises:
        CouldNotRun: a schema is missing or is not JSON.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._schemas: dict[str, Any] = {
                name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in SCHEMAS
            }
        except (OSError, ValueError) as error:
            raise CouldNotRun(f"{folder} does not hold the schemas: {error}") from None

    def properties(self, schema: str) -> dict[str, Any]:
        """A schema's properties, by name."""
        return self._schemas[schema]["properties"]

    def examples(self, schema: str, *path: str) -> list[str]:
        """The known values of a field whose set of values is open. A step "[]" of `path` enters an array."""
        found = self._schemas[schema]
        for name in path:
            found = found["items"] if name == "[]" else found["properties"][name]
        return found["examples"]

    def differences(self, schema: str, body: Any) -> Iterator[str]:
        """Each violation of the schema in `body`, and each field that the schema does not list."""
        validator = Draft202012Validator(self._schemas[schema])
        for error in validator.iter_errors(body):  # pyright: ignore[reportUnknownMemberType] - untyped in its stub
            yield from _violation(error)
        yield from _unknown_fields(self._schemas[schema], body, "$")


def kind(value: object) -> str:
    """The JSON Schema type of a JSON value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _violation(error: ValidationError) -> Iterator[str]:
    place = "$" + "".join("[]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
    rule = str(error.validator)
    expected: Any = error.validator_value
    if rule == "required":
        # jsonschema reports each missing field in an error of its own, but gives the whole list of fields with it.
        yield from (f"{code(f'{place}.{name}', 200)} is missing" for name in expected if f"'{name}'" in error.message)
    elif rule == "type":
        yield f"{code(place, 200)} is {kind(error.instance)}, expected: {' or '.join(items_of(expected)) or expected}"
    elif rule == "anyOf":
        yield f"{code(place, 200)} has none of the expected forms"
    else:
        yield f"{code(place, 200)} ({kind(error.instance)}) does not keep to {rule}: {one_line(expected, 80)}"


def _unknown_fields(schema: dict[str, Any], body: object, place: str) -> Iterator[str]:
    known = fields_of(schema.get("properties"))
    for name, value in fields_of(body).items() if known else ():
        if name in known:
            yield from _unknown_fields(known[name], value, f"{place}.{name}")
        else:
            yield f"{code(f'{place}.{name}', 200)} is a field not known before ({kind(value)})"
    for item in items_of(body) if "items" in schema else ():
        yield from _unknown_fields(schema["items"], item, f"{place}[]")

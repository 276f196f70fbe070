"""Which payloads the queue refuses.

Unknown keys are ignored without an error and the defaults apply (P): a misspelt key gives a paid, wrong video.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gmi_video.simulator.behavior import Behavior


class ApiError(Exception):
    """An error response of the queue or its storage: an HTTP status and the text of `error`. It costs nothing (P)."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def check_payload(parameters: Sequence[Mapping[str, Any]], payload: Mapping[str, Any], behavior: Behavior) -> None:
    """Check a payload against a model's parameters.

    Raises:
        ApiError: 400 that names the missing required keys, or a value that is not among its options (P); 500 `Backend
            error (400)` where the vendor behind the queue refuses a value (P, if `behavior.wrong_value` says so).
    """
    missing = [row["name"] for row in parameters if row["required"] and _absent(payload.get(row["name"]))]
    if missing:
        raise ApiError(400, behavior.missing_keys.format(names=", ".join(missing)))
    for row in parameters:
        value = payload.get(row["name"])
        if _absent(value):
            continue
        if row["options"] and not any(type(value) is type(option) and value == option for option in row["options"]):
            options = ", ".join(str(option) for option in row["options"])
            shown = json.dumps(value, ensure_ascii=False)
            raise ApiError(400, behavior.off_options.format(name=row["name"], value=shown, options=options))
        if behavior.wrong_value == "backend_error" and not _plausible(row, value):
            raise ApiError(500, "Backend error (400). Please try again.")


def with_defaults(parameters: Sequence[Mapping[str, Any]], payload: Mapping[str, Any]) -> dict[str, Any]:
    """What the model receives: the known keys only, with the defaults for absent ones."""
    return {
        row["name"]: row["default_value"] if _absent(payload.get(row["name"])) else payload[row["name"]]
        for row in parameters
    }


def _absent(value: object) -> bool:
    return value is None or value == ""


def _plausible(row: Mapping[str, Any], value: object) -> bool:
    low, high = row["min_value"], row["max_value"]
    match row["type"]:
        case "boolean":
            return isinstance(value, bool)
        case "integer" | "float":
            if isinstance(value, bool) or not isinstance(value, int if row["type"] == "integer" else int | float):
                return False
            size: float = value
        case _:
            if not isinstance(value, str):
                return False
            size = len(value)
    return (low is None or size >= low) and (high is None or size <= high)

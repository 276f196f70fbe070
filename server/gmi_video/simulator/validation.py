"""What the queue checks of a payload, and what it lets pass.

Unknown keys are ignored in silence and the default applies (P): that is the vendor's, and the danger of it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gmi_video.simulator.behavior import Habits


class Refusal(Exception):
    """The queue says no: an HTTP status and the sentence of its `error` (it costs nothing, P)."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def check_payload(parameters: Sequence[Mapping[str, Any]], payload: Mapping[str, Any], habits: Habits) -> None:
    """Refuse what the queue refuses.

    Raises:
        Refusal: 400 that names the required keys that are missing, or a value off its options (P); 500 `Backend error
            (400)` where the vendor behind the queue refuses a value (P, if the habits say so).
    """
    missing = [row["name"] for row in parameters if row["required"] and _absent(payload.get(row["name"]))]
    if missing:
        raise Refusal(400, habits.missing_keys.format(names=", ".join(missing)))
    for row in parameters:
        value = payload.get(row["name"])
        if _absent(value):
            continue
        if row["options"] and not any(type(value) is type(option) and value == option for option in row["options"]):
            options = ", ".join(str(option) for option in row["options"])
            shown = json.dumps(value, ensure_ascii=False)
            raise Refusal(400, habits.off_options.format(name=row["name"], value=shown, options=options))
        if habits.wrong_value == "backend_error" and not _plausible(row, value):
            raise Refusal(500, "Backend error (400). Please try again.")


def with_defaults(parameters: Sequence[Mapping[str, Any]], payload: Mapping[str, Any]) -> dict[str, Any]:
    """What the model is really asked for: the known keys only, with their defaults."""
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

"""One check: its name, its state, a sentence, and a remedy where something is to be done."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["ok", "warning", "problem"]

STATES: tuple[State, ...] = ("ok", "warning", "problem")
"""From good to bad. A problem keeps the server from working, or from a guarantee that its settings promise."""


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check.

    Args:
        name: a stable name for programs.
        state: see `STATES`.
        message: what was found, as a sentence.
        remedy: what to do, as a sentence; empty where there is nothing to do.
        details: the facts in the sentence, for programs.
    """

    name: str
    state: State
    message: str
    remedy: str = ""
    details: dict[str, Any] = field(default_factory=dict[str, Any])


def worst(states: Iterable[State]) -> State:
    """The worst of some states; `ok` of none."""
    return STATES[max(map(STATES.index, states), default=0)]

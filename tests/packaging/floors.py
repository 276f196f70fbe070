"""The lowest versions that pyproject.toml allows, as constraints: `python -m tests.packaging.floors` prints them.

Everything else stays at the versions of constraints.txt, but for what the lowest versions bring themselves.
"""

# ruff: noqa: T201 - a command that prints its result

import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


_FOLLOWS = {"psycopg-binary": ""}
"""Distributions that another one takes in its own version only."""


def floors(requirements: list[str]) -> list[str]:
    """The lower bounds of requirements, as pins. Each must have one."""
    bounds = [re.fullmatch(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)(,.*)?", line) for line in requirements]
    assert all(bounds), "every dependency has a lower bound"
    return [f"{bound[1]}=={bound[2]}" for bound in bounds if bound]


def constraints() -> list[str]:
    """The floors of the base installation and of every extra, and the tested versions of the rest."""
    extras = [line for extra in PROJECT["optional-dependencies"].values() for line in extra]
    lowest = {_name(pin): pin for pin in floors([*PROJECT["dependencies"], *extras])} | _FOLLOWS
    tested = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    rest = [pin for pin in tested if "==" in pin and _name(pin) not in lowest]
    return [*filter(None, lowest.values()), *rest]


def _name(pin: str) -> str:
    return pin.partition("==")[0].lower().replace("_", "-")


if __name__ == "__main__":
    print("\n".join(constraints()))

"""The tables of docs/hosts.md about single hosts: what was tested, what is only expected, their files and logs."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.agents.page import Course

MEASURED = Path(__file__).parent / "measured.json"


@dataclass(frozen=True)
class Measured:
    """What was seen of a host.

    Args:
        version: the version that ran.
        client: `clientInfo.name`.
        protocol: the version of the protocol.
        instructed: whether its model was told the server's instructions.
        course: of a request for one video.
    """

    version: str
    client: str
    protocol: str
    instructed: bool
    course: Course


def measured() -> dict[str, Measured]:
    """What was measured last, by the names of the hosts."""
    kept = json.loads(MEASURED.read_text(encoding="utf-8"))
    return {name: Measured(**(seen | {"course": Course(**seen["course"])})) for name, seen in kept.items()}


def keep(seen: dict[str, Measured]) -> None:
    """Write what was measured."""
    text = json.dumps({name: asdict(one) for name, one in seen.items()}, indent=2)
    MEASURED.write_text(f"{text}\n", encoding="utf-8")

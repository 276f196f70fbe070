"""The generated part of docs/agents.md: the examples as they are, and what came of them when they ran."""

import ast
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from .frameworks import FRAMEWORKS, Framework
from .portability import table as converted

MEASURED = Path(__file__).parent / "measured.json"


@dataclass(frozen=True)
class Course:
    """What came of an example: its runs, the calls of tools in all, and those that were cut off."""

    runs: int
    calls: int
    cut: int

    def words(self) -> str:
        """As a cell of the table."""
        calls = "1 call" if self.calls == 1 else f"{self.calls} calls"
        cut = f", {self.cut} cut off" if self.cut else ""
        return f"{calls}{cut}" + (f", in {self.runs} runs" if self.runs > 1 else "")


@dataclass(frozen=True)
class Measured:
    """What was seen of a framework.

    Args:
        version: the version that ran.
        client: `clientInfo.name`.
        protocol: the version of the protocol.
        shown: the example as it is.
        default: without its time limit.
        short: with a limit of 5 s.
    """

    version: str
    client: str
    protocol: str
    shown: Course
    default: Course
    short: Course


def measured() -> dict[str, Measured]:
    """What was measured last, by the names of the frameworks."""
    kept = json.loads(MEASURED.read_text(encoding="utf-8"))
    courses = ("shown", "default", "short")
    return {
        name: Measured(**(seen | {course: Course(**seen[course]) for course in courses})) for name, seen in kept.items()
    }


def keep(seen: dict[str, Measured]) -> None:
    """Write what was measured."""
    text = json.dumps({name: asdict(one) for name, one in seen.items()}, indent=2)
    MEASURED.write_text(f"{text}\n", encoding="utf-8")


def section() -> str:
    """The tables, and each framework's notes and example."""
    seen = measured()
    facts = [
        "| framework | version | limit for a call | set with | name it gives | protocol | progress |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    courses = [
        "| framework | limit as in the example | limit at its default | limit of 5 s |",
        "| --- | --- | --- | --- |",
    ]
    for framework in FRAMEWORKS:
        one = seen[framework.name]
        argument, default = framework.limit
        limit = "none" if default == "none" else f"{default} s"
        progress = f"`{framework.progress}`" if framework.progress else "no"
        said = f"`{one.client}` | {one.protocol} | {progress}"
        facts.append(f"| {framework.title} | {one.version} | {limit} | `{argument}` | {said} |")
        courses.append(f"| {framework.title} | {one.shown.words()} | {one.default.words()} | {one.short.words()} |")
    parts = [
        "\n".join(facts),
        "What came of each example, for a job of 8 seconds, with one job paid and the link shown each time:",
        "\n".join(courses),
        "What is left of the tools after the conversion for a model's API; `yes`: all that they say of each argument.",
        converted(),
        *(_example(framework) for framework in FRAMEWORKS),
    ]
    return "\n\n".join(parts)


def _example(framework: Framework) -> str:
    """A heading, the docstring below its first line, and the code below the docstring."""
    module = ast.parse(framework.example)
    notes = (ast.get_docstring(module) or "").partition("\n")[2].strip()
    below = module.body[0].end_lineno or 0
    code = "\n".join(framework.example.splitlines()[below:]).strip()
    packages = " ".join(f'"{one}"' if "[" in one else one for one in framework.packages)
    path = f"examples/agents/with_{framework.name}.py"
    return (
        f"### {framework.title}\n\n`pip install {packages}`; [{path}](../{path}):\n\n```python\n{code}\n```\n\n{notes}"
    )

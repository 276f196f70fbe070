"""Convert every tool with the frameworks' own converters: python -m tests.agents.portability (needs a registry).

Frameworks rewrite a tool's schema for their model's API. Each conversion must succeed and keep what the tools say, or
docs/agents.md says what is lost.
"""

# ruff: noqa: T201 - a command that prints its results

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from gmi_video.mcp import schema_files
from gmi_video.upstream.wire import fields_of

from .frameworks import FRAMEWORKS, NotInstalledError

CONVERTED = Path(__file__).parent / "converted.json"
PROGRAM = Path(__file__).parent / "converters.py"

SECONDS = 120

AS_IT_IS = "yes"
"""The verdict for a tool of which nothing is lost."""


class Converter(NamedTuple):
    """A conversion.

    Args:
        name: in converters.py.
        framework: whose environment it runs in.
        title: in the table.
        strict: whether it is for OpenAI's strict mode, in which every object is closed and every field required.
    """

    name: str
    framework: str
    title: str
    strict: bool = False


CONVERTERS = (
    Converter("genai_session", "google_genai", "google-genai, a session as a tool"),
    Converter("genai_schema", "google_genai", "google-genai, `Schema.from_json_schema`"),
    Converter("adk", "google_adk", "Google ADK, `McpToolset`"),
    Converter("openai_strict", "openai_agents", "OpenAI Agents SDK, `convert_schemas_to_strict`", strict=True),
    Converter("langchain_strict", "langchain", "LangChain, `bind_tools(strict=True)`", strict=True),
)


def convert(converter: Converter) -> dict[str, str]:
    """What comes of each tool.

    Raises:
        NotInstalledError: the framework could not be installed.
        subprocess.SubprocessError: the conversion did not end as it should.
    """
    python = next(one for one in FRAMEWORKS if one.name == converter.framework).python()
    tools = schema_files.as_sent()
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [str(python), str(PROGRAM), converter.name],
        input=json.dumps(list(tools.values())),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    converted = json.loads(done.stdout)
    return {name: verdict(tool["inputSchema"], converted[name], converter) for name, tool in tools.items()}


def verdict(ours: dict[str, Any], converted: dict[str, Any], converter: Converter) -> str:
    """What comes of one tool, for the table.

    Args:
        ours: the schema of its arguments.
        converted: the schema that the conversion made of it, or its error.
        converter: the conversion.
    """
    if "error" in converted:
        return f"no: {converted['error']}"
    faults = [*_lost(ours, converted["schema"]), *(_not_strict(converted["schema"]) if converter.strict else ())]
    return "; ".join(faults) or AS_IT_IS


def _lost(ours: dict[str, Any], theirs: dict[str, Any]) -> Iterator[str]:
    for name, argument in ours["properties"].items():
        kept = fields_of(theirs["properties"].get(name))
        for keyword, value in argument.items():
            # Gemini writes types in capitals.
            if kept.get(keyword) != value and str(kept.get(keyword)).casefold() != str(value):
                yield f"loses `{keyword}` of `{name}`"


def _not_strict(schema: dict[str, Any]) -> Iterator[str]:
    """Where OpenAI's API would refuse the schema, or an argument can't be used any more."""
    for name, argument in schema["properties"].items():
        if argument["type"] == "object":
            closed = argument.get("additionalProperties") is False
            yield f"`{name}` can only be empty" if closed else f"leaves `{name}` open, which OpenAI's API refuses"
    if schema.get("additionalProperties") is not False or set(schema["required"]) != set(schema["properties"]):
        yield "not strict: an argument is optional, or others are allowed"


def kept() -> dict[str, dict[str, str]]:
    """What came of each tool last, by the names of the converters."""
    return json.loads(CONVERTED.read_text(encoding="utf-8"))


def table() -> str:
    """The table of docs/agents.md."""
    names = list(schema_files.as_sent())
    lines = ["| conversion | " + " | ".join(f"`{name}`" for name in names) + " |", "| --- " * (len(names) + 1) + "|"]
    seen = kept()
    for converter in CONVERTERS:
        cells = [seen[converter.name][name] for name in names]
        lines.append(f"| {converter.title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> int:
    """Run the conversions. Returns 1 if one differs from the page, 2 if a framework can't be installed, else 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.agents.portability")
    parser.add_argument("--write", action="store_true", help="write what is seen for docs/agents.md")
    options = parser.parse_args()
    known = kept() if CONVERTED.exists() else {}
    seen: dict[str, dict[str, str]] = {}
    missing, wrong = 0, 0
    with ThreadPoolExecutor(2) as pool:
        for converter, running in [(one, pool.submit(convert, one)) for one in CONVERTERS]:
            try:
                seen[converter.name] = running.result()
            except NotInstalledError as error:
                missing += 1
                print(f"{converter.title}: could not be installed, and was not run.\n{error}")
                continue
            except subprocess.SubprocessError as error:
                wrong += 1
                print(f"{converter.title}: FAILED: {error}\n{getattr(error, 'stderr', '')}")
                continue
            print(f"{converter.title}: {seen[converter.name]}")
            if not options.write and seen[converter.name] != known.get(converter.name):
                wrong += 1
                print("  FAILED: this is not what docs/agents.md says: run `make agents`.")
    if options.write:
        CONVERTED.write_text(f"{json.dumps(known | seen, indent=2)}\n", encoding="utf-8")
    return 1 if wrong else 2 if missing else 0


if __name__ == "__main__":
    sys.exit(main())

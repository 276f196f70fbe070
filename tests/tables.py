"""The README's tables, made from the code: `python -m tests.tables` (or `make tables`) writes them anew."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from gmi_video.mcp import schemas
from gmi_video.settings import VARIABLES

from .structure import MAY_IMPORT, PACKAGE, ROOT, says

README = ROOT / "README.md"


def tools() -> str:
    """Each tool, and under it a table of its arguments as tools/list sends them."""
    return "\n\n".join(_tool(tool) for tool in schemas.as_sent().values())


def settings() -> str:
    """The environment variables."""
    rows = [[f"`{name}`", default, decides] for name, default, decides in VARIABLES]
    return _table(["variable", "default", "what it decides"], rows)


def packages() -> str:
    """The packages and root modules, each with the first line of its docstring."""
    rows: list[list[str]] = []
    for part in MAY_IMPORT:
        path = PACKAGE / part / "__init__.py" if (PACKAGE / part).is_dir() else PACKAGE / f"{part}.py"
        rows.append([f"`{part}/`" if path.stem == "__init__" else f"`{part}`", says(path)])
    return _table(["package", "what it is"], rows)


TABLES: Mapping[str, Callable[[], str]] = {"tools": tools, "settings": settings, "packages": packages}


def filled(text: str) -> str:
    """The README's text with every table as the code has it now."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name}: written by `make tables` -->", f"<!-- /{name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        if len(pattern.findall(text)) != 1:
            raise ValueError(f"the README must hold once: {begin} … {end}")
        written = f"{begin}\n{table()}\n{end}"
        text = pattern.sub(lambda _, written=written: written, text)
    return text


def _tool(tool: dict[str, Any]) -> str:
    said = tool["description"].partition("\n")[0]
    needed = tool["inputSchema"].get("required", [])
    rows: list[list[str]] = []
    for name, schema in tool["inputSchema"]["properties"].items():
        default = "required" if name in needed else _value(schema["default"])
        rows.append([f"`{name}`", _may_be(schema), default, schema["description"]])
    return f"**`{tool['name']}`** {said}\n\n" + _table(["argument", "may be", "default", "what it is"], rows)


def _may_be(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " ".join(f"`{value}`" for value in schema["enum"])
    if "minimum" in schema:
        return f"{schema['type']} {schema['minimum']} to {schema['maximum']}"
    return str(schema["type"])


def _value(value: object) -> str:
    return f"`{json.dumps(value)}`"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"Wrote the tables of {README}.")  # noqa: T201 - a command's output

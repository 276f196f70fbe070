"""The house as it stands: its floors in their order, and what is found in its rooms."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "server" / "gmi_video"

FLOORS = (
    "__main__",
    "demo",
    "screen",
    "live",
    "schemas",
    "runner",
    "app",
    "tools",
    "generate",
    "tasks",
    "subscriptions",
    "resources",
    "calls",
    "strict",
    "services",
    "answers",
    "submission",
    "jobs",
    "histories",
    "budget",
    "images",
    "drafting",
    "catalog",
    "memory",
    "reconciliation",
    "client",
    "exchange",
    "refusals",
    "pricing",
    "checking",
    "arguments",
    "estimates",
    "identity",
    "hosts",
    "files",
    "pictures",
    "addresses",
    "settings",
    "models",
    "wording",
    "errors",
    "simulator",
)
"""From the roof to the ground: a room imports only what stands below it. The simulator is next door."""

MAY_IMPORT_SIMULATOR = ("__main__", "demo", "live")

FACES_HOSTS = FLOORS[: FLOORS.index("services")]
"""The floors that may know MCP."""

ONLY_IN = {
    "mcp": FACES_HOSTS,
    "mcp_types": FACES_HOSTS,
    "httpx": ("app", "services", "exchange", "refusals", "images", "demo", "live", "simulator"),
    "tenacity": ("client",),
    "rich": ("screen",),
    "starlette": ("simulator",),
    "uvicorn": ("simulator",),
    "av": ("simulator",),
    "PIL": ("simulator", "pictures"),
    "jsonschema": ("live",),
}
"""Packages that have their rooms; the others (anyio, pydantic and what belongs to them) may be anywhere."""

ANYWHERE = ("anyio", "pydantic", "pydantic_core", "typing_extensions")


class Import(NamedTuple):
    """One import: the file it stands in, that file's room, and the dotted name."""

    file: Path
    room: str
    name: str


def room_of(path: Path) -> str:
    """The room a file of the package belongs to: a module, or a package that is one room."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def files() -> list[Path]:
    """The package's Python files; `__init__` of the package itself is the doorplate and no room."""
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def imports() -> Iterator[Import]:
    """Every absolute import in the package, those inside functions and under TYPE_CHECKING too."""
    for path in files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                # `from gmi_video import jobs` names a module only in its last word.
                whole = node.module == "gmi_video"
                names = [f"gmi_video.{alias.name}" if whole else str(node.module) for alias in node.names]
            else:
                continue
            for name in names:
                if name.split(".")[0] not in sys.stdlib_module_names and name != "gmi_video.__version__":
                    yield Import(path, room_of(path), name)


def says(path: Path) -> str:
    """The first line of a file's docstring."""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def own_files() -> Iterator[Path]:
    """Every text file that belongs to the project, and nothing that was made here."""
    folders = ("server", "schemas", "tests", "bench", "docs", ".ci")
    for top in ROOT.iterdir():
        for path in top.rglob("*") if top.name in folders else [top]:
            if path.is_file() and "__pycache__" not in path.parts and top.name != ".git":
                yield path

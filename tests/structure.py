"""The structure of the program: its packages, which of them may import which, and who may import what from outside.

`python -m tests.structure` prints the packages with their sizes and the arrows between them.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "server" / "gmi_video"

BASE = ("background", "errors", "network", "settings", "single_flight", "text")
"""Modules that every package may import, but for the simulator."""

MAY_IMPORT: Mapping[str, frozenset[str]] = {
    "upstream": frozenset(),
    "catalog": frozenset({"upstream"}),
    "images": frozenset({"foreign", "upstream"}),
    "jobs": frozenset({"catalog", "upstream"}),
    "videos": frozenset({"catalog", "upstream"}),
    "frames": frozenset({"videos", "foreign", "upstream"}),
    "services": frozenset({"jobs", "frames", "videos", "catalog", "images", "upstream"}),
    "mcp": frozenset({"services", "jobs", "frames", "videos", "catalog", "images", "foreign", "upstream"}),
    "http": frozenset({"mcp", "services", "jobs", "frames", "foreign", "upstream", "variables"}),
    "live": frozenset({"upstream"}),
    "doctor": frozenset({"jobs", "videos", "catalog", "upstream", "variables"}),
    "demo": frozenset({"simulator", "upstream"}),
    "__main__": frozenset({"mcp", "http", "doctor", "demo", "simulator"}),
    "simulator": frozenset(),
    "foreign": frozenset(),
    "errors": frozenset(),
    "text": frozenset(),
    "background": frozenset(),
    "single_flight": frozenset({"background"}),
    "settings": frozenset({"errors", "network", "variables"}),
    "variables": frozenset({"text"}),
    "network": frozenset(),
}
"""The arrows: which parts of `gmi_video` a package or root module may import, besides `BASE`."""

STANDS_ALONE = frozenset({"simulator", "foreign", "variables", *BASE})
"""What may not import `BASE` without an arrow of its own."""

ONLY_IN: Mapping[str, tuple[str, ...]] = {
    "mcp": ("mcp", "demo"),
    "mcp_types": ("mcp", "http", "demo"),
    "httpx": ("upstream", "services", "images", "videos", "mcp", "http", "doctor", "demo", "live", "simulator"),
    "tenacity": ("upstream", "videos"),
    "rich": ("doctor", "demo"),
    "starlette": ("simulator", "mcp", "http"),
    "uvicorn": ("simulator", "http"),
    "prometheus_client": ("http",),
    "av": ("simulator", "frames", "demo"),
    "PIL": ("simulator", "images", "frames"),
    "jsonschema": ("catalog", "live"),
    "cachetools": ("catalog", "images", "jobs", "videos", "frames", "mcp"),
    "psycopg": ("jobs",),
    "platformdirs": ("jobs",),
}
"""Third-party packages that only some parts may import."""

ANYWHERE = ("anyio", "pydantic", "pydantic_core", "typing_extensions")
"""Third-party packages that every part may import."""


class Import(NamedTuple):
    """One import: the file, the part of the program that the file belongs to, and the dotted name imported."""

    file: Path
    part: str
    name: str

    @property
    def target(self) -> str:
        """The part of the program that is imported; empty for a package from outside."""
        return self.name.split(".")[1] if self.name.startswith("gmi_video.") else ""


def part_of(path: Path) -> str:
    """The package or root module that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def files() -> list[Path]:
    """The program's Python files, without the top `__init__`, which only holds the version."""
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def module_name(path: Path) -> str:
    """A file's dotted name."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports() -> Iterator[Import]:
    """Every import in the program, those inside functions and under TYPE_CHECKING too."""
    modules = {module_name(path) for path in files()}
    for path in files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                # `from gmi_video.jobs import polling` names a module only in its last word.
                full = [f"{node.module}.{alias.name}" for alias in node.names]
                names = [name if name in modules or node.module == "gmi_video" else str(node.module) for name in full]
            else:
                continue
            for name in dict.fromkeys(names):
                if name.split(".")[0] not in sys.stdlib_module_names and name != "gmi_video.__version__":
                    yield Import(path, part_of(path), name)


def circles() -> list[list[str]]:
    """The circles among modules, each as the names on it."""
    graph: dict[str, set[str]] = {module_name(path): set() for path in files()}
    for found in imports():
        if found.name in graph and module_name(found.file) != found.name:
            graph[module_name(found.file)].add(found.name)
    found_circles: list[list[str]] = []
    done: set[str] = set()

    def visit(name: str, way: list[str]) -> None:
        if name in way:
            found_circles.append(way[way.index(name) :])
        elif name not in done:
            for target in sorted(graph[name]):
                visit(target, [*way, name])
            done.add(name)

    for name in sorted(graph):
        visit(name, [])
    return found_circles


def says(path: Path) -> str:
    """The first line of a file's docstring."""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def own_files() -> Iterator[Path]:
    """Every text file that belongs to the project, and nothing that was made here."""
    folders = ("server", "schemas", "tests", "bench", "bundles", "docs", "examples", ".ci", ".github")
    for top in ROOT.iterdir():
        for path in top.rglob("*") if top.name in folders else [top]:
            if path.is_file() and "__pycache__" not in path.parts and top.name != ".git" and path.suffix != ".webp":
                yield path


def report() -> str:
    """The packages with their sizes, the arrows between them by number of imports, and the circles."""
    sizes: dict[str, list[int]] = {}
    for path in files():
        sizes.setdefault(part_of(path), []).append(len(path.read_text(encoding="utf-8").splitlines()))
    arrows = Counter((found.part, found.target) for found in imports() if found.target and found.target != found.part)
    lines = [f"{len(sizes)} parts, {sum(map(len, sizes.values()))} modules, {sum(map(sum, sizes.values()))} lines"]
    lines += [f"  {part:10} {len(counts):3} modules {sum(counts):5} lines" for part, counts in sorted(sizes.items())]
    lines += [f"{len(arrows)} arrows between parts"]
    lines += [f"  {part} -> {target} ({times})" for (part, target), times in sorted(arrows.items())]
    lines += [f"{len(circles())} circles among modules"]
    return "\n".join(lines)


if __name__ == "__main__":
    print(report())  # noqa: T201 - a command's output

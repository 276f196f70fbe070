"""The entry in the MCP registry: `python -m bundles.registry dist --repository owner/name` writes dist/server.json.

The registry checks that the publisher owns the name: the page of the package must hold it (`--mark README.md` adds it
before the package is built), and a name under `io.github.owner` can be published only from that owner's repositories.
"""

import argparse
import hashlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bundles import NAME
from bundles.manifest import FIELDS, text_of
from gmi_video import __version__
from gmi_video.variables import VARIABLES

SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"

DESCRIPTION = "Make videos with Luma-Ray2 and every other video model of GMI Cloud's request queue."
"""At most 100 characters."""

_SECRET = frozenset({"GMI_API_KEY", "GMI_LEDGER_URL"})
"""The second may hold a password."""

_FORMATS: Mapping[str, str] = {
    name: {"number": "number", "directory": "filepath"}.get(field["type"], "string") for name, field in FIELDS.items()
}


def name_for(repository: str) -> str:
    """The server's name in the registry."""
    return f"io.github.{repository.partition('/')[0]}/{NAME}"


def entry(repository: str, bundle: Path) -> dict[str, Any]:
    """The content of server.json.

    Args:
        repository: owner and name on GitHub.
        bundle: the packed bundle, as the release offers it.
    """
    address = f"https://github.com/{repository}"
    stdio = {"type": "stdio"}
    return {
        "$schema": SCHEMA,
        "name": name_for(repository),
        "title": "GMI Cloud video",
        "description": DESCRIPTION,
        "version": __version__,
        "repository": {"url": address, "source": "github"},
        "packages": [
            {
                "registryType": "pypi",
                "identifier": NAME,
                "version": __version__,
                "runtimeHint": "uvx",
                "transport": stdio,
                # uv compiles none by itself, and where Python writes none, each start takes longer.
                "environmentVariables": [*_variables(), {"name": "UV_COMPILE_BYTECODE", "value": "1"}],
            },
            {
                "registryType": "mcpb",
                "identifier": f"{address}/releases/download/v{__version__}/{bundle.name}",
                "fileSha256": hashlib.sha256(bundle.read_bytes()).hexdigest(),
                "transport": stdio,
            },
        ],
    }


def mark(page: Path, repository: str) -> None:
    """Add the name to a page, invisibly, where it does not hold it."""
    line = f"<!-- mcp-name: {name_for(repository)} -->\n"
    text = page.read_text(encoding="utf-8")
    if line not in text:
        page.write_text(f"{text}\n{line}", encoding="utf-8")


def _variables() -> list[dict[str, Any]]:
    """The settings, in the registry's words."""
    return [
        {
            "name": name,
            "description": f"{decides[0].upper()}{decides[1:]}. Default: {default}.",
            "format": _FORMATS.get(name, "string"),
            "isRequired": name == "GMI_API_KEY",
            "isSecret": name in _SECRET,
        }
        for name, default, decides in VARIABLES
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Mark a page, or write the entry. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bundles.registry", description=__doc__)
    parser.add_argument("dist", type=Path, nargs="?", default=Path("dist"), help="the folder with the bundle")
    parser.add_argument("--repository", required=True, help="owner/name on GitHub")
    parser.add_argument("--mark", type=Path, help="only add the server's name to this page")
    options = parser.parse_args(arguments)
    if options.mark:
        mark(options.mark, options.repository)
    else:
        described = entry(options.repository, options.dist / f"{NAME}-{__version__}.mcpb")
        (options.dist / "server.json").write_text(text_of(described), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

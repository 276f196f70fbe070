"""The bundle's pyproject.toml: what uv installs beside the server, in the versions that were tested."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from bundles.manifest import PROJECT
from gmi_video import __version__

PYTHON = ">=3.11,<3.15"
"""The versions of Python that .github/workflows/test.yml tests; uv fetches one where the machine has none of them."""

EXTRAS = ("frames", "images")
"""In a bundle nobody can install an extra later."""

_ELSEWHERE: Mapping[str, Mapping[str, str]] = {
    "cryptography": {
        "sys_platform == 'darwin' and platform_machine == 'x86_64'": "<=48.0.1",
        "sys_platform == 'win32' and platform_machine == 'ARM64'": "<=46.0.3",
    }
}
"""Versions for machines that the tested version of a package has no wheel for: building it there needs a compiler."""

_REST = {
    "cryptography": "sys_platform == 'linux' or (sys_platform == 'darwin' and platform_machine != 'x86_64') "
    "or (sys_platform == 'win32' and platform_machine != 'ARM64')"
}
"""The machines that take the tested version; markers can't be negated."""

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"


def requirements() -> list[str]:
    """The package's own, with those of the extras, each once."""
    extras = [line for extra in EXTRAS for line in PROJECT["optional-dependencies"][extra]]
    return list(dict.fromkeys([*PROJECT["dependencies"], *extras]))


def pins() -> list[str]:
    """The tested versions. A lock file would hold the addresses of the index that it was made with."""
    tested = re.findall(r"^([\w.-]+)(==\S+)$", CONSTRAINTS.read_text(encoding="utf-8"), re.MULTILINE)
    lines: list[str] = []
    for name, version in tested:
        lines.append(f"{name}{version}; {_REST[name]}" if name in _REST else f"{name}{version}")
        lines += [f"{name}{other}; {machine}" for machine, other in _ELSEWHERE.get(name, {}).items()]
    return lines


def text() -> str:
    """The file's content.

    The server is no package to uv, so that nothing is built on the user's machine. Bytecode is compiled when uv
    installs: a host may install before it starts the server, and where Python writes none, each start takes 0.4 s more.
    """
    return f"""\
[project]
name = "gmi-video-mcp-bundle"
version = {json.dumps(__version__)}
requires-python = {json.dumps(PYTHON)}
dependencies = {json.dumps(requirements(), indent=4)}

[tool.uv]
package = false
compile-bytecode = true
constraint-dependencies = {json.dumps(pins(), indent=4)}
"""

"""Checks of the installation: Python, the package with its extras, and the command that a host must start."""

import platform
import re
from importlib.metadata import PackageNotFoundError, distribution

from gmi_video import __version__
from gmi_video.doctor.checks import Check
from gmi_video.doctor.machine import Machine

DISTRIBUTION = "gmi-video-mcp"

_REQUIRED_BY_EXTRA = re.compile(r"([A-Za-z0-9._-]+).*;.*\bextra\s*==\s*['\"]([\w-]+)['\"]")


def check_installation(machine: Machine) -> list[Check]:
    """Python, the installed package, and the command."""
    return [_python(machine), _package(machine), _command(machine)]


def extras() -> dict[str, list[str]]:
    """The extras of the installed package, each with those of its packages that are missing.

    Raises:
        PackageNotFoundError: the program runs without having been installed.
    """
    missing: dict[str, list[str]] = {}
    for requirement in distribution(DISTRIBUTION).requires or []:
        if found := _REQUIRED_BY_EXTRA.match(requirement):
            package, extra = found.groups()
            lacking = missing.setdefault(extra, [])
            try:
                distribution(package)
            except PackageNotFoundError:
                lacking.append(package)
    return missing


def _python(machine: Machine) -> Check:
    version, system = platform.python_version(), f"{platform.system()} {platform.machine()}"
    return Check(
        "python",
        "ok",
        f"Python {version} on {system}.",
        details={"version": version, "platform": platform.platform(), "executable": str(machine.python)},
    )


def _package(machine: Machine) -> Check:
    try:
        found = extras()
        noted = distribution(DISTRIBUTION).version
    except PackageNotFoundError:
        return Check(
            "package",
            "warning",
            f"{DISTRIBUTION} {__version__} runs from its source and is not installed.",
            f"Install it: in the folder of the clone, run {machine.python} -m pip install .",
            {"version": __version__},
        )
    installed = [extra for extra, missing in found.items() if not missing]
    details = {"version": __version__, "extras": installed, "missing": {k: v for k, v in found.items() if v}}
    said = f"{DISTRIBUTION} {__version__}; extras installed: {', '.join(installed) or 'none'}"
    if lacking := [extra for extra, missing in found.items() if missing]:
        said += f", not installed: {', '.join(lacking)}"
    if noted != __version__:
        return Check(
            "package",
            "warning",
            f"{said}. It was installed as version {noted}, so what it needs may have changed since.",
            "Install it again, as the README's section on upgrading says.",
            details,
        )
    return Check("package", "ok", f"{said}.", details=details)


def _command(machine: Machine) -> Check:
    words = machine.command
    return Check("command", "ok", f"Hosts start it as {' '.join(words)}", details={"command": words})

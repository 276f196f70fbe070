"""Checks of the settings: each with its value, but for secrets, and with where the value came from."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from gmi_video.doctor.checks import Check, State
from gmi_video.settings import Settings
from gmi_video.text import one_line
from gmi_video.variables import VARIABLES, Variable, is_unfilled

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|ORG_ID")
"""In the name of a variable whose value is not shown."""

_JWT = re.compile(r"eyJ[\w-]+(\.[\w-]+){2}")

_PUT_KEY = (
    "Put it into the `env` block of this server's entry in the host's configuration, then restart the host. To check "
    "with the key that is in an entry already, run this with --as and the name of the host."
)

_CORRECT = "Correct it in the `env` block of this server's entry in the host's configuration, then restart the host."


def check_variables(environment: Mapping[str, str], settings: Settings, source: str = "environment") -> list[Check]:
    """One check for each setting, then one for each other variable that is wrong or ignored.

    Args:
        environment: where the settings were read.
        settings: what was read.
        source: what to call the environment.
    """
    problems, found = list(settings.problems), list[Check]()
    for variable in VARIABLES:
        own = [problem for problem in problems if re.match(rf"{variable.name}\b", problem)]
        problems = [problem for problem in problems if problem not in own]
        found.append(_setting(variable, environment, own, source))
    found += [_other(problem, "problem") for problem in problems]
    return found + [_other(warning, "warning") for warning in settings.warnings]


def _setting(variable: Variable, environment: Mapping[str, str], problems: list[str], source: str) -> Check:
    name = variable.name
    value = environment.get(name, "").strip()
    unfilled = is_unfilled(value)
    given = bool(value) and not unfilled
    details = {"value": None, "source": source if given else "default"}
    if problems:
        # The value is not shown: what is wrong may be a secret in the wrong place.
        remedy = _PUT_KEY if name == "GMI_API_KEY" and not given else _CORRECT
        return Check(name, "problem", " ".join(problems), remedy, details)
    if unfilled:
        said = "not set: it holds a placeholder that the host has not replaced"
    elif given:
        said = details["value"] = _shown(name, value)
    else:
        said = "not set" if variable.default == "none" else one_line(variable.default)
    return Check(name, "ok", f"{name}: {said} ({details['source']})", details=details)


def _shown(name: str, value: str) -> str:
    """A value that may be read by others."""
    if name == "GMI_API_KEY":
        value = value.removeprefix("Bearer ").strip()
        looks = "looks like a JWT" if _JWT.fullmatch(value) else "does not look like a JWT, which GMI Cloud's keys are"
        return f"set, {len(value)} characters, {looks}"
    if _SECRET.search(name):
        return f"set, {len(value)} characters"
    return one_line(_without_password(value) if "://" in value else value, 200)


def _without_password(url: str) -> str:
    """An address without its password and without parameters, which may hold one too."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "set"
    if parts.scheme != "sqlite" and "@" in parts.path + parts.query + parts.fragment:
        return f"{parts.scheme}://…"  # a password with a slash in it: it can't be told where that ends
    user = f"{parts.username}@" if parts.username else ""
    return f"{parts.scheme}://{user}{parts.hostname or ''}{port}{parts.path}"


def _other(sentence: str, state: State) -> Check:
    name = sentence.split(maxsplit=1)[0].rstrip(":")
    return Check(name, state, sentence, _CORRECT if state == "problem" else "")

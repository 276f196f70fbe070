"""What a host's file has of this server: whether there is an entry, and whether a key is in it. The key is not kept."""

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

from gmi_video.doctor.checks import Check
from gmi_video.doctor.hosts import ENTRY, Host
from gmi_video.upstream.wire import fields_of, items_of
from gmi_video.variables import is_placeholder, is_unfilled

MAX_BYTES = 64 * 1024 * 1024
"""A larger file is not read. Claude Code keeps its history in the same file."""

KeyState = Literal["set", "placeholder", "reference", "missing"]
"""`reference`: the host fills the value in, as `${input:key}` or `env_vars`."""

_OURS = re.compile(r"gmi[-_]video")

_NOT_JSON = re.compile(r'("(?:[^"\\\n]|\\.)*")|//[^\n]*|/\*.*?\*/|,(?=\s*[}\]])', re.DOTALL)
"""Comments and a comma after the last item, which VS Code and Gemini CLI allow; and texts, in which they are none."""

_VARIABLE = re.compile(r"\$\{(?:env:)?(\w+)\}|\$(\w+)")


class Entry(NamedTuple):
    """An entry of this server in a host's file. Its environment may hold the key: it must not be shown."""

    command: str
    key: KeyState
    environment: dict[str, str]


class Unreadable(Exception):
    """A file that can't be read; `str(error)` completes "The file …"."""


def entries(host: Host, file: Path) -> list[Entry] | None:
    """The entries of this server in a host's file; None where there is no file.

    Raises:
        Unreadable: the file can't be read, or is not JSON or TOML.
    """
    try:
        if file.stat().st_size > MAX_BYTES:
            raise Unreadable("is too large to be read")
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unreadable(f"can't be read: {os.strerror(error.errno or 0)}") from None
    except UnicodeDecodeError:
        raise Unreadable("is not text in UTF-8") from None
    return [_entry(found) for found in _ours(host, _parsed(host, text))]


def check_entry(host: Host, file: Path, command: str) -> Check:
    """What a host's file has of this server.

    Args:
        host: the host.
        file: its file.
        command: the program that starts this server.
    """
    details: dict[str, Any] = {"title": host.title, "file": str(file), "exists": True, "entry": False, "key": None}
    try:
        found = entries(host, file)
    except Unreadable as error:
        remedy = f"{host.title} may start no server at all until it is corrected."
        return Check(host.name, "warning", f"{host.title}: the file {file} {error}.", remedy, details)
    if found is None:
        details["exists"] = False
        return Check(host.name, "ok", f"{host.title}: there is no file {file}.", details=details)
    if not found:
        return Check(host.name, "ok", f"{host.title}: {file} has no entry of this server.", details=details)
    # A project's entry may be another one; what is wrong with any of them is said.
    faults = dict.fromkeys(fault for entry in found for fault in _faults(entry))
    details |= {"entry": True, "key": found[0].key, "same_command": any(entry.command == command for entry in found)}
    said = f"{host.title}: {file} has an entry of this server"
    if faults:
        remedies = dict.fromkeys(remedy for _, remedy in faults)
        message = f"{said}; {' and '.join(fault for fault, _ in faults)}."
        return Check(host.name, "warning", message, f"{' '.join(remedies)} Then restart {host.title}.", details)
    key = "a key that the host fills in" if found[0].key == "reference" else "a key"
    other = "" if details["same_command"] else f", which starts another installation ({found[0].command})"
    return Check(host.name, "ok", f"{said} with {key}{other}.", details=details)


def environment_of(host: Host, file: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment that the host's entry gives this server, as far as it can be known.

    Args:
        host: the host.
        file: its file.
        environment: this process's; what the entry refers to is looked up here.

    Raises:
        Unreadable: there is no entry, or the file can't be read.
    """
    found = entries(host, file)
    if not found:
        raise Unreadable("has no entry of this server" if found == [] else "does not exist")
    named: dict[str, str] = {}
    for name, value in found[0].environment.items():
        reference = _VARIABLE.fullmatch(value)
        named[name] = environment.get(reference[1] or reference[2], value) if reference else value
    return {name: value for name, value in environment.items() if not name.upper().startswith("GMI_")} | named


def _parsed(host: Host, text: str) -> dict[str, Any]:
    try:
        if host.block == "toml":
            return tomllib.loads(text)
        if not text.strip():
            return {}
        with suppress(ValueError):
            return fields_of(json.loads(text))
        # Line breaks stay, for the number of the line in the message.
        return fields_of(json.loads(_NOT_JSON.sub(lambda found: found[1] or "\n" * found[0].count("\n"), text)))
    except json.JSONDecodeError as error:
        raise Unreadable(f"is not valid JSON (line {error.lineno}: {error.msg})") from None
    except tomllib.TOMLDecodeError as error:
        # Not its words, which may repeat a value.
        line = re.search(r"at line \d+", str(error))
        raise Unreadable(f"is not valid TOML{f' ({line[0]})' if line else ''}") from None
    except RecursionError:
        raise Unreadable("is nested too deeply") from None


def _ours(host: Host, content: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    places = [content, *map(fields_of, fields_of(content.get("projects")).values())]
    for place in places:
        for name, entry in fields_of(place.get(host.servers)).items():
            fields = fields_of(entry)
            if name == ENTRY or any(_OURS.search(str(word)) for word in _words(fields)):
                yield fields


def _words(entry: Mapping[str, Any]) -> list[Any]:
    return [entry.get("command", ""), *items_of(entry.get("args"))]


def _entry(entry: Mapping[str, Any]) -> Entry:
    given = {name: str(value) for name, value in fields_of(entry.get("env")).items()}
    key = given.get("GMI_API_KEY", "").strip()
    if is_unfilled(key) or _VARIABLE.fullmatch(key) or "GMI_API_KEY" in items_of(entry.get("env_vars")):
        state: KeyState = "reference"
    elif is_placeholder(key):
        state = "placeholder"
    else:
        state = "set" if key else "missing"
    return Entry(str(entry.get("command", "")), state, given)


def _faults(entry: Entry) -> Iterator[tuple[str, str]]:
    """What is wrong with an entry, each with its remedy."""
    if entry.key == "missing":
        yield "it has no GMI_API_KEY", "Put your key into GMI_API_KEY in its `env`."
    elif entry.key == "placeholder":
        yield "GMI_API_KEY still holds a placeholder", "Put your key there."
    if Path(entry.command).is_absolute() and not Path(entry.command).exists():
        yield f"there is no program {entry.command}", "Replace its command by the one below."

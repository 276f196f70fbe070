"""What the README says about a host: how to add this server, and how to see whether it connects."""

import json
import re
import shlex
from pathlib import Path

from gmi_video.doctor.hosts import KEY
from tests.structure import ROOT

CLONE = "/ABSOLUTE/PATH/TO/gmi-video-mcp"
"""What the reader replaces with the folder of their clone."""


def section(title: str) -> str:
    """The text under a host's heading."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.split(r"\n##", readme.partition(f"\n### {title}\n")[2], maxsplit=1)[0]


def listing(title: str) -> list[str]:
    """The command that lists the servers."""
    (command,) = set(re.findall(r"`(\w+ mcp list)`", section(title)))
    return shlex.split(command)


def command(title: str, clone: Path, key: str) -> str | None:
    """The command that adds this server; None if the README gives something for the host's file.

    Args:
        title: the host's.
        clone: the folder that is put in.
        key: the key that is put in.
    """
    found = re.search(r"^    (\w+ mcp add .*)$", section(title), re.MULTILINE)
    return _filled(found[1], clone, key) if found else None


def add_to_file(title: str, home: Path, clone: Path, key: str) -> None:
    """Put what the README gives for the host's file into it; what the file has already stays.

    Args:
        title: the host's.
        home: the user's folder, `~` in the README.
        clone: the folder that is put in.
        key: the key that is put in.
    """
    text = section(title)
    (path,) = re.findall(r"`~/(\S+)`", text)
    file = home / path
    file.parent.mkdir(exist_ok=True)
    had = file.read_text(encoding="utf-8") if file.exists() else ""
    if toml := re.search(r"```toml\n(.*?)```", text, re.DOTALL):
        file.write_text(had + _filled(toml[1], clone, key), encoding="utf-8")
        return
    assert text.strip().startswith("The JSON of Claude Desktop")
    (entry,) = re.findall(r"```json\n(.*?)```", section("Claude Desktop"), re.DOTALL)
    merged = json.loads(had or "{}") | json.loads(_filled(entry, clone, key))
    file.write_text(json.dumps(merged), encoding="utf-8")


def _filled(text: str, clone: Path, key: str) -> str:
    assert CLONE in text
    assert KEY in text
    return text.replace(CLONE, str(clone)).replace(KEY, key)

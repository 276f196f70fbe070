"""What a release must have: `python -m bundles.tag v1.2.3 --notes FILE` checks the tag and writes the notes."""

# ruff: noqa: T201 - a command that prints what is wrong

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from gmi_video import __version__

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"


def notes(changelog: str, version: str) -> str:
    """The changelog's section about a version, without its heading.

    Raises:
        ValueError: it has none, or the section is not the newest or has no date.
    """
    newest = re.search(r"^## \[(.+?)\] - (\S+)\n(.*?)(?=^## \[|\Z)", changelog, re.MULTILINE | re.DOTALL)
    if newest is None or newest[1] != version:
        raise ValueError(f"CHANGELOG.md does not begin with a section about {version}.")
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", newest[2]):
        raise ValueError(f"CHANGELOG.md has no date for {version}, but {newest[2]!r}.")
    return newest[3].strip() + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the tag and write the notes. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bundles.tag", description=__doc__)
    parser.add_argument("tag")
    parser.add_argument("--notes", type=Path, required=True, help="where the notes are written")
    options = parser.parse_args(arguments)
    if options.tag != f"v{__version__}":
        print(f"The tag is {options.tag}, and server/gmi_video/__init__.py says {__version__}.", file=sys.stderr)
        return 1
    try:
        text = notes(CHANGELOG.read_text(encoding="utf-8"), __version__)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    options.notes.parent.mkdir(parents=True, exist_ok=True)
    options.notes.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

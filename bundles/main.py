"""Start the server from an unpacked bundle. A copy of this file is `server/main.py` in the bundle.

A host fills the manifest's fields into the environment, but several folders only into arguments: each becomes one
argument. A field that the user leaves empty arrives as "", as its own placeholder `${user_config.…}`, or, from a
program in JavaScript, as one of its words for nothing. Such a value must not become a setting: it would be refused as
a wrong one.
"""

import os
import sys
from collections.abc import Mapping, Sequence

_NOTHING = frozenset({"", "null", "undefined", "NaN"})


def settings(environment: Mapping[str, str], folders: Sequence[str]) -> dict[str, str]:
    """The environment of the server: that of this process, without empty fields, with the folders of images.

    Args:
        environment: this process's.
        folders: this program's arguments.
    """
    told = {
        name: value
        for name, value in environment.items()
        if not (name.startswith("GMI_") and value.strip() in _NOTHING)
    }
    named = [folder for folder in folders if folder.strip() not in _NOTHING and "${user_config." not in folder]
    return told | ({"GMI_IMAGE_DIRS": os.pathsep.join(named)} if named else {})


def main() -> None:
    """Serve MCP over stdin and stdout."""
    told = settings(os.environ, sys.argv[1:])
    os.environ.clear()
    os.environ.update(told)
    from gmi_video.__main__ import main as serve  # noqa: PLC0415 - only now is the environment the server's

    sys.exit(serve([]))


if __name__ == "__main__":
    main()

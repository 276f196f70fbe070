"""This computer, as far as the report depends on it."""

import sys
from pathlib import Path, PurePath
from typing import NamedTuple

SCRIPT = "gmi-video-mcp"


class Machine(NamedTuple):
    """A computer.

    Args:
        system: as `sys.platform` has it: "darwin", "win32", or any other for Linux.
        home: the user's home folder.
        python: the interpreter that runs this server.
    """

    system: str
    home: PurePath
    python: PurePath

    @classmethod
    def here(cls) -> "Machine":
        """The one that this process runs on."""
        try:
            home = Path.home()
        except RuntimeError:
            home = Path("~")  # an unknown user without HOME
        return cls(sys.platform, home, Path(sys.executable))

    @property
    def command(self) -> list[str]:
        """What starts this server, as absolute paths: the script beside the interpreter, where there is one."""
        script = self.python.with_name(f"{SCRIPT}.exe" if self.system == "win32" else SCRIPT)
        return [str(script)] if Path(script).exists() else [str(self.python), "-m", "gmi_video"]

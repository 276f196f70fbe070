"""A program: bounds its own memory and computing time, then becomes the program that it is given.

Run by `process`, by its path: it imports nothing of `gmi_video`.
"""

import runpy
import sys
from contextlib import suppress


def main(memory: int, seconds: int, program: str, *arguments: str) -> None:
    """Run a program in this process.

    Args:
        memory: bytes of address space, where the system can bound that.
        seconds: of computing, where the system can bound that.
        program: its path.
        arguments: what it finds in `sys.argv`.
    """
    _bound(memory, seconds)
    sys.argv[:] = [program, *arguments]
    runpy.run_path(program, run_name="__main__")


def _bound(memory: int, seconds: int) -> None:
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not on Windows

    for limit, value in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0)):
        with suppress(ValueError, OSError):  # a stricter limit is set already, or macOS refuses this one
            resource.setrlimit(limit, (value, value))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])

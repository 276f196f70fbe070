"""Convert an image of another format to PNG, in a process of its own.

Pillow's readers parse foreign bytes in C: some hold the interpreter's lock for a second, which would stop the event
loop, some take gigabytes, and none can be stopped in a thread. A process can be bounded and ended.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from anyio import to_thread

from gmi_video.images.formats import MAX_BYTES, Convertible, NotAPicture, Picture, check_size

MAX_PIXELS = 50_000_000
"""Largest image that is converted (pixels), which is what the largest cameras of phones have; 8k has 33 million."""

SECONDS = 20.0
"""How long a conversion may take; the largest image takes about 3 s."""

MEMORY = 2 * 1000**3
"""Bytes of memory that a conversion may use, where the system can bound it."""

INSTALL = f'{sys.executable} -m pip install ".[images]"'
"""Installs what the conversion needs into this environment, when run in the folder of the clone."""

_PROGRAM = Path(__file__).with_name("pillow_program.py")


async def to_png(image: Convertible, seconds: float = SECONDS) -> Picture:
    """The first frame as PNG, rotated as its EXIF orientation says. A caller that is cancelled ends the conversion.

    Raises:
        NotAPicture: Pillow is not installed or can't read the content, or the image is too large or takes too long.
    """
    kind = image.kind
    if find_spec("PIL") is None:
        raise NotAPicture(
            f"is a {kind} picture; the queue takes JPEG and PNG, and what converts it is not installed here.",
            f"Convert it to PNG or JPEG first, or have the user run `{INSTALL}` in the folder of the clone and "
            "restart the server.",
        )
    process = subprocess.Popen(  # noqa: ASYNC220, S603 - returns at once; our own program
        [sys.executable, "-P", str(_PROGRAM), kind, str(MAX_PIXELS), str(MEMORY), str(int(seconds) + 1)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # It reads foreign bytes, and needs no key for that.
        env={name: value for name, value in os.environ.items() if not name.startswith("GMI_")},
    )
    try:
        output = await to_thread.run_sync(_converse, process, image.content, seconds, abandon_on_cancel=True)
    except subprocess.TimeoutExpired:
        raise NotAPicture(
            f"is a {kind} picture that can't be converted in {seconds:g} s.", "Convert it to PNG or JPEG first."
        ) from None
    finally:
        process.kill()
    return _picture(kind, process.returncode, output)


def _converse(process: "subprocess.Popen[bytes]", content: bytes, seconds: float) -> bytes:
    """What the process answers. Runs in a thread; only here are its pipes closed, and it is waited for."""
    try:
        return process.communicate(content, timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise


def _picture(kind: str, code: int, output: bytes) -> Picture:
    if code == 0 and output.startswith(b"SIZE "):
        width, height = output.split()[1:]
        check_size(int(width), int(height), MAX_PIXELS)
    if code != 0 or not output.startswith(b"\x89PNG"):
        raise NotAPicture(f"begins as a {kind} picture, but it can't be read as one.")
    if len(output) > MAX_BYTES:
        raise NotAPicture(
            f"is a {kind} picture that as PNG is larger than {MAX_BYTES // 1_000_000} MB.",
            "Ask the user for it as a JPEG file, or for a smaller copy; don't shrink it unless they agree.",
        )
    return Picture("png", output)

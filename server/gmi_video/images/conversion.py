"""Convert an image of another format to PNG, by Pillow in a process of its own (`pillow_program`)."""

from importlib.util import find_spec
from pathlib import Path

from gmi_video.foreign import process
from gmi_video.images.formats import MAX_BYTES, Convertible, NotAPicture, Picture, check_size

MAX_PIXELS = 50_000_000
"""Largest image that is converted (pixels), which is what the largest cameras of phones have; 8k has 33 million."""

SECONDS = 20.0
"""How long a conversion may take; the largest image takes about 3 s."""

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
            f"Convert it to PNG or JPEG first, or have the user run `{process.installs('images')}` in the folder of "
            "the clone and restart the server.",
        )
    try:
        done = await process.run(_PROGRAM, kind, MAX_PIXELS, given=image.content, seconds=seconds)
    except TimeoutError:
        raise NotAPicture(
            f"is a {kind} picture that can't be converted in {seconds:g} s.", "Convert it to PNG or JPEG first."
        ) from None
    except process.NotStarted:
        raise NotAPicture(
            f"is a {kind} picture, and what converts it can't be started here.",
            "Convert it to PNG or JPEG first, or have the user restart this server.",
        ) from None
    return _picture(kind, done.code, done.output)


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

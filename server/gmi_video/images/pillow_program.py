"""A program: an image of one format on stdin, as PNG on stdout. `SIZE width height` where it has too many pixels.

Run by `conversion`, by its path: it imports nothing of `gmi_video`, and bounds its own memory and time first.
"""

import io
import sys
from contextlib import suppress


def main(kind: str, most_pixels: int, memory: int, seconds: int) -> None:
    """Convert. Ends with an error where Pillow can't read the content.

    Args:
        kind: Pillow's name of the format.
        most_pixels: what the image may have.
        memory: bytes of address space, where the system can bound that.
        seconds: of computing, where the system can bound that.
    """
    _bound(memory, seconds)
    from PIL import Image, ImageOps  # noqa: PLC0415 - after the bounds

    # Only the reader of this format: some of Pillow's readers run external programs (EPS: Ghostscript).
    with Image.open(io.BytesIO(sys.stdin.buffer.read()), formats=[kind]) as image:
        width, height = image.size
        if not 0 < width * height <= most_pixels:
            sys.stdout.write(f"SIZE {width} {height}")
            return
        upright = ImageOps.exif_transpose(image)
        png = io.BytesIO()
        upright.convert("RGBA" if upright.has_transparency_data else "RGB").save(png, "PNG")
    sys.stdout.buffer.write(png.getbuffer())


def _bound(memory: int, seconds: int) -> None:
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not on Windows

    for limit, value in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0)):
        with suppress(ValueError, OSError):  # a stricter limit is set already, or macOS refuses this one
            resource.setrlimit(limit, (value, value))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))

"""A program: an image of one format on stdin, as PNG on stdout. `SIZE width height` where it has too many pixels.

Run by `conversion`, by its path and within the bounds of `foreign.process`: it imports nothing of `gmi_video`.
"""

import io
import sys

from PIL import Image, ImageOps


def main(kind: str, most_pixels: int) -> None:
    """Convert. Ends with an error where Pillow can't read the content.

    Args:
        kind: Pillow's name of the format.
        most_pixels: what the image may have.
    """
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


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

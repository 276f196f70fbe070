"""Helpers of the tests about images: files to give, the upload itself, and what must hold for a refusal."""

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from gmi_video.errors import InvalidRequest
from gmi_video.images.refusals import KEEP
from gmi_video.images.upload import Images

from .conftest import World

SECRET = "AKIA-must-not-leak"


def drawn(kind: str = "PNG", size: tuple[int, int] = (32, 18), colour: str = "navy", mode: str = "RGB") -> bytes:
    """An image file of one colour."""
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, kind)
    return file.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    """A PNG chunk with its checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def uploaded(world: World, url: str) -> bytes:
    """The file that the simulator's storage has at a URL."""
    upload = world.sim.uploads.by_name[url.rpartition("/")[2]]
    assert upload.body is not None
    return upload.body


async def url_of(images: Images, value: str, argument: str) -> str:
    """What generate_video makes of an image: read, then uploaded where it is a local file."""
    image = await images.read(value, argument)
    return value if image is None else await images.upload(image)


async def refusal(images: Images, value: str | Path, world: World) -> InvalidRequest:
    """The error of a dry run and of a real call, which must be the same; neither may have sent anything."""
    with pytest.raises(InvalidRequest) as dry:
        await images.read(str(value), "frame0_image")
    with pytest.raises(InvalidRequest) as real:
        await url_of(images, str(value), "frame0_image")
    assert str(dry.value) == str(real.value)
    assert real.value.message.startswith("The start image ")
    assert "(frame0_image) " in real.value.message
    assert real.value.message.endswith("Nothing was sent.")
    assert real.value.next_step.endswith(f". {KEEP}")
    assert SECRET not in str(real.value)
    assert world.sim.calls == []
    assert world.sim.outside_requests == []
    return real.value

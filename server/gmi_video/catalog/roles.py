"""What a parameter means, by its name: its length, size, count or image, and what other models call the same thing.

The vendor does not say what a parameter is for; its name is all there is (gmi-api, "Some siblings, to show how names
differ"). This is the only place that interprets names.
"""

import re
from collections.abc import Iterable
from enum import Enum, auto
from functools import lru_cache

from gmi_video.text import folded


class Role(Enum):
    """What a parameter decides."""

    COUNT = auto()
    """How many videos or images are made."""
    LENGTH = auto()
    """How long the video is."""
    SIZE = auto()
    """Resolution, frame size or quality."""
    IMAGE = auto()
    """An image, as a URL; or a list of them."""
    OTHER = auto()


LONGEST = 100
"""Characters of a parameter's name; what is longer is none."""

_COUNT = re.compile(
    r"(n|num|count|number|num_?(images|videos|outputs|samples)|(sample|image|video)_?count)", re.IGNORECASE
)
_LENGTH = re.compile(r"duration|seconds|length", re.IGNORECASE)
_SIZE = re.compile(r"resolution|size|quality", re.IGNORECASE)
_IMAGE = re.compile(r"image|frame|picture|photo|reference", re.IGNORECASE)
_ABOUT_AN_IMAGE = re.compile(r"(_|\b)(id|ids|count|num|strength|weight|type|mode)$", re.IGNORECASE)
"""Endings of parameters that tell something about an image and hold none."""

_SYNONYMS = (
    ("prompt", "text"),
    ("duration", "durationSeconds", "seconds", "length"),
    ("resolution", "size", "quality"),
    ("aspect_ratio", "ratio"),
    (
        "frame0_image",
        "image",
        "image_url",
        "start_frame_url",
        "start_image",
        "start_frame",
        "first_frame",
        "input_reference",
    ),
    ("frame1_image", "last_frame", "end_frame_url", "end_image", "end_frame", "image_tail"),
    ("model", "model_id"),
    ("request_id", "task_id", "id"),
    ("search", "query"),
)
"""Names for the same thing: ours and those of the vendor's models, the guide's own curl example among them."""

_GROUPS = {folded(name): [folded(synonym) for synonym in group] for group in _SYNONYMS for name in group}


def role_of(name: str) -> Role:
    """What the parameter of that name decides."""
    return _role_of(name) if len(name) <= LONGEST else Role.OTHER


@lru_cache(1000)
def _role_of(name: str) -> Role:
    if _COUNT.fullmatch(name):
        return Role.COUNT
    if _LENGTH.search(name):
        return Role.LENGTH
    if _SIZE.search(name):
        return Role.SIZE
    return Role.IMAGE if _IMAGE.search(name) and not _ABOUT_AN_IMAGE.search(name) else Role.OTHER


def counterpart(name: str, among: Iterable[str]) -> str:
    """The one `among` these names that means the same as `name`; empty where there is none."""
    by_fold = {folded(candidate): candidate for candidate in among}
    group = [folded(name), *_GROUPS.get(folded(name), ())]
    return next((by_fold[synonym] for synonym in group if synonym in by_fold), "")

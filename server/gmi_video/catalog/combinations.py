"""Notes about what is asked for together: combinations of which the vendor does not document what happens.

They are said before and after a video costs. Nothing is refused for them: the user may know better.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gmi_video.catalog.roles import counterpart
from gmi_video.text import as_json_literal
from gmi_video.upstream.luma_ray2 import LUMA_RAY2, named

TOLERANCE = 0.025
"""By how much two shapes may differ, in proportion, and count as the same: 1366x768 and 16:9 differ by 0.05 %, 21:9
and 64:27 by 1.6 %."""

LONGEST_SIDE = 100_000
"""Longest side of an image that a note is made of (pixels)."""


def notes(model: str, payload: Mapping[str, Any]) -> list[str]:
    """What is not documented of a payload by itself."""
    start, end = _frames(payload)
    loop = counterpart("loop", payload)
    if not end:
        return []
    if loop and payload[loop] is True:
        both = f"{as_json_literal(loop)} and an end frame ({as_json_literal(end)})"
        return [f"It has both {both}. {_undocumented(model)}; leaving out one of them would avoid that."]
    if not start and model == LUMA_RAY2:
        return [f"It has an end frame and no start frame. {_undocumented(model)}."]
    return []


def shape_notes(
    model: str, payload: Mapping[str, Any], offered: Sequence[str], sizes: Mapping[str, tuple[int, int]]
) -> list[str]:
    """What is not documented of frames whose shape is not the video's, in two sentences each.

    Args:
        model: the model's id.
        payload: what is asked for.
        offered: the aspect ratios of the model, as "16:9".
        sizes: width and height in pixels of the images that are known, by parameter.
    """
    ratio = payload.get(counterpart("aspect_ratio", payload))
    wanted = shape_of(ratio)
    if not wanted:
        return []
    said: list[str] = []
    for which, name in zip(("start", "end"), _frames(payload), strict=True):
        width, height = sizes.get(name, (0, 0))
        if 0 < min(width, height) <= max(width, height) < LONGEST_SIDE and _differ(width / height, wanted):
            said.append(
                f"The {which} image ({as_json_literal(name)}) is {width} x {height} pixels, and the video "
                f"{as_json_literal(ratio)}. {_undocumented(model)}; {_remedy(width / height, str(ratio), offered)} "
                "would avoid that."
            )
    return said


def shape_of(ratio: object) -> float:
    """Width by height of a ratio such as "16:9"; 0 for anything else."""
    width, colon, height = ratio.partition(":") if isinstance(ratio, str) else ("", "", "")
    known = colon and width.isdecimal() and height.isdecimal() and len(width) < 5 and len(height) < 5
    return int(width) / int(height) if known and int(height) else 0.0


def _frames(payload: Mapping[str, Any]) -> tuple[str, str]:
    """The names of the start and the end frame that a payload holds; each empty where there is none."""
    start, end = counterpart("frame0_image", payload), counterpart("frame1_image", payload)
    return start if payload.get(start) else "", end if payload.get(end) else ""


def _differ(one: float, other: float) -> bool:
    return abs(math.log(one / other)) > math.log1p(TOLERANCE)


def _remedy(shape: float, ratio: str, offered: Sequence[str]) -> str:
    shapes = {value: shape_of(value) for value in offered}
    near = min((value for value in shapes if shapes[value]), key=lambda v: abs(math.log(shapes[v] / shape)), default="")
    crop = "a picture of the same shape"
    if not near or near == ratio:
        return crop
    return f"the aspect ratio {near}, or {crop},"


def _undocumented(model: str) -> str:
    if model == LUMA_RAY2:
        return "The vendor does not document what happens then"
    return f"What {named(model)} does then is not known here"

"""What a film is about: a simple drawn shape for a few common subjects, chosen by the prompt's words."""

import re
from typing import NamedTuple

from PIL import Image, ImageDraw

from gmi_video.simulator.films.pillow_helpers import Colour
from gmi_video.simulator.films.shapes import SHAPES, Paint

_FINE = 2
"""Shapes are drawn at this many times their size and reduced, to smooth their edges."""


class _Subject(NamedTuple):
    """A subject: the words for it, and whether it stands on the ground, floats on the water or is in the air."""

    name: str
    words: str
    place: str


_SUBJECTS = (
    _Subject("fox", r"fox(?:es)?|vixen", "ground"),
    _Subject("cat", r"cats?|kittens?|kitty|tomcat", "ground"),
    _Subject("dog", r"dogs?|pupp(?:y|ies)|hound|retriever|wolf", "ground"),
    _Subject("bird", r"birds?|eagle|seagulls?|gulls?|swallow|dove|albatross", "air"),
    _Subject("boat", r"boats?|ships?|sailboat|sailing|yacht", "water"),
    _Subject("lantern", r"lanterns?", "air"),
    _Subject("car", r"cars?|taxi|automobile|limousine", "ground"),
    _Subject("person", r"person|people|m[ae]n|wom[ae]n|girls?|boys?|child(?:ren)?|kid|dancer|hiker|wanderer", "ground"),
    _Subject("dragon", r"dragons?|wyvern", "air"),
    _Subject("fish", r"fish(?:es)?|goldfish|koi|clownfish|trout|salmon", "air"),
)
_SCENERY = (
    _Subject("house", r"houses?|cabins?|cottages?|huts?", "ground"),
    _Subject("tree", r"trees?|oaks?|willow|baobab", "ground"),
)
"""What a prompt may also name as the place of its subject."""


class Sprite(NamedTuple):
    """A drawn subject (RGBA, square), and where it is."""

    image: Image.Image
    place: str


def subject_of(prompt: str) -> str:
    """The subject that the prompt names first; empty where it names none that can be drawn."""
    found = _found(prompt)
    return found.name if found else ""


def draw_subject(prompt: str, side: int, ground: Colour) -> Sprite | None:
    """The prompt's subject, `side` pixels wide and high; what stands on the ground has a mound of that colour."""
    subject = _found(prompt)
    if subject is None:
        return None
    size = side * _FINE, side * _FINE
    unit = side * _FINE / 100
    picture = Image.new("RGBA", size)
    if subject.place == "ground":
        ImageDraw.Draw(picture).ellipse((0, 86 * unit, 100 * unit, 114 * unit), fill=ground)
    for kind, paint, numbers in SHAPES[subject.name]:
        _stroke(picture, kind, paint, [number * unit for number in numbers])
    return Sprite(picture.reduce(_FINE), subject.place)


def _found(prompt: str) -> _Subject | None:
    text = prompt.lower()
    for subjects in (_SUBJECTS, _SCENERY):
        matches = [(match.start(), one) for one in subjects if (match := re.search(rf"\b(?:{one.words})\b", text))]
        if matches:
            return min(matches)[1]
    return None


def _stroke(picture: Image.Image, kind: str, paint: Paint, numbers: list[float]) -> None:
    layer = Image.new("RGBA", picture.size) if len(paint) == 4 else picture  # what is translucent is laid over the rest
    pen = ImageDraw.Draw(layer)
    if kind == "oval":
        pen.ellipse((numbers[0], numbers[1], numbers[2], numbers[3]), fill=paint)
    elif kind == "line":
        points = _smooth(list(zip(numbers[1::2], numbers[2::2], strict=True)), closed=False)
        pen.line(points, fill=paint, width=max(1, round(numbers[0])), joint="curve")
        for x, y in (points[0], points[-1]):
            pen.circle((x, y), numbers[0] / 2, fill=paint)
    else:
        points = list(zip(numbers[::2], numbers[1::2], strict=True))
        pen.polygon(_smooth(points) if kind == "blob" else points, fill=paint)
    if layer is not picture:
        picture.alpha_composite(layer)


def _smooth(corners: list[tuple[float, float]], *, closed: bool = True, steps: int = 8) -> list[tuple[float, float]]:
    """A curve through all corners (Catmull-Rom); an open one begins at the first and ends at the last."""
    number = len(corners)
    path = [corners[-1], *corners, *corners[:2]] if closed else [corners[0], *corners, corners[-1]]
    curve: list[tuple[float, float]] = []
    for index in range(number if closed else number - 1):
        for step in range(steps):
            t = step / steps
            x, y = (
                b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
                for a, b, c, d in zip(*path[index : index + 4], strict=True)
            )
            curve.append((x, y))
    return curve if closed else [*curve, corners[-1]]

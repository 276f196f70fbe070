"""The camera of a film: what the prompt says of its motion, and from where each plane of the scene is seen in a frame.

A scene is made of planes, each at a depth from 0 (the sky) to 1 (the foreground). When the camera turns or zooms, all
planes move alike; when it travels, near ones move more. In a looping film the camera goes there and back, so that the
film ends where it began.
"""

import math
import random
import re
from dataclasses import dataclass, replace
from typing import NamedTuple

from gmi_video.simulator.films.spec import FPS, FilmSpec

SUBJECT_DEPTH = 0.74
"""The depth of what the film is about; the camera orbits it."""
FOCUS = 0.5, 0.56
"""The point that a zooming camera looks at, as shares of the picture's width and height."""

_MOST_PUSH = 0.6
"""What the scale of the foreground grows by at most while the camera moves forward."""
_NEAR_WORDS = 24
"""Characters between a camera word and its direction, or between the word "camera" and it."""


@dataclass(frozen=True)
class Motion:
    """What the camera does from the first frame to the last; right, down and forward are positive.

    `turn` and `travel` are shares of the picture's width and height; `travel` is that of the foreground. `push`, `zoom`
    and `dolly_zoom` are what the scale grows by, `shake` a share of the picture's width.
    """

    turn: tuple[float, float] = (0, 0)
    travel: tuple[float, float] = (0, 0)
    orbit: float = 0
    push: float = 0
    zoom: float = 0
    dolly_zoom: float = 0
    shake: float = 0
    sudden: bool = False

    def __add__(self, other: "Motion") -> "Motion":
        return Motion(
            turn=(self.turn[0] + other.turn[0], self.turn[1] + other.turn[1]),
            travel=(self.travel[0] + other.travel[0], self.travel[1] + other.travel[1]),
            orbit=self.orbit + other.orbit,
            push=self.push + other.push,
            zoom=self.zoom + other.zoom,
            dolly_zoom=self.dolly_zoom + other.dolly_zoom,
            shake=self.shake + other.shake,
            sudden=self.sudden or other.sudden,
        )


class _Word(NamedTuple):
    """A camera motion by its name; where it has a direction, `ways` has the motion for each, the usual one first.

    A word that also means something else (a crane, a pan) counts with a direction, or near the word "camera".
    """

    pattern: str
    motion: Motion = Motion()
    ways: tuple[tuple[str, Motion], ...] = ()
    ambiguous: bool = False


_WORDS = (
    _Word(r"dolly[ -]?zooms?|zolly|vertigo effect", Motion(dolly_zoom=0.6)),
    _Word(r"bolt[ -]?cam(?:era)?", Motion(push=_MOST_PUSH, sudden=True)),
    _Word(
        r"orbit(?:s|ing)?|circl(?:es|ing)",
        ways=(("left", Motion(orbit=-0.34)), ("right", Motion(orbit=0.34))),
        ambiguous=True,
    ),
    _Word(r"pan(?:s|ning)?", ways=(("right", Motion(turn=(0.3, 0))), ("left", Motion(turn=(-0.3, 0)))), ambiguous=True),
    _Word(r"tilt(?:s|ing)?", ways=(("up", Motion(turn=(0, -0.26))), ("down", Motion(turn=(0, 0.26)))), ambiguous=True),
    _Word(
        r"truck(?:s|ing)?|track(?:s|ing)?",
        ways=(("right", Motion(travel=(0.5, 0))), ("left", Motion(travel=(-0.5, 0)))),
        ambiguous=True,
    ),
    _Word(
        r"crane(?:s| shot)?|craning|pedestal|boom(?:s|ing)?|jib",
        ways=(("up", Motion(travel=(0, -0.42))), ("down", Motion(travel=(0, 0.42)))),
        ambiguous=True,
    ),
    _Word(r"(?:push(?:es|ing)?|doll(?:y|ies)|dollying)[ -](?:\w+ )?(?:in|forward|closer)", Motion(push=_MOST_PUSH)),
    _Word(r"(?:pull(?:s|ing)?|doll(?:y|ies)|dollying)[ -](?:\w+ )?(?:out|back|away)", Motion(push=-_MOST_PUSH)),
    _Word(r"zoom(?:s|ing)?[ -](?:\w+ )?out", Motion(zoom=-0.5)),
    _Word(r"zoom(?:s|ing)?[ -](?:\w+ )?in", Motion(zoom=0.5)),
    _Word(r"aerial|drone|fly[ -]?over|bird.?s[ -]eye", Motion(travel=(0, -0.2), push=0.4)),
    _Word(r"hand[ -]?held|shaky", Motion(shake=0.012)),
    _Word(r"static|locked[ -](?:off|down)|tripod|fixed camera"),
)


def motion_of(prompt: str) -> Motion | None:
    """The motion that the prompt asks for, the sum of all that it names; None where it says nothing of the camera.

    It is bounded, however long the prompt: each motion counts once.
    """
    text = prompt.lower()
    found: list[Motion] = []
    for word in _WORDS:
        for match in re.finditer(rf"\b(?:{word.pattern})\b", text):
            after, before = text[match.end() :][:_NEAR_WORDS], text[: match.start()][-_NEAR_WORDS:]
            named = re.search(rf"^[^.,;]*?\b({'|'.join(way for way, _ in word.ways) or '-'})\b", after)
            if word.ambiguous and not named and "camera" not in before:
                continue
            motion = dict(word.ways)[named[1]] if named else word.ways[0][1] if word.ways else word.motion
            if motion not in found:
                found.append(motion)
            # The words of one motion are no part of another: a dolly zoom is no dolly.
            text = text[: match.start()] + "-" * len(match[0]) + text[match.end() :]
    if not found:
        return None
    motion = sum(found[1:], found[0])
    return replace(motion, push=min(_MOST_PUSH, max(-_MOST_PUSH, motion.push)))


_UNREST = ((0.55, 1.0), (1.2, 0.55), (2.3, 0.25))
"""How a hand shakes: frequencies in hertz, and their strengths."""


class View(NamedTuple):
    """How a plane is seen in a frame: a point of it is at `focus + zoom * (point - focus - offset)` (pixels)."""

    x: float
    y: float
    zoom: float


class Camera:
    """The camera of a film spec; `view` says how a plane is seen in a frame."""

    def __init__(self, spec: FilmSpec, rng: random.Random, before: "Camera | None" = None) -> None:
        self._spec = spec
        self._before = before
        self._begun = before.last if before else 0
        drift = Motion(travel=(rng.choice((-0.15, 0.15)), 0))
        motion = motion_of(spec.prompt)
        self._motion = drift if motion is None else motion
        self._phases = [rng.uniform(0, math.tau) for _ in range(2 * len(_UNREST))]
        self._bases: dict[float, View] = {}

    @classmethod
    def of(cls, spec: FilmSpec, rng: random.Random) -> "Camera":
        """The camera of a film; it goes on from where those of the films before it ended. `rng` is the first one's."""
        first, *later = spec.films
        camera = cls(first, rng)
        for film in later:
            camera = cls(film, random.Random(film.prompt.encode("utf-8", "replace")), camera)
        return camera

    @property
    def first(self) -> "Camera":
        """The camera of the first film of its world."""
        return self._before.first if self._before else self

    @property
    def numbers(self) -> range:
        """The numbers of its film's frames."""
        return range(self._spec.frames)

    @property
    def last(self) -> int:
        """The number of the last frame, counted from the first film of its world."""
        return self._begun + self._spec.frames - 1

    def view(self, number: int, depth: float) -> View:
        """How a plane of that depth is seen in a frame."""
        moved = self._moved(number, depth)
        if self._before is None:
            return moved
        base, start = self._base(depth), self._moved(0, depth)
        # As fast over the picture as without what was before.
        x, y = (moved.x - start.x) / base.zoom, (moved.y - start.y) / base.zoom
        return View(base.x + x, base.y + y, base.zoom * moved.zoom / start.zoom)

    def _base(self, depth: float) -> View:
        """How the plane was seen at the end of the film before."""
        if self._before is not None and depth not in self._bases:
            self._bases[depth] = self._before.view(self._before.numbers[-1], depth)
        return self._bases[depth]

    def _moved(self, number: int, depth: float) -> View:
        """How a plane is seen by the film's own motion alone; the offset is 0 in the middle of it."""
        motion, near = self._motion, depth**1.4
        done = self._progress(number)
        middle = done - 0.5
        around = motion.orbit * (near - SUBJECT_DEPTH**1.4) / SUBJECT_DEPTH**1.4
        x = (motion.turn[0] + motion.travel[0] * near + around) * middle
        y = (motion.turn[1] + motion.travel[1] * near) * middle
        if motion.shake:
            steps = self._shake(number)
            x, y = x + motion.shake * steps[0] * (0.8 + near / 2), y + motion.shake * steps[1] * (0.8 + near / 2)
        zoom = 1 + abs(motion.push) * (done if motion.push > 0 else 1 - done) * (0.3 + 0.7 * depth)
        zoom *= 1 + abs(motion.zoom) * (done if motion.zoom > 0 else 1 - done)
        # What is behind the subject shrinks, what is before it grows, and the subject keeps its size.
        behind = 1 - depth / SUBJECT_DEPTH
        zoom *= 1 + motion.dolly_zoom * (behind * (1 - done) if behind > 0 else -behind * done)
        return View(x * self._spec.width, y * self._spec.height, zoom)

    def reach(self, depth: float) -> tuple[float, float, float, float]:
        """What is seen of a plane in the whole film, as left, top, right and bottom in the scene's pixels."""
        edges = [
            (*self.to_scene(0, 0, number, depth), *self.to_scene(self._spec.width, self._spec.height, number, depth))
            for number in range(self._spec.frames)
        ]
        left, top, right, bottom = zip(*edges, strict=True)
        return min(left), min(top), max(right), max(bottom)

    def to_scene(self, x: float, y: float, number: int, depth: float) -> tuple[float, float]:
        """The point of a plane that is seen at a point of the picture."""
        view, (across, down) = self.view(number, depth), self._focus
        return across + view.x + (x - across) / view.zoom, down + view.y + (y - down) / view.zoom

    def to_picture(self, x: float, y: float, number: int, depth: float) -> tuple[float, float]:
        """Where in the picture a point of a plane is seen."""
        view, (across, down) = self.view(number, depth), self._focus
        return across + view.zoom * (x - across - view.x), down + view.zoom * (y - down - view.y)

    def drift(self, number: int, speed: float) -> float:
        """How far what moves by itself at that speed (pixels per second) has come by a frame; in a loop it returns."""
        if self._spec.loop:
            seconds = self._spec.frames / FPS
            return speed * seconds / math.tau * (1 + math.sin(math.tau * number / self._spec.frames))
        return speed * (self._begun + number) / FPS

    def way(self, speed: float) -> float:
        """How far what moves by itself at that speed comes at most."""
        return self.drift(self._spec.frames, speed) * (2 if self._spec.loop else 1)

    def swing(self, number: int) -> float:
        """-1 to 1: where what sways by itself is in a frame; whole periods where the film loops."""
        if not self._spec.loop:
            return math.sin(math.tau * (self._begun + number) / FPS / 2.4)
        periods = max(1, round(self._spec.frames / FPS / 2.4))
        return math.sin(math.tau * periods * number / self._spec.frames)

    @property
    def _focus(self) -> tuple[float, float]:
        return FOCUS[0] * self._spec.width, FOCUS[1] * self._spec.height

    def _progress(self, number: int) -> float:
        """How much of its motion the camera has made by a frame, 0 to 1."""
        if self._spec.loop:
            return (1 - math.cos(math.tau * number / self._spec.frames)) / 2
        done = number / max(1, self._spec.frames - 1)
        if not self._motion.sudden:
            return done
        done = min(1.0, 2.5 * done)
        return done * done * (3 - 2 * done)

    def _shake(self, number: int) -> tuple[float, float]:
        """The unrest of a hand, about -1 to 1 across and down; whole periods where the film loops."""
        seconds = self._spec.frames / FPS
        across = down = 0.0
        for index, (hertz, strength) in enumerate(_UNREST):
            periods = max(1, round(hertz * seconds)) if self._spec.loop else hertz * seconds
            turned = math.tau * periods * number / self._spec.frames
            across += strength * math.sin(turned + self._phases[2 * index])
            down += strength * math.sin(turned + self._phases[2 * index + 1])
        return across, down

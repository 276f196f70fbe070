"""A film that starts with another's last frame goes on in the same world: no jump, and its own camera."""

import io
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from gmi_video.demo.story import story
from gmi_video.simulator.films.continuing import Ends
from gmi_video.simulator.films.encoder import frames
from gmi_video.simulator.films.pillow_helpers import resized
from gmi_video.simulator.films.spec import FilmSpec

pytestmark = pytest.mark.slow

FOX = "A red fox by a lake"


def spec(prompt: str, start: Image.Image | None = None, **changed: Any) -> FilmSpec:
    drawn = FilmSpec(prompt, "simulated", 320, 180, frames=24, loop=False, start=jpeg(start) if start else None)
    return replace(drawn, **changed)


def jpeg(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of two images over all channels, 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3


def made(ends: Ends, film: FilmSpec) -> list[Image.Image]:
    """A film's frames, as the store draws them."""
    pictures = list(frames(ends.going_on(film)))
    ends.record(ends.going_on(film), pictures[-1])
    return pictures


def chained(prompts: Sequence[str]) -> list[list[Image.Image]]:
    """Films, each from the last frame of the one before."""
    ends, films = Ends(), list[list[Image.Image]]()
    for prompt in prompts:
        film = spec(prompt, films[-1][-1] if films else None)
        films.append(made(ends, film))
        assert len(ends.going_on(film).films) == len(films)
    return films


@pytest.mark.parametrize("prompt", [None, "A paper boat on a lake", "a hill"])
def test_the_longest_story_is_one_move_after_the_other_without_a_jump(prompt: str | None) -> None:
    films = chained(story(prompt, 8).prompts)
    for before, after in pairwise(films):
        assert difference(before[-1], after[0]) < 0.5, "it begins with the picture"
        first, *others = (difference(one, other) for one, other in pairwise(after))
        assert first < 1.3 * max(others), "and leaves it no faster than it moves"
        assert difference(after[0], after[-1]) > 2, "by a move of its own"


@pytest.mark.parametrize(
    "move",
    ["pull out", "zoom out", "tilt up", "tilt down", "crane up", "truck left", "handheld", "dolly zoom", "bolt cam"],
)
def test_any_move_goes_on_from_any_other(move: str) -> None:
    for other in ("static", "orbit left", "zoom in"):
        before, after = chained([f"{FOX}, {other}", f"{FOX}, {move}"])
        assert difference(before[-1], after[0]) < 0.5
        assert difference(after[0], after[-1]) > 2


def test_what_drifts_by_itself_goes_on_too() -> None:
    before, after = chained([f"{FOX}, static", "static"])
    first, middle, last = (film.crop((0, 0, 320, 60)) for film in (before[0], before[-1], after[-1]))
    assert difference(first, last) > 1.3 * difference(first, middle) > 0


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (spec(f"{FOX}, static"), {"prompt": "A dragon at night, static"}),
        (spec(f"{FOX}, static"), {"loop": True}),
        (spec(f"{FOX}, static"), {"width": 640, "height": 360}),
        (spec(f"{FOX}, static", loop=True), {}),
        (spec(f"{FOX}, static", end=jpeg(Image.new("RGB", (320, 180), "navy"))), {}),
    ],
    ids=["another subject", "a loop", "another size", "after a loop", "after an end image"],
)
def test_a_film_that_is_no_continuation_fades_from_its_picture(first: FilmSpec, then: dict[str, Any]) -> None:
    ends = Ends()
    last = made(ends, first)[-1]
    film = replace(spec(f"{FOX}, static", last), **then)
    assert ends.going_on(film) == film
    assert difference(made(ends, film)[0], resized(last, (film.width, film.height))) < 3


def test_a_picture_of_the_users_own_is_no_film_of_another() -> None:
    ends = Ends()
    made(ends, spec(f"{FOX}, static"))
    film = spec(f"{FOX}, static", Image.new("RGB", (320, 180), "olive"))
    assert ends.going_on(film) == film


def test_moves_one_way_come_to_an_end_before_the_picture_does() -> None:
    ends, last, lengths = Ends(), None, list[int]()
    for number in range(6):
        film = spec(f"{FOX} {number}, zoom in", last)
        last = made(ends, film)[-1]
        lengths.append(len(ends.going_on(film).films))
    assert lengths == [1, 2, 1, 2, 1, 2]


def test_a_film_stays_the_same_when_a_film_that_is_more_like_it_is_made_later() -> None:
    ends = Ends()
    last = made(ends, spec(f"{FOX}, static"))[-1]
    film = spec(f"{FOX}, pan left", last)
    before = ends.going_on(film)
    ends.record(spec("another"), last)
    assert ends.going_on(film) == before
    assert before.after == spec(f"{FOX}, static")

"""Films show what the prompt says: the camera moves that way, a loop still loops, and the subject can be seen."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from PIL import Image, ImageChops, ImageStat

from gmi_video.simulator.films.camera import motion_of
from gmi_video.simulator.films.encoder import frames
from gmi_video.simulator.films.scene import Scene
from gmi_video.simulator.films.shapes import SHAPES
from gmi_video.simulator.films.spec import FilmSpec
from gmi_video.simulator.films.subject import draw_subject, subject_of

pytestmark = pytest.mark.slow

WIDTH, HEIGHT, FRAMES = 320, 180, 48

MOTIONS = (
    "camera orbits left",
    "orbit right",
    "push in",
    "pull out",
    "zoom in",
    "pan left",
    "camera pans right",
    "tilt up",
    "tilt down",
    "truck left",
    "truck right",
    "crane up",
    "crane down",
    "handheld",
    "dolly zoom",
    "bolt cam",
    "aerial",
    "static",
    "",
)


def spec(prompt: str, *, loop: bool = False) -> FilmSpec:
    return FilmSpec(prompt=prompt, caption="simulated", width=WIDTH, height=HEIGHT, frames=FRAMES, loop=loop)


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of two images over all channels, 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3


def moved(picture: Image.Image, right: float, down: float, zoom: float) -> Image.Image:
    """The picture enlarged around its middle, then moved."""
    x, y = WIDTH / 2, HEIGHT / 2
    how = (1 / zoom, 0, x - (x + right) / zoom, 0, 1 / zoom, y - (y + down) / zoom)
    return picture.transform(picture.size, Image.Transform.AFFINE, how)


def most_like(
    first: Image.Image, later: Image.Image, rows: tuple[int, int], ways: Iterable[tuple[float, float, float]]
) -> tuple[float, float, float]:
    """The way of moving the first picture that makes it most like the later one, in these rows."""
    box = 60, rows[0], WIDTH - 60, rows[1]
    return min(ways, key=lambda way: difference(moved(first, *way).crop(box), later.crop(box)))


def seen(prompt: str, rows: tuple[int, int], *, axis: int, steps: Sequence[float]) -> float:
    """How the content of these rows moves in a film's first quarter: right (0), down (1) or by which scale (2)."""
    scene = Scene(spec(prompt))
    ways = [(step, 0, 1) if axis == 0 else (0, step, 1) if axis == 1 else (0, 0, step) for step in steps]
    return most_like(scene.frame(0), scene.frame(FRAMES // 4), rows, ways)[axis]


FAR, NEAR = (10, 100), (165, 180)
"""The rows of the sky and the mountains, and those of the trees in front."""

PIXELS = range(-40, 41)
SCALES = [1 + step / 50 for step in range(-8, 9)]


@pytest.mark.parametrize(
    ("prompt", "rows", "axis", "least"),
    [
        ("a hill, camera pans left", FAR, 0, 15),
        ("a hill, pan right", FAR, 0, -15),
        ("a hill, pan left", NEAR, 0, 15),
        ("a hill, truck left", NEAR, 0, 15),
        ("a hill, truck right", NEAR, 0, -15),
        ("a hill, camera orbits left", FAR, 0, -15),
        ("a hill, camera orbits left", NEAR, 0, 8),
        ("a hill, orbits slowly to the right", FAR, 0, 15),
        ("a hill, orbits slowly to the right", NEAR, 0, -8),
        ("a hill, tilt up", FAR, 1, 8),
        ("a hill, the camera tilts down", FAR, 1, -8),
    ],
)
def test_a_camera_that_goes_one_way_moves_the_picture_the_other(
    prompt: str, rows: tuple[int, int], axis: int, least: float
) -> None:
    step = seen(prompt, rows, axis=axis, steps=PIXELS)
    assert step * least > 0
    assert abs(step) >= abs(least)


@pytest.mark.parametrize(("prompt", "sign"), [("a fox, crane up", 1), ("a fox, the camera cranes down", -1)])
def test_a_camera_that_rises_sees_what_is_near_sink_more_than_what_is_far(prompt: str, sign: int) -> None:
    scene = Scene(spec(prompt))
    # Where the film's subject is seen, by its colour: the orange of the fox is nowhere else.
    heights = [fox_in(scene.frame(number))[1] for number in (0, FRAMES - 1)]
    assert sign * (heights[1] - heights[0]) > 20
    assert abs(seen(prompt, FAR, axis=1, steps=PIXELS)) <= 2


@pytest.mark.parametrize("prompt", ["push in", "slow aerial push in", "zoom in", "bolt cam", "aerial"])
def test_a_camera_that_comes_nearer_enlarges_the_picture(prompt: str) -> None:
    assert seen(f"a hill, {prompt}", FAR, axis=2, steps=SCALES) > 1


@pytest.mark.parametrize("prompt", ["pull out", "zooms out", "dolly zoom"])
def test_a_camera_that_goes_away_shrinks_what_is_far(prompt: str) -> None:
    assert seen(f"a hill, {prompt}", FAR, axis=2, steps=SCALES) < 1


def fox_in(picture: Image.Image) -> tuple[float, float, float]:
    """The middle and the width of what is orange."""
    red, green, blue = picture.split()
    orange = ImageChops.subtract(ImageChops.subtract(red, green), blue).point([255 * (v > 60) for v in range(256)])  # pyright: ignore[reportUnknownMemberType] - its stub names numpy, not installed
    left, top, right, bottom = orange.getbbox() or (0, 0, 0, 0)
    return (left + right) / 2, (top + bottom) / 2, right - left


def test_the_subject_grows_with_a_push_and_keeps_its_size_and_place_in_a_dolly_zoom_and_an_orbit() -> None:
    def widths(prompt: str) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        scene = Scene(spec(f"a fox at night 4, {prompt}"))
        return fox_in(scene.frame(0)), fox_in(scene.frame(FRAMES - 1))

    first, last = widths("push in")
    assert last[2] > 1.3 * first[2] > 60
    for prompt in ("dolly zoom", "orbit left", "static"):
        first, last = widths(prompt)
        assert abs(last[0] - first[0]) <= 2
        assert abs(last[2] - first[2]) <= 2


def test_a_hand_shakes_there_and_back_and_a_tripod_does_not() -> None:
    steps: dict[str, list[float]] = {}
    for prompt in ("handheld", "static"):
        scene = Scene(spec(f"a hill, {prompt}"))
        shots = [scene.frame(number) for number in range(0, FRAMES, 4)]
        ways = [(right, 0.0, 1.0) for right in range(-8, 9)]
        steps[prompt] = [most_like(one, other, FAR, ways)[0] for one, other in pairwise(shots)]
    assert min(steps["handheld"]) < 0 < max(steps["handheld"])
    assert set(steps["static"]) == {0}


@pytest.mark.parametrize("motion", MOTIONS)
def test_every_motion_shows_and_its_loop_ends_where_it_begins(motion: str) -> None:
    least = {"static": 0.3, "handheld": 3, "": 5}.get(motion, 7)
    for subject in ("a fox", "a hill"):
        film = list(frames(spec(f"{subject}, {motion}")))
        assert difference(film[0], film[-1]) > least
        if motion == "static":
            assert difference(film[0], film[-1]) < 3
        loop = list(frames(spec(f"{subject}, {motion}", loop=True)))
        steps = [difference(one, other) for one, other in pairwise(loop)]
        assert difference(loop[-1], loop[0]) <= max(steps) + 0.1
        again = list(frames(spec(f"{subject}, {motion}", loop=True)))
        assert [shot.tobytes() for shot in again] == [shot.tobytes() for shot in loop]


@pytest.mark.parametrize(
    "prompt",
    [
        "a red truck in the mud",
        "a frying pan on a stove",
        "a crane stands in a lake",
        "a satellite in orbit",
        "a boomerang",
        "she tracks a deer",
        "a panda",
        "",
    ],
)
def test_words_that_only_look_like_a_camera_move_nothing(prompt: str) -> None:
    assert motion_of(prompt) is None


def test_a_motion_that_is_named_a_thousand_times_is_one_motion() -> None:
    for words in ("push in ", "dolly in, aerial, bolt cam ", "truck left ", "pan left and tilt up "):
        assert motion_of(words * 1000) == motion_of(words)
    motion = motion_of(", ".join(MOTIONS) + ", zoom out, zoom in, push in and pull out, dolly in")
    assert motion is not None
    largest = (*motion.turn, *motion.travel, motion.orbit, motion.push, motion.zoom, motion.dolly_zoom)
    assert all(abs(value) <= 0.7 for value in largest)


@pytest.mark.parametrize("subject", SHAPES)
def test_a_subject_is_drawn_large_and_unlike_any_other(subject: str) -> None:
    assert subject_of(f"A {subject} at dawn") == subject
    sprites = {name: draw_subject(name, 100, (0, 0, 0)) for name in SHAPES}
    drawn = sprites.pop(subject)
    assert drawn is not None
    assert ImageStat.Stat(drawn.image.getchannel("A")).mean[0] > 40
    assert all(other and difference(drawn.image, other.image) > 20 for other in sprites.values())


@pytest.mark.parametrize(
    ("prompt", "subject"),
    [
        ("Two foxes under an old tree", "fox"),
        ("In front of a house a puppy waits", "dog"),
        ("An old man and his dog", "person"),
        ("A cottage under an oak", "house"),
        ("A paper boat on a rainy street", "boat"),
        ("a caterpillar, a dogma, a carpet and mankind", ""),
        ("", ""),
    ],
)
def test_the_subject_is_what_the_prompt_names_first_before_its_surroundings(prompt: str, subject: str) -> None:
    assert subject_of(prompt) == subject


@pytest.mark.parametrize(
    "prompt",
    ["A white bird, tilt up", "A paper boat, crane up", "A lantern, push in", "A cottage, tilt up", "A cat, handheld"],
)
def test_a_caption_is_legible_over_a_bright_subject(prompt: str) -> None:
    film = FilmSpec(prompt, "simulated", 640, 360, frames=FRAMES, loop=False)
    shots = list(frames(film))
    for number in (0, FRAMES // 2, FRAMES - 1):
        line = shots[number].convert("L").crop((20, 305, 620, 328))
        # Most of the line is what is behind the white letters; up to 118 of 255 the contrast is at least 4.5 to 1.
        assert ImageStat.Stat(line).median[0] <= 118

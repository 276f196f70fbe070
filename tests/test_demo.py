"""The demo as a person runs it: in a pipe, on a terminal, interrupted, and refused."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import av
import pytest
from PIL import Image, ImageStat

from gmi_video import __main__ as command_line
from gmi_video.demo.saving import slug

from .film_tools import difference
from .full import in_full

pytestmark = pytest.mark.slow

SECONDS = 120
"""The limit of every wait in these tests (seconds), far above what any of them takes."""


COMMAND = [sys.executable, "-m", "gmi_video", "demo"]


def demo(*options: str) -> subprocess.CompletedProcess[str]:
    """Run it with pipes, and with a key in the environment that it must not use."""
    return subprocess.run(  # noqa: S603 - our own interpreter and module
        [*COMMAND, *options],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env=os.environ | {"GMI_API_KEY": "a-real-key", "GMI_BASE_URL": "https://console.gmicloud.ai/"},
    )


def picture_of(frame: av.VideoFrame) -> Image.Image:
    return frame.to_image()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - PyAV leaves it untyped


def test_it_ends_with_a_film_of_what_was_asked_and_prints_where_it_is(tmp_path: Path) -> None:
    Image.new("RGB", (600, 600), (220, 30, 30)).save(tmp_path / "start.png")
    asked = ("--resolution", "540p", "--aspect-ratio", "1:1", "--frame0-image", str(tmp_path / "start.png"))
    done = demo("A red fox, in the snow!", *asked, "--takes", "2", "--output", str(tmp_path / "films"))
    assert (done.returncode, done.stderr) == (0, "")
    film, thumbnail = map(Path, done.stdout.splitlines()[-2:])
    request_id = re.search(r"job +request ([\w-]+): queued\n", done.stdout)
    assert request_id is not None
    assert film == tmp_path / "films" / f"a-red-fox-in-the-snow-{request_id[1]}.mp4"
    assert thumbnail == film.with_suffix(".jpg")
    with av.open(str(film), "r") as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 540, 540)
        assert container.duration == 5 * av.time_base
        frames = list(container.decode(video=0))
        assert len(frames) == stream.frames == 120
        red, green, _ = ImageStat.Stat(picture_of(frames[0])).mean
        assert red > 4 * green, "it starts with the image that was given"
    with Image.open(thumbnail) as picture:
        assert picture.format == "JPEG"
    assert sorted(film.parent.iterdir()) == sorted([film, thumbnail]), "nothing half-finished is left"


def test_in_a_pipe_it_prints_what_the_server_said_without_control_characters(tmp_path: Path) -> None:
    done = demo("x", "--takes", "600", "--frame0-image", "ftp://nowhere", "--output", str(tmp_path))
    assert done.returncode == 1
    assert "MCP 2026-07-28 over stdio" in done.stdout
    assert "frame0_image" in done.stderr
    assert "Traceback" not in done.stderr
    assert not re.search(r"[^\n -~]", done.stdout + done.stderr.translate({0x201C: '"', 0x201D: '"'}))


def test_an_output_that_is_no_folder_is_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = demo("x", "--output", str(tmp_path / "file"))
    assert done.returncode == 1
    assert str(tmp_path / "file") in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


@pytest.fixture
def default_sigint() -> Generator[None]:
    """Children start with SIGINT's default action, also where this process was started with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def read_until(terminal: int, pattern: bytes) -> bytes:
    """What a terminal shows until `pattern` is in it."""
    deadline = time.monotonic() + SECONDS
    shown = b""
    while not re.search(pattern, shown):
        readable, _, _ = select.select([terminal], [], [], max(deadline - time.monotonic(), 0))
        assert readable, shown
        shown += os.read(terminal, 4096)
    return shown


@contextmanager
def on_a_terminal(*options: str) -> Generator[tuple[subprocess.Popen[bytes], int]]:
    """The demo on a terminal of 100 columns: its process, and our end of the terminal."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"}
    with subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [*COMMAND, *options], stdout=theirs, stderr=subprocess.PIPE, env=environment
    ) as child:
        os.close(theirs)
        try:
            yield child, ours
        finally:
            child.kill()
            os.close(ours)


def interrupted(child: subprocess.Popen[bytes]) -> bytes:
    """What it says to stderr after Ctrl+C."""
    child.send_signal(signal.SIGINT)
    assert child.wait(SECONDS) == 130
    assert child.stderr is not None
    return child.stderr.read()


@in_full
@pytest.mark.usefixtures("default_sigint")
def test_on_a_terminal_a_bar_moves_and_ctrl_c_ends_it_cleanly(tmp_path: Path) -> None:
    with on_a_terminal("x", "--takes", "20", "--output", str(tmp_path)) as (child, terminal):
        shown = read_until(terminal, rb" [1-9]\d?%.*processing, \d+ s, usually about 20 s")
        assert re.search(rb"job +\S*request [\w-]+: queued", shown)
        assert interrupted(child) == b"Stopped.\n"
    assert not list(tmp_path.iterdir())


def decoded(film: Path) -> list[Image.Image]:
    with av.open(str(film), "r") as container:
        return [picture_of(frame) for frame in container.decode(video=0)]


@in_full
def test_a_story_of_three_shots_is_three_films_and_one_of_all_its_frames(tmp_path: Path) -> None:
    done = demo("--shots", "3", "--takes", "1", "--resolution", "540p", "--output", str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    *shots, whole = map(Path, done.stdout.splitlines()[-4:])
    ids = re.findall(r"shot \d +request ([\w-]+): queued", done.stdout)
    assert [shot.name for shot in shots] == [f"the-fox-at-the-lake-shot-{n}-{ids[n - 1]}.mp4" for n in (1, 2, 3)]
    assert whole.name == f"the-fox-at-the-lake-3-shots-{ids[-1]}.mp4"
    assert sorted(tmp_path.iterdir()) == sorted([*shots, whole]), "nothing half-finished is left"
    said = [
        "style    A red fox",
        "shot 1   She pricks",
        "shot 3   It was",
        "price    3 x $",
        "shot 2   waits for the last frame of shot 1",
        f"shot 1   request {ids[0]}",
        "shot 1   done in 1 s, saved",
        "shot 2   takes the last frame of shot 1",
        f"shot 2   request {ids[1]}",
        "shot 3   takes the last frame of shot 2",
        "shot 3   done in 1 s, saved",
        "joining the 3 shots",
        "Saved 3 shots, and one film of all of them, 15 s long:",
    ]
    places = [done.stdout.index(words) for words in said]
    assert places == sorted(places), done.stdout
    films = [decoded(shot) for shot in shots]
    joined = decoded(whole)
    assert [frame.tobytes() for frame in joined] == [frame.tobytes() for film in films for frame in film]
    for before, after in pairwise(films):
        assert difference(before[-1], after[0]) < 3


@in_full
def test_a_story_whose_last_shot_fails_says_which_and_keeps_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("A cat", "--shots", "2", "--takes", "0.5", "--resolution", "540p", "--aspect-ratio", "1:1")
    # The simulator asks it for the image, and there is none.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    done = demo(*asked, "--frame1-image", "https://example.com/end.png", "--output", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("Shot 2 of 2 was not made. ")
    assert "failed to download frame1_image" in done.stderr
    assert done.stderr.endswith("\nSaved until then:\n")
    (film,) = tmp_path.iterdir()
    assert re.fullmatch(r"a-cat-shot-1-[\w-]+\.mp4", film.name)
    assert done.stdout.splitlines()[-1] == str(film)
    assert "shot 1   done" in done.stdout
    assert "shot 2   not made" in done.stdout


@in_full
def test_a_story_that_can_not_be_finished_is_not_begun(tmp_path: Path) -> None:
    done = demo("--shots", "3", "--frame1-image", "ftp://nowhere", "--takes", "600", "--output", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("Shot 3 of 3 would be refused. ")
    assert "frame1_image" in done.stderr
    assert "queued" not in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--shots", "3", "--loop"], "--loop can't go with --shots"),
        (["--shots", "3", "--model", "Veo3"], "--shots needs Luma-Ray2"),
        ([" ", "--shots", "3"], "PROMPT is empty"),
        (["--shots", "1"], "invalid choice"),
        (["--shots", "9"], "invalid choice"),
    ],
)
def test_a_story_that_can_not_be_is_refused_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], says: str
) -> None:
    try:
        code = command_line.main(["demo", *options, "--output", str(tmp_path / "films")])
    except SystemExit as exit_:
        code = exit_.code
    assert code == 2
    said = capsys.readouterr()
    assert says in said.err
    assert not said.out
    assert not list(tmp_path.iterdir())


@in_full
@pytest.mark.usefixtures("default_sigint")
def test_on_a_terminal_each_shot_has_a_bar_and_ctrl_c_keeps_what_is_saved(tmp_path: Path) -> None:
    quick = ("--resolution", "540p", "--aspect-ratio", "1:1", "--takes", "2")
    with on_a_terminal("A cat", "--shots", "3", *quick, "--output", str(tmp_path)) as (child, terminal):
        # From the start there are three bars.
        read_until(terminal, rb"shot 1.* 0%.*\s.*shot 2.* 0%.*waits for.*\s.*shot 3.* 0%.*waits for")
        read_until(terminal, rb"shot 1.*100%.*done in 2 s, saved.*\s.*shot 2.* [1-9]\d?%.*processing")
        assert interrupted(child) == b"Stopped.\nSaved until then:\n"
        (film,) = tmp_path.iterdir()
        assert film.name.encode() in read_until(terminal, rb"shot-1-[\w-]+\.mp4")


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("A majestic dragon, soaring!", "a-majestic-dragon-soaring"),
        ("Ein Bär — im Café", "ein-bar-im-cafe"),
        ("../../etc/passwd", "etc-passwd"),
        ("熊猫", "video"),
        ("a" * 60, "a" * 40),
        ("one two three four five six seven eight nine", "one-two-three-four-five-six-seven-eight"),
    ],
)
def test_a_film_is_named_after_its_prompt(prompt: str, name: str) -> None:
    assert slug(prompt) == name

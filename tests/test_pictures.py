"""The pictures of README and docs: they are there, small, and of what is real; and the script that makes them works."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from PIL import Image

from .full import in_full
from .pictures import player, terminal
from .player import chat
from .structure import ROOT

IMAGES = ROOT / "docs" / "images"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def written(picture: Path) -> list[str]:
    """The lines of a terminal's picture, from above, without the window's title."""
    texts = [found for found in ET.parse(picture).iter() if found.tag.endswith("text")]  # noqa: S314 - our own file
    rows: dict[float, str] = {}
    for found in texts[1:]:
        row = float(found.get("y", "0"))
        rows[row] = rows.get(row, "") + "".join(found.itertext()).replace("\xa0", " ")
    return [rows[row] for row in sorted(rows)]


def shows_a_film(picture: Path) -> None:
    """Two players beside each other, on nothing."""
    with Image.open(picture) as opened:
        image = opened.convert("RGBA")
    assert image.width == player.SCALE * (2 * player.WIDTH + player.GAP)
    assert image.height > 700
    assert image.getchannel("A").getpixel((0, 0)) == 0, "round corners"
    light, dark = (image.getpixel((left, 20)) for left in (60, image.width // 2 + 60))
    assert isinstance(light, tuple)
    assert isinstance(dark, tuple)
    assert min(light[:3]) > 240
    assert max(dark[:3]) < 40


def shows_the_demo(picture: Path, options: str) -> None:
    command, *said = written(picture)
    assert command.startswith(f"$ gmi-video-mcp demo {options}")
    assert "pretend GMI Cloud" in said[0]
    assert any(line.startswith("~/gmi-video-output/") and line.rstrip().endswith(".mp4") for line in said)
    text = picture.read_text(encoding="utf-8")
    assert not re.search(r"://(?!requests|www\.w3\.org)|url\([^#]", text), "it loads nothing"
    assert not re.search(r"(?<![\w~/])/\w", "\n".join(said)), "no path of a machine"


def test_the_readme_shows_both_before_its_first_section_docs_the_third_and_they_say_what_is_seen() -> None:
    pattern = re.compile(r"^!\[([^]]+)\]\((?:docs/)?images/([\w.]+)\)$", re.MULTILINE)
    shown = pattern.findall(README.partition("\n## ")[0])
    assert len(shown) == 2
    shown += pattern.findall((ROOT / "docs" / "performance.md").read_text(encoding="utf-8"))
    assert sorted(name for _, name in shown) == sorted(path.name for path in IMAGES.iterdir()), "and there is no other"
    assert all(len(words) > 40 for words, _ in shown)


def test_the_pictures_are_small_and_of_what_they_say() -> None:
    assert all(path.stat().st_size < 300_000 for path in IMAGES.iterdir())
    shows_a_film(IMAGES / "player.webp")
    shows_the_demo(IMAGES / "terminal.svg", "")


@pytest.mark.slow
@in_full
def test_the_terminals_picture_can_be_made_with_the_demos_options(tmp_path: Path) -> None:
    terminal.write(tmp_path / "terminal.svg", ["a fox", "--resolution", "540p", "--takes", "1"])
    shows_the_demo(tmp_path / "terminal.svg", "'a fox' --resolution 540p --takes 1")


@pytest.mark.slow
@in_full
def test_an_error_of_the_demo_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="unrecognized arguments: --nothing"):
        terminal.write(tmp_path / "terminal.svg", ["a fox", "--nothing"])
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@in_full
@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_players_picture_can_be_made(tmp_path: Path) -> None:
    if not chat.chromium():
        pytest.skip(chat.HOW_TO_GET_IT)
    await player.write(tmp_path / "player.webp")
    shows_a_film(tmp_path / "player.webp")

"""Names of saved videos: found by a person, allowed on every system, and never two alike."""

import re
import unicodedata
from datetime import datetime
from itertools import islice
from pathlib import Path

import pytest

from gmi_video.videos import names
from gmi_video.videos.formats import extension_of, is_cut_off

EPOCH = 1_750_000_000
ID = "3f2a9c1e-d8f1-4adf-91b7-584a2265b1f5"

PROMPTS = {
    "a red fox": "a-red-fox",
    "  A Red   FOX, in the snow!! ": "a-red-fox-in-the-snow",
    "../../etc/passwd": "etc-passwd",
    "C:\\Windows\\system32": "c-windows-system32",
    "CON": "con",
    "...": "video",
    "": "video",
    "🦊🦊": "video",
    "tail.": "tail",
    "a\x00b\nc\x1b[31m": "a-b-c-31m",
    "fox\u202egpj.exe": "fox-gpj-exe",
    "half \ud83d a pair": "half-a-pair",
    "<img src=x> \"quoted\" 'too' | pipe? *star*": "img-src-x-quoted-too-pipe-star",
    "Лиса в снегу": "лиса-в-снегу",
    "雪の中の赤い狐": "雪の中の赤い狐",
    "ثعلب أحمر": "ثعلب-أحمر",
    "हिम में लोमड़ी": "हिम-में-लोमड़ी",
    "Cafe\u0301 crème": "café-crème",
}


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_words_of_a_prompt_in_a_name(prompt: str) -> None:
    day = datetime.fromtimestamp(EPOCH).astimezone().date().isoformat()
    expected = unicodedata.normalize("NFC", PROMPTS[prompt])
    assert names.stem(prompt, {"resolution": "1080p", "duration": "9s"}, EPOCH) == f"{day} {expected} 1080p 9s"


@pytest.mark.parametrize(
    "prompt", ["x" * 20_000, "word " * 4000, "狐" * 20_000, "🦊" * 20_000, "a-" * 10_000, "é" * 500]
)
@pytest.mark.parametrize("request_id", [ID, "x" * 128])
def test_a_name_fits_every_file_system_however_long_prompt_and_id_are(prompt: str, request_id: str) -> None:
    parameters = {"resolution": "9" * 11, "duration": "9" * 11}
    for short in names.short_ids(request_id):
        name = f"{names.stem(prompt, parameters, EPOCH)} {short}.json"
        assert len(name.encode()) <= 255
        assert re.fullmatch(r"[\w -]+\.json", name)
    assert len(names.words(prompt)) <= names.WORDS_CHARACTERS


@pytest.mark.parametrize(
    ("parameters", "ends"),
    [
        ({}, "a-fox"),
        ({"resolution": "4k", "duration": "5s"}, "a-fox 4k 5s"),
        ({"size": "1280*720", "seconds": 8}, "a-fox 1280x720 8s"),
        ({"quality": "high", "durationSeconds": "7.5"}, "a-fox high 7.5s"),
        ({"resolution": "../..", "duration": "a/b"}, "a-fox"),
        ({"resolution": "x" * 300, "duration": True}, "a-fox"),
        ({"resolution": ["1080p"], "duration": None}, "a-fox"),
    ],
)
def test_size_and_length_of_any_model_are_in_the_name_where_they_are_words(
    parameters: dict[str, object], ends: str
) -> None:
    assert names.stem("a fox", parameters, EPOCH).partition(" ")[2] == ends


def test_short_ids_grow_and_each_stands_for_its_request_only() -> None:
    assert list(islice(names.short_ids(ID), 5)) == ["3f2a", "3f2a9", "3f2a9c", "3f2a9c1", "3f2a9c1e"]
    assert ID in names.short_ids(ID)
    every = [*names.short_ids(ID), *names.short_ids(ID.upper())]
    assert len({short.casefold() for short in every}) == len(set(every[: len(every) // 2])) + 1
    for short in names.short_ids(ID):
        assert names.may_stand_for(short, ID)
        assert names.short_of(f"2026-11-24 a-fox 7.5s {short}.json") == short
    for other in ("", "3f2", "3f2b", ID + "0"):
        assert not names.may_stand_for(other, ID)
    assert list(names.short_ids("a")) == ["a", *islice(names.short_ids("a"), 1, None)]
    assert names.may_stand_for("a", "a")


MP4 = b"\x00\x00\x00\x20ftyp"
HEADS = {
    MP4 + b"isom\x00\x00\x02\x00isomiso2": "mp4",
    MP4 + b"qt  \x00\x00\x02\x00qt  ": "mov",
    MP4 + b"avif\x00\x00\x00\x00mif1": "",
    MP4 + b"M4A \x00\x00\x02\x00": "",
    MP4: "",
    b"\x1a\x45\xdf\xa3\x01\x00\x00\x00\x00\x00\x00\x1f\x42\x86\x81\x01\x42\x82\x84webm": "webm",
    b"\x1a\x45\xdf\xa3\x01\x00\x00\x00\x00\x00\x00\x1f\x42\x86\x81\x01\x42\x82\x88matroska": "mkv",
    b"": "",
    b"<!doctype html><html>ftyp": "",
    b"\xff\xd8\xff\xe0\x00\x10JFIF": "",
    b"\x89PNG\r\n\x1a\n": "",
    b"RIFF\x00\x00\x00\x00WEBPVP8 ": "",
}


BOX = b"\x00\x00\x00\x20ftypisom" + bytes(20)
LARGE = b"\x00\x00\x00\x01mdat" + (100).to_bytes(8) + bytes(84)
FILES = {
    BOX + LARGE: False,
    BOX + LARGE + BOX: False,
    (BOX + LARGE)[:-1]: True,
    BOX + LARGE[:16]: True,
    BOX + bytes(100): False,  # a box of length 0 goes on to the end
    BOX + LARGE + b"some": False,  # not a box
    BOX * 20_000: False,
    b"\x1a\x45\xdf\xa3 webm" + bytes(100): False,
    b"": False,
}


@pytest.mark.parametrize("number", range(len(FILES)))
def test_a_video_without_its_end_is_known_by_its_last_box(tmp_path: Path, number: int) -> None:
    content, cut = list(FILES.items())[number]
    (tmp_path / "film").write_bytes(content)
    assert is_cut_off(tmp_path / "film") is cut


@pytest.mark.parametrize("head", HEADS)
def test_what_is_a_video_is_known_by_its_first_bytes(head: bytes) -> None:
    assert extension_of(head) == HEADS[head]

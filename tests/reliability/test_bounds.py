"""The bounds in docs/reliability.md are the code's."""

import re
from pathlib import Path

import pytest

from gmi_video.catalog import reading
from gmi_video.foreign import process
from gmi_video.frames import av_program, decoding, extraction
from gmi_video.mcp import (
    arguments,
    consent,
    deadlines,
    frames,
    list_models,
    messages,
    player,
    prompts,
    saving,
    subscriptions,
)
from gmi_video.text import duration
from gmi_video.upstream import bodies, client, lists, transport
from gmi_video.videos import fetch

from .matrix import PROSE

MEGABYTE = 1024 * 1024

PAGE = Path(player.__file__).with_name("player.html").read_text(encoding="utf-8")


def seconds_after(words: str) -> str:
    """The milliseconds that follow these words in the player's page, in seconds."""
    found = re.search(rf"{re.escape(words)}([0-9.e]+)", PAGE)
    assert found, words
    return f"{float(found[1]) / 1000:g}"


ROWS = {
    "largest response": f"{transport.MAX_BODY_BYTES // MEGABYTE} MB, inflated",
    "coding of a response": f"one layer of gzip or deflate, inflated in steps of {bodies.STEP_BYTES // 1024} KB",
    "values in a response, by its commas and brackets": f"{transport.MAX_VALUES:,}",
    "largest list of requests": f"{transport.MAX_LIST_BYTES // MEGABYTE} MB, {lists.MAX_ROWS:,} rows, "
    f"{lists.MAX_LIST_VALUES:,} values",
    f"longest text in a list of more than {lists.WHOLE_BYTES // MEGABYTE} MB": f"{lists.WINDOW_BYTES // MEGABYTE} MB",
    "connecting": f"{transport.CONNECT_SECONDS:g} s",
    "slowest byte": f"{transport.READ_SECONDS:g} s between two bytes of a read, {client.SUBMIT_READ_SECONDS:g} s of a "
    "submit",
    "one exchange, however it drips": f"{transport.EXCHANGE_SECONDS:g} s "
    f"(an upload: {duration(client.UPLOAD_SECONDS)})",
    "one request of the host": f"its ceiling, or `GMI_MAX_WAIT_SECONDS`; at least {deadlines.MIN_CALL_SECONDS:g} s",
    "a question about a price": f"{duration(consent.QUESTION_SECONDS)}; then a yes pays nothing",
    "longest line of input": f"{messages.MAX_LINE_BYTES // MEGABYTE} MB, {messages.MAX_LINE_VALUES:,} values",
    "largest argument": f"`prompt` {arguments.MAX_PROMPT:,} characters, other texts {arguments.MAX_TEXT:,}, an object "
    f"{arguments.MAX_OBJECT:,} as JSON",
    "an object in the arguments": f"{arguments.MAX_NAMES} names of {arguments.MAX_NAME} characters, "
    f"{arguments.MAX_VALUES:,} values, {arguments.MAX_DEPTH} levels",
    "URIs that one listener follows": f"{subscriptions.MAX_FOLLOWED}",
    "models told of in a line each": f"{list_models.MAX_DETAILS}, whose records are waited for "
    f"{reading.RECORDS_SECONDS:g} s",
    "largest video that is saved": f"{fetch.MAX_BYTES // 1024**3} GB, fetched within {duration(fetch.FETCH_SECONDS)}, "
    f"in {fetch.ATTEMPTS} tries, over {fetch.MAX_REDIRECTS} redirects",
    "what an answer waits for its video to be saved": f"{saving.PATIENCE_SECONDS:g} s",
    "video that frames are taken of": f"{extraction.MAX_FILM_BYTES // MEGABYTE} MB, fetched within "
    f"{duration(extraction.TRANSFER_SECONDS)}, {['no', 'one', 'two'][extraction.AT_ONCE]} at a time",
    "its thumbnail": f"{extraction.MAX_THUMBNAIL_BYTES // MEGABYTE} MB",
    "decoding a video": f"{decoding.SECONDS:g} s, {av_program.MAX_FRAMES:,} frames of {av_program.MAX_PIXELS:,} "
    f"pixels, {process.MEMORY // 1000**3} GB of memory where the system can bound it",
    "a picture of frames": f"{av_program.SHEET_SIDE:,} pixels wide and high, {av_program.SHEET_BYTES // 1000} KB; "
    f"a single frame {av_program.PICTURE_BYTES // 1000**2} MB",
    "pictures that are kept": f"{extraction.REMEMBERED}",
    "what an answer waits for its frames": f"{frames.PATIENCE_SECONDS:g} s, and no longer than for a job",
    "looks of the player at a running job": f"{seconds_after('Math.max(pace, ')} to "
    f"{seconds_after('left * 160, ')} s apart, {seconds_after('LONGEST = ')} s after failures",
    "arguments of a prompt": f"an idea {prompts.MAX_IDEA:,} characters, a platform and a mood {prompts.MAX_WORDS}; "
    f"{prompts.SHOTS[0]} to {prompts.SHOTS[-1]} shots",
}

ELSEWHERE = {
    "headers of a response, together": "tests/reliability/test_bombs.py sends endless ones",
    "deepest JSON": "tests/reliability/test_hostile_answers.py sends deeper ones",
    "calls in line for the rate limit": "tests/test_deadlines.py makes 2,000",
    "the player's page": "tests/test_apps.py measures it",
}
"""Bounds that are no constant of ours, and where they are tested."""


def table() -> dict[str, str]:
    """The section's rows: what is bounded, and its bound."""
    _, _, section = PROSE.read_text(encoding="utf-8").partition("## Bounds")
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \|$", section.partition("\n## ")[0], re.MULTILINE)
    return dict(rows[2:])


@pytest.mark.parametrize("what", ROWS)
def test_a_bound_on_the_page_is_the_codes(what: str) -> None:
    assert table()[what] == ROWS[what]


def test_every_row_of_the_page_is_compared_or_tested_elsewhere() -> None:
    assert table().keys() == ROWS.keys() | ELSEWHERE.keys()

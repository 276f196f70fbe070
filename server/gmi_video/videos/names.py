"""What a saved video is called: `2026-11-24 a-red-fox 1080p 9s 3f2a.mp4`.

The date comes first, so that the folder is in order by name. Every part is made of letters, digits and hyphens, so that
the name is allowed on every system; as it begins with a date it is none of the names that Windows reserves.
"""

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from gmi_video.catalog.roles import Role, role_of
from gmi_video.text import one_line

WORDS_CHARACTERS, WORDS_BYTES = 40, 80
"""The most that a name holds of the prompt. With an id of 128 characters it stays below 255 bytes, the most that file
systems allow."""

SHORTEST_ID = 4


def stem(prompt: str, parameters: Mapping[str, Any], at: float) -> str:
    """A name without the short id and the extension.

    Args:
        prompt: what the video shows.
        parameters: what it was made from; its size and length are found by the parameters' names.
        at: when it was made, in Unix seconds.
    """
    # The local day: a person looks for "the video of last night" by the clock on the wall.
    day = datetime.fromtimestamp(at, UTC).astimezone().date().isoformat()
    return " ".join(filter(None, [day, words(prompt) or "video", _size(parameters), _length(parameters)]))


def words(prompt: str) -> str:
    """The first words of a prompt, in small letters, with hyphens between them; letters of any script are kept."""
    text = unicodedata.normalize("NFC", one_line(prompt, 400).lower())
    kept = "".join(char if unicodedata.category(char)[0] in "LMN" else "-" for char in text)
    try:
        os.fsencode(kept)
    except UnicodeEncodeError:
        return ""  # a system that is set to another coding than UTF-8 can't write this script in names
    found = ""
    for word in filter(None, kept.split("-")):
        longer = f"{found}-{word}" if found else word
        if len(longer) > WORDS_CHARACTERS or len(longer.encode()) > WORDS_BYTES:
            # A script without blanks is one long word.
            return found or longer.encode()[:WORDS_BYTES].decode(errors="ignore")[:WORDS_CHARACTERS]
        found = longer
    return found


def short_ids(request_id: str) -> Iterator[str]:
    """What may stand for a request id, the shortest first: its beginnings, itself, and last a hash of it.

    The last one is for ids that differ in the case of their letters only, which some file systems do not tell apart.
    """
    for length in range(min(SHORTEST_ID, len(request_id)), len(request_id) + 1):
        if not request_id[:length].endswith("-"):
            yield request_id[:length]
    yield _hash_of(request_id)


def may_stand_for(short: str, request_id: str) -> bool:
    """Whether `short` is one of the request's `short_ids`."""
    least = min(SHORTEST_ID, len(request_id))
    return (len(short) >= least and request_id.startswith(short)) or short == _hash_of(request_id)


def short_of(name: str) -> str:
    """The short id in the name of a file: what stands after the last blank, without the extension."""
    return name.rpartition(".")[0].rpartition(" ")[2]


def _hash_of(request_id: str) -> str:
    return sha256(request_id.encode()).hexdigest()[:32]


def _size(parameters: Mapping[str, Any]) -> str:
    return re.sub(r"[*×]", "x", _short(_value(parameters, Role.SIZE)))


def _length(parameters: Mapping[str, Any]) -> str:
    length = _short(_value(parameters, Role.LENGTH))
    return f"{length}s" if re.fullmatch(r"\d+(\.\d+)?", length) else length


def _value(parameters: Mapping[str, Any], role: Role) -> object:
    return next((value for name, value in parameters.items() if role_of(name) is role), "")


def _short(value: object) -> str:
    """A size or a length, where it is a short word or number; else nothing."""
    text = str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    return text if re.fullmatch(r"[A-Za-z0-9]+([*×.][A-Za-z0-9]+)?", text) and len(text) <= 11 else ""

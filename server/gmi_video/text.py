"""Sanitize vendor text before showing it: one line, bounded, quoted, no Markdown.

Text from the queue is data. It may contain anything, an echoed prompt or injected instructions, so it is never passed
on as a sentence of this server, and can't start a link, an image, a code block or a new line. Also here: durations, and
suggestions for misspelt names and values.
"""

import difflib
import json
import re
import unicodedata
from collections.abc import Iterable
from itertools import islice
from urllib.parse import urlsplit

from pydantic_core import to_json

_SCHEME = re.compile(r"(?i)\b(https?|ftp|file|data|javascript|mailto):(?=\S)")
_INERT = str.maketrans(
    {
        "[": "(",
        "]": ")",
        "<": "‹",
        ">": "›",
        "`": "'",
        '"': "'",
        "“": "'",
        "”": "'",
        "*": "∗",
        "|": "/",
        "#": "♯",
        "\\": "/",
    }
)

_COMPARABLE = 60
"""Longest name that is compared with others (characters)."""

_COMPARED = 1000
"""Names that one is compared with; the vendor has some hundred models."""

_MAX_URL = 2048
"""Longest URL that is passed on (characters)."""


def one_line(text: object, limit: int = 300) -> str:
    """`text` on one line without control or formatting characters, at most `limit` characters."""
    line = text if isinstance(text, str) else to_json(text, serialize_unknown=True).decode()
    line = line[: limit * 4]
    # Categories C* (control, bidi and zero-width characters, surrogates, private use, unassigned) and Z* (blanks).
    line = "".join(c if not unicodedata.category(c).startswith(("C", "Z")) else " " for c in line)
    line = " ".join(line.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def quote_untrusted(text: object, limit: int = 300) -> str:
    """`text` on one line in quotation marks, without Markdown, URLs or quotation marks of its own.

    Args:
        text: a string, or any other value, which is shown as JSON.
        limit: the most characters kept.
    """
    quoted = _SCHEME.sub(r"\1 ", one_line(text, limit)).replace("www.", "www ").translate(_INERT)
    return f"“{quoted}”"


def safe_url(value: object) -> str:
    """`value` if it is an http(s) URL that is safe inside a Markdown link; else an empty string.

    Parentheses are percent-encoded.
    """
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_URL:
        return ""
    if not value.isascii() or re.search(r"[\s\x00-\x1f\x7f<>\[\]\"'`\\|{}^]", value):
        return ""
    value = value.replace("(", "%28").replace(")", "%29")
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password:
        return ""
    return value


def duration(seconds: float) -> str:
    """Seconds in readable units: "42 s", "3 min", "2 min 30 s", "1 h 5 min"."""
    whole = max(0, round(seconds))
    if whole < 100:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


_NOT_PLAIN = re.compile(r"[\[\]<>`*|#\\“”]|:(?=//|\w+\()")


def as_json_literal(value: object) -> str:
    """A value as JSON of at most 80 characters; as quoted text where it could be read as Markdown or a URL."""
    try:
        literal = one_line(json.dumps(value, ensure_ascii=False), 80)
    except (TypeError, ValueError, RecursionError):
        return "that"
    risky = literal[:1] in {"[", "{"} or _NOT_PLAIN.search(literal)
    return quote_untrusted(value, 80) if risky else literal


def folded(name: str) -> str:
    """A name in lower case without underscores and hyphens: camelCase and snake_case become equal."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def similar(word: str, candidates: Iterable[str], n: int, cutoff: float) -> list[str]:
    """The candidates that are most like a word, best first; see `difflib.get_close_matches`.

    Its time grows with the cube of the lengths, so that long texts are like nothing, and no more than `_COMPARED` are
    compared.
    """
    if len(word) > _COMPARABLE:
        return []
    short = [candidate for candidate in islice(candidates, _COMPARED) if len(candidate) <= _COMPARABLE]
    return difflib.get_close_matches(word, short, n=n, cutoff=cutoff)


def nearest(name: str, names: Iterable[str]) -> str:
    """The one of `names` that was probably meant by a misspelt `name`, or an empty string."""
    by_fold = {folded(candidate): candidate for candidate in names}
    close = similar(folded(name), by_fold, 1, 0.7)
    return by_fold[close[0]] if close else ""


def nearest_option(value: object, options: list[str]) -> str:
    """The option that was probably meant by `value` ("9s" for 9 or "9", "4k" for "4K"), or an empty string."""
    text = str(value).strip().lower() if isinstance(value, str | int | float) else ""
    if not text or isinstance(value, bool):
        return ""
    text = text.removesuffix(".0")
    same = [option for option in options if folded(option) == folded(text)]
    starts = [option for option in options if re.fullmatch(re.escape(text) + r"\s*[a-z]+", option.lower())]
    close = similar(text, options, 1, 0.75)
    return next(iter(same + starts + close), "")

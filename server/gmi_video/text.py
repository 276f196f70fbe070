"""Words of others, made safe to show: text of the queue is data, whoever wrote it.

In a sentence (`summary`, `next_step`, an error's or progress message, a question) it is in quotation marks:
`quote_untrusted`, or `as_json_literal` for names and values. In a field of its own it is `one_line`, or `paragraphs`
where it is a prompt or a guide. A link is a `safe_url`. All are bounded. No sentence begins with words of others.

Also here: durations, and suggestions for misspelt names and values.
"""

import difflib
import json
import re
from collections.abc import Iterable
from itertools import islice
from urllib.parse import urlsplit

_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]")
"""Characters that are never seen although Unicode counts them as letters or marks (Default_Ignorable_Code_Point)."""

_LIVE = re.compile(r"(?<![^\W_])(?:www\.|(?:data|javascript|mailto|tel|vbscript):(?=\S))|:(?=//)", re.IGNORECASE)
"""What hosts make links of, with `@`."""

_QUOTES = '"\u00ab\u00bb\u201c\u201d\u201e\u201f\u2033\u2036\u275d\u275e\u301d\u301e\u301f\uff02'

_INERT = str.maketrans(
    {"[": "(", "]": ")", "<": "‹", ">": "›", "`": "'", "*": "∗", "|": "/", "#": "♯", "\\": "/", "@": "\uff20"}
    | dict.fromkeys(_QUOTES, "'")
)

_COMPARABLE = 60
"""Longest name that is compared with others (characters)."""

_COMPARED = 1000
"""Names that one is compared with; the vendor has some hundred models."""

_MAX_URL = 2048
"""Longest URL that is passed on (characters)."""


def one_line(text: object, limit: int = 300) -> str:
    """`text` on one line without control or invisible characters, at most `limit` characters.

    Args:
        text: a string, or any other value, which is shown as JSON.
        limit: the most characters kept.
    """
    line = text if isinstance(text, str) else _as_json(text)
    line = " ".join(_visible(line[: limit * 4]).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def paragraphs(text: str, limit: int) -> str:
    """`text` with its line breaks and otherwise as `one_line`: for prompts and guides."""
    shown = "\n".join(map(_visible, text[: limit + 1].split("\n")))
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _as_json(value: object) -> str:
    """`value` as JSON in which half of a surrogate pair may stand; an ellipsis for what is nested too deeply."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    except (ValueError, RecursionError):
        return "…"


def _visible(text: str) -> str:
    """`text` with a blank for each control, format, separator or invisible character, and for half a surrogate pair."""
    if not text.isprintable():
        text = "".join(character if character.isprintable() else " " for character in text)
    return _INVISIBLE.sub(" ", text)


def quote_untrusted(text: object, limit: int = 300) -> str:
    """`text` as `one_line`, in quotation marks, without Markdown, HTML, links or quotation marks of its own."""
    inert = one_line(text, limit).translate(_INERT)
    # After that: of two backslashes it has made two slashes.
    inert = _LIVE.sub(lambda found: f"{found[0][:-1]} ", inert)
    return f"“{inert}”"


def safe_url(value: object) -> str:
    """`value` if it is an http(s) URL that is safe inside a Markdown link; else an empty string.

    Parentheses are percent-encoded. Without user name and password, which would be shown to others.
    """
    if not isinstance(value, str) or not value.isascii() or re.search(r"[\s\x00-\x1f\x7f<>\[\]\"'`\\|{}^]", value):
        return ""
    value = value.replace("(", "%28").replace(")", "%29")
    if not 0 < len(value) <= _MAX_URL:
        return ""
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return ""
    return value if parts.scheme in {"http", "https"} and parts.hostname and "@" not in parts.netloc else ""


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


_RISKY = re.compile(rf"[\[\]<>`|#@\\{_QUOTES}]|(?<!\d)\*|\*(?!\d)")
"""What makes a value not harmless. Between digits a star is part of a size, which must be copied to the letter."""


def as_json_literal(value: object, limit: int = 80) -> str:
    """A name or value as JSON, to the letter; in other quotation marks and made harmless where it is not harmless."""
    literal = _as_json(value)
    inner = literal[1:-1] if isinstance(value, str) else literal
    plain = len(literal) <= limit and _visible(literal) == literal and not _RISKY.search(inner)
    return literal if plain and not _LIVE.search(literal) else quote_untrusted(value, limit)


def sentence(words: str) -> str:
    """Words as a sentence of their own: a capital at the beginning, a full stop at the end."""
    return f"{words[:1].upper()}{words[1:]}."


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

"""Words of the vendor's, made safe to repeat: bounded, on one line, in quotation marks, inert as Markdown.

What comes from the queue is data. It may hold anything, a prompt of ours echoed back or another's instructions, so
it is never passed on as our own sentence, and can't open a link, a picture, a code block or a line of its own.
"""

import difflib
import json
import re
import unicodedata
from collections.abc import Iterable
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
_MAX_URL = 2048


def one_line(text: object, limit: int = 300) -> str:
    """`text` on one line without control or formatting characters, at most `limit` characters."""
    words = text if isinstance(text, str) else to_json(text, serialize_unknown=True).decode()
    words = words[: limit * 4]
    # Categories C*: control, format (bidi and zero-width tricks), surrogate, private use, unassigned.
    words = "".join(c if not unicodedata.category(c).startswith(("C", "Z")) else " " for c in words)
    words = " ".join(words.split())
    return words if len(words) <= limit else words[: limit - 1].rstrip() + "…"


def quote_untrusted(text: object, limit: int = 300) -> str:
    """The vendor's words in quotation marks, unable to leave them: no Markdown, no links, no second line."""
    words = _SCHEME.sub(r"\1 ", one_line(text, limit)).replace("www.", "www ").translate(_INERT)
    return f"“{words}”"


def safe_url(value: object) -> str:
    """`value` if it is an http(s) URL that can stand in a Markdown link as it is; else an empty string."""
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
    """Seconds as a person says them: "42 s", "3 min", "2 min 30 s", "1 h 5 min"."""
    whole = max(0, round(seconds))
    if whole < 100:  # noqa: PLR2004 - up to a minute and a half people count in seconds
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:  # noqa: PLR2004 - minutes in an hour
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


_MORE_THAN_A_VALUE = re.compile(r"[\[\]<>`*|#\\“”]|:(?=//|\w+\()")


def as_json_literal(value: object) -> str:
    """A value as JSON, cut short; in quotation marks that it can't leave, where it could be read as more than that."""
    try:
        words = one_line(json.dumps(value, ensure_ascii=False), 80)
    except (TypeError, ValueError, RecursionError):
        return "that"
    risky = words[:1] in {"[", "{"} or _MORE_THAN_A_VALUE.search(words)
    return quote_untrusted(value, 80) if risky else words


def folded(name: str) -> str:
    """A name without case, underscores and hyphens, so that camelCase and snake_case are the same."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def nearest(name: str, names: Iterable[str]) -> str:
    """The one of `names` that was probably meant by a misspelt `name`, or an empty string."""
    by_fold = {folded(candidate): candidate for candidate in names}
    close = difflib.get_close_matches(folded(name), by_fold, n=1, cutoff=0.7)
    return by_fold[close[0]] if close else ""


def nearest_option(value: object, options: list[str]) -> str:
    """The allowed value that was probably meant by `value` ("9" or 9 for "9s", "4K" for "4k"), or an empty string."""
    text = str(value).strip().lower() if isinstance(value, str | int | float) else ""
    if not text or isinstance(value, bool):
        return ""
    text = text.removesuffix(".0")
    same = [option for option in options if folded(option) == folded(text)]
    starts = [option for option in options if re.fullmatch(re.escape(text) + r"\s*[a-z]+", option.lower())]
    close = difflib.get_close_matches(text, options, n=1, cutoff=0.75)
    return next(iter(same + starts + close), "")

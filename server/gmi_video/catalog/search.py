"""Finds model ids by the words that people use: "veo 3", "luma ray 2", "image to video"."""

import re
from collections.abc import Iterable, Sequence

from gmi_video.text import folded, similar
from gmi_video.upstream.luma_ray2 import LUMA_RAY2

NEAREST = 5
"""Ids that are named where none matches."""

MOST_WORDS = 12
"""Words of a search that count."""

_FROM_TO = re.compile(
    r"(?<![a-z])(text|image|img|video|vid|[tiv])[ _.-]*(?:to|2)[ _.-]*(video|vid|image|img|[vi])(?![a-z])"
)
"""What a model makes of what, as ids and people spell it: "image-to-video", "img2vid", "i2v"."""

_ABILITIES = {LUMA_RAY2: "t2v i2v"}
"""What an id does not tell and the vendor's page does (guide, "Overview")."""

_FILLERS = frozenset({"a", "an", "and", "by", "for", "from", "model", "models", "of", "the", "with"})


def words_of(search: str) -> list[str]:
    """The words of a search that say something, in lower case; "image to video" and the like are one word, "i2v"."""
    words = dict.fromkeys(re.findall(r"[^\W\d_]\w*|\d+", _short(search)))
    return [word for word in words if word not in _FILLERS][:MOST_WORDS]


def matching(ids: Sequence[str], search: str) -> list[str]:
    """The ids that hold a search as it stands, spaces and hyphens aside; else those that hold all its words."""
    words = words_of(search)
    whole = folded(search)
    if len(words) > 1 and (found := [name for name in ids if whole and whole in folded(name)]):
        return found
    return [name for name in ids if all(_holds(name, word) for word in words)]


def nearest(ids: Sequence[str], search: str) -> list[str]:
    """The ids that come nearest to a search that none matches, best first: by words in common, else by spelling.

    With a thousand ids it can take a good part of a second.
    """
    words = [word for word in words_of(search) if not word.isdigit()]
    shared = {name: sum(_holds(name, word) for word in words) for name in ids}
    found = [name for name in sorted(ids, key=lambda name: -shared[name]) if shared[name]]
    return found[:NEAREST] or _alike(ids, search)


def _alike(ids: Iterable[str], search: str) -> list[str]:
    by_fold = {folded(name): name for name in ids}
    return [by_fold[name] for name in similar(folded(search), by_fold, NEAREST, 0.5)]


def _holds(name: str, word: str) -> bool:
    """Whether an id holds a word: a number as a whole number (2 is not in "v24"), any other word anywhere."""
    if word.isdigit():
        return word in re.findall(r"\d+", name)
    return word in name.lower() or word in _short(name).split() or word in _ABILITIES.get(name, "").split()


def _short(text: str) -> str:
    return _FROM_TO.sub(lambda found: f" {found[1][0]}2{found[2][0]} ", text.lower())

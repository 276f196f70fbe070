"""Reads a request list, so that a row that can't be read hides no other.

A list is not documented to be short, complete or well-formed. A long one is parsed in pieces of some hundred rows: the
JSON parser stops every other thread while it works. What is left when a piece is not as expected, and a short list that
the JSON parser refuses (a lone surrogate, NaN, 250 levels), is taken apart at its rows, which are parsed one by one.
One that was cut off in transfer is no list: fetched again it may be whole.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple, cast

from pydantic_core import from_json

from gmi_video.upstream.bodies import count_values
from gmi_video.upstream.wire import Record, fields_of, items_of, records

Parse = Callable[[bytes], Any]
"""Parses a JSON text; None for what is none."""

WHOLE_BYTES = 2 * 1024 * 1024
"""A longer list is parsed in pieces."""

PIECE_BYTES = 256 * 1024
"""A piece of a list has at least so many bytes and ends with a row; parsing it takes under a millisecond."""

WINDOW_BYTES = 1024 * 1024
"""Longest piece, and longest string in a list that is parsed row by row; also, as much is searched in one go."""

MAX_LIST_VALUES = 3_000_000
"""As many values of a list are read: 60,000 requests have about 1.5 million, and each takes about 70 bytes once parsed.
What is longer is cut."""

MAX_ROWS = 200_000
"""As many rows of a list are read; what is longer is cut."""

TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
"""A string, which may be cut off at the end (also after a backslash), or a bracket: enough to find where rows begin and
end. It matches at every quotation mark, so that no byte is searched twice."""

_HEAD = re.compile(
    rb'\s*+\{(?:\s*+"total"\s*+:\s*+[0-9]+\s*+,)?\s*+"requests"\s*+:\s*+\[\s*+(?P<row>\{\s*+"[^"\\]{1,100}"\s*+:)'
)
"""The beginning of a list that can be parsed in pieces, up to the first name in its first row."""

_ROW_DEPTH = 3
"""Brackets open inside a row: the response, its list, the row."""


class Unreadable(ValueError):
    """The bytes are no request list; the text completes "The queue's answer …"."""

    def __init__(self, what: str = "lacks what it must have, or has it in a form that can't be read") -> None:
        super().__init__(what)


class Snapshot(NamedTuple):
    """What a list showed, without its records, which take a hundred times the memory.

    Attributes:
        ids: of the requests in it.
        complete: whether these are all there were.
    """

    ids: frozenset[str]
    complete: bool


NOTHING_SHOWN = Snapshot(frozenset(), complete=False)
"""Of a list that is not available."""


@dataclass(frozen=True)
class RecordList:
    """`GET /requests`: records in no documented order.

    Attributes:
        requests: the rows that can be read.
        total: how many requests there are, as the queue says; None where it does not.
        rows: how many rows there were, the unreadable ones too.
        size: the response's length in bytes.
        cut: the response was longer than what is read of one.
    """

    requests: list[Record]
    total: int | None = None
    rows: int = 0
    size: int = 0
    cut: bool = False

    @property
    def complete(self) -> bool:
        """Whether every request is shown. Only then does a missing one not exist."""
        return not self.cut and (self.total is None or self.total <= self.rows)

    @property
    def gap(self) -> str:
        """That not every request is shown, as the end of "The queue's list …"; empty where every one is."""
        if self.complete:
            return ""
        if self.total is not None and self.total > self.rows:
            return f"shows {self.rows} of {self.total} requests"
        return f"is longer than the {self.rows} requests that are read of it"

    @cached_property
    def snapshot(self) -> Snapshot:
        """What is kept of it; one for all who ask, because thousands of submits may keep it."""
        return Snapshot(frozenset(record.request_id for record in self.requests), self.complete)

    def newest_first(self) -> list[Record]:
        """The records by creation time, newest first."""
        return sorted(self.requests, key=lambda record: record.created_at or 0, reverse=True)


def read(raw: bytes, parse: Parse, *, cut: bool = False) -> RecordList:
    """Read the body of a list response.

    Args:
        raw: the body.
        parse: parses one JSON text, and removes from it what must not be shown.
        cut: `raw` is only the beginning of the response.

    Raises:
        Unreadable: it is no request list.
    """
    before = _in_pieces(raw, parse) if len(raw) > WHOLE_BYTES else _Pieces(raw)
    body = fields_of(None if cut or before.full or len(before.rest) > WHOLE_BYTES else parse(before.rest))
    if "requests" not in body:
        body, cut = _by_rows(before, parse, cut=cut)
    found = from_body(body, size=len(raw), cut=cut)
    return replace(found, requests=before.requests + found.requests, rows=before.rows + found.rows)


def from_body(body: object, *, size: int = 0, cut: bool = False) -> RecordList:
    """The list in a parsed response. Raises `Unreadable` where it holds none; `null` is an empty list."""
    listed: object = fields_of(body).get("requests", "")
    if listed is not None and not isinstance(listed, list):
        raise Unreadable
    rows = items_of(cast("object", listed))
    total = fields_of(body).get("total")
    known = isinstance(total, int) and not isinstance(total, bool) and 0 <= total < 10**12
    return RecordList(records(rows), total if known else None, len(rows), size, cut)


def parse_leniently(raw: bytes) -> Any:
    """Parse JSON that a strict parser refuses; None for what is none. Lone surrogates and NaN stay in the values."""
    try:
        return from_json(raw, cache_strings="keys")
    except ValueError:
        pass
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


@dataclass(slots=True)
class _Pieces:
    """What was read of a list in pieces.

    Attributes:
        rest: the list without what was read.
        requests: the rows that can be read.
        rows: how many rows there were.
        values: at least as many values as they held.
        full: one piece more would be too much.
    """

    rest: bytes
    requests: list[Record] = field(default_factory=list[Record])
    rows: int = 0
    values: int = 0
    full: bool = False


def _in_pieces(raw: bytes, parse: Parse) -> _Pieces:
    """Read as much of a list as can be parsed in pieces.

    A piece ends where the next row begins: with the same name as the first one. Where that is within a row, the piece
    is no JSON, and it and all that follows is left.
    """
    read, head = _Pieces(raw), _HEAD.match(raw, 0, PIECE_BYTES)
    if not head:
        return read
    start = first = head.start("row")
    between = re.compile(rb"\}\s*+,\s*+(?=" + re.escape(head["row"]) + rb")")
    while end := between.search(raw, start + PIECE_BYTES, start + WINDOW_BYTES):
        piece = b"[%b}]" % raw[start : end.start()]
        values, rows = read.values + count_values(piece, MAX_LIST_VALUES), items_of(parse(piece))
        read.full = values > MAX_LIST_VALUES or read.rows + len(rows) > MAX_ROWS
        if read.full or not rows:
            break
        read.requests += records(rows)
        read.rows, read.values, start = read.rows + len(rows), values, end.end()
    if read.rows:
        read.rest = raw[:first] + raw[start:]
    return read


def _by_rows(before: _Pieces, parse: Parse, *, cut: bool) -> tuple[dict[str, Any], bool]:
    """The rest taken apart: each row parsed by itself; one that can't be parsed is None. And whether it is cut."""
    parsed: list[Any] = []
    raw, first, last, values = before.rest, 0, 0, before.values
    for start, end, held in _rows(raw, cut=cut):
        values += held
        if values > MAX_LIST_VALUES or before.rows + len(parsed) == MAX_ROWS:
            return {"requests": parsed}, True
        first, last = first or start, end
        parsed.append(parse(raw[start:end]))
    around = fields_of(parse(raw[:first] + raw[last:])) if parsed else {}
    return {"requests": parsed, "total": around.get("total")}, cut


def _rows(raw: bytes, *, cut: bool) -> Iterator[tuple[int, int, int]]:
    """Where each row of the list at the key `requests` begins and ends, and how many values are in it.

    Raises:
        Unreadable: there is no such list, or the response was read to its end and its brackets are still open.
    """
    depth, start, key, inside, found = 0, 0, b"", False, False
    brackets = in_strings = 0
    for token in _tokens(raw):
        mark = token[0][:1]
        if mark == b'"':
            key = token[0] if depth == 1 else key
            in_strings += token[0].count(b",")
        elif mark in b"[{":
            depth += 1
            brackets += 1
            if depth == _ROW_DEPTH - 1 and mark == b"[" and key == b'"requests"':
                inside = found = True
            if depth == _ROW_DEPTH:
                start, brackets, in_strings = token.start(), 1, 0
        else:
            if inside and depth == _ROW_DEPTH:
                yield start, token.end(), brackets + raw.count(b",", start, token.end()) - in_strings
            depth -= 1
            inside = inside and depth >= _ROW_DEPTH - 1
    if not found or (depth > 0 and not cut):
        raise Unreadable


def _tokens(raw: bytes) -> Iterator[re.Match[bytes]]:
    """The tokens, searched window by window: one search of the whole would stop every other thread meanwhile.

    Raises:
        Unreadable: a string is longer than a window, or there are more tokens than the most values have.
    """
    start = number = 0
    while start < len(raw):
        end = min(start + WINDOW_BYTES, len(raw))
        for token in TOKEN.finditer(raw, start, end):
            if token.end() == end < len(raw) and token[0][:1] == b'"':
                # It may go on in the next window.
                if token.start() == start:
                    raise Unreadable(f"holds a text longer than {WINDOW_BYTES // 1024 // 1024} MB")
                end = token.start()
                break
            number += 1
            if number > 2 * MAX_LIST_VALUES:
                raise Unreadable(f"holds more than {2 * MAX_LIST_VALUES:,} names, texts and brackets")
            yield token
        start = end

"""Computes what a job costs from the model's record: millionths of a dollar per unit (gmi-api, `price_info`)."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from gmi_video.catalog.roles import Role, role_of
from gmi_video.catalog.validation import options_of
from gmi_video.text import quote_untrusted
from gmi_video.upstream.wire import ModelRecord, Parameter, error_text

MILLIONTHS = 1_000_000

_SECONDS = {"second", "sec", "s"}
_MINUTES = {"minute", "min"}
_JOBS = {"request", "video", "generation", "call", "job", "run", "task", "clip", "image", "item", "output"}
UNKNOWN = "not known"
"""The price in words, where the record has none."""

TEN_CENTS = 0.1

MAX_VARIANTS = 3
"""Cheaper variants that are offered at most."""


def cost(record: ModelRecord | None, payload: Mapping[str, Any], *, at_most: bool = False) -> float | None:
    """The price of a job in dollars; None where it can't be computed.

    Args:
        record: the model's live record.
        payload: what is or was asked for.
        at_most: for a payload that is not known whole: take the longest the model offers.
    """
    price = unit_price(record)
    if record is None or price is None:
        return None
    unit = unit_of(record)
    if unit in _JOBS:
        return price * _count(payload)
    seconds = _seconds(record, payload, at_most=at_most)
    if seconds is None:
        return None
    if unit in _SECONDS:
        return price * seconds * _count(payload)
    return price * seconds / 60 * _count(payload) if unit in _MINUTES else None


def cost_as_listed(record: ModelRecord | None, payload: Mapping[str, Any]) -> float | None:
    """The price of a job by the payload that the queue shows; None where it shows none, as it does for some jobs."""
    return cost(record, payload) if payload else None


def unit_price(record: ModelRecord | None) -> float | None:
    """Dollars for one unit."""
    price = (record.price_info or {}).get("price") if record else None
    if isinstance(price, bool) or not isinstance(price, int | float) or not 0 <= price < 1e12:
        return None
    return price / MILLIONTHS


def unit_of(record: ModelRecord) -> str:
    """The unit that is paid for, in the singular: "second", "request", "video", "image" and so on."""
    info = record.price_info or {}
    named = info.get("unit") or info.get("pricing_type")
    unit = named.lower().strip().removeprefix("per").strip(" _-") if isinstance(named, str) else ""
    return unit.removesuffix("s") if len(unit) > 1 else unit


def in_words(record: ModelRecord) -> str:
    """The price for a person: "$0.142 per second", the vendor's own words, or that it is not known."""
    price = unit_price(record)
    said = error_text(record.pricing_details)
    words = f" The vendor says: {quote_untrusted(said, 200)}" if said else ""
    if price is None:
        return f"not given as a number.{words}" if said else UNKNOWN
    unit = unit_of(record) or "unit"
    known = unit in _SECONDS | _MINUTES | _JOBS | {"unit"}
    if known and _figures(said) <= {price}:
        words = ""  # it says the same
    return f"{exact_dollars(price)} per {unit if known else quote_untrusted(unit, 20)}.{words}"


def _figures(text: str) -> set[float]:
    """The numbers in a text."""
    return set(map(float, re.findall(r"\d{1,12}(?:\.\d{1,12})?", text)))


class Variant(NamedTuple):
    """The same job with one parameter changed, and its price in dollars."""

    change: str
    usd: float


def cheaper(record: ModelRecord, payload: Mapping[str, Any]) -> list[Variant]:
    """What would make a job cheaper, dearest first: another of the lengths the model offers, or fewer videos.

    Args:
        record: the model's live record.
        payload: what is asked for.
    """
    usd = cost(record, payload)
    found: set[Variant] = set()
    for parameter in record.parameters if usd else ():
        role, old = role_of(parameter.name), _number(payload.get(parameter.name, parameter.default_value))
        offered = _offered(parameter) if role is Role.LENGTH else [1] if role is Role.COUNT else []
        for value in offered:
            new, price = _number(value), cost(record, {**payload, parameter.name: value})
            if new and old and new < old and price is not None and price < (usd or 0.0):
                unit = " s" if role is Role.LENGTH else ""
                found.add(Variant(f"{new:g}{unit} instead of {old:g}{unit}", price))
    return sorted(found, key=lambda variant: -variant.usd)[:MAX_VARIANTS]


def dollars(amount: float) -> str:
    """An amount as people read it: $1.28 for 1.278; below ten cents with the digits that cents don't show."""
    return exact_dollars(amount) if 0 < amount < TEN_CENTS else f"${amount:.2f}"


def exact_dollars(amount: float) -> str:
    """An amount with up to four digits after the point, at least two."""
    rounded = f"{amount:.2f}"
    return f"${rounded}" if abs(float(rounded) - amount) < 1e-9 else f"${amount:.4f}".rstrip("0")


def _seconds(record: ModelRecord, payload: Mapping[str, Any], *, at_most: bool) -> float | None:
    lengths = [parameter for parameter in record.parameters if role_of(parameter.name) is Role.LENGTH]
    given = [_number(payload[parameter.name]) for parameter in lengths if parameter.name in payload]
    if given:
        return given[0]
    if at_most and not payload and lengths:
        return max(filter(None, map(_number, _offered(lengths[0]))), default=None)
    return next(filter(None, (_number(parameter.default_value) for parameter in lengths)), None)


def _offered(parameter: Parameter) -> list[Any]:
    return [*options_of(parameter), parameter.max_value, parameter.default_value]


def _number(value: object) -> float | None:
    """Seconds from 5, 5.0, "5" or "5s"."""
    if isinstance(value, str):
        found = re.fullmatch(r"\s*(\d{1,6}(?:\.\d{1,3})?)\s*(s|sec|seconds)?\s*", value, re.IGNORECASE)
        return float(found[1]) if found else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value < 1e6 else None


def _count(payload: Mapping[str, Any]) -> int:
    counts = [
        value for name, value in payload.items() if role_of(name) is Role.COUNT and type(value) is int and value > 0
    ]
    return counts[0] if counts else 1

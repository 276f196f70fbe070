"""Checks of the queue by two free calls: the key, the clock, and whether Luma-Ray2 is what this server documents."""

import math
import time
from collections.abc import Callable
from contextlib import aclosing
from email.utils import parsedate_to_datetime
from typing import Any

import anyio
import httpx

from gmi_video.catalog import pricing
from gmi_video.doctor.checks import Check
from gmi_video.doctor.network import Failure, host_of, why
from gmi_video.errors import (
    GmiVideoError,
    InsufficientCredits,
    NotFound,
    RateLimited,
    Rejected,
    SettingsError,
    Unauthorized,
    Unavailable,
    UpstreamError,
)
from gmi_video.settings import Settings
from gmi_video.text import duration, quote_untrusted
from gmi_video.upstream.client import Queue
from gmi_video.upstream.connection import Connection
from gmi_video.upstream.luma_ray2 import DOCUMENTED, LUMA_RAY2
from gmi_video.upstream.transport import Transport
from gmi_video.upstream.wire import ModelRecord, Parameter

QUEUE_SECONDS = 8.0
"""The bound on all calls to the queue together, with their retries."""

SKEW_SECONDS = 30.0
"""A clock that is further off is a warning. The header has whole seconds, and an answer may be cached for some."""

_CHECK_ADDRESS = "Check GMI_BASE_URL; without it the queue's documented address is used."

_REMEDIES: tuple[tuple[type[UpstreamError], str], ...] = (
    (
        Unauthorized,
        "Make a key at console.gmicloud.ai under API keys and put it into GMI_API_KEY. Check GMI_ORG_ID, if it is set.",
    ),
    (InsufficientCredits, "Add credits at console.gmicloud.ai."),
    (NotFound, _CHECK_ADDRESS),
    (Rejected, _CHECK_ADDRESS),
    (RateLimited, "Wait a minute, then try again."),
    (Unavailable, "Try again in a minute."),
    (
        UpstreamError,
        f"{_CHECK_ADDRESS} Or something else answers in the queue's place, such as a network's sign-in page.",
    ),
)


class ObservedTransport(httpx.AsyncBaseTransport):
    """A transport that remembers what the queue's client leaves out: why a connection failed, and the Date header."""

    def __init__(self, inner: httpx.AsyncBaseTransport, now: Callable[[], float]) -> None:
        self._inner = inner
        self._now = now
        self.error: httpx.TransportError | None = None
        self.answered = False
        self.ahead: float | None = None
        """Seconds that this machine's clock is ahead of the queue's; None where no answer had the time."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange; see `ObservedTransport`."""
        began = self._now()
        try:
            response = await self._inner.handle_async_request(request)
        except httpx.TransportError as error:
            self.error = error
            raise
        self.error, self.answered = None, True
        try:
            date = parsedate_to_datetime(response.headers.get("date", "")).timestamp()
        except (ValueError, OverflowError):
            return response
        # The header's time is up to a second old when it leaves.
        self.ahead = (began + self._now()) / 2 - (date + 0.5)
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


async def check_cloud(
    settings: Settings, transport: httpx.AsyncBaseTransport | None = None, now: Callable[[], float] = time.time
) -> list[Check]:
    """Ask the queue. A check that an earlier failure makes impossible is left out.

    Args:
        settings: with a key, and without a fault in what a connection needs.
        transport: the HTTP transport; None is the network.
        now: this machine's clock, in Unix seconds.
    """
    observed = ObservedTransport(transport or Connection(settings.network), now)
    found: list[Check] = []
    async with aclosing(Transport(settings, observed, now)) as http:
        queue = Queue(http)
        deadline = anyio.current_time() + QUEUE_SECONDS
        ids: list[str] | None = None
        try:
            with anyio.fail_after(deadline - anyio.current_time()):
                ids = await queue.list_models()
        except (TimeoutError, GmiVideoError) as error:
            failure = _failure(error, observed, settings)
            found.append(Check("key", "problem", failure.message, failure.remedy, {"models": None}))
        else:
            found.append(_key(ids))
        if observed.answered:
            found.append(_clock(observed.ahead))
        if ids is not None:
            try:
                with anyio.fail_after(deadline - anyio.current_time()):
                    found.append(_luma(await queue.get_model(LUMA_RAY2)))
            except (TimeoutError, GmiVideoError) as error:
                failure = _failure(error, observed, settings)
                found.append(Check("luma_ray2", "warning", f"Record of {LUMA_RAY2}: {failure.message}", failure.remedy))
    return found


def _failure(error: Exception, observed: ObservedTransport, settings: Settings) -> Failure:
    """What to say of a call that failed; the words of `upstream.failures` where an answer came."""
    if isinstance(error, TimeoutError):
        return Failure(
            f"{host_of(settings)} did not answer within {QUEUE_SECONDS:g} seconds.",
            "Check this machine's network, firewall and proxy, and GMI_BASE_URL if it is set; then try again.",
        )
    if isinstance(error, SettingsError):
        return Failure(error.message.removesuffix(" Nothing was sent and nothing was charged."), "Correct it.")
    if isinstance(error, UpstreamError):
        if observed.error is not None:
            return why(observed.error, settings)
        return Failure(error.reason, next(remedy for kind, remedy in _REMEDIES if isinstance(error, kind)))
    raise error


def _key(ids: list[str]) -> Check:
    details = {"models": len(ids), "luma_ray2": LUMA_RAY2 in ids}
    if LUMA_RAY2 not in ids:
        return Check(
            "key",
            "warning",
            f"The queue accepts the key and lists {len(ids)} models, but not {LUMA_RAY2}.",
            "Ask GMI Cloud whether this account may use it; list_models shows the others.",
            details,
        )
    return Check("key", "ok", f"The queue accepts the key and lists {len(ids)} models.", details=details)


def _clock(ahead: float | None) -> Check:
    if ahead is None:
        return Check("clock", "ok", "The queue's answer has no time to compare this machine's clock with.")
    details = {"ahead_seconds": math.floor(ahead)}
    if abs(ahead) <= SKEW_SECONDS:
        return Check("clock", "ok", "This machine's clock agrees with the queue's.", details=details)
    which = "ahead of" if ahead > 0 else "behind"
    return Check(
        "clock",
        "warning",
        f"This machine's clock is {duration(abs(ahead))} {which} the queue's.",
        "Set the clock by the network (NTP). The server itself goes by the queue's time, but times in logs are off, "
        "and a clock that is days off makes TLS connections fail.",
        details,
    )


def _luma(record: ModelRecord) -> Check:
    price, differences = pricing.unit_price(record), _differences(record)
    details: dict[str, Any] = {"usd_per_unit": price, "unit": pricing.unit_of(record), "differences": differences}
    words = pricing.in_words(record)
    said = f"{LUMA_RAY2}'s price: {words}{'' if words.endswith(('.', '”')) else '.'}"
    if differences:
        return Check(
            "luma_ray2",
            "warning",
            f"{said} Its live record is not as documented: {'; '.join(differences)}.",
            "The server checks every call by the live record; a newer version may know it. `make live` in the clone "
            "shows more.",
            details,
        )
    if price is None:
        return Check(
            "luma_ray2",
            "warning",
            f"{said} Its parameters are as documented.",
            "With GMI_SPEND_LIMIT_USD nothing is made without a price; GMI_CONFIRM_ABOVE_USD asks before each video.",
            details,
        )
    return Check("luma_ray2", "ok", f"{said} Its parameters are as documented.", details=details)


def _differences(record: ModelRecord) -> list[str]:
    """Where the live parameters of Luma-Ray2 differ from the documented table, a phrase each."""
    live = {parameter.name: parameter for parameter in record.parameters}
    table = {parameter.name: parameter for parameter in DOCUMENTED.parameters}
    found = [f"{name} is missing" for name in table if name not in live]
    found += [f"{quote_untrusted(name, 40)} is new" for name in live if name not in table][:10]
    for name in (name for name in table if name in live):
        found += [f"{name} {what}" for what in _other(live[name], table[name])]
    return found


def _other(live: Parameter, documented: Parameter) -> list[str]:
    found: list[str] = []
    if sorted(map(str, live.options)) != sorted(map(str, documented.options)):
        found.append("has other options")
    # A record without a default agrees with a default of false or "".
    if live.default_value != documented.default_value and (live.default_value or documented.default_value):
        found.append("has another default")
    if live.required != documented.required:
        found.append("is required" if live.required else "is not required")
    return found

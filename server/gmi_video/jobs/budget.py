"""The spending limit: what this account's requests of the last 24 hours cost, plus what is being submitted now.

The sum is taken from the request list, so it holds after a restart. What the list does not show yet is added from
this process's own reservations. Requests that failed or were cancelled count as charged, because whether they are is
unknown.
"""

from dataclasses import dataclass
from typing import Self

import anyio

from gmi_video.catalog import pricing
from gmi_video.catalog.lookup import Catalog
from gmi_video.errors import SpendingRefused, UpstreamError
from gmi_video.settings import Settings
from gmi_video.upstream.client import Queue
from gmi_video.upstream.wire import Record

DAY = 24 * 3600.0

LIST_PATIENCE = 8.0
"""Seconds of retries for each list call before a submit."""


@dataclass(eq=False, slots=True)
class Reservation:
    """Money reserved for a submit, as a context manager around it.

    It counts until the list shows the request, or the submit was refused (an `UpstreamError` leaves the context).
    """

    usd: float
    at: float
    request_id: str = ""
    released: bool = False

    def made(self, request_id: str) -> None:
        """The job exists: from now on it is counted once, here or in the list."""
        self.request_id = request_id

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self.released = isinstance(error, UpstreamError)


class Budget:
    """Holds every submit to `GMI_SPEND_LIMIT_USD`, where it is set."""

    def __init__(self, queue: Queue, catalog: Catalog, settings: Settings) -> None:
        self._queue = queue
        self._catalog = catalog
        self._limit = settings.spend_limit_usd
        self._reservations: list[Reservation] = []
        self._lock = anyio.Lock()

    async def reserve(self, usd: float | None) -> Reservation:
        """Reserve `usd` for a submit, or refuse.

        Raises:
            SpendingRefused: it would take the last 24 hours above the limit, or the sum can't be determined.
        """
        if self._limit is None:
            return Reservation(0.0, 0.0)
        if usd is None:
            raise SpendingRefused(
                f"The price of this job is not known, so it can't be held to the limit of "
                f"{pricing.dollars(self._limit)} in 24 hours (GMI_SPEND_LIMIT_USD). Nothing was submitted.",
                "Tell the user: to use this model, they must raise or unset GMI_SPEND_LIMIT_USD in this server's "
                "settings and restart it. Or choose a model whose price is known; list_models shows it.",
            )
        async with self._lock:
            spent, unpriced = await self._spent()
            if spent + usd > self._limit + 1e-9:
                raise SpendingRefused(_over(spent, usd, self._limit, unpriced), _AFTER_LIMIT)
            reservation = Reservation(usd, self._queue.now())
            self._reservations.append(reservation)
            return reservation

    async def _spent(self) -> tuple[float, int]:
        """Dollars of the last 24 hours, and how many requests have no known price."""
        try:
            listing = await self._queue.list_requests(patience=LIST_PATIENCE)
        except UpstreamError as error:
            raise SpendingRefused(
                f"The account's requests of the last 24 hours could not be listed, so the limit of "
                f"{pricing.dollars(self._limit or 0)} (GMI_SPEND_LIMIT_USD) can't be checked. {error.message} "
                "Nothing was submitted.",
                "Make the same call again in a minute.",
            ) from error
        since = self._queue.now() - DAY
        recent = [record for record in listing.requests if record.created_at is None or record.created_at >= since]
        prices = [await self._price(record) for record in recent]
        listed = {record.request_id for record in listing.requests}
        self._reservations = [
            r for r in self._reservations if not r.released and r.at >= since and r.request_id not in listed
        ]
        reserved = sum(reservation.usd for reservation in self._reservations)
        return sum(price for price in prices if price is not None) + reserved, prices.count(None)

    async def _price(self, record: Record) -> float | None:
        try:
            model = await self._catalog.model(record.model)
        except UpstreamError:
            return None
        return pricing.cost(model, record.payload, at_most=True)


_AFTER_LIMIT = (
    "Tell the user the sum. Either wait until earlier requests are older than 24 hours, or choose something cheaper "
    "(a shorter or another model), or have them raise GMI_SPEND_LIMIT_USD in this server's settings and restart it."
)


def _over(spent: float, usd: float, limit: float, unpriced: int) -> str:
    also = f" ({unpriced} more whose price is not known are not in that sum)" if unpriced else ""
    return (
        f"This job costs about {pricing.dollars(usd)}. The account's requests of the last 24 hours come to "
        f"{pricing.dollars(spent)}{also}, counting failed ones, and the limit is {pricing.dollars(limit)} "
        "(GMI_SPEND_LIMIT_USD). Nothing was submitted."
    )

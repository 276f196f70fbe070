"""The spending limit: what this account's requests of the last 24 hours cost, by the queue's list.

The ledger reserves the price of a job in the same step in which it records it, so that two copies of the server can't
both spend the last dollar; this module tells it what the list shows. Requests that failed or were cancelled count as
charged, because whether they are is unknown. Where a figure is missing, nothing is spent, and the refusal names it.
"""

import anyio

from gmi_video.catalog import pricing
from gmi_video.catalog.lookup import Catalog
from gmi_video.catalog.priced import PricedRequest
from gmi_video.errors import SpendingRefused, UpstreamError
from gmi_video.jobs.ledger import Ledger, Limit, OverLimit
from gmi_video.jobs.listings import Listings
from gmi_video.settings import Settings
from gmi_video.upstream.client import Queue
from gmi_video.upstream.lists import RecordList
from gmi_video.upstream.luma_ray2 import named
from gmi_video.upstream.wire import Record

DAY = 24 * 3600.0

PRICE_PATIENCE = 8.0
"""Seconds that the price of a listed request may take."""

_SETTING = "in this server's settings and restart it."

_UNSET = "in this server's settings and restart it. Or choose a model whose price is known; list_models shows it."


class Budget:
    """What may be spent by `GMI_SPEND_LIMIT_USD`, where it is set."""

    def __init__(self, queue: Queue, catalog: Catalog, ledger: Ledger, listings: Listings, settings: Settings) -> None:
        self._queue = queue
        self._listings = listings
        self._catalog = catalog
        self._ledger = ledger
        self._limit = settings.spend_limit_usd

    def ask_ahead(self, since: float) -> None:
        """Have the list asked for that `limit` needs, where it needs one, beside what comes before that."""
        if self._limit is not None:
            self._listings.ask_ahead("", since)

    async def limit(self, usd: float | None, since: float) -> Limit | None:
        """The limit as the ledger needs it; None where there is none.

        Args:
            usd: the price of the job that is about to be submitted; None where it is unknown.
            since: the list must not be older than this (`moment`).

        Raises:
            SpendingRefused: the price of the job, or what was spent already, can't be determined.
        """
        if self._limit is None:
            return None
        if usd is None:
            raise SpendingRefused(
                f"The price of this job is not known, so it can't be held to {self._name}. Nothing was submitted.",
                f"Tell the user: to use this model, they must unset GMI_SPEND_LIMIT_USD {_UNSET}",
            )
        listing = await self._list(since)
        since = self._queue.now() - DAY
        recent = [record for record in listing.requests if record.created_at is None or record.created_at >= since]
        older = {record.request_id for record in listing.requests} - {record.request_id for record in recent}
        reserved = await self._ledger.request_ids(priced=True)
        spent, priced = 0.0, set[str]()
        for record in recent:
            price = await self._price(record)
            if price is not None:
                spent += price
                priced.add(record.request_id)
            elif record.request_id not in reserved:
                raise self._unchecked(
                    f"the price of request {record.request_id} is not known: "
                    + (
                        f"the record of its model {named(record.model)} has none"
                        if record.model
                        else "it names no model"
                    )
                )
        # What the list has no price for is counted by the ledger, which reserved one.
        return Limit(self._limit, spent, frozenset(older | priced))

    def refusal(self, request: PricedRequest, over: OverLimit) -> SpendingRefused:
        """The error for a job that would go above the limit, or may."""
        usd = request.usd or 0.0
        if over.unpriced and over.spent + usd <= (self._limit or 0.0):
            several = over.unpriced > 1
            return self._unchecked(
                f"the price of {over.unpriced} request{'s' if several else ''} that this server has submitted, and the "
                "queue does not list yet, is not known"
            )
        limit = f"{pricing.dollars(self._limit or 0)} in 24 hours (GMI_SPEND_LIMIT_USD)"
        if usd > (self._limit or 0.0):
            return SpendingRefused(
                f"{request.cost} That alone is above the limit of {limit}. Nothing was submitted."
                f"{request.offers(self._limit or 0.0)}",
                f"Tell the user. It is theirs to choose: something cheaper, or to raise GMI_SPEND_LIMIT_USD {_SETTING}",
            )
        under_way = f" ({over.undecided} of them still being submitted, or of unknown fate)" if over.undecided else ""
        return SpendingRefused(
            f"{request.cost} The account's requests of the last 24 hours come to "
            f"{pricing.dollars(over.spent)}{under_way}, counting failed ones, and the limit is {limit}. Nothing was "
            f"submitted.{request.offers((self._limit or 0.0) - over.spent)}",
            "Tell the user. It is theirs to choose: to wait until earlier requests are older than 24 hours, something "
            f"cheaper, or to raise GMI_SPEND_LIMIT_USD {_SETTING}",
        )

    @property
    def _name(self) -> str:
        return f"the limit of {pricing.dollars(self._limit or 0)} in 24 hours (GMI_SPEND_LIMIT_USD)"

    def _unchecked(self, missing: str) -> SpendingRefused:
        return SpendingRefused(
            f"What this account has spent can't be held to {self._name}, because {missing}. Nothing was submitted.",
            "Tell the user. If they accept that this figure is missing, they can unset GMI_SPEND_LIMIT_USD "
            "in this server's settings and restart it.",
        )

    async def _list(self, since: float) -> RecordList:
        try:
            listing = await self._listings.get("", since)
        except UpstreamError as error:
            raise SpendingRefused(
                f"The account's requests of the last 24 hours could not be listed, so {self._name} can't be checked. "
                f"{error.reason} Nothing was submitted.",
                "Make the same call again in a minute.",
            ) from error
        if not listing.complete:
            raise self._unchecked(f"the queue's list {listing.gap}")
        return listing

    async def _price(self, record: Record) -> float | None:
        with anyio.move_on_after(PRICE_PATIENCE):
            try:
                model = await self._catalog.model_in_any_case(record.model)
                return pricing.cost(model, record.payload, at_most=True)
            except UpstreamError:
                pass
        return None

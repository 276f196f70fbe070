"""A checked and priced request: the one object that travels from the arguments of a call to its submission."""

import math
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gmi_video.catalog import combinations, pricing
from gmi_video.catalog.pricing import Variant
from gmi_video.catalog.roles import Role, role_of
from gmi_video.upstream.luma_ray2 import named
from gmi_video.upstream.wire import SubmitRequest, items_of


@dataclass(frozen=True, slots=True)
class PricedRequest:
    """A checked request and its price: the one object that travels from the arguments to the submission.

    Attributes:
        wire: what is submitted. Local images stand in it as paths, then as digests, and as URLs once uploaded.
        usd: the price in dollars; None where it is unknown.
        pricing: what the record says of the price, for where it can't be computed: the end of "The price is ...".
        notes: sentences for the user.
        images: the names of the parameters that hold images.
        defaults: the model's defaults, by parameter.
        cheaper: the same with one parameter changed, where that costs less.
        ratios: the aspect ratios that the model offers.
        began: when its check began (`moment`): what the queue was asked after that may be used for it.
    """

    wire: SubmitRequest
    usd: float | None = None
    pricing: str = pricing.UNKNOWN
    notes: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    cheaper: tuple[Variant, ...] = ()
    ratios: tuple[str, ...] = ()
    began: float = math.inf

    def offers(self, at_most: float = math.inf) -> str:
        """What would cost less, and no more than `at_most` dollars: a sentence after a blank; empty for nothing."""
        fitting = [variant for variant in self.cheaper if variant.usd <= at_most]
        offers = [f"{variant.change}, about {pricing.dollars(variant.usd)}" for variant in fitting]
        return f" Cheaper: {'; '.join(offers)}." if offers else ""

    @property
    def price(self) -> str:
        """The price in words."""
        return "a price that is not known" if self.usd is None else f"about {pricing.dollars(self.usd)}"

    @property
    def cost(self) -> str:
        """What the job costs, as a sentence."""
        if self.usd is not None:
            return f"This {self.title} costs {self.price}."
        return f"The price of this {self.title} is {self.pricing.rstrip('.')}."

    @property
    def has_images(self) -> bool:
        """Whether it is made from images, which may have to be uploaded first."""
        return any(self.wire.payload[name] for name in self.images)

    @property
    def title(self) -> str:
        """The job in a few words: "Luma-Ray2 video (720p, 5s, 16:9)"."""
        chosen = {**self.defaults, **self.wire.payload}
        figures = [_figure(name, value) for name, value in chosen.items() if name != "prompt"]
        choices = list(filter(None, figures))[:4]
        return f"{named(self.wire.model)} video" + (f" ({', '.join(choices)})" if choices else "")

    async def with_images(self, convert: Callable[[str, str], Awaitable[str]]) -> "PricedRequest":
        """This request with every image, also those in lists, put through `convert(value, parameter name)`."""
        payload = dict(self.wire.payload)
        for name in self.images:
            value = payload[name]
            if isinstance(value, list):
                payload[name] = [
                    await convert(i, name) if i and isinstance(i, str) else i for i in items_of(payload[name])
                ]
            elif value and isinstance(value, str):
                payload[name] = await convert(value, name)
        return replace(self, wire=SubmitRequest(model=self.wire.model, payload=payload))

    def with_sizes(self, sizes: Mapping[str, tuple[int, int]]) -> "PricedRequest":
        """This request with what is to be noted about images of these sizes (pixels, by parameter)."""
        noted = combinations.shape_notes(self.wire.model, self.wire.payload, self.ratios, sizes)
        return replace(self, notes=(*self.notes, *noted))


def _figure(name: str, value: object) -> str:
    """A value for a title: a figure such as "16:9", "1080p" or "8 s"; empty for anything else."""
    text = str(value)
    if role_of(name) is Role.LENGTH and re.fullmatch(r"\d{1,6}", text):
        return f"{text} s"
    return text if re.fullmatch(r"\d{1,4}([:.x*]\d{1,4}|[a-z]{1,2})", text) else ""

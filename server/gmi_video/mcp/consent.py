"""What comes before generate_video spends: the request is checked and priced, and above a threshold the user is asked.

These are resolvers, which the SDK runs before the tool: it carries a question to the user in both protocol eras.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from weakref import WeakKeyDictionary

import anyio
from cachetools import LRUCache
from mcp.server.elicitation import AcceptedElicitation
from mcp.server.mcpserver import Elicit, Resolve
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel, ConfigDict, Field

from gmi_video.catalog import pricing
from gmi_video.catalog.prepare import PricedRequest, VideoArguments, prepare
from gmi_video.errors import InvalidRequest, SpendingRefused
from gmi_video.images.upload import Images, LocalImage
from gmi_video.mcp.call import Call, ToolContext
from gmi_video.services import Services
from gmi_video.settings import Settings
from gmi_video.text import duration

REMEMBERED = 4096
"""Requests whose consents are counted."""

QUESTION_SECONDS = 300.0
"""How long the user may take to answer a question about a price; later answers pay nothing."""


class Consent(BaseModel):
    """The answer to the question about a price above the threshold: exactly `true`, or it is no consent."""

    model_config = ConfigDict(strict=True)

    go_ahead: bool = Field(description="Make this video and pay for it?")


class NotAsked(Consent):
    """No question was needed: a dry run, a price below the threshold, or a yes in the arguments."""


class AlreadyPaid(NotAsked):
    """No question was needed, because the job exists or is being submitted. Nothing may be paid without one."""


class Consents:
    """How many consents were used for each request, and when it was last asked about.

    The same answer of a user can't pay twice, and a late one can't pay at all. A client may send an answer again with
    the same call. Each question names its number, and an answer counts for the
    question that it was given to and for one payment.
    """

    def __init__(self) -> None:
        self._used: LRUCache[str, int] = LRUCache(REMEMBERED)
        self._asked: LRUCache[str, float] = LRUCache(REMEMBERED)

    def asked(self, key: str) -> None:
        """Note that a question about a request leaves now."""
        self._asked[key] = anyio.current_time()

    def is_late(self, key: str) -> bool:
        """Whether an answer that comes now is to a question that is no longer open."""
        return anyio.current_time() - self._asked.get(key, -math.inf) > QUESTION_SECONDS

    def number(self, key: str) -> int:
        """The number of the next question about a request, from 0 on."""
        return self._used.get(key, 0)

    def use(self, key: str, number: int) -> None:
        """Use the consent to question `number`. Raises `SpendingRefused` where it was used already."""
        if self.number(key) != number:
            raise SpendingRefused(
                "The user's consent to this price was used for a payment already. Nothing was submitted.",
                "Make the same call again: the user is asked again.",
            )
        self._used[key] = number + 1


_CONSENTS: WeakKeyDictionary[Services, Consents] = WeakKeyDictionary()


def consents_of(services: Services) -> Consents:
    """The consents that were used in this process."""
    return _CONSENTS.setdefault(services, Consents())


@dataclass(frozen=True, slots=True)
class Prepared:
    """A checked request: as it was asked for, and with its local images read.

    Attributes:
        asked: the request with local images as paths, as the caller knows them.
        request: the same with each local image as its digest, so that it can be compared before anything is uploaded.
        images: the local images by their digest.
    """

    asked: PricedRequest
    request: PricedRequest
    images: Mapping[str, LocalImage]

    @property
    def key(self) -> str:
        """The request as text, equal for equal requests."""
        return self.request.wire.model_dump_json()

    async def uploaded(self, images: Images) -> PricedRequest:
        """The request with each local image uploaded: what is submitted."""

        async def upload(value: str, _: str) -> str:
            image = self.images.get(value)
            return value if image is None else await images.upload(image)

        return await self.request.with_images(upload)


async def begin(ctx: ToolContext) -> Call:
    """The call, from the moment it began."""
    return Call(ctx)


async def check(
    *,
    call: Annotated[Call, Resolve(begin)],
    prompt: str,
    model: str,
    resolution: str,
    duration: str,
    aspect_ratio: str,
    loop: bool,
    frame0_image: str,
    frame1_image: str,
    model_parameters: dict[str, Any],
    dry_run: bool,
) -> Prepared:
    """Check, price and read what is asked for. Raises every fault at once; nothing has been sent."""
    luma = {
        "resolution": resolution,
        "duration": duration,
        "aspect_ratio": aspect_ratio,
        "loop": loop,
        "frame0_image": frame0_image,
        "frame1_image": frame1_image,
    }
    images: dict[str, LocalImage] = {}
    faults: list[InvalidRequest] = []

    async def read(value: str, argument: str) -> str:
        try:
            image = await call.services.images.read(value, argument)
        except InvalidRequest as fault:
            faults.append(fault)
            return value
        if image is None:
            return value
        images[image.digest] = image
        return image.digest

    ahead = None if dry_run else call.services.submission.ask_ahead
    asked = await prepare(call.services.catalog, VideoArguments(model, prompt, luma, model_parameters), ahead)
    request = await asked.with_images(read)
    if faults:
        raise InvalidRequest.of(faults)
    return Prepared(asked, request, images)


async def question_number(
    *, call: Annotated[Call, Resolve(begin)], checked: Annotated[Prepared, Resolve(check)]
) -> int:
    """The number of the question about this request, as it was when the call came in."""
    return consents_of(call.services).number(checked.key)


async def consent(
    ctx: ToolContext,
    *,
    call: Annotated[Call, Resolve(begin)],
    checked: Annotated[Prepared, Resolve(check)],
    number: Annotated[int, Resolve(question_number)],
    dry_run: bool,
    allow_duplicate: bool,
    confirm_cost: bool,
) -> Consent | Elicit[Consent]:
    """Ask for consent above GMI_CONFIRM_ABOVE_USD, unless it was given or is not needed."""
    settings, request = call.services.settings, checked.request
    if dry_run or confirm_cost or not is_above_threshold(settings, request):
        return NotAsked(go_ahead=True)
    if await call.services.submission.is_made(request, allow_duplicate=allow_duplicate):
        return AlreadyPaid(go_ahead=True)
    capabilities = ctx.client_capabilities
    if capabilities is None or capabilities.elicitation is None:
        raise SpendingRefused(
            f"This {request.title} costs {request.price}; {threshold_text(settings)}. Nothing was submitted.",
            'Ask the user. If they agree to the price, make the same call again with "confirm_cost": true.',
        )
    again = f" It would be payment number {number + 1} for this request." if number else ""
    question = f"This {request.title} costs {request.price}. It can't be recalled.{again} Make it?"
    if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
        # The call ends with the question; its answer comes with another call.
        # By the paths of local images: a file may be another one by then, and the price is the same.
        consents, asked = consents_of(call.services), checked.asked.wire.model_dump_json()
        if not ctx.input_responses:
            consents.asked(asked)
        elif consents.is_late(asked):
            raise _late(request)
        return Elicit(question, Consent)
    answer = None
    with call.deadline.stopped(), anyio.move_on_after(QUESTION_SECONDS):
        try:
            answer = await ctx.elicit(question, Consent)
        except ValueError as error:
            raise SpendingRefused.unreadable_answer() from error
    if answer is None:
        raise _late(request)
    return Consent(go_ahead=isinstance(answer, AcceptedElicitation) and answer.data.go_ahead)


def _late(request: PricedRequest) -> SpendingRefused:
    return SpendingRefused(
        f"The question whether to pay {request.price} was not answered within {duration(QUESTION_SECONDS)}. Nothing "
        "was submitted.",
        "Ask the user; if they agree to the price, make the same call again.",
    )


def is_above_threshold(settings: Settings, request: PricedRequest) -> bool:
    """Whether the user wants to be asked about a request's price; an unknown price counts as above."""
    threshold = settings.confirm_above_usd
    return threshold is not None and (request.usd is None or request.usd > threshold)


def threshold_text(settings: Settings) -> str:
    """The threshold, as part of a sentence."""
    threshold = pricing.dollars(settings.confirm_above_usd or 0)
    return f"the user wants to be asked above {threshold} (GMI_CONFIRM_ABOVE_USD)"

"""The user's consent to a price: whether it is above their budget or threshold, and the question that is asked then.

`question_number` and `consent` are resolvers, which the SDK runs before the tool: it carries a question to the user in
both protocol eras.
"""

from typing import Annotated

import anyio
from mcp.server.elicitation import AcceptedElicitation
from mcp.server.mcpserver import Elicit, Resolve
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel, ConfigDict, Field

from gmi_video.catalog import pricing
from gmi_video.catalog.priced import PricedRequest
from gmi_video.errors import SpendingRefused
from gmi_video.mcp.call import Call, ToolContext
from gmi_video.mcp.prepared import Prepared, begin, check
from gmi_video.mcp.questions import seconds_open
from gmi_video.settings import Settings
from gmi_video.text import duration

AS_THEY_DECIDE = "Tell the user. Change the video or the budget only as they decide."

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


async def question_number(
    *, call: Annotated[Call, Resolve(begin)], checked: Annotated[Prepared, Resolve(check)]
) -> int:
    """How often this video was paid for when the call came in: the user is told, and their yes is to that."""
    if not is_above_threshold(call.services.settings, checked.request):
        return 0  # nobody is asked, so the ledger need not be
    return await call.services.submission.payments(checked.request)


async def consent(
    ctx: ToolContext,
    *,
    call: Annotated[Call, Resolve(begin)],
    checked: Annotated[Prepared, Resolve(check)],
    number: Annotated[int, Resolve(question_number)],
    dry_run: bool,
    allow_duplicate: bool,
    max_cost_usd: float,
    confirm_cost: bool,
) -> Consent | Elicit[Consent]:
    """Ask for consent above GMI_CONFIRM_ABOVE_USD, unless it was given or is not needed.

    Raises:
        SpendingRefused: the price is above the call's own budget, or the user can't be asked or did not answer.
    """
    settings, request = call.services.settings, checked.request
    over_budget = is_above_budget(request, max_cost_usd)
    if dry_run or not (over_budget or (is_above_threshold(settings, request) and not confirm_cost)):
        return NotAsked(go_ahead=True)
    if await call.services.submission.is_made(request, allow_duplicate=allow_duplicate):
        return AlreadyPaid(go_ahead=True)
    if over_budget:
        raise SpendingRefused(
            f"{request.cost} {budget_text(request, max_cost_usd)} Nothing was submitted.{request.offers(max_cost_usd)}",
            AS_THEY_DECIDE,
        )
    capabilities = ctx.client_capabilities
    if capabilities is None or capabilities.elicitation is None:
        raise SpendingRefused(
            f"{request.cost} {threshold_text(settings)} Nothing was submitted.{request.offers()}",
            'Ask the user. If they agree to the price, make the same call again with "confirm_cost": true.',
        )
    again = f" It would be payment number {number + 1} for this request." if number else ""
    notes = "".join(f" {note}" for note in request.notes)
    question = f"{request.cost} Once sent it can't be cancelled.{again}{notes}{request.offers()} Make it?"
    if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
        # The call ends with the question; its answer comes with another call, maybe to another copy of the server.
        if ctx.input_responses and seconds_open() > QUESTION_SECONDS:
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


def is_above_budget(request: PricedRequest, max_cost_usd: float) -> bool:
    """Whether a request's price is above the budget that was said for it; an unknown price counts as above."""
    return max_cost_usd > 0 and (request.usd is None or round(request.usd, 6) > max_cost_usd)


def budget_text(request: PricedRequest, max_cost_usd: float) -> str:
    """That a request is above the budget that was said for it, as a sentence."""
    if request.usd is None:
        return f"So it may be above the budget of {pricing.dollars(max_cost_usd)} (max_cost_usd)."
    exact = (
        f"{pricing.exact_dollars(request.usd)} is" if request.price.endswith(pricing.dollars(max_cost_usd)) else "It is"
    )
    return f"{exact} above the budget of {pricing.exact_dollars(max_cost_usd)} (max_cost_usd)."


def is_above_threshold(settings: Settings, request: PricedRequest) -> bool:
    """Whether the user wants to be asked about a request's price; an unknown price counts as above."""
    threshold = settings.confirm_above_usd
    return threshold is not None and (request.usd is None or round(request.usd, 6) > threshold)


def limit_text(limit: float) -> str:
    """The spending limit, as a sentence."""
    return f"This server spends at most {pricing.dollars(limit)} in 24 hours (GMI_SPEND_LIMIT_USD)."


def threshold_text(settings: Settings) -> str:
    """The threshold, as a sentence."""
    threshold = pricing.dollars(settings.confirm_above_usd or 0)
    return f"Above {threshold} the user is asked first (GMI_CONFIRM_ABOVE_USD)."

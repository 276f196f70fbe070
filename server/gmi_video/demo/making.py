"""Make a video as an assistant would, by the server's tools, and read its outcome as a host would."""

import json
from typing import Any, Protocol

from mcp import Client
from mcp_types import CallToolResult, TextContent, TextResourceContents


class DemoError(Exception):
    """The demo can't continue; `str(error)` says why."""


class ShowsProgress(Protocol):
    """A `progress_callback` of `Client.call_tool`."""

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        """Show one progress notification."""


async def price(client: Client, arguments: dict[str, Any]) -> float | None:
    """What a call of generate_video costs in US dollars, by a dry run, which sends nothing; None if that is not known.

    Raises:
        DemoError: it would be refused.
    """
    return _answer(await client.call_tool("generate_video", {**arguments, "dry_run": True})).get("estimated_cost_usd")


async def make_video(client: Client, arguments: dict[str, Any], progress: ShowsProgress) -> dict[str, Any]:
    """Call generate_video, then get_status until the job has ended. Returns the last answer.

    Raises:
        DemoError: there is no video; it holds what the server said, and what to do.
    """
    answer = _answer(await client.call_tool("generate_video", arguments, progress_callback=progress))
    while "request_id" in answer and not answer.get("is_final"):
        status = {"request_id": answer["request_id"], "wait": True}
        answer = _answer(await client.call_tool("get_status", status, progress_callback=progress))
    if "outcome_uri" not in answer:
        raise DemoError(f"{answer['summary']}\n{answer.get('next_step', '')}".strip())
    return answer


async def read_outcome(client: Client, answer: dict[str, Any]) -> dict[str, str]:
    """Read the outcome resource of a finished video.

    Raises:
        DemoError: it is not text, or holds no link to a video.
    """
    uri: str = answer["outcome_uri"]
    (content,) = (await client.read_resource(uri)).contents
    if not isinstance(content, TextResourceContents):
        raise DemoError(f"{uri} is not text.")
    outcome: dict[str, str] = json.loads(content.text)["outcome"]
    if not outcome.get("video_url"):
        raise DemoError("The outcome holds no link to a video.")
    return outcome


def _answer(result: CallToolResult) -> dict[str, Any]:
    (block,) = [block for block in result.content if isinstance(block, TextContent)]
    answer: dict[str, Any] = json.loads(block.text)
    if result.is_error:
        raise DemoError(f"{answer['error']['message']}\n{answer['next_step']}")
    return answer

"""An assistant that makes a call only where words tell it to: those of tools/list, of the instructions, of an answer."""

import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from tests.conftest import Host, World, answer_of, now

from .reading import ToolCall, call_in, sentence_with, shortened

PICTURES = "/home/me/Pictures"
"""What the transcript and the counted bytes have in place of the temporary folder of a run."""


@dataclass
class Assistant:
    """One conversation: what was said and called so far.

    Attributes:
        world: the simulator, and the servers that are connected to it.
        folder: a folder for the user's pictures.
        mode: the client's `mode`.
        name: the host's `clientInfo.name`.
        surface: what a model reads before its first call: the instructions and tools/list.
        transcript: what was said, called and answered.
    """

    world: World
    folder: Path
    mode: str
    name: str
    surface: dict[str, str] = field(default_factory=dict[str, str])
    transcript: list[str] = field(default_factory=list[str])
    answers: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    calls: int = 0
    bytes_read: int = 0
    _host: Host | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _last: ToolCall | None = None

    @asynccontextmanager
    async def at_work(self) -> AsyncGenerator["Assistant"]:
        """The conversation, from the first connection to the last answer."""
        async with self._stack:
            yield self

    async def connect(self, **environment: str) -> None:
        """Connect to a new server with these settings, as after a restart of the host."""
        await self._stack.aclose()
        self._host = await self._stack.enter_async_context(
            self.world.host(era=self.mode, name=self.name, **environment)
        )
        client = self._host.client
        tools = [
            tool.model_dump(mode="json", by_alias=True, exclude_none=True)
            for tool in (await client.list_tools()).tools
        ]
        listed = json.dumps(tools, ensure_ascii=False, separators=(",", ":"))
        self.surface = {"instructions": client.instructions or "", "tools/list": self._shown(listed)}

    # -- what is said ------------------------------------------------------------------------------------------------

    def user(self, words: str) -> None:
        """The user says something."""
        self.transcript.append(f"USER  {words}")

    def tells(self, *words: str) -> None:
        """The assistant passes `summary` on; the user must find these words in it."""
        summary = self.answer["summary"]
        for word in words:
            assert word in summary, f"{word!r} is not in: {summary}"
        self.transcript.append(f"ASSISTANT  {summary}")

    def is_done(self, because: str) -> None:
        """The assistant makes no further call, because of these words of the answer."""
        self._check(because, self.answer["next_step"])

    # -- what is called ----------------------------------------------------------------------------------------------

    async def call(self, tool: str, because: str, **arguments: Any) -> dict[str, Any]:
        """Make a call of the assistant's own choice.

        Args:
            tool: the tool.
            because: words of the last answer, the instructions or tools/list that tell to make it.
            arguments: its arguments.
        """
        latest = json.dumps(self.answer, ensure_ascii=False) if self.answers else ""
        self._check(because, "\n".join([latest, *(json.loads(f'"{text}"') if False else text for text in self.surface.values())]))
        return await self._make(ToolCall(tool, arguments))

    async def follow(
        self, because: str, answer: dict[str, Any] | None = None, **more: Any
    ) -> dict[str, Any]:
        """Make the call that `next_step` tells to make.

        Args:
            because: words of the sentence that holds the call.
            answer: the answer whose `next_step` it is; the last one by default.
            more: what that sentence leaves to the assistant.
        """
        sentence = sentence_with(because, (answer or self.answer)["next_step"])
        found = call_in(sentence, self._last)
        self.transcript.append(f"  because: {because}")
        return await self._make(ToolCall(found.tool, found.arguments | more))

    async def later(self, seconds: float) -> None:
        """Nothing is said for a while."""
        self.transcript.append(f"  ({seconds:g} s later)")
        await anyio.sleep(seconds)

    @property
    def answer(self) -> dict[str, Any]:
        """The last answer."""
        return self.answers[-1]

    def earlier(self, prompt: str, days: float, took: float = 70, status: str = "success", **payload: Any) -> None:
        """Have a video in the account that was made some days ago."""
        settings = {"resolution": "720p", "duration": "5s", "aspect_ratio": "16:9"} | payload
        self.world.sim.add_history(
            "Luma-Ray2",
            payload={"prompt": prompt, **settings},
            created_at=now() - days * 86_400,
            took_seconds=took,
            status=status,
        )

    async def _make(self, made: ToolCall) -> dict[str, Any]:
        assert self._host is not None, "connect first"
        self.transcript.append(f"CALL  {made.tool} {self._shown(shortened(made.arguments))}")
        if made.tool == "generate_video":
            self._last = made
        await self._host.call(made.tool, **made.arguments)
        result = self._host.results[-1]
        text = self._shown("".join(block.text for block in result.content if block.type == "text"))
        self.calls += 1
        self.bytes_read += len(text.encode())
        self.answers.append(answer_of(result))
        error = " (error)" if result.is_error else ""
        self.transcript.append(f"ANSWER{error}  {text}")
        return self.answer

    def _check(self, because: str, text: str) -> None:
        assert because in text, f"{because!r} is not in: {text}"
        self.transcript.append(f"  because: {because}")

    def _shown(self, text: str) -> str:
        """A text as it is with the user's pictures in `PICTURES`."""
        return text.replace(str(self.folder), PICTURES)

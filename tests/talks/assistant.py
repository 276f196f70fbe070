"""An assistant that calls only what words tell it to: those of the instructions, of tools/list, of an answer."""

import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from pydantic_core import to_json

from gmi_video.upstream.wire import fields_of, items_of
from tests.conftest import Host, World, answer_of, now

from .reading import ToolCall, address_before, call_in, sentence_with

PICTURES = "/srv/pictures"
"""What the transcript and the counted bytes have in place of the temporary folder of a run."""


@dataclass
class Assistant:
    """One conversation: what was said and called so far.

    Attributes:
        world: the simulator, and the servers that are connected to it.
        folder: a folder for the user's pictures.
        mode: the client's `mode`.
        name: the host's `clientInfo.name`.
        before: the bytes that a model reads before its first call, by where they are from.
        transcript: what was said, called and answered.
        answers: the answers so far.
        calls: how many calls were made.
        bytes_read: the bytes of all answers' texts.
        pictures: how many pictures came with the last answer.
    """

    world: World
    folder: Path
    mode: str
    name: str
    before: dict[str, int] = field(default_factory=dict[str, int])
    transcript: list[str] = field(default_factory=list[str])
    answers: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    calls: int = 0
    bytes_read: int = 0
    pictures: int = 0
    _host: Host | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _last: ToolCall | None = None
    _told: str = ""
    _most: dict[str, int] = field(default_factory=dict[str, int])

    @asynccontextmanager
    async def at_work(self) -> AsyncGenerator["Assistant"]:
        """The conversation, from the first connection to the last answer."""
        async with self._stack:
            yield self

    async def connect(self, **environment: str) -> None:
        """Connect to a new server with these settings, as after a restart of the host."""
        await self._stack.aclose()
        self._host = await self._stack.enter_async_context(
            self.world.host(self.world.server(**environment), era=self.mode, name=self.name)
        )
        instructions = self._host.client.instructions or ""
        tools = (await self._host.client.list_tools()).tools
        listed = self._shown(to_json(tools, by_alias=True, exclude_none=True).decode())
        self.before = {"instructions": len(instructions.encode()), "tools/list": len(listed.encode())}
        self._told = "\n".join([instructions, *_descriptions(json.loads(listed))])
        properties = {name: asked for tool in tools for name, asked in tool.input_schema["properties"].items()}
        self._most = {name: asked["maximum"] for name, asked in properties.items() if "maximum" in asked}

    # -- what is said ------------------------------------------------------------------------------------------------

    def user(self, words: str) -> None:
        """The user says something."""
        self.transcript.append(f"USER  {words}")

    def tells(self, *words: str) -> None:
        """The assistant passes `summary` on; the user must find these words in it."""
        summary = self.answer["summary"]
        for word in words:
            assert word in summary, f"{word!r} is not in: {summary}"
        self.transcript.append(f"ASSISTANT  {self._shown(summary)}")

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
        self.reads(because)
        return await self._make(ToolCall(tool, arguments))

    def reads(self, because: str) -> None:
        """The assistant goes by these words of the last answer, the instructions or a description."""
        latest = [self.answer["summary"], self.answer["next_step"]] if self.answers else []
        self._check(because, "\n".join([*latest, self._told]))

    def address_in(self, because: str, **filled: str) -> str:
        """The address that stands before these words of tools/list, with its blanks filled in."""
        self.reads(because)
        return address_before(because, self._told).format(**filled)

    def allowed(self, argument: str) -> int:
        """The most that tools/list lets an argument be."""
        return self._most[argument]

    async def follow(self, because: str, answer: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """Make the call that `next_step` tells to make.

        Args:
            because: words of the sentence that holds the call.
            answer: the answer whose `next_step` it is; the last one by default.
            more: what that sentence leaves to the assistant; an object adds to what the sentence has for it.
        """
        sentence = sentence_with(because, (answer or self.answer)["next_step"])
        found = call_in(sentence, self._last)
        self.transcript.append(f"  because: {because}")
        for name, value in more.items():
            known = found.arguments.get(name)
            found.arguments[name] = {**known, **value} if isinstance(known, dict) else value
        return await self._make(found)

    async def later(self, seconds: float) -> None:
        """Nothing is said for a while."""
        self.transcript.append(f"  ({seconds:g} s later)")
        await anyio.sleep(seconds)

    @property
    def answer(self) -> dict[str, Any]:
        """The last answer."""
        return self.answers[-1]

    def earlier(
        self, prompt: str, days: float, took: float = 70, model: str = "Luma-Ray2", error: str = "", **payload: Any
    ) -> None:
        """Have a video in the account that was asked for some days ago; with `error`, one that failed."""
        luma = {"resolution": "720p", "duration": "5s", "aspect_ratio": "16:9"} if model == "Luma-Ray2" else {}
        self.world.sim.add_history(
            model,
            payload={"prompt": prompt} | luma | payload,
            created_at=now() - days * 86_400,
            took_seconds=took,
            status="failed" if error else "success",
            error=error,
        )

    async def _make(self, made: ToolCall) -> dict[str, Any]:
        assert self._host is not None, "connect first"
        given = json.dumps(made.arguments, ensure_ascii=False)
        self.transcript.append(f"CALL  {made.tool} {self._shown(given)}")
        if made.tool == "generate_video":
            self._last = made
        await self._host.call(made.tool, **made.arguments)
        result = self._host.results[-1]
        self.answers.append(answer_of(result))
        text = self._shown("".join(block.text for block in result.content if block.type == "text"))
        self.calls += 1
        self.bytes_read += len(text.encode())
        self.pictures = sum(block.type == "image" for block in result.content)
        error = " (error)" if result.is_error else ""
        self.transcript.append(f"ANSWER{error}  {text}")
        return self.answer

    def _check(self, because: str, text: str) -> None:
        assert because in text, f"{because!r} is not in: {text}"
        self.transcript.append(f"  because: {because}")

    def _shown(self, text: str) -> str:
        """A text as it is with the user's pictures in `PICTURES`."""
        return text.replace(str(self.folder), PICTURES)


def _descriptions(node: Any) -> Iterator[str]:
    """Every description in tools/list."""
    for name, inner in fields_of(node).items():
        if name == "description" and isinstance(inner, str):
            yield inner
    for inner in [*fields_of(node).values(), *items_of(node)]:
        yield from _descriptions(inner)

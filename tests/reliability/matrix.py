"""The fault matrix: every endpoint under every fault, run as conversations under virtual time, and printed as a table.

`python -m tests.reliability.matrix` writes the table into docs/reliability.md. To add an endpoint, add a
`Conversation` to `CONVERSATIONS`.
"""

import itertools
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import trio
from PIL import Image
from trio.testing import MockClock

from gmi_video.simulator import FAULTS, Endpoint, Fault, Simulator
from tests.conftest import KEY, ThreadsHoldTime, World, now

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
MARK = "<!-- made by `make tables`; what stands below is not written by hand -->"
LONGEST_CELL = 260
HEAD = "{}: the caller is told | jobs | calls "
FOX = {"prompt": "a fox in the snow"}


@dataclass(frozen=True, eq=False)
class Conversation:
    """One tool call during which one endpoint misbehaves."""

    endpoint: Endpoint
    tool: str
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    of_a_job: bool = False
    """Whether a job is made first, all being well, and its id given to the tool."""
    of_a_file: bool = False
    """Whether the video is to start with a local image."""

    @property
    def title(self) -> str:
        model = f" for {self.arguments['model']}" if "model" in self.arguments else ""
        image = " with a local image" if self.of_a_file else ""
        return f"`{self.endpoint}` misbehaves during `{self.tool}`{model}{image}"

    @property
    def faults(self) -> tuple[Fault, ...]:
        """429_record is an answer to a submit only."""
        return tuple(fault for fault in FAULTS if fault != "429_record" or self.endpoint == "submit")


CONVERSATIONS = (
    Conversation("submit", "generate_video", FOX),
    Conversation("list", "generate_video", FOX),
    Conversation("get", "generate_video", FOX),
    Conversation("get", "get_status", of_a_job=True),
    Conversation("list", "list_requests", of_a_job=True),
    Conversation("models", "list_models"),
    Conversation("model", "list_models", {"model": "Veo3"}),
    Conversation("model", "generate_video", FOX),
    Conversation("model", "generate_video", {**FOX, "model": "Veo3"}),
    Conversation("upload_url", "generate_video", FOX, of_a_file=True),
    Conversation("upload", "generate_video", FOX, of_a_file=True),
)


@dataclass(frozen=True)
class Outcome:
    """What one conversation came to."""

    told: str
    is_error: bool
    charged: str
    next_step: str
    jobs: tuple[str, ...]
    """The ids of the jobs that this call made."""
    submits: int
    asked: int
    """How often the misbehaving endpoint was called."""
    text: str

    @property
    def cells(self) -> tuple[str, str, str]:
        money = {"no": "; nothing charged", "unknown": "; charge unknown"}.get(self.charged, "")
        return f"{'**error**: ' if self.is_error else ''}{self.told}{money}", str(len(self.jobs)), str(self.asked)


@dataclass(frozen=True)
class Row:
    """One fault at one endpoint: befalling one call, and every call."""

    conversation: Conversation
    fault: Fault
    once: Outcome
    for_ever: Outcome


@cache
def row(conversation: Conversation, fault: Fault) -> Row:
    """Run both conversations of a row."""
    return Row(conversation, fault, _run(conversation, fault, 1), _run(conversation, fault, None))


def table(conversation: Conversation) -> Iterator[str]:
    """One conversation's rows as Markdown; faults that come to the same share a row."""
    yield f"\n### {conversation.title}\n"
    yield f"| fault {'| '.join(['', *2 * (HEAD,)]).format('once, then all is well', 'for ever')}|"
    yield "|---|---|---|---|---|---|---|"
    groups: dict[tuple[str, ...], list[Fault]] = {}
    for fault in conversation.faults:
        found = row(conversation, fault)
        once, ever = found.once.cells, found.for_ever.cells
        cells = (*once, "the same" if ever[0] == once[0] else ever[0], *ever[1:])
        groups.setdefault(cells, []).append(fault)
    for cells, faults in groups.items():
        yield "| " + " | ".join([", ".join(f"`{fault}`" for fault in faults), *cells]) + " |"


def page() -> str:
    """docs/reliability.md as it should be: its own words, and the tables of today."""
    words = PAGE.read_text(encoding="utf-8").split(MARK)[0]
    return words + MARK + "\n" + "\n".join(itertools.chain(*map(table, CONVERSATIONS))) + "\n"


def _run(conversation: Conversation, fault: Fault, times: int | None) -> Outcome:
    random.seed(1)  # the jitter of retries
    clock = MockClock(autojump_threshold=0)
    with TemporaryDirectory() as folder:
        instruments = [ThreadsHoldTime(clock)]
        return trio.run(_converse, conversation, fault, times, Path(folder), clock=clock, instruments=instruments)


async def _converse(conversation: Conversation, fault: Fault, times: int | None, folder: Path) -> Outcome:
    sim = Simulator(api_key=KEY, clock=now, seed=1)
    world = World(sim, {"GMI_API_KEY": KEY, "GMI_BASE_URL": sim.api_url})
    arguments = dict(conversation.arguments)
    if conversation.of_a_file:
        Image.new("RGB", (64, 36), "orange").save(folder / "fox.png")
        arguments["frame0_image"] = str(folder / "fox.png")
    async with world.host(GMI_MAX_WAIT_SECONDS="120", GMI_IMAGE_DIRS=str(folder)) as host:
        if conversation.of_a_job:
            made = await host.call_ok("generate_video", **FOX, wait=False)
            if conversation.tool == "get_status":
                arguments |= {"request_id": made["request_id"], "wait": True}
        before, asked = len(sim.jobs), world.count("submit")
        earlier = world.count(conversation.endpoint)
        sim.fail(conversation.endpoint, fault, times=times)
        answer = await host.call(conversation.tool, **arguments)
        is_error = bool(host.results[-1].is_error)
        return Outcome(
            told=_shortened(answer["error"]["message"] if is_error else answer["summary"]),
            is_error=is_error,
            charged=answer.get("error", {}).get("charged", ""),
            next_step=answer.get("next_step", ""),
            jobs=tuple(job.request_id for job in sim.jobs[before:]),
            submits=world.count("submit") - asked,
            asked=world.count(conversation.endpoint) - earlier,
            text=json.dumps(answer),
        )


def _shortened(words: str) -> str:
    """One cell of the table: without ids and addresses, and not longer than two lines."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", words)
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text)
    text = re.sub(r"GMI Cloud's queue at \S+", "GMI Cloud's queue", text).replace("|", "/").rstrip(".")
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1].rstrip() + "…"


def main() -> None:
    """Write the page."""
    text = page()
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

"""Words of others are data: nothing that the queue sends can act in any field that this server publishes."""

import json
import logging
import re
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import MCPError
from mcp_types import (
    ElicitRequestParams,
    ElicitResult,
    EmptyResult,
    ResourceTemplateReference,
    SubscribeRequest,
    SubscribeRequestParams,
    TextResourceContents,
)
from PIL import Image
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from gmi_video.demo.terminal import Terminal
from gmi_video.live import check
from gmi_video.mcp.app import Printable, create_server
from gmi_video.settings import Settings
from gmi_video.simulator import Endpoint, Fault, Script
from gmi_video.text import one_line, paragraphs
from gmi_video.upstream.wire import ModelRecord, Parameter, Record

from .conftest import EPOCH, ERAS, Host, World, now
from .foreign_words import IMAGE, LONGEST_SENTENCE, MARK, MODEL_ID, VALUES, ForeignWords, places
from .full import FULL
from .stdio import Server, cloud, event_loop
from .test_tasks import DeclaresTasks, ask, begun

pytestmark = pytest.mark.anyio

OUTCOME = "gmi-video://requests/{request_id}/outcome"
MODEL = "gmi-video://models/{model_id}"

FAULTS: tuple[Fault, ...] = (
    "400", "401", "402", "404", "405", "408", "425", "429", "429_body", "500", "500_refused_value",
    "500_credentials", "503", "redirect", "not_json", "wrong_types", "refused", "timeout_before",
)  # fmt: skip


@dataclass
class Published:
    """Everything that a host has been sent, with where it came from."""

    world: World
    text: str
    found: set[str] = field(default_factory=set[str])

    def server(self, **environment: str) -> Any:
        settings = Settings.from_environment(self.world.environment | environment)
        return create_server(settings, transport=ForeignWords(self.world.sim, self.text), now=now)

    def look(self, where: str, value: object) -> None:
        self.found.update(places(value, where))

    @property
    def listed(self) -> str:
        return "\n".join(["", *sorted(self.found)])

    async def call(self, host: Host, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool, and look at its answer and at the progress messages before it."""
        host.progress.clear()
        answer = await host.call(tool, **arguments)
        assert "This server has a fault" not in answer["summary"]
        self.look(tool, answer)
        self.look("progress", [{"message": message} for _, _, message in host.progress])
        return answer

    async def attempt(self, where: str, asked: Awaitable[Any]) -> None:
        """Await what may be refused by the protocol, and look at what comes."""
        try:
            self.look(where, to_jsonable_python(await asked))
        except MCPError as error:
            self.look(f"{where} (error)", error.error.model_dump())

    async def read(self, host: Host, uri: str) -> None:
        async def read() -> Any:
            (content,) = (await host.client.read_resource(uri, cache_mode="bypass")).contents
            assert isinstance(content, TextResourceContents)
            return json.loads(content.text)

        await self.attempt(f"read {uri.split('/')[2]}", read())


SOME = {"a Markdown link", "a new line", "quotation marks", "a next step"}
EACH = [
    (name, era)
    for at, name in enumerate(VALUES)
    for era in ERAS
    if FULL or (name in SOME and ERAS.index(era) == at % len(ERAS))
]
"""Some of the hostile values, in one of the eras each, or with `FULL=1` all of them in both."""


@pytest.fixture(params=list(VALUES))
def published(request: pytest.FixtureRequest, world: World) -> Published:
    """A queue where others have written what the parameter names, in every place there is."""
    sim = world.sim
    veo = json.loads(json.dumps(sim.models["Veo3"]))
    veo["parameters"][0]["required"] = True
    sim.add_model(veo | {"model": MODEL_ID})
    sim.add_model(veo | {"model": "unpriced", "price_info": None, "pricing_details": "ask us"})
    sim.add_model(veo | {"model": "bare", "parameters": []})
    text = VALUES[request.param]
    for status in ("success", "failed", "cancelled", "processing"):
        sim.add_history("Veo3", payload={"prompt": "x"}, created_at=EPOCH - 90, took_seconds=50, status=status)
    return Published(world, text)


async def _models(host: Host, seen: Published) -> None:
    for name in ("Luma-Ray2", "Veo3", "unpriced", "bare", MODEL_ID, "no-such-model", MODEL_ID.lower()):
        await seen.call(host, "list_models", model=name)
        await seen.read(host, MODEL.format(model_id=name.replace(" ", "%20").replace("/", "%2F")))
        await seen.call(host, "list_requests", model=name)
    await seen.call(host, "list_models")
    for search in (MARK, "veo", f"veo {MARK}", "luma", "bare", "unpriced", "google", f"{seen.text[:4000]}", "v"):
        await seen.call(host, "list_models", search=search)
    for uri, argument in ((OUTCOME, "request_id"), (MODEL, "model_id")):
        reference = ResourceTemplateReference(uri=uri)
        await seen.attempt("complete", host.client.complete(reference, {"name": argument, "value": ""}))
    await seen.attempt("resources/templates/list", host.client.list_resource_templates())


async def _refused_and_dry(host: Host, seen: Published) -> None:
    for model in ("Luma-Ray2", "Veo3", MODEL_ID, "unpriced", "bare", "no-such-model"):
        for given in (
            {},
            {"durationSeconds": "8"},
            {"durationSeconds": 8, "aspect_ratio": "1:1", "colour": "red", "seed": 1e300},
            {"durationSeconds": seen.text, "resolution": seen.text},
            {"prompt": "twice", MARK: "x"},
            {IMAGE: "/nowhere/a.png"},
            {IMAGE: "ftp://nowhere"},
        ):
            shared: dict[str, Any] = {"prompt": "a fox", "model": model, "model_parameters": given, "dry_run": True}
            await seen.call(host, "generate_video", **shared)
        await seen.call(host, "generate_video", **shared, duration="9s", frame0_image="https://example.com/a.png")


async def _jobs(host: Host, seen: Published) -> None:
    sim = seen.world.sim
    for number, script in enumerate((Script.takes(30), Script.fails(30), Script.cancelled(30), Script.stuck("odd"))):
        sim.script("*", script)
        for model in ("Luma-Ray2", "Veo3"):
            made = await seen.call(host, "generate_video", prompt=f"fox {number}", model=model, wait=False)
            await seen.call(host, "generate_video", prompt=f"fox {number}", model=model, wait=False)
            assert "request_id" in made, made
            await seen.read(host, OUTCOME.format(request_id=made["request_id"]))
            await seen.call(host, "get_status", request_id=made["request_id"])
            await seen.call(host, "get_status", request_id=made["request_id"], wait=True)
            await seen.read(host, OUTCOME.format(request_id=made["request_id"]))
    for job in sim.history:
        await seen.call(host, "get_status", request_id=job.request_id)
        await seen.read(host, OUTCOME.format(request_id=job.request_id))
    await seen.call(host, "list_requests", model="")
    await seen.call(host, "list_requests", model="", status="failed", limit=100)
    await seen.call(host, "list_requests", model="", status=seen.text[:100])
    await seen.attempt("resources/list", host.client.list_resources())


async def _faults(host: Host, seen: Published) -> None:
    sim = seen.world.sim
    endpoints: dict[Endpoint, tuple[str, dict[str, Any]]] = {
        "submit": ("generate_video", {"wait": False}),
        "get": ("get_status", {"request_id": sim.history[0].request_id, "wait": True}),
        "list": ("list_requests", {"model": ""}),
        "models": ("list_models", {"model": "no-such-model"}),
        "model": ("list_models", {"model": "Veo3"}),
    }
    for number, fault in enumerate(FAULTS):
        for endpoint, (tool, arguments) in endpoints.items():
            sim.fail(endpoint, fault, times=None)
            own = {"prompt": f"wolf {number}"} if tool == "generate_video" else {}
            await seen.call(host, tool, **arguments, **own)
            if endpoint == "submit":
                # Another model's, with candidates that hide their payload, and with a list that can't be had.
                sim.behave(echo_payload=False)
                given = {"model": "Veo3", "model_parameters": {"durationSeconds": "8"}}
                await seen.call(host, tool, **arguments, prompt=f"hare {number}", **given)
                sim.fail("list", "503", times=None)
                await seen.call(host, tool, **arguments, prompt=f"deer {number}")
                sim.behave(echo_payload=True)
            sim.clear_faults()
            await anyio.sleep(400)  # until the caches have expired
    sim.fail("submit", "503_after", times=None)
    sim.fail("get", "503", times=None)
    await seen.call(host, "generate_video", prompt="an owl", wait=False)
    sim.clear_faults()


@pytest.mark.slow
@pytest.mark.parametrize(("published", "era"), EACH, indirect=True)
async def test_nothing_that_the_queue_sends_can_act_in_any_published_field(published: Published, era: str) -> None:
    async with published.world.host(published.server(), era=era) as host:
        await _models(host, published)
        await _refused_and_dry(host, published)
        await _jobs(host, published)
        await _faults(host, published)
    assert not published.found, published.listed


@pytest.mark.slow
@pytest.mark.parametrize(("published", "era"), EACH, indirect=True)
async def test_nothing_that_the_queue_sends_can_act_in_what_is_said_about_money(published: Published, era: str) -> None:
    async def user(_: Any, params: ElicitRequestParams) -> ElicitResult:
        published.look("elicitation", {"message": params.message})
        return ElicitResult(action="decline")

    given: dict[str, Any] = {"prompt": "a fox", "model_parameters": {"durationSeconds": "8"}}
    asking = published.server(GMI_CONFIRM_ABOVE_USD="0.01")
    async with published.world.host(asking, era=era, options={"elicitation_callback": user}) as host:
        for model in ("Veo3", MODEL_ID, "unpriced", "Luma-Ray2"):
            await published.call(host, "generate_video", **given | {"model": model})
    async with published.world.host(published.server(GMI_CONFIRM_ABOVE_USD="0.01"), era=era) as host:
        await published.call(host, "generate_video", **given, model=MODEL_ID)
    async with published.world.host(published.server(GMI_SPEND_LIMIT_USD="50"), era=era) as host:
        for model in ("Veo3", MODEL_ID, "unpriced"):
            await published.call(host, "generate_video", **given | {"model": model})
        await published.call(host, "generate_video", prompt="a fox")
    assert not published.found, published.listed


@pytest.mark.slow
async def test_nothing_that_the_queue_sends_can_act_in_a_task_or_a_notification(published: Published) -> None:
    published.world.sim.script("*", Script(((0, "odd"), (20, "odder"), (60, "failed"))))
    options: dict[str, Any] = {"extensions": [DeclaresTasks()]}
    async with published.world.host(published.server(), options=options) as host:
        task = await begun(host)
        for _ in range(5):
            await published.attempt("tasks/get", ask(host, "tasks/get", task))
            await published.attempt("tasks/cancel", ask(host, "tasks/cancel", task))
            await anyio.sleep(20)
        published.world.sim.fail("get", "400", times=None)
        await published.attempt("tasks/get", ask(host, "tasks/get", task))

    async def heard(message: Any) -> None:
        published.look("notification", message.model_dump(mode="json"))

    options = {"message_handler": heard}
    async with published.world.host(published.server(), era="legacy", options=options) as host:
        made = await published.call(host, "generate_video", prompt="a hare", wait=False)
        uri = OUTCOME.format(request_id=made["request_id"])
        request = SubscribeRequest(params=SubscribeRequestParams(uri=uri))
        await published.attempt("resources/subscribe", host.client.session.send_request(request, EmptyResult))
        await anyio.sleep(100)
    assert not published.found, published.listed


@pytest.mark.parametrize("text", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("shape", [Record, ModelRecord, Parameter])
def test_a_text_that_is_only_shown_is_clean_as_soon_as_it_is_parsed(shape: type[BaseModel], text: str) -> None:
    texts = [name for name, info in shape.model_fields.items() if info.annotation is str]
    parsed = shape.model_validate(dict.fromkeys(texts, text) | {"request_id": "r-1", "name": "n"})
    for name in texts:
        value = getattr(parsed, name)
        cleaned = paragraphs(value, 60_000) if name == "detailed_description" else one_line(value, 2000)
        assert value == cleaned, name


@pytest.mark.slow
@pytest.mark.parametrize("text", VALUES.values(), ids=VALUES)
async def test_nothing_that_the_queue_sends_can_act_in_the_report_of_a_live_check(world: World, text: str) -> None:
    world.sim.behave(film_seconds=0.1)
    world.sim.add_history("Luma-Ray2", payload={"prompt": "x"}, created_at=EPOCH - 90, took_seconds=50)
    world.sim.script("*", Script(((0, "odd"), (20, "odder"), (60, "success"))))
    for paid in ("0", "1"):
        result = await check(world.environment | {"PAID": paid}, transport=ForeignWords(world.sim, text), now=now)
        world.sim.fail("model", "400", times=None)
        for line in result.text.splitlines():
            assert line.isprintable()
            assert len(line) < LONGEST_SENTENCE
            outside = re.sub(r"`[^`]*`|“[^“”]*”", "", line)
            assert MARK not in outside, line
            assert not re.search(r"[“”`]|://", outside), line


@pytest.mark.parametrize("text", VALUES.values(), ids=VALUES)
def test_no_text_makes_the_demos_terminal_or_a_line_of_the_log_obey_it(
    capfd: pytest.CaptureFixture[str], text: str
) -> None:
    terminal = Terminal()
    terminal.fact("job", text)
    terminal.done(text)
    terminal.error(text)
    with terminal.progress("waiting") as progress:
        anyio.run(progress, 1.0, None, text)
        anyio.run(progress, 2.0, None, text)
    with terminal.bars(["shot 1"]) as (bar,):
        anyio.run(bar, 1.0, None, text)
        bar.end(text)
    record = logging.LogRecord("gmi_video", logging.WARNING, __file__, 1, "%s", (text,), None)
    logged = Printable("%(levelname)s %(name)s: %(message)s").format(record)
    written = "".join(capfd.readouterr())
    assert written.count(MARK) > 3
    assert MARK in logged
    for line in f"{written}\n{logged}".split("\n"):
        assert line.isprintable()
        assert len(line) < 20_100


def test_a_name_with_a_terminal_escape_does_not_reach_the_log_of_the_process() -> None:
    with event_loop() as portal, cloud(portal) as queue:
        server = Server("2026-07-28", **queue.environment(GMI_LOG_LEVEL="DEBUG", GMI_LEDGER_URL="none"))
        server.open()
        server.call("list_models", model="\x1b[31mred\x9b0m\u202e")
        assert server.end() == 0
    assert "DEBUG" in server.stderr
    assert all(line.isprintable() for line in server.stderr.split("\n"))


@pytest.mark.slow
async def test_nothing_that_storage_sends_can_act_in_the_refusal_of_an_image(
    published: Published, tmp_path: Path
) -> None:
    image = tmp_path / "a.png"
    Image.new("RGB", (300, 300)).save(image)
    async with published.world.host(published.server(GMI_IMAGE_DIRS=str(tmp_path))) as host:
        place = {"upload_url": f"https://{MARK}.evil.example/a", "public_url": "https://films.example/a.png"}
        published.world.sim.answer("upload_url", json.dumps(place).encode(), times=None)
        refused = await published.call(host, "generate_video", prompt="a fox", frame0_image=str(image))
        assert "error" in refused
        published.world.sim.clear_faults()
        for endpoint in ("upload_url", "upload"):
            for fault in ("400", "401", "404", "503", "not_json"):
                published.world.sim.fail(endpoint, fault, times=None)
                await published.call(host, "generate_video", prompt="a fox", frame0_image=str(image))
                published.world.sim.clear_faults()
    assert not published.found, published.listed

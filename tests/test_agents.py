"""The examples of docs/agents.md, as far as they can be tested without their frameworks. `make agents` runs them."""

import re

import pytest

from gmi_video.simulator import Script

from .agents.frameworks import FRAMEWORKS, REQUIREMENTS, Framework
from .agents.model import Model
from .agents.page import measured
from .agents.run import WAIT
from .agents.vendors import Call, Result
from .conftest import World
from .structure import ROOT

each_framework = pytest.mark.parametrize("framework", FRAMEWORKS, ids=[one.name for one in FRAMEWORKS])


@each_framework
def test_the_page_tells_of_the_version_that_is_pinned(framework: Framework) -> None:
    assert measured()[framework.name].version == framework.version, "run `make agents`"


@each_framework
def test_every_package_is_pinned_and_no_registry_is_named(framework: Framework) -> None:
    says, *pins = (REQUIREMENTS / f"{framework.name}.txt").read_text(encoding="utf-8").splitlines()
    assert says.startswith("#")
    for pin in pins:
        assert re.fullmatch(r"[\w.-]+==[\w.]+", pin)


@each_framework
def test_an_examples_limit_is_above_the_wait_that_the_page_sets(framework: Framework) -> None:
    assert f"export GMI_MAX_WAIT_SECONDS={WAIT}\n" in (ROOT / "docs" / "agents.md").read_text(encoding="utf-8")
    limit = re.search(r"\d+", framework.limit[0])
    assert limit is not None
    assert int(limit[0]) >= WAIT + 30, "the answer needs time too"


@each_framework
def test_the_forms_of_an_example_differ_in_the_limit_alone(framework: Framework) -> None:
    example = framework.example.splitlines()
    other = framework.with_limit(5).splitlines()
    changed = [line for line, before in zip(other, example, strict=True) if line != before]
    assert len(changed) == 1
    assert framework.without_limit().splitlines() == [line for line in other if line not in changed]


@pytest.mark.anyio
async def test_a_model_that_does_what_next_step_says_gets_its_video_in_several_calls(world: World, era: str) -> None:
    world.sim.script("Luma-Ray2", Script.takes(200))
    model, history = Model(), list[Call | Result]()
    async with world.host(era=era, name="mcp") as host:
        while isinstance(decision := model.decide(history), Call):
            history += [decision, Result(await host.call(decision.tool, **decision.arguments))]
    assert "/films/" in decision
    assert 3 < model.calls < 8
    assert model.cut == 0
    assert len(world.sim.jobs) == 1

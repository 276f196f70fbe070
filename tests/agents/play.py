"""Run one example as its user would, and see what the server is sent and what comes of it."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from anyio.from_thread import BlockingPortal

from gmi_video.simulator import Script
from tests.stdio import cloud

from .model import scripted_model
from .page import Course
from .recorded import Recorded

JOB_SECONDS = 8.0
"""Longer than the shortest default limits, which are 5 s."""

RUN_SECONDS = 120

RUNS = 3
"""A program that a cut call ends is started again by its user; this often at most."""


@dataclass(frozen=True)
class Seen:
    """One example: its course, and what the server was sent."""

    jobs: int
    link: bool
    course: Course
    client: str
    protocol: str
    tools: set[str]
    """What the model was offered; empty for a program without one."""
    output: str


def play(python: Path, portal: BlockingPortal, example: str, **settings: str) -> Seen:
    """Run an example until the link is there, `RUNS` times at most.

    Args:
        python: the interpreter of its framework's environment.
        portal: where the simulator runs.
        example: its code.
        settings: the server's, besides the key and the address.
    """
    with (
        TemporaryDirectory() as name,
        cloud(portal, scripts={"*": Script.takes(JOB_SECONDS)}) as queue,
        scripted_model() as model,
    ):
        folder = Path(name)
        server = Recorded.at(folder / "gmi-video-mcp")
        (folder / "example.py").write_text(example, encoding="utf-8")
        environment = {
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            "HOME": name,
            "OPENAI_BASE_URL": f"{model.address}/v1",
            "OPENAI_API_KEY": "scripted",
            "OPENAI_AGENTS_DISABLE_TRACING": "1",
            "GOOGLE_GEMINI_BASE_URL": model.address,
            "GOOGLE_API_KEY": "scripted",
            **queue.environment(**settings),
        }
        runs, output, link = 0, "", False
        while not link and runs < RUNS:
            runs += 1
            done = subprocess.run(  # noqa: S603 - our own interpreter
                [str(python), "example.py"],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=RUN_SECONDS,
                check=False,
            )
            output += done.stdout + done.stderr
            link = done.returncode == 0 and any(f"/films/{job.request_id}" in done.stdout for job in queue.sim.jobs)
        client, protocol = server.client()
        return Seen(
            jobs=len(queue.sim.jobs),
            link=link,
            course=Course(runs, server.calls(), model.cut + runs - 1),
            client=client,
            protocol=protocol,
            tools=model.tools,
            output=output,
        )

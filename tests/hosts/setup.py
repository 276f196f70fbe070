"""One host, set up as the README says in a home folder of its own, and what it then says and does."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from anyio.from_thread import BlockingPortal

from gmi_video.mcp import schema_files
from gmi_video.simulator import Script
from tests.agents.model import Model, scripted_model
from tests.agents.page import Course
from tests.agents.play import JOB_SECONDS
from tests.agents.recorded import Recorded
from tests.npm import Ran, on_path, run
from tests.stdio import Cloud, cloud

from . import codex, readme
from .page import Measured
from .programs import Program

SECONDS = 120
"""How long one command of a host may take."""


class WrongCourseError(Exception):
    """A host did not do what docs/hosts.md says."""


FAILURES = (WrongCourseError, subprocess.TimeoutExpired)


def look(program: Program, packages: Path, portal: BlockingPortal) -> Measured:
    """Set a host up, see that it connects, and let it make a video.

    Args:
        program: the host.
        packages: where it is installed.
        portal: where the simulator runs.

    Raises:
        WrongCourseError: it did something else; the message has what it printed.
    """
    with (
        TemporaryDirectory() as name,
        cloud(portal, scripts={"*": Script.takes(JOB_SECONDS)}) as queue,
        scripted_model() as model,
    ):
        try:
            return _looked(program, packages, Path(name), queue, model)
        except FAILURES as error:
            # Not from within: the simulator's task group would wrap it.
            failure = error
    raise failure


def _looked(program: Program, packages: Path, folder: Path, queue: Cloud, model: Model) -> Measured:
    server = Recorded.at(_command(folder / "clone"), GMI_BASE_URL=queue.sim.api_url)
    nobody = _User(program, packages, folder / "nobody", model.address)
    nobody.add_server(folder / "nothing", queue.sim.api_key)
    if nobody.connects():
        raise WrongCourseError("it connects to a server that does not exist: what it says proves nothing")
    user = _User(program, packages, folder / "user", model.address)
    user.add_server(folder / "clone", queue.sim.api_key)
    if not user.connects():
        raise WrongCourseError(f"it does not connect\n{user.said}")
    user.check_with_doctor()
    done = user.run([word.format(model=model.address) for word in program.talk])
    jobs = queue.sim.jobs
    if done.code or len(jobs) != 1 or f"/films/{jobs[0].request_id}" not in done.stdout:
        raise WrongCourseError(f"{len(jobs)} jobs, exit code {done.code}\n{done.stdout}{done.stderr}")
    if missing := set(schema_files.as_sent()) - model.tools:
        raise WrongCourseError(f"the model was not offered {sorted(missing)}")
    if not any("gmi" in file.read_text(encoding="utf-8") for file in user.home.glob(program.logs)):
        raise WrongCourseError(f"it writes nothing of the server into {program.logs}")
    client, protocol = server.client()
    return Measured(program.version, client, protocol, model.instructed, Course(1, server.calls(), model.cut))


def _command(clone: Path) -> Path:
    """Where the server is in a clone, by the README."""
    folder = clone / ".venv" / "bin"
    folder.mkdir(parents=True)
    return folder / "gmi-video-mcp"


@dataclass
class _User:
    """A user of a host, with a home folder of their own."""

    program: Program
    packages: Path
    home: Path
    model: str
    said: str = ""

    def __post_init__(self) -> None:
        (self.home / "project").mkdir(parents=True)
        for name, text in self.program.settings.items():
            file = self.home / name
            file.parent.mkdir()
            file.write_text(text, encoding="utf-8")

    @property
    def environment(self) -> dict[str, str]:
        own = {name: value.format(model=self.model) for name, value in self.program.environment.items()}
        path = on_path(self.packages / "node_modules" / ".bin")
        return {"HOME": str(self.home), "PATH": path, "LANG": "C.UTF-8"} | own

    def run(self, command: list[str]) -> Ran:
        done = run(command, self.environment, self.home / "project", seconds=SECONDS)
        self.said = done.stdout + done.stderr
        return done

    def add_server(self, clone: Path, key: str) -> None:
        title = self.program.title
        command = readme.command(title, clone, key)
        if command is None:
            readme.add_to_file(title, self.home, clone, key)
        elif self.run(["sh", "-c", command]).code:
            raise WrongCourseError(f"it refuses the README's command\n{self.said}")

    def connects(self) -> bool:
        self.run(readme.listing(self.program.title))
        known = re.search(self.program.connected, re.sub(r"\x1b\[\d*m", "", self.said), re.MULTILINE) is not None
        if self.program.name != "codex":
            return known
        tools = codex.tools(self.environment, self.home / "project")
        return known and tools == set(schema_files.as_sent())

    def check_with_doctor(self) -> None:
        """See that `gmi-video-mcp doctor` finds the entry where the host has it."""
        done = self.run([sys.executable, "-m", "gmi_video", "doctor", "--json"])
        hosts = {host["name"]: host["details"] for host in json.loads(done.stdout)["hosts"]}
        found = hosts[self.program.name]
        if (found["entry"], found["key"]) != (True, "set"):
            raise WrongCourseError(f"doctor does not find its entry: {found}")

"""The frameworks of docs/agents.md: their packages, examples and environments."""

import hashlib
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.structure import ROOT

EXAMPLES = ROOT / "examples" / "agents"
REQUIREMENTS = Path(__file__).parent / "requirements"
ENVIRONMENTS = ROOT / ".venv" / ".agents"
"""Where the environments are made; `make clean` removes them."""

INSTALL_SECONDS = 600

LIMIT = "  # default: "
"""Marks the line of an example that sets the time limit."""


class NotInstalledError(Exception):
    """A framework's packages could not be installed."""


@dataclass(frozen=True)
class Framework:
    """An agent framework.

    Args:
        name: of its example and of its requirements.
        title: as people call it.
        packages: what a user installs; the first is the one whose version is shown.
        progress: the argument that shows progress messages, and of what; empty where there is none.
    """

    name: str
    title: str
    packages: tuple[str, ...]
    progress: str = ""

    @property
    def example(self) -> str:
        """The example's text."""
        return (EXAMPLES / f"with_{self.name}.py").read_text(encoding="utf-8")

    def without_limit(self) -> str:
        """The example without its time limit."""
        return "".join(line for line in self.example.splitlines(keepends=True) if LIMIT not in line)

    def with_limit(self, seconds: int) -> str:
        """The example with another time limit."""
        lines = self.example.splitlines(keepends=True)
        return "".join(re.sub(r"\d+", str(seconds), line, count=1) if LIMIT in line else line for line in lines)

    @property
    def limit(self) -> tuple[str, str]:
        """The line that sets the time limit, and what the limit is without it."""
        ((argument, default),) = re.findall(rf"^ *(.*?),?{LIMIT}(.*)$", self.example, re.MULTILINE)
        return argument, default

    @property
    def version(self) -> str:
        """The version of its first package that is tested."""
        package = self.packages[0].partition("[")[0]
        found = re.search(
            rf"^{re.escape(package)}==(\S+)$", self._requirements.read_text(encoding="utf-8"), re.MULTILINE
        )
        if found is None:
            raise ValueError(f"{self._requirements.name} does not pin {package}")
        return found[1]

    @property
    def _requirements(self) -> Path:
        return REQUIREMENTS / f"{self.name}.txt"

    def python(self) -> Path:
        """The interpreter of its environment, which is made if it is missing or its requirements have changed.

        Raises:
            NotInstalledError: the packages could not be installed; the message has the installer's last lines.
        """
        pins = hashlib.sha256(self._requirements.read_bytes()).hexdigest()
        folder = ENVIRONMENTS / self.name
        made = folder / ".made"
        if not (made.exists() and made.read_text(encoding="utf-8") == pins):
            # The pins are complete, so nothing is resolved; what is never imported need not be compiled.
            self._install(folder, "--no-deps", "--no-compile", "-r", str(self._requirements))
            made.write_text(pins, encoding="utf-8")
        return folder / "bin" / "python"

    def renew(self) -> None:
        """Pin the newest versions, from an environment made afresh."""
        folder = ENVIRONMENTS / self.name
        self._install(folder, *self.packages)
        frozen = _run(str(folder / "bin" / "python"), "-m", "pip", "freeze")
        says = f"# What the example with {self.title} runs with; `python -m tests.agents.run --renew` writes it anew.\n"
        self._requirements.write_text(says + frozen, encoding="utf-8")

    def _install(self, folder: Path, *arguments: str) -> None:
        _run(sys.executable, "-m", "venv", "--clear", str(folder))
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run(*pip, *arguments)


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)  # noqa: S603 - our own interpreters
    except subprocess.TimeoutExpired as error:
        raise NotInstalledError(str(error)) from error
    if done.returncode:
        raise NotInstalledError("\n".join(done.stderr.splitlines()[-5:]))
    return done.stdout


FRAMEWORKS = (
    Framework("openai_agents", "OpenAI Agents SDK", ("openai-agents",)),
    Framework(
        "langchain",
        "LangChain",
        ("langchain-mcp-adapters", "langchain", "langchain-openai"),
        "load_mcp_tools(callbacks=Callbacks(on_progress=))",
    ),
    Framework("pydantic_ai", "pydantic-ai", ("pydantic-ai-slim[mcp,openai]",), "MCPToolset(progress_handler=)"),
    Framework("google_adk", "Google ADK", ("google-adk[mcp]",), "McpToolset(progress_callback=)"),
    Framework("fastmcp", "FastMCP", ("fastmcp",), "Client(progress_handler=)"),
    Framework("google_genai", "google-genai", ("google-genai", "mcp")),
)

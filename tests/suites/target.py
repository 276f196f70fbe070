"""The server that a suite talks to: a process that the suite starts, or an address.

Over HTTP nothing else changes: a suite that is given an `address` uses it in place of the command.
"""

import sys
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Target:
    """A server.

    Args:
        environment: its settings, for one that the suite starts.
        address: of its MCP endpoint; empty for one that the suite starts.
    """

    environment: dict[str, str] = field(default_factory=dict[str, str])
    address: str = ""

    @property
    def title(self) -> str:
        """As the report has it."""
        return "HTTP" if self.address else "stdio"

    def for_inspector(self) -> list[str]:
        """The Inspector's last arguments."""
        if self.address:
            return ["--transport", "http", self.address]
        settings = [word for name, value in self.environment.items() for word in ("-e", f"{name}={value}")]
        return [*settings, "--", sys.executable, "-m", "gmi_video"]

    def for_client(self) -> dict[str, object]:
        """What `client.mjs` is given."""
        if self.address:
            return {"url": self.address}
        return {"command": sys.executable, "args": ["-m", "gmi_video"], "env": self.environment}

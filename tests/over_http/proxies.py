"""Copies of the server behind nginx: deploy/nginx.conf, with other addresses and another folder."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import anyio
import httpx
import pytest

from tests.structure import ROOT

from .servers import SECONDS, Process, Served

CONFIG = ROOT / "deploy" / "nginx.conf"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
NEEDS_NGINX = pytest.mark.skipif(NGINX is None, reason="nginx is not installed (Debian: apt-get install nginx-light)")
NAMES = ("copy1", "copy2", "copy3")


class Nginx:
    """nginx before these ports of this machine, for as long as the test runs."""

    started: ClassVar[list["Nginx"]] = []

    def __init__(self, folder: Path, ports: list[int]) -> None:
        folder.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        text = configuration(
            CONFIG.read_text(encoding="utf-8"), folder, self.port, dict(zip(NAMES, ports, strict=True))
        )
        (folder / "nginx.conf").write_text(text, encoding="utf-8")
        # Workers of another user could not use this folder.
        user = " user root;" if os.geteuid() == 0 else ""
        self._log = folder / "error.log"
        self.command = [
            str(NGINX), "-e", str(self._log), "-p", str(folder), "-c", str(folder / "nginx.conf"),
            "-g", f"daemon off;{user}",
        ]  # fmt: skip
        self._child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL)  # noqa: S603 - the installed nginx
        self.started.append(self)

    def stop(self) -> None:
        """Stop it; its workers end with it."""
        self._child.terminate()
        self._child.wait(SECONDS)

    async def up(self) -> None:
        """Wait until it answers, and all copies do."""
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}") as client:
            with anyio.fail_after(SECONDS):
                while True:
                    assert self._child.poll() is None, self._log.read_text(encoding="utf-8")
                    try:
                        if (await client.get("/readyz")).is_success:
                            return
                    except httpx.TransportError:
                        pass
                    await anyio.sleep(0.05)


def configuration(text: str, folder: Path, port: int, copies: dict[str, int]) -> str:
    """The configuration with this port, and with these copies on this machine."""
    for name, at in copies.items():
        text, number = re.subn(rf"\b{name}:8765\b", f"127.0.0.1:{at}", text)
        assert number == 4, "once in round robin, and in each copy's own group"
    text, number = re.subn(r"listen 8080;", f"listen 127.0.0.1:{port};", text)
    assert number == 1
    return text.replace("/tmp/", f"{folder}/")  # noqa: S108 - the folder of a container


@dataclass
class Fleet:
    """Three copies and their proxy. `proxy` is where clients go."""

    proxy: Served
    copies: list[Process] = field(default_factory=list[Process])

    def kill(self, copy: Process) -> None:
        """SIGKILL one copy."""
        copy.kill()
        self.copies.remove(copy)


@asynccontextmanager
async def fleet(folder: Path, **environment: str) -> AsyncGenerator[Fleet]:
    """Three copies with these settings, behind nginx."""
    with ExitStack() as stack:
        copies = [Process("--name", name, log=folder / name, **environment) for name in NAMES]
        served = [await copy.up() for copy in copies]
        nginx = Nginx(folder / "nginx", [copy.port for copy in served])
        stack.callback(nginx.stop)
        await nginx.up()
        yield Fleet(Served(nginx.port, token=environment.get("GMI_MCP_TOKEN", "")), list(copies))
        for copy in copies:
            copy.kill()
    for copy in copies:
        assert "Traceback" not in copy.log, copy.log

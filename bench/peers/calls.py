"""Calls that ask a server for one video, each in a process and on a queue of its own, and what reached the queue."""

import json
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from anyio.from_thread import BlockingPortal
from bench.peers.process import Process
from bench.peers.stand_in import Fault, StandIn, serving
from bench.peers.table import KEY, Server
from tests.stdio import Cloud, cloud

from gmi_video.simulator import Script

UNKNOWN = {"colour_of_the_film": "ultraviolet"}
"""An argument that no tool has."""

CALLS = 3
"""How often an assistant repeats a call that brought nothing."""


class Queue(Protocol):
    """What a queue has seen: a stand-in, or this project's simulator."""

    @property
    def url(self) -> str: ...
    @property
    def requests(self) -> list[str]: ...
    @property
    def submits(self) -> list[str]:
        """The bodies of the POSTs that ask for a job."""
        ...

    @property
    def jobs(self) -> list[str]: ...


class Seen(NamedTuple):
    """One call: its answer, and what had reached the queue by then."""

    text: str
    is_error: bool
    seconds: float
    requests: list[str]
    submits: list[str]
    jobs: list[str]

    @property
    def has_job(self) -> bool:
        """Whether the answer names a job, or the film of one."""
        return any(job in self.text for job in self.jobs)


@dataclass(frozen=True)
class Place:
    """Where servers run.

    Args:
        portal: an event loop in another thread, for the simulator.
        home: the home of every process, an empty folder.
        certificate: of the stand-in, for those who speak TLS only; None where none of them is measured.
    """

    portal: BlockingPortal
    home: Path
    certificate: Path | None = None

    @contextmanager
    def queue(self, server: Server, seconds: float, faults: tuple[Fault, ...], *, fails: bool) -> Generator[Queue]:
        """A queue that answers this server; the arguments are those of `StandIn`."""
        if server.vendor is None:
            script = Script.fails(seconds) if fails else Script.takes(seconds)
            with cloud(self.portal, api_key=KEY, scripts={"*": script}) as simulator:
                for fault in faults:
                    simulator.sim.fail("submit", "502_html_after" if fault == "after" else "502_html")
                yield _Simulated(simulator)
            return
        stand_in = StandIn(server.vendor(), seconds, faults, fails=fails)
        with serving(stand_in, self.certificate if server.tls else None):
            yield stand_in

    def environment(self, server: Server, queue: Queue, ledger: str) -> Mapping[str, str]:
        """A server's environment. Whoever wants to leave this machine finds a proxy that is not there.

        Node heeds no proxy, and the one server on it has no other address than the stand-in's.
        """
        common = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.home),
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "HTTP_PROXY": "http://127.0.0.1:9",
            "NO_PROXY": "127.0.0.1",
            "XDG_STATE_HOME": str(self.home / ledger),
            "XDG_DATA_HOME": str(self.home / ledger),
        }
        trusted = {"SSL_CERT_FILE": str(self.certificate)} if server.tls else {}
        return common | trusted | server.settings(queue.url)

    def calls(
        self,
        server: Server,
        command: list[str],
        changes: dict[str, Any] | None = None,
        seconds: float = 0,
        faults: tuple[Fault, ...] = (),
        *,
        fails: bool = False,
        repeats: bool = False,
    ) -> list[Seen]:
        """Call the tool that makes a video, in a new process on a new queue.

        Args:
            server: which.
            command: starts it.
            changes: to the arguments of the call.
            seconds: how long a job takes.
            faults: of the first submits.
            fails: whether jobs fail.
            repeats: make the same call again until its answer has a job, at most `CALLS` times.
        """
        seen: list[Seen] = []
        with self.queue(server, seconds, faults, fails=fails) as queue:
            process = Process(command, self.environment(server, queue, f"ledger-{time.monotonic_ns()}"))
            try:
                process.open()
                for _ in range(CALLS if repeats else 1):
                    seen.append(_call(process, server, queue, server.arguments | (changes or {})))
                    if seen[-1].has_job:
                        break
            finally:
                process.kill()
        return seen


def _call(process: Process, server: Server, queue: Queue, arguments: dict[str, Any]) -> Seen:
    began = time.monotonic()
    result = process.ask("tools/call", name=server.tool, arguments=arguments)
    took = time.monotonic() - began
    text = "\n".join(str(block.get("text", block)) for block in result["content"])
    return Seen(text, bool(result.get("isError")), took, list(queue.requests), list(queue.submits), list(queue.jobs))


class _Simulated:
    """This project's simulator as such a queue."""

    def __init__(self, queue: Cloud) -> None:
        self._sim = queue.sim

    @property
    def url(self) -> str:
        return self._sim.api_url

    @property
    def requests(self) -> list[str]:
        return [f"{call.method} {call.path}" for call in self._sim.calls]

    @property
    def submits(self) -> list[str]:
        # The simulator keeps what its jobs were made of, and of a submit without a job only that it came.
        payloads = [json.dumps(job.payload) for job in self._sim.jobs]
        return [*payloads, *[""] * (sum(call.endpoint == "submit" for call in self._sim.calls) - len(payloads))]

    @property
    def jobs(self) -> list[str]:
        return [job.request_id for job in self._sim.jobs]

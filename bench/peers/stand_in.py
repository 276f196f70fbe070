"""A small HTTP server on loopback that answers as a vendor's API does, and counts what reaches it."""

import json
import ssl
import subprocess
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal, cast
from urllib.parse import parse_qsl, urlsplit

from bench.peers.vendors import Answer, State, Vendor

BAD_GATEWAY = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
"""The page of the proxy that most APIs stand behind; fal's client tells it by its last word."""

LONGEST_HOLD = 60
"""For how long a submit with `Prefer: wait` is held, in seconds; Replicate's own bound."""

Fault = Literal["before", "after"]
"""A submit is answered with 502, and its job is not made, or made and paid for."""


class StandIn:
    """The vendor's queue: what was asked, which jobs were made, and what goes wrong next.

    Args:
        vendor: the form of the API.
        seconds: how long a job takes.
        faults: of the next submits, first in, first out.
        fails: whether a job ends as failed.
    """

    def __init__(self, vendor: Vendor, seconds: float, faults: tuple[Fault, ...] = (), *, fails: bool = False) -> None:
        self._vendor = vendor
        self._seconds = seconds
        self._faults = list(faults)
        self._last: State = "failed" if fails else "succeeded"
        self._born: dict[str, float] = {}
        self._lock = threading.Lock()
        self.url = ""
        self.requests: list[str] = []
        self.submits: list[str] = []

    @property
    def jobs(self) -> list[str]:
        """The ids of the jobs that were made, each paid for."""
        return list(self._born)

    def answer(self, method: str, target: str, body: str, prefer: str) -> Answer:
        """Answer a request.

        Args:
            method: `GET`, `POST` or `CONNECT`.
            target: the path with its query; for `CONNECT`, the host.
            body: of a POST.
            prefer: the header of that name, or an empty text.
        """
        url = urlsplit(target)
        with self._lock:
            self.requests.append(f"{method} {target}")
            if method == "POST" and self._vendor.submits(url.path):
                self.submits.append(body)
                fault = self._faults.pop(0) if self._faults else None
                job = self._make() if fault != "before" else ""
                if fault:
                    return Answer(502, BAD_GATEWAY)
            elif method == "CONNECT":
                return Answer(502, BAD_GATEWAY)
            else:
                job = ""
        if job:
            if prefer.startswith("wait"):
                time.sleep(min(self._left(job), float(prefer.partition("=")[2] or LONGEST_HOLD)))
            return self._vendor.made(job, self._state(job), self.url)
        job = self._vendor.asked_for(url.path, dict(parse_qsl(url.query))) if method == "GET" else ""
        if job not in self._born:
            return Answer(404, {"detail": "Not found"})
        return self._vendor.record(job, self._state(job), self.url, url.path)

    def _make(self) -> str:
        job = f"job-{len(self._born) + 1:04}"
        self._born[job] = time.monotonic()
        return job

    def _left(self, job: str) -> float:
        return max(0.0, self._born[job] + self._seconds - time.monotonic())

    def _state(self, job: str) -> State:
        return "running" if self._left(job) else self._last


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        stand_in = cast("_Server", self.server).stand_in
        answer = stand_in.answer(self.command, self.path, body, self.headers.get("prefer", ""))
        page = isinstance(answer.body, str)
        content = answer.body.encode() if isinstance(answer.body, str) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        self.send_header("content-type", "text/html" if page else "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_CONNECT = _respond  # noqa: N815 - names of the standard library

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - a name of the standard library
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, stand_in: StandIn) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.stand_in = stand_in

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a server that was killed in the middle of a request, as each is in the end."""


@contextmanager
def serving(stand_in: StandIn, certificate: Path | None = None) -> Generator[StandIn]:
    """Serve it on a free port while the block runs; with a certificate, over TLS."""
    with _Server(stand_in) as server:
        stand_in.url = f"http://127.0.0.1:{server.server_port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # The handshake in the connection's own thread, not in the one that accepts.
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            stand_in.url = stand_in.url.replace("http:", "https:")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield stand_in
        finally:
            server.shutdown()
            thread.join()


def certificate(folder: Path) -> Path:
    """Make a certificate for 127.0.0.1 with its key, in one file.

    Raises:
        OSError: there is no openssl.
        subprocess.CalledProcessError: it failed.
    """
    file, key = folder / "stand-in.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=stand-in"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(file)]
    subprocess.run([*command, *names], check=True, capture_output=True)  # noqa: S603 - our own arguments
    file.write_text(key.read_text() + file.read_text())
    return file

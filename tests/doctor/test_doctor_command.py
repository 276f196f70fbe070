"""`gmi-video-mcp doctor` as a person runs it: a process, with a queue on loopback, in a pipe and on a terminal."""

import json
import os
import pty
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal

from gmi_video import __version__
from gmi_video.doctor.command import show
from gmi_video.doctor.examination import Examination
from gmi_video.doctor.machine import Machine
from gmi_video.simulator import SimulatedTransport
from tests.conftest import KEY, World, now
from tests.full import in_full
from tests.stdio import SECONDS, Cloud, cloud, event_loop
from tests.test_proxies import proxy

from .conftest import HELD_BACK

GOLDEN = Path(__file__).with_name("golden.txt")

COMMAND = [sys.executable, "-m", "gmi_video", "doctor"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment without settings, and with a home folder in which there is nothing."""
    ours = ("GMI_", "NO_COLOR", "SSL_", "CLAUDE_", "CODEX_", "XDG_")
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(ours)}
    kept = {name: value for name, value in kept.items() if not name.upper().endswith("_PROXY")}
    return kept | {"HOME": str(tmp_path), "TERM": "xterm-256color", "COLUMNS": "80"}


@pytest.fixture
def loop() -> Generator[BlockingPortal]:
    with event_loop() as portal:
        yield portal


@pytest.fixture
def queue(loop: BlockingPortal) -> Generator[Cloud]:
    with cloud(loop, api_key=KEY) as found:
        yield found


def doctor(environment: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        [*COMMAND, *options], capture_output=True, text=True, timeout=SECONDS, check=False, env=environment
    )
    assert HELD_BACK not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


# -- in a pipe -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_with_a_queue_on_a_port_all_is_well_and_nothing_is_made(environment: dict[str, str], queue: Cloud) -> None:
    done = doctor(environment | queue.environment())
    assert (done.returncode, done.stderr) == (0, "")
    assert "  ok       The queue accepts the key and lists 8 models.\n" in done.stdout
    assert "  ok       This machine's clock agrees with the queue's.\n" in done.stdout
    assert done.stdout.endswith("\nno problems, no warnings.\n")
    assert (queue.count("models"), queue.count("model"), len(queue.sim.calls)) == (1, 1, 2)
    assert not queue.sim.jobs


@pytest.mark.slow
def test_json_is_all_that_it_prints_and_the_exit_code_tells(environment: dict[str, str], queue: Cloud) -> None:
    queue.sim.fail("models", "401", times=None)
    done = doctor(environment | queue.environment(), "--json")
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout)["state"] == "problem"
    queue.sim.clear_faults()
    done = doctor(environment | queue.environment(GMI_LEDGER_URL="none"), "--json")
    assert (done.returncode, json.loads(done.stdout)["state"]) == (0, "warning")


@pytest.mark.slow
def test_without_a_key_it_says_where_to_put_it_and_shows_the_entries(environment: dict[str, str]) -> None:
    done = doctor(environment)
    assert done.returncode == 1
    assert "GMI_API_KEY is not set" in done.stdout
    assert '"mcpServers": {' in done.stdout
    assert "[mcp_servers.gmi-video]" in done.stdout
    assert "claude mcp add " in done.stdout


@pytest.mark.slow
def test_as_a_host_it_uses_the_key_in_the_hosts_file(environment: dict[str, str], queue: Cloud, tmp_path: Path) -> None:
    assert doctor(environment, "--as", "cursor").returncode == 2
    (tmp_path / ".cursor").mkdir()
    entry = {"command": "gmi-video-mcp", "env": queue.environment()}
    (tmp_path / ".cursor" / "mcp.json").write_text(json.dumps({"mcpServers": {"gmi-video": entry}}))
    done = doctor(environment | {"GMI_SPEND_LIMIT_USD": "wrong"}, "--as", "cursor")
    assert (done.returncode, done.stderr) == (0, "")
    assert "(Cursor's entry)" in done.stdout


def test_a_host_that_is_not_known_is_refused_and_help_says_what_it_does(environment: dict[str, str]) -> None:
    assert doctor(environment, "--as", "netscape").returncode == 2
    helped = doctor(environment, "--help")
    assert helped.returncode == 0
    assert "never shows the key" in " ".join(helped.stdout.split())
    everything = subprocess.run(
        [sys.executable, "-m", "gmi_video", "--help"], capture_output=True, text=True, timeout=SECONDS, check=True
    )
    assert "doctor" in everything.stdout


@pytest.mark.slow
def test_a_reader_that_has_seen_enough_ends_it_without_a_traceback(environment: dict[str, str]) -> None:
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as child:  # noqa: S603 - our own interpreter and module
        assert child.stdout is not None
        child.stdout.close()
        assert child.stderr is not None
        said = child.stderr.read()
        assert child.wait(SECONDS) == 1
    assert said == b""


# -- a network that does not work -------------------------------------------------------------------------------------


@contextmanager
def listener(answer: Callable[[socket.socket], None]) -> Generator[int]:
    """A port of this machine on which every connection is handled by `answer`."""
    with socket.create_server(("127.0.0.1", 0)) as found:

        def listen() -> None:
            while True:
                try:
                    connection, _ = found.accept()
                    with connection:
                        answer(connection)
                except ssl.SSLError:
                    continue  # the other end did not like the certificate
                except OSError:
                    return

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield found.getsockname()[1]
        finally:
            found.shutdown(socket.SHUT_RDWR)
            thread.join(SECONDS)


def said_of(environment: dict[str, str], url: str, **more: str) -> str:
    """What the queue's check says, and what to do, where the queue is at this address."""
    done = doctor(environment | {"GMI_API_KEY": KEY, "GMI_BASE_URL": url} | more, "--json")
    assert done.returncode == 1
    (check,) = [check for check in json.loads(done.stdout)["checks"] if check["name"] == "key"]
    assert check["remedy"]
    return check["message"]


@in_full
@pytest.mark.slow
def test_a_port_on_which_nothing_listens(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    assert "The connection was refused: nothing listens where 127.0.0.1 should be." in said_of(environment, url)


@in_full
@pytest.mark.slow
def test_a_host_that_has_no_address(environment: dict[str, str]) -> None:
    assert said_of(environment, "https://queue.invalid") == "No address was found for queue.invalid (DNS)."


@in_full
@pytest.mark.slow
def test_an_https_address_behind_which_nothing_speaks_tls(environment: dict[str, str]) -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with listener(answer) as port:
        assert "The TLS connection to 127.0.0.1 failed (" in said_of(environment, f"https://127.0.0.1:{port}")


@in_full
@pytest.mark.slow
def test_a_certificate_that_is_not_trusted(environment: dict[str, str], tmp_path: Path) -> None:
    try:
        subprocess.run(  # noqa: S603 - its arguments are ours
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2",  # noqa: S607 - wherever it is
             "-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "made.pem")],
            check=True, capture_output=True, timeout=SECONDS,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "made.pem", tmp_path / "key.pem")

    def answer(connection: socket.socket) -> None:
        context.wrap_socket(connection, server_side=True).close()

    with listener(answer) as port:
        said = said_of(environment, f"https://127.0.0.1:{port}")
    # OpenSSL 1.1 writes it without the hyphen.
    assert re.search("The certificate that 127.0.0.1 shows is not trusted: “self.signed certificate”\\.", said)


@pytest.mark.slow
def test_certificates_that_are_none(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("no certificate")
    said = said_of(environment, "https://queue.invalid", SSL_CERT_FILE=str(tmp_path / "none.pem"))
    assert said.startswith("SSL_CERT_FILE names something that can't be used")


@in_full
@pytest.mark.slow
def test_a_proxy_that_refuses_and_one_that_is_not_there(environment: dict[str, str]) -> None:
    with proxy() as found:
        address = f"http://me:hunter2@{found.address}"
        said = said_of(environment, "https://queue.example", HTTPS_PROXY=address)
    assert said == f"The proxy http://{found.address} refused the connection to queue.example: “403 Forbidden”."
    said = said_of(environment, "https://queue.example", HTTPS_PROXY=address)
    assert said == f"The connection was refused: nothing listens where the proxy http://{found.address} should be."


@pytest.mark.slow
@pytest.mark.parametrize("again", [False, True])
def test_ctrl_c_ends_it_at_once_while_the_queue_is_silent(
    environment: dict[str, str], queue: Cloud, *, again: bool
) -> None:
    pause = queue.pause_at("models:received")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # inherited by the child
    try:
        child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment | queue.environment()
        )
    finally:
        signal.signal(signal.SIGINT, before)
    with child:
        queue.reached(pause)
        child.send_signal(signal.SIGINT)
        if again:
            child.send_signal(signal.SIGINT)
        out, said = child.communicate(timeout=SECONDS)
    queue.release(pause)
    assert child.returncode == 130
    assert said == b"Stopped.\n"
    assert b"Settings" in out, "what was found before stays"


# -- on a terminal ---------------------------------------------------------------------------------------------


def on_a_terminal(environment: dict[str, str], *command: str) -> str:
    """What it writes to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([*command], stdout=theirs, stderr=theirs, env=environment) as child:  # noqa: S603 - our own interpreter and module
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError:
            pass  # so Linux tells that the other end is closed
        finally:
            os.close(ours)
        assert child.wait(SECONDS) in {0, 1}
    return shown.decode().replace("\r\n", "\n")


@pytest.mark.slow
def test_it_has_colours_on_a_terminal_alone_and_none_with_no_color_or_without_rich(
    environment: dict[str, str], tmp_path: Path
) -> None:
    plain = doctor(environment).stdout
    assert "\x1b" not in plain
    coloured = on_a_terminal(environment, *COMMAND)
    assert "\x1b[1;31m  problem\x1b[0m" in coloured
    assert on_a_terminal(environment | {"NO_COLOR": "1"}, *COMMAND) == plain
    (tmp_path / "rich.py").write_text("raise ImportError")
    without_rich = environment | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
    assert on_a_terminal(without_rich, *COMMAND) == plain


# -- the whole output ------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_the_whole_text_of_one_case(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A misspelt setting, a clock that is off, a ledger that is switched off."""
    folder = Path("/nowhere/ada")
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    world.sim.behave(skew=-120)
    settings = world.environment | {"GMI_LEDGER_URL": "none", "GMI_SPEND_LIMIT": "5", "GMI_MAX_WAIT_SECONDS": "50"}
    machine = Machine("linux", folder, folder / "venv" / "bin" / "python")
    examination = Examination(machine, settings, transport=SimulatedTransport(world.sim), now=now)
    assert await show(examination, as_json=False) == 1
    said = capsys.readouterr().out.replace(__version__, "VERSION")
    # What depends on the interpreter, the machine and the installed extras, up to the next line that says "ok".
    said = re.sub(r"^(  ok       Python) .*?(?=\n  ok)", r"\1", said, flags=re.DOTALL | re.MULTILINE)
    said = re.sub(r"; extras installed.*?(?=\n  ok)", "", said, flags=re.DOTALL)
    assert said == GOLDEN.read_text(encoding="utf-8")

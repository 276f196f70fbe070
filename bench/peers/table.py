"""The servers that are measured: their versions, how they are started, and how each is asked for one video."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.peers.vendors import Fal, MiniMax, Nothing, Replicate, Vendor
from tests.npm import NODE, locked_version

PROMPT = "A paper lantern drifts over a lake"
KEY = "a-key-that-opens-nothing"
GATE = Path(__file__).parent
"""The folder with the lock of what comes from npm."""


@dataclass(frozen=True)
class Server:
    """A server of the comparison.

    Args:
        name: of its package.
        version: of it.
        made_for: what it is for, as its makers say.
        also: what pip installs besides; not used for npm.
        program: what is started, in the folder of its environment.
        vendor: the API that the stand-in answers with; None for the simulator of this project.
        settings: its environment variables, from the address of the stand-in, such as `http://127.0.0.1:1234`.
        tool: the tool that is called.
        arguments: of a call that makes one video.
        too_long: what to change in them, so that they ask for three minutes.
        unmeasured: why what needs a job is not measured; empty if it is.
        tls: whether it speaks TLS only.
    """

    name: str
    version: str
    made_for: str
    program: str
    vendor: type[Vendor] | None
    settings: Callable[[str], dict[str, str]]
    tool: str
    arguments: dict[str, Any]
    too_long: dict[str, Any]
    also: tuple[str, ...] = ()
    unmeasured: str = ""
    tls: bool = False

    @property
    def from_npm(self) -> bool:
        """Whether it is a program for Node."""
        return self.program.endswith(".js")

    def command(self, folder: Path) -> list[str]:
        """What starts it, with its environment in `folder`."""
        program = str((folder / self.program).absolute())
        return [str(NODE), program] if self.from_npm else [program]


OURS = Server(
    name="gmi-video-mcp",
    version="",
    made_for="videos of GMI Cloud's request queue",
    program="bin/gmi-video-mcp",
    vendor=None,
    settings=lambda url: {"GMI_BASE_URL": url, "GMI_API_KEY": KEY},
    tool="generate_video",
    arguments={"prompt": PROMPT},
    too_long={"duration": "180s"},
)

PEERS = (
    Server(
        name="minimax-mcp",
        version="0.0.19",
        made_for="MiniMax's own; speech, voices, images and videos of its API",
        program="bin/minimax-mcp",
        vendor=MiniMax,
        settings=lambda url: {"MINIMAX_API_HOST": url, "MINIMAX_API_KEY": KEY},
        tool="generate_video",
        arguments={"prompt": PROMPT},
        too_long={"duration": 180},
    ),
    Server(
        name="fal-mcp-server",
        version="1.18.0",
        made_for="any model of fal.ai, by a member of its community; images, videos and sound",
        also=("mcp<2",),
        program="bin/fal-mcp",
        vendor=Fal,
        # A host without a scheme: its client writes https before it.
        settings=lambda url: {"FAL_KEY": KEY, "FAL_RUN_HOST": _host(url), "FAL_QUEUE_RUN_HOST": _host(url)},
        tool="generate_video",
        arguments={"prompt": PROMPT, "model": "fal-ai/kling-video/v2/master/text-to-video"},
        too_long={"duration": 180},
        tls=True,
    ),
    Server(
        name="elevenlabs-mcp",
        version="0.12.2",
        made_for="ElevenLabs' own; speech, voices, sound effects, music and voice agents",
        program="bin/elevenlabs-mcp",
        vendor=Nothing,
        # Its endpoint is one of a list of regions, so the stand-in is only the proxy that lets nothing out.
        settings=lambda url: {"ELEVENLABS_API_KEY": KEY, "HTTPS_PROXY": url},
        tool="text_to_sound_effects",
        arguments={"text": PROMPT},
        too_long={"duration_seconds": 180},
        unmeasured="not measured: no video tool, no setting for the endpoint",
    ),
    Server(
        name="replicate-mcp",
        version=locked_version(GATE, "replicate-mcp"),
        made_for="Replicate's own, generated from its API's description; all of that API, with any model",
        program="node_modules/replicate-mcp/index.js",
        vendor=Replicate,
        settings=lambda url: {"REPLICATE_BASE_URL": url, "REPLICATE_API_TOKEN": KEY},
        tool="create_models_predictions",
        # Held until the job ends, as the tool's description shows it.
        arguments={"model_owner": "owner", "model_name": "video", "input": {"prompt": PROMPT}, "Prefer": "wait"},
        too_long={"input": {"prompt": PROMPT, "duration": 180}},
    ),
)


def _host(url: str) -> str:
    return url.rpartition("/")[2]

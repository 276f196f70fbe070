"""One copy of the server's core as a process of its own, without the protocol, for the races of `test_copies`.

It reads one JSON object a line, `{"call": 1, "model": "Luma-Ray2", "prompt": "a fox"}`, submits that, and writes a
line with the same number and the job's id, or the name of the error. Calls run at the same time. The settings are the
server's, from the environment.
"""

import json
import os
import sys
from typing import Any

import anyio

from gmi_video.catalog.prepare import VideoArguments, prepare
from gmi_video.errors import GmiVideoError
from gmi_video.services import Services, open_services
from gmi_video.settings import Settings

LUMA = {
    "resolution": "720p",
    "duration": "5s",
    "aspect_ratio": "16:9",
    "loop": False,
    "frame0_image": "",
    "frame1_image": "",
}


async def submit(services: Services, call: dict[str, Any]) -> None:
    """Make one call, and write what came of it."""
    try:
        request = await prepare(services.catalog, VideoArguments(call["model"], call["prompt"], LUMA, {}))
        submitted = await services.submission.submit(request)
    except GmiVideoError as error:
        write(call=call["call"], error=type(error).__name__, message=str(error))
    else:
        write(call=call["call"], request_id=submitted.record.request_id, note=submitted.note)


async def main() -> None:
    """Submit until the end of input."""
    settings = Settings.from_environment(os.environ)
    async with open_services(settings) as services, anyio.create_task_group() as calls:
        write(ready=True)
        async for line in anyio.wrap_file(sys.stdin):
            calls.start_soon(submit, services, json.loads(line))


def write(**answer: Any) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    anyio.run(main)

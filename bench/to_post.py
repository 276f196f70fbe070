"""The time from `tools/call` to the POST at the queue, of one server and of another in turn; for the two benches."""

import time
from collections.abc import Sequence

from tests.stdio import Cloud, Server


def seconds_to_post(queue: Cloud, server: Server, prompt: str, pause: float) -> float:
    """Make a call; the time from its being written to the arrival of its POST.

    Args:
        queue: the queue.
        server: asked to make a video.
        prompt: of the video; another one for each call.
        pause: seconds before the call, in which the rate limit forgets the calls before it.
    """
    time.sleep(pause)
    began = time.time()
    request = server.start("generate_video", prompt=prompt, wait=False)
    answer = server.result(request)["structuredContent"]
    assert "request_id" in answer, answer
    return [call.at for call in queue.sim.calls if call.endpoint == "submit"][-1] - began


def alternated(
    queue: Cloud, servers: Sequence[Server], process: int, calls: int, pause: float
) -> list[tuple[float, float]]:
    """The times of two servers that are open, in ms, call by call; the one and the other in turn. Ends them."""
    found: list[tuple[float, float]] = []
    for call in range(calls):
        one, other = [
            seconds_to_post(queue, server, f"process {process}, call {call}, {place}", pause)
            for place, server in enumerate(servers)
        ]
        found.append((1000 * one, 1000 * other))
    for server in servers:
        server.end()
    return found

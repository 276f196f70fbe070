"""The time from `tools/call` to the POST at the queue, and how pairs of such times are shown; for the two benches."""

import statistics
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
    """The times of two servers that are open, in seconds, call by call; the one and the other in turn. Ends them."""
    found: list[tuple[float, float]] = []
    for call in range(calls):
        one, other = [
            seconds_to_post(queue, server, f"process {process}, call {call}, {place}", pause)
            for place, server in enumerate(servers)
        ]
        found.append((one, other))
    for server in servers:
        server.end()
    return found


def figures(name: str, sides: tuple[str, str], pairs: list[tuple[float, float]]) -> str:
    """The medians of both sides and their ratio; in parentheses the quartiles, those of the ratio from each pair."""
    columns = [[1000 * pair[side] for pair in pairs] for side in (0, 1)]
    texts = [
        f"{side} {statistics.median(column):.1f} ms ({low:.1f} to {high:.1f})"
        for side, column in zip(sides, columns, strict=True)
        for low, _, high in [statistics.quantiles(column, n=4)]
    ]
    ratio = statistics.median(columns[0]) / statistics.median(columns[1])
    low, _, high = statistics.quantiles([one / other for one, other in pairs], n=4)
    return f"  {name:18} {', '.join(texts)}, ratio {ratio:.2f} ({low:.2f} to {high:.2f})"

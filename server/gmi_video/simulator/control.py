"""Pauses over HTTP, for a simulator in another process (`--control`).

- `PUT /control/pauses/submit:made` stops the next submit at that point;
- `GET /control/pauses/submit:made` responds once a call is stopped there;
- `DELETE /control/pauses/submit:made` lets that call continue.

These calls need the API key, are not in the log of calls, and have no latency and no faults.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gmi_video.simulator.endpoints import organization
from gmi_video.simulator.pauses import POINTS, Pause
from gmi_video.simulator.responses import error_response
from gmi_video.simulator.state import Simulator
from gmi_video.simulator.validation import ApiError


def control_route(sim: Simulator) -> Route:
    """All three calls respond 204; 404 for an unknown point, and for a point at which no pause was set."""
    pauses: dict[str, Pause] = {}

    async def respond(request: Request) -> Response:
        point = request.path_params["point"]
        try:
            organization(sim, request)
        except ApiError as error:
            return error_response(error.status, error.text)
        if request.method == "PUT" and point in POINTS:
            if point in pauses:
                pauses[point].release()
            pauses[point] = sim.pause_at(point)
        if point not in pauses:
            return error_response(404, f"no pause at {point}")
        if request.method == "GET":
            await pauses[point].reached()
        elif request.method == "DELETE":
            pauses[point].release()
        return Response(status_code=204)

    return Route("/control/pauses/{point}", respond, methods=["PUT", "GET", "DELETE"])

"""The ASGI app: routes, and what every call has in common (latency, faults, pauses, the log, the `Date` header)."""

from email.utils import formatdate
from functools import partial
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gmi_video.simulator import responses
from gmi_video.simulator.control import control_route
from gmi_video.simulator.endpoints import Endpoints, Handler, json_object
from gmi_video.simulator.faults import RATE_LIMIT_MS
from gmi_video.simulator.scripts import Script
from gmi_video.simulator.state import PREFIX, Call, Simulator
from gmi_video.simulator.validation import ApiError

_ANY = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_TOO_MANY_REQUESTS = 429


def create_app(sim: Simulator, *, control: bool = False) -> Starlette:
    """The ASGI app of this simulator, for a real server; with `control`, tests can set pauses over HTTP."""
    return Starlette(routes=[*([control_route(sim)] if control else []), *routes(sim)])


def routes(sim: Simulator) -> list[Route]:
    """Every path that answers. The last route takes all the others: 405 means the wrong host (P)."""
    endpoints = Endpoints(sim)

    def route(name: str, methods: list[str], path: str, handler: Handler) -> Route:
        return Route(path, partial(_exchange, sim, name, handler), methods=methods, name=name)

    return [
        route("submit", ["POST"], f"{PREFIX}/requests", endpoints.submit),
        route("list", ["GET"], f"{PREFIX}/requests", endpoints.list),
        route("get", ["GET"], f"{PREFIX}/requests/{{request_id}}", endpoints.get),
        route("models", ["GET"], f"{PREFIX}/models", endpoints.models),
        route("model", ["GET"], f"{PREFIX}/models/{{model_id:path}}", endpoints.model),
        route("upload_url", ["POST"], f"{PREFIX}/upload-url", endpoints.upload_url),
        route("upload", ["PUT"], "/uploads/{name}", endpoints.upload),
        route("file", ["GET"], "/uploads/{name}", endpoints.file),
        route("film", ["GET"], "/films/{name}", endpoints.film),
        route("unknown", _ANY, "/{rest:path}", endpoints.unknown),
    ]


async def _exchange(sim: Simulator, name: str, handler: Handler, request: Request) -> Response:
    """One call: latency, the log, its fault or the correct response, pauses, the `Date` header."""
    if sim.behavior.latency:
        await anyio.sleep(sim.behavior.latency)
    fault, effect = sim.faults.take(name) or (None, None)
    body = json_object(await request.body())
    if effect is None or effect.kind != "refuse":
        _log(sim, name, request, fault, body)
    await sim.pauses.stop_at(name, "received")
    model = str(body.get("model") or request.query_params.get("model_id") or request.path_params.get("model_id", ""))
    headers: dict[str, str] = {}
    if effect is not None and effect.status == _TOO_MANY_REQUESTS and sim.behavior.retry_after_header:
        headers["retry-after"] = str(-(-RATE_LIMIT_MS // 1000))
    if effect is not None and not effect.takes_effect:
        response = responses.fault_response(effect, model=model, request_id=sim.new_id(), headers=headers)
    else:
        request.state.script = None
        if effect is not None and effect.kind == "record":
            request.state.script = Script.fails_at_once(effect.body.format(model=model))
        try:
            response = await handler(request)
            await sim.pauses.stop_at(name, "made")
        except ApiError as error:
            response = responses.error_response(error.status, error.text)
        if effect is not None:
            response = await responses.complete(response)
            made = str(json_object(bytes(response.body)).get("request_id", ""))
            response = responses.corrupted_response(effect, response, model=model, request_id=made, headers=headers)
    response.headers["date"] = formatdate(sim.clock() + sim.behavior.skew, usegmt=True)
    response.background = BackgroundTask(sim.pauses.stop_at, name, "answered")
    return response


def _log(sim: Simulator, name: str, request: Request, fault: str | None, body: dict[str, Any]) -> None:
    model = request.query_params.get("model_id") or request.path_params.get("model_id")
    sim.calls.append(
        Call(
            endpoint=name,
            method=request.method,
            path=request.url.path,
            at=sim.clock(),
            model=body.get("model") if name == "submit" else model,
            request_id=request.path_params.get("request_id"),
            has_authorization="authorization" in request.headers,
            fault=fault,
        )
    )

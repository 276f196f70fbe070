"""The HTTP side: one ASGI app for real sockets, whose very endpoints the in-process network calls too."""

from __future__ import annotations

import json
import secrets
from email.utils import formatdate
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import anyio
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from gmi_video.simulator import images, media, responses
from gmi_video.simulator.faults import RATE_LIMIT_MS
from gmi_video.simulator.scripts import Script
from gmi_video.simulator.state import PREFIX, Call, Simulator
from gmi_video.simulator.uploads import UploadRefused
from gmi_video.simulator.validation import Refusal, check_payload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    Handler = Callable[[Simulator, Request], Awaitable[Response]]

_ANY = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def create_app(sim: Simulator) -> Starlette:
    """The ASGI app onto this simulator's state."""
    return Starlette(routes=list(routes(sim)))


def routes(sim: Simulator) -> list[Route]:
    """Every address that answers; anything else is the wrong host: 405 (P)."""

    def route(name: str, method: str, path: str, handler: Handler) -> Route:
        return Route(path, partial(_endpoint, sim, name, handler), methods=[method], name=name)

    return [
        route("submit", "POST", f"{PREFIX}/requests", _submit),
        route("list", "GET", f"{PREFIX}/requests", _list),
        route("get", "GET", f"{PREFIX}/requests/{{request_id}}", _get),
        route("models", "GET", f"{PREFIX}/models", _models),
        route("model", "GET", f"{PREFIX}/models/{{model_id:path}}", _model),
        route("upload_url", "POST", f"{PREFIX}/upload-url", _upload_url),
        route("upload", "PUT", "/uploads/{name}", _upload),
        route("file", "GET", "/uploads/{name}", _file),
        route("film", "GET", "/films/{name}", _film),
        Route("/{rest:path}", partial(_endpoint, sim, "unknown", _wrong_host), methods=_ANY, name="unknown"),
    ]


async def _endpoint(sim: Simulator, name: str, handler: Handler, request: Request) -> Response:
    """What every call goes through: the wait, the fault in store for it, the log, the true answer, the date."""
    if sim.habits.latency:
        await anyio.sleep(sim.habits.latency)
    fault, row = sim.faults.take(name) or (None, None)
    if row is None or row.kind != "refuse":
        _log(sim, name, request, fault, await request.body())
    model = await _model_of(request)
    if row is not None and not row.lands:
        spare = sim.new_id()
        response = responses.unlanded(row, model=model, request_id=spare, headers=_hint(sim, row.status))
    else:
        request.state.fate = (
            Script.fails_at_once(row.body.format(model=model)) if row is not None and row.kind == "record" else None
        )
        try:
            response = await handler(sim, request)
        except (Refusal, UploadRefused) as refusal:
            response = responses.refused(refusal.status, refusal.text)
        if row is not None:
            made = _request_id(response)
            response = responses.spoilt(row, response, model=model, request_id=made, headers=_hint(sim, row.status))
    response.headers["date"] = formatdate(sim.clock() + sim.habits.skew, usegmt=True)
    return response


def _log(sim: Simulator, name: str, request: Request, fault: str | None, body: bytes) -> None:
    model = request.query_params.get("model_id") or request.path_params.get("model_id")
    sim.calls.append(
        Call(
            endpoint=name,
            method=request.method,
            path=request.url.path,
            at=sim.clock(),
            model=_json(body).get("model") if name == "submit" else model,
            request_id=request.path_params.get("request_id"),
            has_authorization="authorization" in request.headers,
            fault=fault,
        )
    )


def _json(body: bytes) -> dict[str, Any]:
    try:
        read = json.loads(body)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}  # pyright: ignore[reportUnknownVariableType] - JSON from outside


async def _model_of(request: Request) -> str:
    named = _json(await request.body()).get("model") or request.query_params.get("model_id")
    return str(named or request.path_params.get("model_id", ""))


def _request_id(response: Response) -> str:
    return str(_json(bytes(response.body)).get("request_id", ""))


def _hint(sim: Simulator, status: int) -> dict[str, str]:
    seconds = -(-RATE_LIMIT_MS // 1000)
    return {"retry-after": str(seconds)} if status == 429 and sim.habits.retry_after_header else {}


def _admit(sim: Simulator, request: Request) -> str:
    """The organisation the caller speaks for; a wrong or missing key is a 401."""
    shown = request.headers.get("authorization", "")
    if not secrets.compare_digest(shown.encode(), f"Bearer {sim.api_key}".encode()):
        raise Refusal(401, sim.habits.unauthorized)
    return request.headers.get("x-organization-id", "simulated-org")


async def _submit(sim: Simulator, request: Request) -> Response:
    org_id = _admit(sim, request)
    body = _json(await request.body())
    name, payload = body.get("model"), body.get("payload")
    if not isinstance(name, str) or not isinstance(payload, dict):
        raise Refusal(400, sim.habits.missing_keys.format(names="model, payload"))
    asked = cast("dict[str, Any]", payload)
    parameters = sim.model(name)["parameters"]
    check_payload(parameters, asked, sim.habits)
    fate: Script | None = request.state.fate
    found: dict[str, bytes] = {}
    if fate is None:
        found, trouble = await images.collect(sim, parameters, asked)
        fate = Script.fails(2, trouble) if trouble else None
    job = sim.make_job(name, asked, org_id, pictures=found, fate=fate)
    return responses.told(sim.submitted(job))


async def _get(sim: Simulator, request: Request) -> Response:
    _admit(sim, request)
    request_id = request.path_params["request_id"]
    job = sim.job(request_id)
    if job is None:
        raise Refusal(404, sim.habits.unknown_request.format(request_id=request_id))
    return responses.told(sim.record(job))


async def _list(sim: Simulator, request: Request) -> Response:
    _admit(sim, request)
    return responses.told(sim.listed(request.query_params.get("model_id") or None))


async def _models(sim: Simulator, request: Request) -> Response:
    _admit(sim, request)
    return responses.told({sim.habits.models_key: [*sim.models, *sim.padding]})


async def _model(sim: Simulator, request: Request) -> Response:
    _admit(sim, request)
    return responses.told(sim.model(request.path_params["model_id"]))


async def _upload_url(sim: Simulator, request: Request) -> Response:
    _admit(sim, request)
    file_type = _json(await request.body()).get("file_type")
    upload = sim.uploads.sign(file_type if isinstance(file_type, str) else "", sim.clock())
    public = f"{sim.files_url}/uploads/{upload.name}"
    signed = f"{public}?X-Signature={upload.signature}&X-Expires={int(upload.expires)}"
    return responses.told({"upload_url": signed, "public_url": public})


async def _upload(sim: Simulator, request: Request) -> Response:
    if "authorization" in request.headers:
        raise UploadRefused(
            400, "InvalidArgument: only one auth mechanism allowed; a signed URL takes no Authorization"
        )
    sim.uploads.put(
        request.path_params["name"],
        request.query_params.get("X-Signature", ""),
        request.headers.get("content-type"),
        await request.body(),
        now=sim.clock(),
        expired_status=sim.habits.expired_upload_status,
    )
    return Response(status_code=200)


async def _file(sim: Simulator, request: Request) -> Response:
    upload = sim.uploads.by_name.get(request.path_params["name"])
    if upload is None or upload.body is None:
        raise UploadRefused(404, "NoSuchKey: the specified key does not exist")
    return media.piece(request, upload.body, upload.content_type)


async def _film(sim: Simulator, request: Request) -> Response:
    return await media.show(sim, request, request.path_params["name"])


async def _wrong_host(_sim: Simulator, _request: Request) -> Response:
    raise Refusal(405, "Method Not Allowed")

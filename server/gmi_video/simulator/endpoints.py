"""The endpoints: the queue's API, its storage of uploads, and the films of finished jobs."""

import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, cast

from starlette.requests import Request
from starlette.responses import Response

from gmi_video.simulator.images import ImageError, download_images
from gmi_video.simulator.lists import list_response
from gmi_video.simulator.media import Media, file_response
from gmi_video.simulator.responses import json_response
from gmi_video.simulator.scripts import Script
from gmi_video.simulator.state import Simulator
from gmi_video.simulator.validation import ApiError, check_payload

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; empty where there is none."""
    try:
        read = json.loads(body)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}  # pyright: ignore[reportUnknownVariableType] - JSON from outside


def organization(sim: Simulator, request: Request) -> str:
    """The organization that the caller names.

    Raises:
        ApiError: 401, a wrong or missing key.
    """
    shown = request.headers.get("authorization", "")
    if not secrets.compare_digest(shown.encode(), f"Bearer {sim.api_key}".encode()):
        raise ApiError(401, sim.behavior.unauthorized)
    return request.headers.get("x-organization-id", "simulated-org")


class Endpoints:
    """One handler per endpoint. Each raises `ApiError` for what the queue or its storage refuses."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self._media = Media(sim)

    async def submit(self, request: Request) -> Response:
        """`POST /requests`; `request.state.script`, where not None, overrides the model's script."""
        org_id = organization(self._sim, request)
        body = json_object(await request.body())
        name, payload = body.get("model"), body.get("payload")
        if not isinstance(name, str) or not isinstance(payload, dict):
            raise ApiError(400, self._sim.behavior.missing_keys.format(names="model, payload"))
        asked = cast("dict[str, Any]", payload)
        parameters = self._sim.model(name)["parameters"]
        check_payload(parameters, asked, self._sim.behavior)
        script: Script | None = request.state.script
        images: dict[str, bytes] = {}
        if script is None:
            try:
                images = await download_images(self._sim, self._media, parameters, asked)
            except ImageError as error:
                script = Script.fails(2, str(error))
        job = self._sim.make_job(name, asked, org_id, images=images, script=script)
        return json_response(self._sim.submit_response(job))

    async def get(self, request: Request) -> Response:
        """`GET /requests/{id}`."""
        organization(self._sim, request)
        request_id = request.path_params["request_id"]
        job = self._sim.job(request_id)
        if job is None:
            raise ApiError(404, self._sim.behavior.unknown_request.format(request_id=request_id))
        return json_response(self._sim.record(job))

    async def list(self, request: Request) -> Response:
        """`GET /requests`, of one model or of all."""
        organization(self._sim, request)
        return list_response(self._sim, request.query_params.get("model_id") or None)

    async def models(self, request: Request) -> Response:
        """`GET /models`."""
        organization(self._sim, request)
        return json_response({self._sim.behavior.models_key: [*self._sim.models, *self._sim.padding]})

    async def model(self, request: Request) -> Response:
        """`GET /models/{id}`."""
        organization(self._sim, request)
        return json_response(self._sim.model(request.path_params["model_id"]))

    async def upload_url(self, request: Request) -> Response:
        """`POST /upload-url`."""
        organization(self._sim, request)
        file_type = json_object(await request.body()).get("file_type")
        upload = self._sim.uploads.sign(file_type if isinstance(file_type, str) else "", self._sim.clock())
        public = f"{self._sim.files_url}/uploads/{upload.name}"
        signed = f"{public}?X-Signature={upload.signature}&X-Expires={int(upload.expires)}"
        return json_response({"upload_url": signed, "public_url": public})

    async def upload(self, request: Request) -> Response:
        """`PUT` of a file to its signed URL."""
        if "authorization" in request.headers:
            raise ApiError(400, "InvalidArgument: only one auth mechanism allowed; a signed URL takes no Authorization")
        self._sim.uploads.put(
            request.path_params["name"],
            request.query_params.get("X-Signature", ""),
            request.headers.get("content-type"),
            await request.body(),
            now=self._sim.clock(),
            expired_status=self._sim.behavior.expired_upload_status,
        )
        return Response(status_code=200)

    async def file(self, request: Request) -> Response:
        """An uploaded file at its public URL."""
        upload = self._sim.uploads.by_name.get(request.path_params["name"])
        if upload is None or upload.body is None:
            raise ApiError(404, "NoSuchKey: the specified key does not exist")
        return file_response(self._sim, request, upload.body, upload.content_type)

    async def film(self, request: Request) -> Response:
        """The film or thumbnail of a finished job."""
        return await self._media.film(request, request.path_params["name"])

    async def unknown(self, request: Request) -> Response:  # noqa: ARG002 - the signature of a handler
        """Any other path: 405, as on the vendor's other hosts (P)."""
        raise ApiError(405, "Method Not Allowed")

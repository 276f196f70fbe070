"""The calls that are free of charge: models, refusals, requests. None of them makes a job."""

from typing import Any
from urllib.parse import quote

from gmi_video.live.expectations import CouldNotRun
from gmi_video.live.report import code
from gmi_video.live.session import LiveSession, outcome_shape
from gmi_video.text import duration
from gmi_video.upstream import lists
from gmi_video.upstream.luma_ray2 import LUMA_RAY2
from gmi_video.upstream.wire import ModelList, ModelRecord, Parameter, Record, fields_of, items_of

UNKNOWN_REQUEST = "00000000-0000-4000-8000-000000000000"
UNKNOWN_MODEL = "gmi-video-mcp-no-such-model"
WRONG_KEY = "eyJ-not-a-key"

SIBLINGS: dict[str, dict[str, list[Any] | None]] = {
    "luma-ray-3-2-generate": {
        "prompt": None, "aspect_ratio": None, "resolution": ["540p", "720p", "1080p"], "duration": ["5s", "10s"],
        "hdr": None, "loop": None, "start_frame_url": None, "end_frame_url": None, "start_frame_generation_id": None,
        "end_frame_generation_id": None,
    },
    "Veo3": {
        "prompt": None, "durationSeconds": ["8", "6", "4"], "aspectRatio": ["16:9", "9:16"], "negativePrompt": None,
        "personGeneration": None, "seed": None,
    },
    "veo-3.1-generate-preview": {
        "prompt": None, "image": None, "lastFrame": None, "reference_image": None, "durationSeconds": [4, 6, 8],
        "aspectRatio": None, "generateAudio": None, "seed": None,
    },
    "sora-2-pro": {"prompt": None, "input_reference": None, "seconds": ["4", "8", "12"], "size": None},
    "kling-v3-text-to-video": {
        "prompt": None, "negative_prompt": None, "duration": [str(n) for n in range(3, 16)], "aspect_ratio": None,
        "sound": None,
    },
    "wan2.6-t2v": {
        "prompt": None, "size": None, "duration": [5, 10, 15], "negative_prompt": None, "audio": None, "seed": None,
    },
    "pixverse-v5.6-i2v": {
        "image_url": None, "prompt": None, "duration": ["5", "8", "10"], "aspect_ratio": None,
        "quality": None,
    },
}  # fmt: skip
"""The parameters of other models, as gmi-api.md has them: by model and name, the options where they are documented."""


class Probes:
    """Makes the free calls and adds what they show to the session's report."""

    def __init__(self, session: LiveSession) -> None:
        self._session = session
        self._report = session.report

    # -- models --------------------------------------------------------------------------------------------------

    async def models(self) -> list[str]:
        """`GET /models`: the ids. It comes first, because it shows whether the check can run.

        Raises:
            CouldNotRun: the key is not accepted, or there is no response.
        """
        subject = "GET /models"
        response = await self._session.call("/models")
        if response.status in {401, 403}:
            raise CouldNotRun(f"The queue did not accept the key: {self._session.error_text(response)}.")
        if not self._session.check_response(subject, "model-list", response):
            return []
        parsed = self._session.parse(subject, ModelList.model_validate, response, "list")
        if parsed is None:
            return []
        ids = parsed.ids
        raw = [*items_of(fields_of(response.body).get("model_ids")), *items_of(fields_of(response.body).get("models"))]
        key = " and ".join(f"`{name}`" for name in ("model_ids", "models") if name in response.body)
        self._report.add_observation(
            "The model list", f"{len(raw)} under {key}, {len(ids)} of them public by our reading"
        )
        if LUMA_RAY2 not in ids:
            self._report.add_difference(subject, f"{LUMA_RAY2} is not listed")
        return ids

    async def luma(self) -> None:
        """`GET /models/Luma-Ray2`, compared with the guide's table."""
        record = await self._model(LUMA_RAY2)
        question = f"The real body of `GET /models/{LUMA_RAY2}`"
        if record is None:
            self._report.add_observation(question, "not received; see the differences")
            return
        table = self._session.expectations.properties("luma-ray2-payload")
        described = ", ".join(f"{p.name} ({p.type}{', required' if p.required else ''})" for p in record.parameters)
        self._report.add_observation(question, f"parameters: {self._report.quote(described, 600)}")
        subject = f"parameters of {LUMA_RAY2}"
        live = {parameter.name: parameter for parameter in record.parameters}
        self._compare_names(subject, set(table), set(live))
        for name in (name for name in table if name in live):
            self._compare_parameter(subject, live[name], table[name])

    def _compare_parameter(self, subject: str, live: Parameter, schema: dict[str, Any]) -> None:
        def differs(what: str, observed: str, expected: object) -> None:
            self._report.add_difference(subject, f"`{live.name}`: {what} {observed}, expected: {expected}")

        options, default, required = schema.get("enum"), schema.get("default"), live.name == "prompt"
        if options and sorted(map(str, live.options)) != sorted(options):
            differs("options", self._report.quote(live.options, 200), options)
        # A record without a default agrees with a default of false.
        if default is not None and live.default_value != default and (live.default_value or default):
            differs("default", self._report.quote(live.default_value, 80), default)
        if live.required != required:
            differs("required is", str(live.required), required)
        if (live.type == "boolean") != (schema["type"] == "boolean"):
            differs("type", self._report.quote(live.type, 40), schema["type"])

    async def siblings(self, listed: list[str]) -> None:
        """`GET /models/{id}` of the `SIBLINGS` that are listed, compared with what is known of them."""
        for model in (name for name in SIBLINGS if name in listed):
            record = await self._model(model)
            if record is None:
                continue
            live = {parameter.name: parameter for parameter in record.parameters}
            subject = f"parameters of {model}"
            self._compare_names(subject, set(SIBLINGS[model]), set(live))
            for name, options in SIBLINGS[model].items():
                if options and name in live and sorted(map(repr, live[name].options)) != sorted(map(repr, options)):
                    given = self._report.quote(live[name].options, 200)
                    self._report.add_difference(subject, f"`{name}`: options {given}, expected: {options}")
        missing = sorted(SIBLINGS.keys() - set(listed))
        self._report.add_observation("Siblings of gmi-api.md that are not listed", ", ".join(missing) or "none")

    async def _model(self, model: str) -> ModelRecord | None:
        subject = f"GET /models/{model}"
        response = await self._session.call(f"/models/{quote(model, safe='')}")
        if not self._session.check_response(subject, "model-record", response):
            return None
        record = self._session.parse(subject, ModelRecord.model_validate, response, "record")
        if record is None:
            return None
        raw = items_of(fields_of(response.body).get("parameters"))
        if len(record.parameters) != len(raw):
            self._report.add_difference(subject, f"our parsing reads {len(record.parameters)} of {len(raw)} parameters")
        kinds = self._session.expectations.examples("model-record", "parameters", "[]", "type")
        for parameter in record.parameters:
            if parameter.type not in kinds:
                name, type_ = code(parameter.name), self._report.quote(parameter.type, 40)
                self._report.add_difference(subject, f"{name} is of a type not known before: {type_}")
        price = record.price_info
        if price is None:
            self._report.add_observation("Prices", f"{model}: none")
            return record
        self._report.add_observation("Prices", f"{model}: {self._report.quote(price, 120)}")
        if price.get("unit") not in self._session.expectations.examples("model-record", "price_info", "unit"):
            self._report.add_difference(
                subject, f"the price is per {self._report.quote(price.get('unit'), 40)}, a unit not known before"
            )
        return record

    def _compare_names(self, subject: str, expected: set[str], live: set[str]) -> None:
        for name in sorted(expected - live):
            self._report.add_difference(subject, f"`{name}` is not among them")
        for name in sorted(live - expected):
            self._report.add_difference(subject, f"{self._report.quote(name, 60)} is one not known before")

    # -- refusals ------------------------------------------------------------------------------------------------

    async def refusals(self) -> None:
        """A wrong key, an unknown request and an unknown model."""
        rows = (
            ("The 401 text", "a wrong key", "/models", WRONG_KEY, 401),
            ("The 404 text of an unknown request", "an unknown request", f"/requests/{UNKNOWN_REQUEST}", None, 404),
            ("The 404 text of an unknown model", "an unknown model", f"/models/{UNKNOWN_MODEL}", None, 404),
        )
        for question, subject, path, key, status in rows:
            response = await self._session.call(path, key=key)
            self._session.check_response(subject, "error", response, status)
            self._report.add_observation(question, self._session.error_text(response))

    # -- requests ------------------------------------------------------------------------------------------------

    async def requests(self) -> None:
        """`GET /requests` of Luma-Ray2 and of all models, `GET /requests/{id}` of one, and the oldest video's link."""
        of_luma = await self._list("GET /requests?model_id", {"model_id": LUMA_RAY2})
        everything = await self._list("GET /requests", {})
        if others := {record.model for record in of_luma} - {LUMA_RAY2}:
            self._report.add_difference("GET /requests?model_id", f"also lists {len(others)} other model(s)")
        for record in everything:
            self._session.check_record("GET /requests", record)
        question = f"The outcome shape of {LUMA_RAY2}"
        successes = sum(record.succeeded for record in of_luma)
        self._report.add_observation(question, f"{len(of_luma)} requests of it, {successes} of them successes")
        for form in sorted({outcome_shape(record) for record in of_luma if record.succeeded}):
            self._report.add_observation(question, form)
        listed = of_luma or everything
        if listed:
            await self._session.get_request(listed[0].request_id)
        finished = [record for record in listed if record.succeeded and record.video_url]
        await self._old_link(min(finished, key=lambda record: record.updated_at or 0, default=None))

    async def _list(self, subject: str, params: dict[str, str]) -> list[Record]:
        response = await self._session.call("/requests", params=params)
        question = "Order and length of the list"
        if not self._session.check_response(subject, "request-list", response):
            self._report.add_observation(question, f"{subject}: not received; see the differences")
            return []
        raw = items_of(fields_of(response.body).get("requests"))
        listing = self._session.parse(subject, lists.from_body, response, "list")
        if listing is None:
            return []
        if len(listing.requests) != len(raw):
            self._report.add_difference(subject, f"our parsing reads {len(listing.requests)} of {len(raw)} records")
        stamps = [record.created_at or 0 for record in listing.requests]
        order = (
            "too few to tell an order" if len(set(stamps)) < 2
            else "newest first" if stamps == sorted(stamps, reverse=True)
            else "oldest first" if stamps == sorted(stamps)
            else "in no order of time"
        )  # fmt: skip
        self._report.add_observation(question, f"{subject}: {len(raw)} records, `total` {listing.total}, {order}")
        if listing.total is not None and listing.total != len(raw):
            self._report.add_difference(
                subject, f"shows {len(raw)} records of a `total` of {listing.total}: it is cut off"
            )
        return listing.requests

    async def _old_link(self, oldest: Record | None) -> None:
        question = "How long URLs live"
        if oldest is None:
            self._report.add_observation(question, "no finished request to try")
            return
        age = duration(self._session.now() - (oldest.updated_at or self._session.now()))
        link = await self._session.describe_link(oldest.video_url)
        self._report.add_observation(question, f"the oldest listed one, made {age} ago: {link}")

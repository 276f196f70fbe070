"""The free questions: models, refusals, requests. None of them makes a job."""

from typing import Any
from urllib.parse import quote

from gmi_video.live.session import Asking, CouldNotRun, shape
from gmi_video.text import duration, one_line
from gmi_video.upstream.luma_ray2 import LUMA_RAY2
from gmi_video.upstream.wire import ModelList, ModelRecord, Record, RecordList, fields_of, items_of

NO_REQUEST = "00000000-0000-4000-8000-000000000000"
NO_MODEL = "gmi-video-mcp-no-such-model"
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
"""What gmi-api.md says of some siblings: each parameter, and its options where they are told."""


class Probes:
    """Asks, and writes down."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._report = asking.report

    # -- models --------------------------------------------------------------------------------------------------

    async def models(self) -> list[str]:
        """`GET /models`: the ids. Also what tells whether the check can run.

        Raises:
            CouldNotRun: the key is not accepted.
        """
        subject = "GET /models"
        reply = await self._asking.ask("/models")
        if reply.status in {401, 403}:
            raise CouldNotRun(f"The queue did not accept the key: {self._asking.said(reply)}.")
        if not self._asking.compare(subject, "model-list", reply):
            return []
        raw = [*items_of(fields_of(reply.body).get("model_ids")), *items_of(fields_of(reply.body).get("models"))]
        try:
            ids = ModelList.model_validate(reply.body).ids
        except ValueError:
            self._report.differs(subject, "our parsing can't read the list")
            return []
        key = " and ".join(f"`{name}`" for name in ("model_ids", "models") if name in reply.body)
        self._report.saw("The model list", f"{len(raw)} under {key}, {len(ids)} of them public by our reading")
        if LUMA_RAY2 not in ids:
            self._report.differs(subject, f"{LUMA_RAY2} is not listed")
        return ids

    async def luma(self) -> None:
        """`GET /models/Luma-Ray2`, against the guide's table."""
        record = await self._model(LUMA_RAY2)
        question = f"The real body of `GET /models/{LUMA_RAY2}`"
        if record is None:
            self._report.saw(question, "not had; see the differences")
            return
        table = self._asking.beliefs.properties("luma-ray2-payload")
        told = ", ".join(f"{p.name} ({p.type}{', required' if p.required else ''})" for p in record.parameters)
        self._report.saw(question, f"parameters: {self._report.quoted(told, 600)}")
        subject = f"parameters of {LUMA_RAY2}"
        live = {parameter.name: parameter for parameter in record.parameters}
        self._names(subject, set(table), set(live))
        for name in (name for name in table if name in live):
            row, options = live[name], table[name].get("enum")
            if options and sorted(map(str, row.options)) != sorted(options):
                self._report.differs(
                    subject, f"`{name}`: options {self._report.quoted(row.options, 200)}, believed: {options}"
                )
            default = table[name].get("default")
            if default is not None and row.default_value != default and (row.default_value or default):
                self._report.differs(
                    subject, f"`{name}`: default {self._report.quoted(row.default_value, 80)}, believed: {default}"
                )
            if row.required != (name == "prompt"):
                self._report.differs(subject, f"`{name}`: required is {row.required}, believed: {name == 'prompt'}")
            if (row.type == "boolean") != (table[name]["type"] == "boolean"):
                self._report.differs(
                    subject, f"`{name}`: type {self._report.quoted(row.type, 40)}, believed: {table[name]['type']}"
                )

    async def siblings(self, listed: list[str]) -> None:
        """`GET /models/{id}` of the siblings that are listed, against what is known of them."""
        for model in (name for name in SIBLINGS if name in listed):
            record = await self._model(model)
            if record is None:
                continue
            live = {parameter.name: parameter for parameter in record.parameters}
            subject = f"parameters of {model}"
            self._names(subject, set(SIBLINGS[model]), set(live))
            for name, options in SIBLINGS[model].items():
                if options and name in live and sorted(map(repr, live[name].options)) != sorted(map(repr, options)):
                    given = self._report.quoted(live[name].options, 200)
                    self._report.differs(subject, f"`{name}`: options {given}, believed: {options}")
        missing = sorted(SIBLINGS.keys() - set(listed))
        self._report.saw("Siblings of gmi-api.md that are not listed", ", ".join(missing) or "none")

    async def _model(self, model: str) -> ModelRecord | None:
        subject = f"GET /models/{model}"
        reply = await self._asking.ask(f"/models/{quote(model, safe='')}")
        if not self._asking.compare(subject, "model-record", reply):
            return None
        try:
            record = ModelRecord.model_validate(reply.body)
        except ValueError:
            self._report.differs(subject, "our parsing can't read the record")
            return None
        raw = items_of(fields_of(reply.body).get("parameters"))
        if len(record.parameters) != len(raw):
            self._report.differs(subject, f"our parsing reads {len(record.parameters)} of {len(raw)} parameters")
        kinds = self._asking.beliefs.examples("model-record", "parameters", "[]", "type")
        for parameter in record.parameters:
            if parameter.type not in kinds:
                name, type_ = one_line(parameter.name, 60), self._report.quoted(parameter.type, 40)
                self._report.differs(subject, f"`{name}` is of a type not known before: {type_}")
        price = record.price_info
        if price is None:
            self._report.saw("Prices", f"{model}: none")
            return record
        self._report.saw("Prices", f"{model}: {self._report.quoted(price, 120)}")
        if price.get("unit") not in self._asking.beliefs.examples("model-record", "price_info", "unit"):
            self._report.differs(
                subject, f"the price is per {self._report.quoted(price.get('unit'), 40)}, a unit not known before"
            )
        return record

    def _names(self, subject: str, believed: set[str], live: set[str]) -> None:
        for name in sorted(believed - live):
            self._report.differs(subject, f"`{name}` is not among them")
        for name in sorted(live - believed):
            self._report.differs(subject, f"{self._report.quoted(name, 60)} is one not known before")

    # -- refusals ------------------------------------------------------------------------------------------------

    async def refusals(self) -> None:
        """A wrong key, an unknown request and an unknown model."""
        rows = (
            ("The 401 text", "a wrong key", "/models", WRONG_KEY, 401),
            ("The 404 text of an unknown request", "an unknown request", f"/requests/{NO_REQUEST}", None, 404),
            ("The 404 text of an unknown model", "an unknown model", f"/models/{NO_MODEL}", None, 404),
        )
        for question, subject, path, key, status in rows:
            reply = await self._asking.ask(path, key=key)
            self._asking.compare(subject, "error", reply, status)
            self._report.saw(question, self._asking.said(reply))

    # -- requests ------------------------------------------------------------------------------------------------

    async def requests(self) -> None:
        """`GET /requests` of Luma-Ray2 and of all models, and one record by itself."""
        of_luma = await self._list("GET /requests?model_id", {"model_id": LUMA_RAY2})
        everything = await self._list("GET /requests", {})
        if others := {record.model for record in of_luma} - {LUMA_RAY2}:
            self._report.differs("GET /requests?model_id", f"also lists {len(others)} other model(s)")
        for record in everything:
            self._asking.record("GET /requests", record)
        question = f"The outcome shape of {LUMA_RAY2}"
        successes = sum(record.succeeded for record in of_luma)
        self._report.saw(question, f"{len(of_luma)} requests of it, {successes} of them successes")
        for form in sorted({shape(record) for record in of_luma if record.succeeded}):
            self._report.saw(question, form)
        ended = [record for record in of_luma or everything if record.succeeded and record.video_url]
        if of_luma or everything:
            await self._single((of_luma or everything)[0])
        await self._old_link(sorted(ended, key=lambda record: record.updated_at or 0)[:1])

    async def _list(self, subject: str, params: dict[str, str]) -> list[Record]:
        reply = await self._asking.ask("/requests", params=params)
        question = "Order and length of the list"
        if not self._asking.compare(subject, "request-list", reply):
            self._report.saw(question, f"{subject}: not had; see the differences")
            return []
        raw = items_of(fields_of(reply.body).get("requests"))
        try:
            listing = RecordList.model_validate(reply.body)
        except ValueError:
            self._report.differs(subject, "our parsing can't read the list")
            return []
        if len(listing.requests) != len(raw):
            self._report.differs(subject, f"our parsing reads {len(listing.requests)} of {len(raw)} records")
        stamps = [record.created_at or 0 for record in listing.requests]
        order = (
            "too few to tell an order" if len(set(stamps)) < 2  # noqa: PLR2004 - an order needs two
            else "newest first" if stamps == sorted(stamps, reverse=True)
            else "oldest first" if stamps == sorted(stamps)
            else "in no order of time"
        )  # fmt: skip
        self._report.saw(question, f"{subject}: {len(raw)} records, `total` {listing.total}, {order}")
        if listing.total is not None and listing.total != len(raw):
            self._report.differs(subject, f"shows {len(raw)} records of a `total` of {listing.total}: it is cut off")
        return listing.requests

    async def _single(self, listed: Record) -> None:
        reply = await self._asking.ask(f"/requests/{quote(listed.request_id, safe='')}")
        if not self._asking.compare("GET /requests/{id}", "request-record", reply):
            return
        try:
            self._asking.record("GET /requests/{id}", Record.model_validate(reply.body))
        except ValueError:
            self._report.differs("GET /requests/{id}", "our parsing can't read the record")

    async def _old_link(self, oldest: list[Record]) -> None:
        question = "How long URLs live"
        if not oldest:
            self._report.saw(question, "no finished request to try")
        for record in oldest:
            age = duration(self._asking.now() - (record.updated_at or self._asking.now()))
            self._report.saw(
                question, f"the oldest listed one, made {age} ago: {await self._asking.link(record.video_url)}"
            )

"""The simulator's state: jobs, models, uploads, the log of calls, and its behavior. No background task changes it."""

import copy
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from gmi_video.simulator import catalog, faults, records
from gmi_video.simulator.behavior import Behavior
from gmi_video.simulator.pauses import Pause, Pauses
from gmi_video.simulator.scripts import Job, Script, ScriptSource
from gmi_video.simulator.uploads import Uploads
from gmi_video.simulator.validation import ApiError

PREFIX = "/api/v1/ie/requestqueue/apikey"
"""The path prefix of the queue's endpoints (D)."""


@dataclass(frozen=True)
class Call:
    """One HTTP request that arrived. The key itself is not kept."""

    endpoint: str
    """`submit`, `get`, `list`, `models`, `model`, `upload_url`, `upload`, `file`, `film`, or `unknown`."""
    method: str
    path: str
    at: float
    """Epoch seconds of the simulator's clock."""
    model: str | None
    request_id: str | None
    has_authorization: bool
    fault: str | None
    """The named fault that it got."""


@dataclass(frozen=True)
class OutsideRequest:
    """A request to a host other than the simulator's, and whether it carried an Authorization header."""

    method: str
    url: str
    has_authorization: bool


class Simulator:
    """A pretend GMI Cloud.

    Args:
        api_key: the only accepted key.
        base_url: scheme, host and port of the API; `api_url` adds the vendor's path.
        files_url: scheme, host and port of films and uploads; by default the same as `base_url`.
        clock: returns epoch seconds. A job's status is computed from it whenever it is read.
        seed: makes ids and shuffles repeatable.
        behavior: the options; `behave` changes single ones later.
        models: model records instead of the built-in catalog.
        padding: this many additional ids in the model list, most of them bare UUIDs.
        scripts: how the jobs of each model run; `"*"` is for all models without an entry.
        fetch: downloads an image that a payload names; without it, only URLs in `web` and our own exist.
    """

    def __init__(
        self,
        *,
        api_key: str = "simulated-key",
        base_url: str = "http://127.0.0.1:8090",
        files_url: str | None = None,
        clock: Callable[[], float] = time.time,
        seed: int | None = None,
        behavior: Behavior | None = None,
        models: Iterable[Mapping[str, Any]] | None = None,
        padding: int = 0,
        scripts: Mapping[str, ScriptSource] | None = None,
        fetch: Callable[[str], Awaitable[bytes]] | None = None,
    ) -> None:
        self.api_key = api_key
        self.base_url = base_url.rstrip("/")
        self._files_url = files_url
        self.clock = clock
        self.behavior = behavior or Behavior()
        self.fetch = fetch
        self._rng = random.Random(seed)
        self.models: dict[str, dict[str, Any]] = {}
        for entry in catalog.builtin() if models is None else models:
            self.add_model(entry)
        self.padding = catalog.padding(padding, self._rng)
        self.no_access = {catalog.NO_ACCESS}
        # The jobs that were submitted, and those that `add_history` has added.
        self.jobs: list[Job] = []
        self.history: list[Job] = []
        self.calls: list[Call] = []
        self.outside_requests: list[OutsideRequest] = []
        # The files that payloads can name on other hosts, by URL.
        self.web: dict[str, bytes] = {}
        # Rows of the list after the records: bytes that are put into the JSON array as they are, valid or not (?).
        self.raw_rows: list[bytes] = []
        self.pauses = Pauses()
        self.uploads = Uploads(self.new_id)
        self.faults = faults.FaultQueue()
        # Called with each job that is submitted.
        self.on_job: Callable[[Job], None] | None = None
        self._scripts: dict[str, ScriptSource] = dict(scripts or {})

    @property
    def api_url(self) -> str:
        """The value for GMI_BASE_URL."""
        return self.base_url + PREFIX

    @property
    def files_url(self) -> str:
        """Scheme, host and port of films and uploads."""
        return (self._files_url or self.base_url).rstrip("/")

    def serves(self, url: str) -> bool:
        """Whether a URL is on one of the simulator's own hosts."""
        return _origin(url) in {_origin(self.base_url), _origin(self.files_url)}

    def behave(self, **options: Any) -> None:
        """Change options of `Behavior`, by name."""
        self.behavior = replace(self.behavior, **options)

    def script(self, model: str, script: ScriptSource) -> None:
        """Set how a model's future jobs run; `"*"` is for every model without a script of its own."""
        self._scripts[model] = script

    def add_model(self, entry: Mapping[str, Any]) -> None:
        """Add a model record, or replace the one of the same id."""
        self.models[entry["model"]] = copy.deepcopy(dict(entry))

    def fail(
        self,
        endpoint: faults.Endpoint,
        fault: faults.Fault | faults.FilmFault,
        *,
        times: int | None = 1,
        after: int = 0,
    ) -> None:
        """Queue a named fault for the next `times` calls of an endpoint (None: all), after `after` calls without it.

        Raises:
            ValueError: no such fault or endpoint, or a fault that this endpoint can't have.
        """
        effects = {**faults.EFFECTS, **(faults.FILM_EFFECTS if endpoint == "film" else {})}
        if fault not in effects:
            raise ValueError(f"no fault {fault!r}; there are: {', '.join(effects)}")
        self.faults.add(endpoint, fault, effects[fault], times, after)

    def answer(
        self,
        endpoint: faults.Endpoint,
        body: bytes,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        *,
        times: int | None = 1,
        takes_effect: bool = False,
    ) -> None:
        """Queue a response of raw bytes; `takes_effect` says whether the request is carried out as well."""
        kind = {"content-type": "application/json", **{name.lower(): value for name, value in (headers or {}).items()}}
        effect = faults.Effect(status=status, body=body, headers=kind, takes_effect=takes_effect)
        self.faults.add(endpoint, None, effect, times, 0)

    def pause_at(self, point: str) -> Pause:
        """Stop the next call that gets to a point, such as `submit:made`; see `pauses` for the points and an example.

        Raises:
            ValueError: no such point.
        """
        return self.pauses.add(point)

    def clear_faults(self) -> None:
        """Remove every queued fault."""
        self.faults.clear()

    def add_history(
        self,
        model: str,
        *,
        payload: Mapping[str, Any],
        created_at: float,
        took_seconds: float,
        status: str = "success",
        error: str = "Generation failed. Please try again.",
        org_id: str = "simulated-org",
    ) -> Job:
        """Add a past job to `history` (not to `jobs`); the list and `GET /requests/{id}` return it."""
        stages = ((0.0, "queued"), (min(3, took_seconds / 4), "processing"), (took_seconds, status))
        script = Script(stages, error) if took_seconds > 0 else Script(((0, status),), error)
        job = Job(self.new_id(), model, copy.deepcopy(dict(payload)), created_at, org_id, script)
        self.history.append(job)
        return job

    def make_job(
        self,
        model: str,
        payload: dict[str, Any],
        org_id: str,
        *,
        images: dict[str, bytes] | None = None,
        script: Script | None = None,
    ) -> Job:
        """Accept a submit; `script` overrides the model's script."""
        number = 1 + sum(job.model == model for job in self.jobs)
        first = "dispatched" if model == "Veo3" else "queued"
        source = self._scripts.get(model, self._scripts.get("*", Script.takes(20, first=first)))
        script = script or (source if isinstance(source, Script) else source(number))
        job = Job(self.new_id(), model, copy.deepcopy(payload), self.clock(), org_id, script, images or {})
        self.jobs.append(job)
        if self.on_job:
            self.on_job(job)
        return job

    def job(self, request_id: str) -> Job | None:
        """The job of an id, submitted or added to the history."""
        return next((job for job in (*self.jobs, *self.history) if job.request_id == request_id), None)

    def model(self, name: str) -> dict[str, Any]:
        """A model's record; ids are case-sensitive (P).

        Raises:
            ApiError: 404, it does not exist or the account may not use it (P).
        """
        if name in self.no_access:
            raise ApiError(404, self.behavior.no_access.format(model=name))
        if name in self.models:
            return self.models[name]
        if name in self.padding:
            return catalog.model(name, "One of many.", [catalog.parameter("prompt", "string", "", required=True)], None)
        raise ApiError(404, f"model {name} does not exist")

    def submit_response(self, job: Job) -> dict[str, Any]:
        """The response to the job's own submit."""
        return records.submit_response(job, self.record(job), self.clock())

    def finished(self, request_id: str) -> Job | None:
        """The job of an id if its status is `success` now, else None."""
        job = self.job(request_id)
        return job if job is not None and job.status(self.clock()) == "success" else None

    def record(self, job: Job) -> dict[str, Any]:
        """The job's record as in `GET /requests/{id}`."""
        model = self.models.get(job.model, {})
        return records.record(job, self.clock(), self.behavior, f"{self.files_url}/films", model)

    def listed_jobs(self, model: str | None) -> tuple[list[Job], int]:
        """The jobs in the list of one model or of all, in its order, and its `total`."""
        chosen = [job for job in (*self.history, *self.jobs) if model is None or job.model == model]
        return records.select(chosen, self.clock(), self.behavior, self._rng)

    def new_id(self) -> str:
        """A UUID4, repeatable with the same seed."""
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)

"""The simulator's state: jobs, models, uploads, what arrived, and how it is to behave. No task runs behind it."""

from __future__ import annotations

import copy
import random
import time
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gmi_video.simulator import catalog, faults, records, validation
from gmi_video.simulator.behavior import Habits
from gmi_video.simulator.scripts import Job, Script, ScriptSource
from gmi_video.simulator.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping


PREFIX = "/api/v1/ie/requestqueue/apikey"
"""The path every endpoint of the queue is under (D)."""


@dataclass(frozen=True)
class Call:
    """One HTTP request that arrived. The key itself is never kept."""

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
    """The named fault that befell it."""


@dataclass(frozen=True)
class Stray:
    """A request to a host that is not ours, and whether it would have shown a key there."""

    method: str
    url: str
    has_authorization: bool


class Simulator:
    """A pretend GMI Cloud.

    Args:
        api_key: the one key that is let in.
        base_url: scheme, host and port of the API; `api_url` is that with the vendor's path.
        files_url: scheme, host and port of films and uploads; by default the same.
        clock: epoch seconds. A job's status is computed from it whenever it is read.
        seed: makes ids and shuffles repeatable.
        habits: the switches; `behave` changes some later.
        models: model records instead of the built-in catalogue.
        padding: that many further ids in the model list, most of them bare UUIDs.
        scripts: how the jobs of a model run, `"*"` for all models without their own.
        fetch: gets an image that a payload names from the internet; by default there is no internet beyond `web`.
    """

    def __init__(
        self,
        *,
        api_key: str = "simulated-key",
        base_url: str = "http://127.0.0.1:8090",
        files_url: str | None = None,
        clock: Callable[[], float] = time.time,
        seed: int | None = None,
        habits: Habits | None = None,
        models: Iterable[Mapping[str, Any]] | None = None,
        padding: int = 0,
        scripts: Mapping[str, ScriptSource] | None = None,
        fetch: Callable[[str], Awaitable[bytes]] | None = None,
    ) -> None:
        self.api_key = api_key
        self.base_url = base_url.rstrip("/")
        self._files_url = files_url
        self.clock = clock
        self.habits = habits or Habits()
        self.fetch = fetch
        self._rng = random.Random(seed)
        self.models: dict[str, dict[str, Any]] = {}
        for entry in catalog.builtin() if models is None else models:
            self.add_model(entry)
        self.padding = catalog.padding(padding, self._rng)
        self.no_access = {catalog.NO_ACCESS}
        self.jobs: list[Job] = []
        self.history: list[Job] = []
        self.calls: list[Call] = []
        self.strays: list[Stray] = []
        self.web: dict[str, bytes] = {}
        self.uploads = Uploads(self.new_id)
        self.faults = faults.FaultQueue()
        self._scripts: dict[str, ScriptSource] = dict(scripts or {})

    @property
    def api_url(self) -> str:
        """What GMI_BASE_URL is set to."""
        return self.base_url + PREFIX

    @property
    def files_url(self) -> str:
        """Where films and uploads are."""
        return (self._files_url or self.base_url).rstrip("/")

    def serves(self, url: str) -> bool:
        """Whether a URL is on one of our own hosts."""
        return _origin(url) in {_origin(self.base_url), _origin(self.files_url)}

    def behave(self, **habits: Any) -> None:
        """Change some habits, by the names of `Habits`."""
        self.habits = replace(self.habits, **habits)

    def script(self, model: str, script: ScriptSource) -> None:
        """From now on that model's jobs run like this; `"*"` stands for every model without a script of its own."""
        self._scripts[model] = script

    def add_model(self, entry: Mapping[str, Any]) -> None:
        """Offer one more model, or another record in the place of one."""
        self.models[entry["model"]] = copy.deepcopy(dict(entry))

    def fail(self, endpoint: faults.Endpoint, fault: faults.Fault, *, times: int | None = 1, after: int = 0) -> None:
        """Queue a named fault for the next `times` calls there (None: for ever), after `after` calls without it."""
        if fault not in faults.ROWS:
            raise ValueError(f"no fault {fault!r}; there are: {', '.join(faults.FAULTS)}")
        self.faults.add(endpoint, fault, faults.ROWS[fault], times, after)

    def answer(
        self,
        endpoint: faults.Endpoint,
        body: bytes,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        *,
        times: int | None = 1,
        lands: bool = False,
    ) -> None:
        """Queue an answer of raw bytes; with `lands` the request takes effect all the same."""
        kind = {"content-type": "application/json", **{name.lower(): value for name, value in (headers or {}).items()}}
        self.faults.add(endpoint, None, faults.Row(status=status, body=body, headers=kind, lands=lands), times, 0)

    def heal(self) -> None:
        """Drop every fault that is still queued."""
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
        """Plant a job of the past in `history` (never in `jobs`): what the list and its record know of it."""
        stages = ((0.0, "queued"), (min(3, took_seconds / 4), "processing"), (took_seconds, status))
        script = Script(stages, error) if took_seconds > 0 else Script(((0, status),), error)
        job = Job(self.new_id(), model, copy.deepcopy(dict(payload)), created_at, org_id, script)
        self.history.append(job)
        return job

    def make_job(
        self, model: str, payload: dict[str, Any], org_id: str, *, pictures: dict[str, bytes], fate: Script | None
    ) -> Job:
        """Accept a submit; `fate` overrules the model's script."""
        number = 1 + sum(job.model == model for job in self.jobs)
        first = "dispatched" if model == "Veo3" else "queued"
        source = self._scripts.get(model, self._scripts.get("*", Script.takes(20, first=first)))
        script = fate or (source if isinstance(source, Script) else source(number))
        job = Job(self.new_id(), model, copy.deepcopy(payload), self.clock(), org_id, script, pictures)
        self.jobs.append(job)
        return job

    def job(self, request_id: str) -> Job | None:
        """The job of that id, of now or of the past."""
        return next((job for job in (*self.jobs, *self.history) if job.request_id == request_id), None)

    def model(self, name: str) -> dict[str, Any]:
        """A model's record; ids are case-sensitive (P).

        Raises:
            Refusal: 404, it does not exist or the account may not use it (P).
        """
        if name in self.no_access:
            raise validation.Refusal(404, self.habits.no_access.format(model=name))
        if name in self.models:
            return self.models[name]
        if name in self.padding:
            return catalog.model(name, "One of many.", [catalog.parameter("prompt", "string", "", required=True)], None)
        raise validation.Refusal(404, f"model {name} does not exist")

    def submitted(self, job: Job) -> dict[str, Any]:
        """The job as its own submit is answered."""
        return records.submitted(job, self.record(job), self.clock())

    def finished(self, request_id: str) -> Job | None:
        """The job of that id, if it is a success by now."""
        job = self.job(request_id)
        return job if job is not None and job.status(self.clock()) == "success" else None

    def record(self, job: Job) -> dict[str, Any]:
        """The job as `GET /requests/{id}` shows it now."""
        image = self.models.get(job.model, {}).get("model_type") == "image"
        return records.record(job, self.clock(), self.habits, f"{self.files_url}/films", image=image)

    def listed(self, model: str | None) -> dict[str, Any]:
        """The list as `GET /requests` shows it now."""
        chosen = [job for job in (*self.history, *self.jobs) if model is None or job.model == model]
        shown, total = records.listed(chosen, self.clock(), self.habits, self._rng)
        return {"requests": [self.record(job) for job in shown], "total": total}

    def new_id(self) -> str:
        """A UUID4, repeatable by the seed."""
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)

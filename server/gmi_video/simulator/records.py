"""Jobs as JSON: the response to a submit, the record, and the selection and order of the list."""

import json
import random
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from gmi_video.simulator.behavior import Behavior
from gmi_video.simulator.scripts import FINAL, Job


def submit_response(job: Job, record: dict[str, Any], now: float) -> dict[str, Any]:
    """The response to a submit: the guide's six keys (D), and the outcome if the job has already ended (P)."""
    keys = ["request_id", "model", "status", "created_at", "updated_at", "queued_at"]
    response = {key: {**record, "model": job.model}[key] for key in keys}
    if job.status(now) in FINAL:
        omitted = {*keys, "org_id", "user_id", "is_public", "payload"}
        response |= {key: value for key, value in record.items() if key not in omitted}
    return response


def record(job: Job, now: float, behavior: Behavior, films_url: str, model: Mapping[str, Any]) -> dict[str, Any]:
    """The record with the keys of a live one, in the same order (P).

    `films_url` is the URL that films are under, `model` the record of the job's model (may be empty).
    """
    status = job.status(now)
    created, updated = _stamp(job.created_at, behavior), _stamp(job.updated_at(now), behavior)
    outcome: dict[str, Any] | None = None
    failure: dict[str, Any] = {}
    if status == "success":
        outcome = _success(f"{films_url}/{job.request_id}", behavior, image=model.get("model_type") == "image")
    elif status == "failed":
        text = job.script.error
        error = {"code": "generation_failed", "message": text} if behavior.failure_form == "object" else text
        place, _, inner = behavior.failure_place.partition(".")
        outcome = {inner: error} if inner else {}
        failure = {} if inner else {place: error}
    elif status == "cancelled":
        outcome = {}
    name = {"as_sent": job.model, "other_case": job.model.swapcase()}.get(behavior.record_model)
    return {
        "request_id": job.request_id,
        "org_id": job.org_id,
        "user_id": "simulated-user",
        **({"model": name} if name else {}),
        "status": status,
        "is_public": False,
        "payload": _echoed(job.payload, behavior, model.get("parameters", [])) if behavior.echo_payload else {},
        "outcome": outcome,
        "created_at": created,
        "updated_at": updated,
        "queued_at": created,
        **failure,
    }


def _stamp(seconds: float, behavior: Behavior) -> int | str:
    if behavior.stamps == "unreadable":
        return "no time"
    return int(seconds + (behavior.skew if behavior.stamp_skew is None else behavior.stamp_skew))


def _echoed(payload: dict[str, Any], behavior: Behavior, parameters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    absent = [row for row in parameters if row["name"] not in payload]
    for change in behavior.echo:
        match change:
            case "defaults":
                defaults = {row["name"]: row["default_value"] for row in absent}
                payload = payload | {name: value for name, value in defaults.items() if value is not None}
            case "nulls":
                optional = [row["name"] for row in absent if not row["required"]]
                payload = payload | {name: None for name in optional if name not in payload}
            case "strings":
                scalars = {name: value for name, value in payload.items() if isinstance(value, int | float)}
                payload = payload | {name: json.dumps(value) for name, value in scalars.items()}
            case "stripped":
                payload = _with_prompt(payload, str.strip)
            case "nfd":
                payload = _with_prompt(payload, partial(unicodedata.normalize, "NFD"))
    return payload


def _with_prompt(payload: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    prompt = payload.get("prompt")
    return payload | {"prompt": change(prompt)} if isinstance(prompt, str) else payload


def _success(stem: str, behavior: Behavior, *, image: bool) -> dict[str, Any]:
    if image:
        return {"media_urls": [{"id": "0", "url": f"{stem}.jpg"}]}
    film = f"{stem}.mp4"
    thumbnail = film if behavior.thumbnail == "mp4" else f"{stem}.jpg"
    video = {"video_url": film} if behavior.outcome == "video_url" else {"media_urls": [{"id": "0", "url": film}]}
    return {**video, "thumbnail_image_url": thumbnail}


def select(jobs: Iterable[Job], now: float, behavior: Behavior, rng: random.Random) -> tuple[list[Job], int]:
    """The jobs in the list, in its order, and the list's `total`."""
    oldest_first = sorted(jobs, key=lambda job: job.created_at)
    visible = [job for job in oldest_first if now - job.created_at >= behavior.list_lag]
    if behavior.list_limit is None:
        listed = visible[:]
    elif behavior.list_keep == "oldest":
        listed = visible[: behavior.list_limit]
    else:
        listed = visible[max(0, len(visible) - behavior.list_limit) :]
    if behavior.list_order == "newest":
        listed.reverse()
    elif behavior.list_order == "shuffled":
        rng.shuffle(listed)
    return listed, len(visible)

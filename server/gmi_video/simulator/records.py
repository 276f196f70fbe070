"""Jobs as JSON: the response to a submit, the record, and the selection and order of the list."""

import random
from collections.abc import Iterable
from typing import Any

from gmi_video.simulator.behavior import Behavior
from gmi_video.simulator.scripts import FINAL, Job


def submit_response(job: Job, record: dict[str, Any], now: float) -> dict[str, Any]:
    """The response to a submit: the guide's six keys (D), and the outcome if the job has already ended (P)."""
    keys = ["request_id", "model", "status", "created_at", "updated_at", "queued_at"]
    response = {key: record[key] for key in keys}
    if job.status(now) in FINAL:
        omitted = {*keys, "org_id", "user_id", "is_public", "payload"}
        response |= {key: value for key, value in record.items() if key not in omitted}
    return response


def record(job: Job, now: float, behavior: Behavior, films_url: str, *, image: bool = False) -> dict[str, Any]:
    """The record with the keys of a live one, in the same order (P); `films_url` is the URL that films are under."""
    status = job.status(now)
    created, updated = (int(stamp + behavior.skew) for stamp in (job.created_at, job.updated_at(now)))
    outcome: dict[str, Any] | None = None
    failure: dict[str, Any] = {}
    if status == "success":
        outcome = _success(f"{films_url}/{job.request_id}", behavior, image=image)
    elif status == "failed":
        text = job.script.error
        error = {"code": "generation_failed", "message": text} if behavior.failure_form == "object" else text
        place, _, inner = behavior.failure_place.partition(".")
        outcome = {inner: error} if inner else {}
        failure = {} if inner else {place: error}
    elif status == "cancelled":
        outcome = {}
    return {
        "request_id": job.request_id,
        "org_id": job.org_id,
        "user_id": "simulated-user",
        "model": job.model,
        "status": status,
        "is_public": False,
        "payload": job.payload if behavior.echo_payload else {},
        "outcome": outcome,
        "created_at": created,
        "updated_at": updated,
        "queued_at": created,
        **failure,
    }


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
    visible = [job for job in reversed(oldest_first) if now - job.created_at >= behavior.list_lag]
    listed = visible[: behavior.list_limit]
    if behavior.list_order == "oldest":
        listed.reverse()
    elif behavior.list_order == "shuffled":
        rng.shuffle(listed)
    return listed, len(visible)

"""Jobs as the wire shows them: the submit's answer, the record and the list, by the habits in force."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gmi_video.simulator.scripts import FINAL, Job

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

    from gmi_video.simulator.behavior import Habits


def submitted(job: Job, record: dict[str, Any], now: float) -> dict[str, Any]:
    """A submit's answer: the guide's six keys (D), and the outcome of a job that ended at once (P)."""
    keys = ["request_id", "model", "status", "created_at", "updated_at", "queued_at"]
    answer = {key: record[key] for key in keys}
    if job.status(now) in FINAL:
        known = {*keys, "org_id", "user_id", "is_public", "payload"}
        answer |= {key: value for key, value in record.items() if key not in known}
    return answer


def record(job: Job, now: float, habits: Habits, films: str, *, image: bool = False) -> dict[str, Any]:
    """A live record, in its key order (P); `films` is the address films are found under."""
    status = job.status(now)
    created, updated = (int(stamp + habits.skew) for stamp in (job.created_at, job.updated_at(now)))
    outcome: dict[str, Any] | None = None
    told: dict[str, Any] = {}
    if status == "success":
        outcome = _success(f"{films}/{job.request_id}", habits, image=image)
    elif status == "failed":
        text = job.script.error
        error = {"code": "generation_failed", "message": text} if habits.failure_form == "object" else text
        place, _, inner = habits.failure_place.partition(".")
        outcome = {inner: error} if inner else {}
        told = {} if inner else {place: error}
    elif status == "cancelled":
        outcome = {}
    return {
        "request_id": job.request_id,
        "org_id": job.org_id,
        "user_id": "simulated-user",
        "model": job.model,
        "status": status,
        "is_public": False,
        "payload": job.payload if habits.echo_payload else {},
        "outcome": outcome,
        "created_at": created,
        "updated_at": updated,
        "queued_at": created,
        **told,
    }


def _success(stem: str, habits: Habits, *, image: bool) -> dict[str, Any]:
    if image:
        return {"media_urls": [{"id": "0", "url": f"{stem}.jpg"}]}
    film = f"{stem}.mp4"
    thumbnail = film if habits.thumbnail == "mp4" else f"{stem}.jpg"
    where = {"video_url": film} if habits.outcome == "video_url" else {"media_urls": [{"id": "0", "url": film}]}
    return {**where, "thumbnail_image_url": thumbnail}


def listed(jobs: Iterable[Job], now: float, habits: Habits, rng: random.Random) -> tuple[list[Job], int]:
    """The jobs the list shows, in its order, and the `total` it tells."""
    oldest_first = sorted(jobs, key=lambda job: job.created_at)
    visible = [job for job in reversed(oldest_first) if now - job.created_at >= habits.list_lag]
    shown = visible[: habits.list_limit]
    if habits.list_order == "oldest":
        shown.reverse()
    elif habits.list_order == "shuffled":
        rng.shuffle(shown)
    return shown, len(visible)

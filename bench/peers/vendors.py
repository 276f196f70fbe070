"""Just enough of three vendors' APIs for one video job, after what their own clients send and read."""

from typing import Any, Literal, NamedTuple, Protocol

State = Literal["running", "succeeded", "failed"]
REASON = "The stand-in lets every job fail"


class Answer(NamedTuple):
    """An HTTP response: its status, and what is sent as JSON, or as a page of HTML."""

    status: int
    body: dict[str, Any] | str


class Vendor(Protocol):
    """The form of one API. `base` is the address of the stand-in, `job` an id that it gave."""

    def submits(self, path: str) -> bool:
        """Whether a POST to this path makes a job that is paid for."""
        ...

    def made(self, job: str, state: State, base: str) -> Answer:
        """To such a POST."""
        ...

    def asked_for(self, path: str, query: dict[str, str]) -> str:
        """The id of the job that a GET asks for, or an empty text."""
        ...

    def record(self, job: str, state: State, base: str, path: str) -> Answer:
        """To that GET."""
        ...


class MiniMax:
    """`video_generation`, its query, and the retrieval of the file."""

    def submits(self, path: str) -> bool:
        return path == "/v1/video_generation"

    def made(self, job: str, state: State, base: str) -> Answer:
        del state, base
        return self._fine(task_id=job)

    def asked_for(self, path: str, query: dict[str, str]) -> str:
        if path not in {"/v1/query/video_generation", "/v1/files/retrieve"}:
            return ""
        return query.get("task_id") or query.get("file_id") or ""

    def record(self, job: str, state: State, base: str, path: str) -> Answer:
        if path == "/v1/files/retrieve":
            return self._fine(file={"file_id": job, "download_url": f"{base}/{job}.mp4"})
        words = {"running": "Processing", "succeeded": "Success", "failed": "Fail"}
        return self._fine(task_id=job, status=words[state], file_id=job if state == "succeeded" else "")

    def _fine(self, **content: Any) -> Answer:
        return Answer(200, content | {"base_resp": {"status_code": 0, "status_msg": "success"}})


class Fal:
    """The queue of fal: submit, status and result. Any path is a model."""

    def submits(self, path: str) -> bool:
        return "/requests/" not in path

    def made(self, job: str, state: State, base: str) -> Answer:
        del state
        record = f"{base}/owner/model/requests/{job}"
        urls = {"status_url": f"{record}/status", "response_url": record, "cancel_url": f"{record}/cancel"}
        return Answer(200, {"request_id": job, "status": "IN_QUEUE", "queue_position": 0} | urls)

    def asked_for(self, path: str, query: dict[str, str]) -> str:
        del query
        return path.partition("/requests/")[2].removesuffix("/status")

    def record(self, job: str, state: State, base: str, path: str) -> Answer:
        if path.endswith("/status"):
            if state == "running":
                return Answer(200, {"status": "IN_PROGRESS", "logs": []})
            error = {"error": REASON, "error_type": "generation_failed"} if state == "failed" else {}
            return Answer(200, {"status": "COMPLETED", "logs": [], "metrics": {}} | error)
        if state == "failed":
            return Answer(422, {"detail": [{"loc": ["body"], "msg": REASON, "type": "generation_failed"}]})
        return Answer(200, {"video": {"url": f"{base}/{job}.mp4", "content_type": "video/mp4"}})


class Replicate:
    """Predictions, of a version or of an official model."""

    def submits(self, path: str) -> bool:
        return path.endswith("/predictions")

    def made(self, job: str, state: State, base: str) -> Answer:
        return Answer(201, self._prediction(job, state, base))

    def asked_for(self, path: str, query: dict[str, str]) -> str:
        del query
        return path.partition("/predictions/")[2]

    def record(self, job: str, state: State, base: str, path: str) -> Answer:
        del path
        return Answer(200, self._prediction(job, state, base))

    def _prediction(self, job: str, state: State, base: str) -> dict[str, Any]:
        return {
            "id": job,
            "status": "processing" if state == "running" else state,
            "output": f"{base}/{job}.mp4" if state == "succeeded" else None,
            "error": REASON if state == "failed" else None,
            "urls": {"get": f"{base}/predictions/{job}"},
        }


class Nothing:
    """No API: the stand-in only sees who wants to reach another host through it."""

    def submits(self, path: str) -> bool:
        del path
        return False

    def made(self, job: str, state: State, base: str) -> Answer:
        raise NotImplementedError

    def asked_for(self, path: str, query: dict[str, str]) -> str:
        del path, query
        return ""

    def record(self, job: str, state: State, base: str, path: str) -> Answer:
        raise NotImplementedError

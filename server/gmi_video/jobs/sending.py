"""Sends the submit of an intent that this process has claimed, once, and records what became of it."""

import logging
from collections.abc import Generator
from contextlib import contextmanager

import anyio

from gmi_video.errors import RateLimited, UpstreamError
from gmi_video.jobs.ledger import Intent, Ledger
from gmi_video.jobs.matching import JobIdentity
from gmi_video.jobs.reconciliation import PAUSES_AFTER_REFUSAL, Reconciliation, UnconfirmedSubmit
from gmi_video.single_flight import Interrupted
from gmi_video.upstream import failures
from gmi_video.upstream.client import ATTEMPTS, RETRY_SECONDS, Queue
from gmi_video.upstream.lists import Snapshot
from gmi_video.upstream.wire import Record, SubmitRequest

_log = logging.getLogger(__name__)


class Sender:
    """Sends submits.

    A submit that has left is not cancelled with the server: `drain` gives it time to be answered and recorded.

    Args:
        queue: the queue.
        ledger: where the intents are recorded.
        reconciliation: finds the job where no usable answer comes.
    """

    def __init__(self, queue: Queue, ledger: Ledger, reconciliation: Reconciliation) -> None:
        self._queue = queue
        self._ledger = ledger
        self._reconciliation = reconciliation
        self._under_way: dict[anyio.CancelScope, anyio.Event] = {}
        self._stopping = False

    async def send(self, intent: Intent, request: SubmitRequest, identity: JobIdentity, before: Snapshot) -> Record:
        """Submit, and settle the intent in any case.

        Args:
            intent: claimed by this process.
            request: what to submit.
            identity: what the request is compared by.
            before: the model's requests right before.

        Raises:
            UpstreamError: refused; no job was made.
            SubmissionUnknown: the job may or may not exist.
            Interrupted: the server is stopping.
        """
        try:
            recorded = await self._ledger.request_ids() - before.ids
            self._check_running()
        except BaseException:
            # The server is stopping, and nothing has left.
            await self._ledger.refused(intent)
            raise
        sent = UnconfirmedSubmit(identity, anyio.current_time(), recorded, before)
        async with self._ledger.renewing(intent):
            try:
                with self._uninterrupted():
                    record = await self._post(request, sent)
                    await self._ledger.made(intent, record.request_id)
                    return record
            except UpstreamError as error:
                if isinstance(error, RateLimited) or error.maybe_arrived:
                    return await self._reconciliation.after(error, intent, sent)
                await self._ledger.refused(intent)
                raise
        raise Interrupted

    async def drain(self, seconds: float) -> None:
        """Send nothing more, and give the submits under way up to `seconds` to be answered and recorded."""
        self._stopping = True
        if self._under_way:
            number = len(self._under_way)
            _log.info("Stopping; %d submit%s under way: up to %g s.", number, "" if number == 1 else "s", seconds)
        with anyio.move_on_after(seconds, shield=True):
            while self._under_way:
                await next(iter(self._under_way.values())).wait()
        for scope in self._under_way:
            scope.cancel()

    def _check_running(self) -> None:
        if self._stopping:
            raise Interrupted

    @contextmanager
    def _uninterrupted(self) -> Generator[None]:
        """Only the end of `drain` cancels the body; the block then ends here, without a result."""
        scope = anyio.CancelScope(shield=True)
        done = self._under_way[scope] = anyio.Event()
        try:
            with scope:
                yield
        finally:
            del self._under_way[scope]
            done.set()

    async def _post(self, request: SubmitRequest, sent: UnconfirmedSubmit) -> Record:
        """`POST /requests`, and again after a rate limit, if the list does not show that the job was made all the same.

        Raises:
            UpstreamError: no usable answer, or a refusal. After a rate limit too the job may exist.
        """
        deadline = anyio.current_time() + RETRY_SECONDS
        for attempt in range(1, ATTEMPTS + 1):
            try:
                record = await self._queue.submit(request)
            except RateLimited as error:
                pause = max(error.retry_after or 0.0, PAUSES_AFTER_REFUSAL[0] * attempt)
                if attempt == ATTEMPTS or anyio.current_time() + pause > deadline:
                    raise
                found = await self._reconciliation.search(sent, (pause,))
                if found.record:
                    return found.record
                if not found.found_nothing:
                    raise
            else:
                if record.request_id in sent.known():
                    operation = failures.Operation("submit", request.model)
                    raise failures.garbled(operation, "names a request that was there before")
                return record
        raise AssertionError("the last attempt returns or raises")

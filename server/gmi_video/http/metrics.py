"""`/metrics` for Prometheus. The only importer of prometheus-client, which is in the extra `metrics`."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gmi_video.http.accounts import Accounts
from gmi_video.http.counts import Counts


class Metrics(Collector):
    """The server's own metrics, read when they are asked for. None has a label with a key, a prompt or an id.

    Args:
        accounts: what calls did.
        counts: what passed between the server and the queue.
    """

    media_type = CONTENT_TYPE_PLAIN_0_0_4

    def __init__(self, accounts: Accounts, counts: Counts) -> None:
        self._accounts = accounts
        self._counts = counts
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        """The metrics as they are now."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Each metric, as prometheus-client asks for them."""
        totals, queue = self._accounts.totals(), self._counts.queue

        def of(*calls: str) -> int:
            return sum(number for (call, _), number in queue.items() if call in calls)

        yield CounterMetricFamily("gmi_video_submits", "Submits sent to the queue.", of("submit"))
        yield CounterMetricFamily("gmi_video_looks", "Looks at jobs, by one or by list.", of("look", "list"))
        yield CounterMetricFamily("gmi_video_waits", "Waits for jobs.", totals.waits)
        yield CounterMetricFamily("gmi_video_jobs", "Jobs that were made.", totals.made)
        yield CounterMetricFamily("gmi_video_dollars", "What they cost, by list price.", totals.usd)
        faults = CounterMetricFamily(
            "gmi_video_faults", "Exchanges with the queue that failed.", labels=["call", "fault"]
        )
        for (call, outcome), number in sorted(queue.items()):
            if outcome != "ok":
                faults.add_metric([call, outcome], number)
        yield faults
        answers = CounterMetricFamily("gmi_video_http_answers", "HTTP answers, by status.", labels=["status"])
        for status, number in sorted(self._counts.answers.items()):
            answers.add_metric([str(status)], number)
        yield answers
        yield GaugeMetricFamily("gmi_video_waiting", "Waits for jobs that go on.", totals.waiting)
        yield GaugeMetricFamily("gmi_video_accounts", "API keys in use.", self._accounts.number)
        yield GaugeMetricFamily("gmi_video_sessions", "Sessions of the handshake era.", self._accounts.sessions)

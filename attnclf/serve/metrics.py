"""What the server counts and measures, in the form that Prometheus reads."""

from collections.abc import Callable
from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
TOKENS = tuple(4**power for power in range(1, 10))
TEXTS = tuple(2**power for power in range(13))


class Metrics:
    """The figures of one server."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which says when it began
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter("attnclf_requests", "Requests answered", ["path", "status"], registry=registry)
        self._seconds = Histogram(
            "attnclf_request_seconds", "From request to answer", ["path"], buckets=SECONDS, registry=registry
        )
        self._rejected = Counter("attnclf_rejected", "Requests turned away", ["reason"], registry=registry)
        self._cut = Counter(
            "attnclf_streams_cut", "Streams that ended before all rows were answered", ["reason"], registry=registry
        )
        self._batch_texts = Histogram(
            "attnclf_batch_texts", "Texts through the network together", ["model"], buckets=TEXTS, registry=registry
        )
        self._batch_tokens = Histogram(
            "attnclf_batch_tokens", "Units through the network together", ["model"], buckets=TOKENS, registry=registry
        )
        self._texts = Counter("attnclf_texts", "Texts labelled or explained", ["model", "work"], registry=registry)
        self._tokens = Counter("attnclf_tokens", "Units that the network read", ["model"], registry=registry)
        self._queue = Gauge(
            "attnclf_queue", "Units or texts that wait or are in work", ["model", "work"], registry=registry
        )
        self._bodies = Gauge("attnclf_bodies_bytes", "Bytes of requests in work", registry=registry)
        self._spool = Gauge(
            "attnclf_spool_bytes", "Bytes of uploads that wait until they are complete", registry=registry
        )
        self._connections = Gauge("attnclf_connections", "Open connections", registry=registry)
        self._reloads = Counter(
            "attnclf_reloads", "Models that were loaded again", ["model", "result"], registry=registry
        )
        self._served = Gauge("attnclf_model_info", "The version of each model", ["model", "version"], registry=registry)

    def page(self) -> bytes:
        """Return the figures as text."""
        return generate_latest(self.registry)

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(path, status).inc()
        self._seconds.labels(path).observe(seconds)

    def rejected(self, reason: str) -> None:
        """Count a request that was turned away."""
        self._rejected.labels(reason).inc()

    def stream_cut(self, reason: Literal["patience", "gone", "error"]) -> None:
        """Count a stream that ended before all its rows were answered."""
        self._cut.labels(reason).inc()

    def batch(self, model: str, texts: int, tokens: int) -> None:
        """Count texts that went through the network together."""
        self._batch_texts.labels(model).observe(texts)
        self._batch_tokens.labels(model).observe(tokens)
        self._texts.labels(model, "predict").inc(texts)
        self._tokens.labels(model).inc(tokens)

    def explained(self, model: str) -> None:
        """Count a text that was explained."""
        self._texts.labels(model, "explain").inc()

    def loaded(self, model: str, version: str) -> None:
        """Note the version of a model that is served from now on."""
        self._served.remove_by_labels({"model": model})
        self._served.labels(model, version).set(1)

    def reloaded(self, model: str, *, well: bool) -> None:
        """Count a model that was loaded again, or could not be."""
        self._reloads.labels(model, "success" if well else "failure").inc()

    def watch(self, model: str, work: str, used: Callable[[], float]) -> None:
        """Show how much waits."""
        self._queue.labels(model, work).set_function(used)

    def watch_server(
        self, bodies: Callable[[], float], spool: Callable[[], float], connections: Callable[[], float]
    ) -> None:
        """Show how much the server holds."""
        self._bodies.set_function(bodies)
        self._spool.set_function(spool)
        self._connections.set_function(connections)

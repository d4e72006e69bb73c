"""The operator's own metrics."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from quorate_operator.objects.identity import ClusterKey
from quorate_operator.reconcile import Turn

_BUCKETS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


class Metrics:
    """One registry, so that tests may have several."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._turns = Counter("quorate_operator_reconciles", "Looks at a cluster.", ["result"], registry=self.registry)
        self._seconds = Histogram(
            "quorate_operator_reconcile_seconds", "How long a look and what it led to took.", buckets=_BUCKETS, registry=self.registry
        )
        self._failures = Counter("quorate_operator_failures", "What could not be done, by its reason.", ["reason"], registry=self.registry)
        self._answers = Counter(
            "quorate_operator_certificate_requests",
            "CertificateSigningRequests that were answered: Signed, or the reason of the denial.",
            ["answer"],
            registry=self.registry,
        )
        self._settled = Gauge(
            "quorate_operator_cluster_settled", "1: as the resource says; 0: work is left.", ["namespace", "name"], registry=self.registry
        )
        self._injections = Counter(
            "quorate_operator_injections", "Pods that the webhook was asked about.", ["result"], registry=self.registry
        )
        self.leading = Gauge("quorate_operator_leading", "1: this replica is the one that works.", registry=self.registry)
        self.api_calls = Gauge("quorate_operator_api_calls", "Requests to the API server so far.", registry=self.registry)
        self.api_writes = Gauge("quorate_operator_api_writes", "Those that change something.", registry=self.registry)
        self.api_retries = Gauge(
            "quorate_operator_api_retries", "Those that were sent again, since the API server had too much to do.", registry=self.registry
        )

    def turned(self, key: ClusterKey, turn: Turn, seconds: float) -> None:
        self._turns.labels(turn.result).inc()
        self._seconds.observe(seconds)
        if turn.failure is not None:
            self.failed(turn.failure.reason)
        if not turn.gone:
            self._settled.labels(*key).set(1 if turn.settled else 0)

    def injected(self, result: str) -> None:
        self._injections.labels(result).inc()

    def failed(self, reason: str) -> None:
        self._failures.labels(reason).inc()

    def answered(self, answer: str) -> None:
        self._answers.labels(answer).inc()

    def forget(self, key: ClusterKey) -> None:
        # One that was never looked at has no figure.
        if key in self._settled._metrics:
            self._settled.remove(*key)

    def text(self) -> bytes:
        return generate_latest(self.registry)

"""`Telemetry`: the instruments of one node, and their text for `/metrics`. Each node of a process has its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from quorate_node.telemetry.definitions import METRICS, Definition, Kind
from quorate_node.telemetry.instruments import Counter, Gauge, Histogram, LabelledCounter, LabelledGauge, LabelledHistogram
from quorate_node.telemetry.timeline import Timeline

Instrument = Counter | LabelledCounter | Gauge | LabelledGauge | Histogram | LabelledHistogram


class Telemetry:
    """The instruments, by the attribute names of `definitions.METRICS`. Cheap to call, and safe to share within one thread."""

    api_requests: LabelledCounter
    api_request_seconds: LabelledHistogram
    api_connections: Gauge
    api_connections_accepted: Counter
    api_requests_inflight: Gauge
    api_handovers: Counter
    api_limit_hits: LabelledCounter
    api_received_bytes: Counter
    api_read_batch: Histogram
    api_watches: Gauge
    api_watch_events: Counter
    api_streams: Gauge
    api_stream_requests: Counter
    proposals: Counter
    proposals_pending: Gauge
    proposal_batch: Histogram
    forwards: Counter
    reads: LabelledCounter
    read_barrier_seconds: Histogram
    commit_seconds: Histogram
    apply_seconds: Histogram
    commit_index: Gauge
    applied_index: Gauge
    term: Gauge
    is_leader: Gauge
    has_leader: Gauge
    leader_changes: Counter
    elections: Counter
    snapshots_sent: Counter
    snapshots_installed: Counter
    divergences: Counter
    replica_limit_hits: LabelledCounter
    revision: Gauge
    compacted_revision: Gauge
    leases: Gauge
    sessions: Gauge
    watches_behind: Gauge
    commands_applied: LabelledCounter
    fsync_seconds: Histogram
    log_written_bytes: Counter
    log_size_bytes: Gauge
    state_size_bytes: Gauge
    disk_free_bytes: Gauge
    store_backpressure: Counter
    no_space: Counter
    damaged_entries: Counter
    repaired_entries: Counter
    peer_connected: LabelledGauge
    peer_sent_bytes: Counter
    peer_received_bytes: Counter
    peer_dropped: LabelledCounter
    peer_handshakes_refused: LabelledCounter
    peer_non_voting_refused: LabelledCounter
    loop_lag_seconds: Histogram
    log_lines_suppressed: Counter
    notable_events: LabelledCounter

    def __init__(self) -> None:
        self.instruments: dict[str, Instrument] = {}
        for definition in METRICS:
            instrument = _instrument(definition)
            self.instruments[definition.attribute] = instrument
            setattr(self, definition.attribute, instrument)
        self.timeline = Timeline(self.notable_events)
        self.samplers: list[Callable[[], None]] = []
        """Called before each exposition: they take over numbers that others keep anyway, so that counting twice costs nothing."""
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(_NodeCollector(self.instruments))
        for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
            self.registry.register(collector)

    def exposition(self) -> bytes:
        """The body of `/metrics`, in Prometheus' text format 0.0.4."""
        for sample in self.samplers:
            sample()
        return generate_latest(self.registry)


def _instrument(definition: Definition) -> Instrument:
    width = len(definition.labels)
    if definition.kind is Kind.COUNTER:
        return LabelledCounter(width) if width else Counter()
    if definition.kind is Kind.GAUGE:
        return LabelledGauge(width) if width else Gauge()
    return LabelledHistogram(width, definition.bounds) if width else Histogram(definition.bounds)


class _NodeCollector(Collector):
    def __init__(self, instruments: dict[str, Instrument]) -> None:
        self._instruments = instruments

    def collect(self) -> Iterator[Metric]:
        for definition in METRICS:
            yield _family(definition, self._instruments[definition.attribute])


def _family(definition: Definition, instrument: Instrument) -> Metric:
    name, help_text, labels = definition.name, definition.help, definition.labels
    if isinstance(instrument, Counter | LabelledCounter):
        counter = CounterMetricFamily(name, help_text, labels=labels)
        counts = {(): instrument.value} if isinstance(instrument, Counter) else instrument.values
        for label_values, count in counts.items():
            counter.add_metric(label_values, count)
        return counter
    if isinstance(instrument, Gauge | LabelledGauge):
        gauge = GaugeMetricFamily(name, help_text, labels=labels)
        numbers = {(): instrument.read()} if isinstance(instrument, Gauge) else instrument.values
        for label_values, number in numbers.items():
            gauge.add_metric(label_values, number)
        return gauge
    family = HistogramMetricFamily(name, help_text, labels=labels)
    histograms = {(): instrument} if isinstance(instrument, Histogram) else instrument.values
    for label_values, histogram in histograms.items():
        family.add_metric(label_values, _buckets(histogram), histogram.sum)
    return family


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    total = 0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip((*histogram.bounds, float("inf")), histogram.counts, strict=True):
        total += count
        buckets.append(("+Inf" if bound == float("inf") else str(bound), total))
    return buckets

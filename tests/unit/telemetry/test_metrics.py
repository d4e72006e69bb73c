"""The instruments, their exposition, and the list in the documentation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from quorate_node.telemetry.definitions import METRICS, Definition, Kind
from quorate_node.telemetry.instruments import (
    LABEL_VALUES_MAX,
    Counter,
    Gauge,
    Histogram,
    LabelledCounter,
    LabelledGauge,
    LabelledHistogram,
)
from quorate_node.telemetry.telemetry import Telemetry

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "metrics.md"


def samples(telemetry: Telemetry) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = telemetry.exposition().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_what_is_counted_is_exposed() -> None:
    telemetry = Telemetry()
    telemetry.api_requests.add(("put", "200"), 3)
    telemetry.proposals.add(5)
    telemetry.api_connections.function = lambda: 7
    telemetry.peer_connected.set(("2",), 1)
    telemetry.commit_seconds.observe(0.0001, 2)
    telemetry.commit_seconds.observe_many([0.2, 100.0])
    found = samples(telemetry)
    assert found[("quorate_api_requests_total", (("route", "put"), ("status", "200")))] == 3
    assert found[("quorate_proposals_total", ())] == 5
    assert found[("quorate_api_connections", ())] == 7
    assert found[("quorate_peer_connected", (("peer", "2"),))] == 1
    assert found[("quorate_commit_duration_seconds_count", ())] == 4
    assert found[("quorate_commit_duration_seconds_sum", ())] == pytest.approx(100.2002)
    assert found[("quorate_commit_duration_seconds_bucket", (("le", "0.0001"),))] == 2
    assert found[("quorate_commit_duration_seconds_bucket", (("le", "0.25"),))] == 3
    assert found[("quorate_commit_duration_seconds_bucket", (("le", "+Inf"),))] == 4


def test_two_nodes_of_one_process_count_apart() -> None:
    first, second = Telemetry(), Telemetry()
    first.proposals.add()
    assert samples(second)[("quorate_proposals_total", ())] == 0


def test_the_documentation_lists_exactly_the_metrics() -> None:
    rows = re.findall(r"^\| `(quorate_\w+)` \| (\w+) \| (.*?) \| (.+?) \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    listed = {(name, kind, tuple(re.findall(r"`(\w+)`", labels)), text) for name, kind, labels, text in rows}
    assert listed == {(metric.name, metric.kind.value, metric.labels, metric.help) for metric in METRICS}
    assert len(rows) == len(METRICS)


def test_every_metric_has_a_typed_instrument_of_its_kind() -> None:
    hints = get_type_hints(Telemetry)
    plain = {Kind.COUNTER: Counter, Kind.GAUGE: Gauge, Kind.HISTOGRAM: Histogram}
    labelled = {Kind.COUNTER: LabelledCounter, Kind.GAUGE: LabelledGauge, Kind.HISTOGRAM: LabelledHistogram}
    expected = {metric.attribute: (labelled if metric.labels else plain)[metric.kind] for metric in METRICS}
    assert {name: kind for name, kind in hints.items() if name in expected} == expected


@pytest.mark.parametrize("definition", METRICS, ids=lambda metric: metric.name)
def test_names_follow_the_fields_style(definition: Definition) -> None:
    assert re.fullmatch(r"quorate_[a-z0-9_]+", definition.name)
    assert definition.name.endswith("_total") == (definition.kind is Kind.COUNTER)
    assert bool(definition.bounds) == (definition.kind is Kind.HISTOGRAM)
    assert definition.help.endswith(".")


@given(st.lists(st.floats(0, 20), max_size=50))
def test_a_histogram_counts_each_value_in_the_first_bucket_that_holds_it(values: list[float]) -> None:
    one, many = Histogram((0.1, 1.0, 10.0)), Histogram((0.1, 1.0, 10.0))
    for value in values:
        one.observe(value)
    many.observe_many(values)
    expected = [0, 0, 0, 0]
    for value in values:
        expected[next((place for place, bound in enumerate((0.1, 1.0, 10.0)) if value <= bound), 3)] += 1
    assert one.counts == many.counts == expected
    assert one.count == len(values)
    assert one.sum == pytest.approx(sum(values)) == many.sum or one.sum == pytest.approx(many.sum)


def test_label_values_are_bounded() -> None:
    counter, gauge, histogram = LabelledCounter(1), LabelledGauge(1), LabelledHistogram(1, (1.0,))
    for number in range(LABEL_VALUES_MAX + 100):
        counter.add((str(number),))
        gauge.set((str(number),), 1)
        histogram.of((str(number),)).observe(0.5)
    assert counter.values[("other",)] == 100
    assert sum(counter.values.values()) == LABEL_VALUES_MAX + 100
    assert len(counter.values) == len(histogram.values) == LABEL_VALUES_MAX + 1
    assert histogram.values[("other",)].count == 100
    assert len(gauge.values) == LABEL_VALUES_MAX
    gauge.remove(("0",))
    gauge.set(("again",), 2)
    assert gauge.values[("again",)] == 2


def test_a_histograms_bounds_ascend() -> None:
    with pytest.raises(AssertionError):
        Histogram((1.0, 0.5))

"""The operator's own metrics are those of its page."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from quorate_operator.loop import Turn
from quorate_operator.metrics import Metrics

PAGE = Path(__file__).resolve().parents[3] / "docs/operator.md"
ROW = re.compile(r"^\| `(quorate_operator_\w+)` \| (\w+) \| ([^|]*) \| ([^|]+) \|$", re.MULTILINE)


def used() -> Metrics:
    metrics = Metrics()
    metrics.turned(("shop", "orders"), Turn(settled=True), 0.1)
    metrics.failed("Conflict")
    metrics.answered("Signed")
    metrics.injected("injected")
    return metrics


def test_the_page_has_every_metric_with_its_kind_labels_and_meaning() -> None:
    exposed = {}
    for family in text_string_to_metric_families(used().text().decode()):
        if family.name.startswith("quorate_") and not family.name.endswith("_created"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = sorted({label for sample in family.samples for label in sample.labels} - {"le"})
            exposed[name] = (family.type, labels, family.documentation)
    told = {name: (kind, re.findall(r"`(\w+)`", labels), meaning) for name, kind, labels, meaning in ROW.findall(PAGE.read_text())}
    assert {name: (kind, sorted(labels), meaning) for name, (kind, labels, meaning) in told.items()} == exposed


def test_each_answer_to_a_request_is_counted_by_what_it_was() -> None:
    metrics = Metrics()
    for answer in ("Signed", "ForeignPod", "ForeignPod"):
        metrics.answered(answer)
    text = metrics.text().decode()
    assert 'quorate_operator_certificate_requests_total{answer="ForeignPod"} 2.0' in text
    assert 'quorate_operator_certificate_requests_total{answer="Signed"} 1.0' in text

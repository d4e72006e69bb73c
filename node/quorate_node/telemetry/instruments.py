"""Counters, gauges and histograms that cost a fraction of a microsecond: plain numbers, read only when somebody scrapes.

prometheus-client's own take a lock a call and several microseconds for a histogram, which the hot path cannot pay; it still
writes the exposition format (`registry.py`). All are used on the event loop's thread; a count from the store's thread is
handed over with the result of its work.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence

LABEL_VALUES_MAX = 1000
"""Distinct label values of one metric; later ones are counted under `other`, so that a client cannot grow the memory."""


class Counter:
    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def add(self, amount: int = 1) -> None:
        self.value += amount


class LabelledCounter:
    """A counter for each tuple of label values."""

    __slots__ = ("values", "width")

    def __init__(self, width: int) -> None:
        assert width > 0
        self.width = width
        self.values: dict[tuple[str, ...], int] = {}

    def add(self, labels: tuple[str, ...], amount: int = 1) -> None:
        values = self.values
        if labels in values:
            values[labels] += amount
            return
        assert len(labels) == self.width, labels
        if len(values) >= LABEL_VALUES_MAX:
            labels = ("other",) * self.width
        values[labels] = values.get(labels, 0) + amount


class Gauge:
    """A number that is set, or a function that is asked when somebody scrapes."""

    __slots__ = ("function", "value")

    def __init__(self) -> None:
        self.value: float = 0
        self.function: Callable[[], float] | None = None

    def set(self, value: float) -> None:
        self.value = value

    def read(self) -> float:
        return self.value if self.function is None else self.function()


class LabelledGauge:
    __slots__ = ("values", "width")

    def __init__(self, width: int) -> None:
        assert width > 0
        self.width = width
        self.values: dict[tuple[str, ...], float] = {}

    def set(self, labels: tuple[str, ...], value: float) -> None:
        assert len(labels) == self.width, labels
        if labels in self.values or len(self.values) < LABEL_VALUES_MAX:
            self.values[labels] = value

    def remove(self, labels: tuple[str, ...]) -> None:
        self.values.pop(labels, None)


class Histogram:
    """Counts by upper bounds (inclusive, in the metric's unit), and their sum."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        assert list(bounds) == sorted(set(bounds)), "bounds must ascend"
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """`times` equal observations at once: a batch whose members took the same time costs one call."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.sum += value * times

    def observe_many(self, values: Iterable[float]) -> None:
        counts, bounds, total = self.counts, self.bounds, 0.0
        for value in values:
            counts[bisect_left(bounds, value)] += 1
            total += value
        self.sum += total

    @property
    def count(self) -> int:
        return sum(self.counts)


class LabelledHistogram:
    """A histogram for each tuple of label values; `of` gives one to keep at hand."""

    __slots__ = ("bounds", "values", "width")

    def __init__(self, width: int, bounds: Sequence[float]) -> None:
        self.width = width
        self.bounds = bounds
        self.values: dict[tuple[str, ...], Histogram] = {}

    def of(self, labels: tuple[str, ...]) -> Histogram:
        found = self.values.get(labels)
        if found is None:
            assert len(labels) == self.width, labels
            if len(self.values) >= LABEL_VALUES_MAX:
                labels = ("other",) * self.width
            found = self.values.setdefault(labels, Histogram(self.bounds))
        return found

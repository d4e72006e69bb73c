"""Which indexes of the log are damaged, and what the scan of a log finds."""

from __future__ import annotations

from collections.abc import Iterable

from quorate_node.protocol.entry import chain_hash
from quorate_node.store.log_record import decode_record


class DamagedRanges:
    """Sorted, disjoint ranges [low, high) of indexes."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._ranges: list[tuple[int, int]] = []
        for low, high in ranges:
            self.add(low, high)

    def __bool__(self) -> bool:
        return bool(self._ranges)

    def add(self, low: int, high: int) -> None:
        if low >= high:
            return
        kept = []
        for other_low, other_high in self._ranges:
            if other_high < low or high < other_low:
                kept.append((other_low, other_high))
            else:
                low, high = min(low, other_low), max(high, other_high)
        self._ranges = sorted([*kept, (low, high)])

    def remove(self, low: int, high: int) -> None:
        if low >= high:
            return
        kept = []
        for other_low, other_high in self._ranges:
            kept.append((other_low, min(other_high, low)))
            kept.append((max(other_low, high), other_high))
        self._ranges = [(begin, end) for begin, end in kept if begin < end]

    def find(self, index: int) -> tuple[int, int] | None:
        """The damaged range that holds `index`."""
        return next(((low, high) for low, high in self._ranges if low <= index < high), None)

    def first_in(self, low: int, high: int) -> int | None:
        """The first damaged index of [low, high)."""
        return next((max(low, begin) for begin, end in self._ranges if begin < high and low < end), None)

    def ranges(self) -> list[tuple[int, int]]:
        return list(self._ranges)


def verify_run(
    records: Iterable[tuple[int, bytes | None]], previous: bytes | None, end: tuple[int, bytes] | None = None
) -> tuple[list[tuple[int, int]], bytes | None]:
    """Damaged ranges of a run of records, and the chain hash after it (None when its last record is damaged).

    `previous` is the chain hash before the run (None when that is unknown: then the first whole record is believed by its checksum).
    `end` = (last index, chain hash there), when that is known: a run that is whole in itself but ends elsewhere is another history.
    A record whose checksum is right but whose chain does not continue also belongs to another history, and so does all after it.
    """
    damaged = DamagedRanges()
    first = last = 0
    records = iter(records)
    for index, record in records:
        first, last = first or index, index
        decoded = decode_record(index, record)
        if decoded is None:
            damaged.add(index, index + 1)
            previous = None
            continue
        entry, chain = decoded
        if previous is not None and chain_hash(previous, entry) != chain:
            damaged.add(index, max((number for number, _ in records), default=index) + 1)
            return damaged.ranges(), None
        previous = chain
    if end is not None and last == end[0] and previous is not None and previous != end[1]:
        # Where it left the true history is unknown: none of the run can be believed.
        damaged.add(first, last + 1)
        previous = None
    return damaged.ranges(), previous

"""The conditions of a transaction (etcd's Compare)."""

from __future__ import annotations

from quorate.wire.commands import Compare, CompareResult, CompareTarget
from quorate_node.machine.records import HEADER, HEADER_BYTES
from quorate_node.machine.scan import StageSource, bounds
from quorate_node.machine.stage import Stage

_MISSING = (0, 0, 0, 0)
_FIELD = {CompareTarget.CREATE: 0, CompareTarget.MODIFY: 1, CompareTarget.VERSION: 2, CompareTarget.LEASE: 3}


def holds(stage: Stage, compare: Compare) -> bool:
    """Whether every key the condition names satisfies it; an empty range does, a missing single key counts as zeros."""
    if not compare.range_end:
        return _satisfied(compare, stage.record(compare.key))
    start, end = bounds(compare.key, compare.range_end)
    if end is not None and end <= start:
        return True
    return all(_satisfied(compare, record) for _, record in StageSource(stage).items(start, end))


def _satisfied(compare: Compare, record: bytes | None) -> bool:
    if compare.target == CompareTarget.VALUE:
        if record is None:
            return False
        return _relates(compare.result, record[HEADER_BYTES:], compare.value)
    header = _MISSING if record is None else HEADER.unpack_from(record)
    return _relates(compare.result, header[_FIELD[compare.target]], compare.number)


def _relates(result: CompareResult, left: int | bytes, right: int | bytes) -> bool:
    if result == CompareResult.EQUAL:
        return left == right
    if result == CompareResult.NOT_EQUAL:
        return left != right
    above = left > right  # type: ignore[operator]
    return above if result == CompareResult.GREATER else not above and left != right

"""Range requests over any source, in steps: a generator that yields whenever a chunk of keys was looked at (etcd's Range)."""

from __future__ import annotations

from collections.abc import Callable, Generator
from operator import itemgetter

from quorate.wire.commands import Range, SortOrder, SortTarget
from quorate.wire.results import KeyValue, RangeResult
from quorate_node.machine.interface import Refused
from quorate_node.machine.past import get_at, items_at
from quorate_node.machine.records import HEADER, HEADER_BYTES, key_only, key_value
from quorate_node.machine.scan import Source, bounds

Pair = tuple[bytes, bytes]
Steps = Generator[None, None, RangeResult]

_SORT_KEYS: dict[SortTarget, Callable[[Pair], bytes]] = {
    SortTarget.KEY: itemgetter(0),
    SortTarget.VERSION: lambda pair: pair[1][16:24],
    SortTarget.CREATE: lambda pair: pair[1][0:8],
    SortTarget.MODIFY: lambda pair: pair[1][8:16],
    SortTarget.VALUE: lambda pair: pair[1][HEADER_BYTES:],
}
"""Big-endian fields sort as their numbers do."""


def checked_revision(revision: int, source: Source) -> int:
    """The revision to read at. Raises `Refused` (FutureRevision, Compacted); the compacted revision itself stays readable."""
    if revision <= 0:
        return source.revision
    if revision > source.revision:
        raise Refused("FutureRevision", f"revision {revision} is in the future: the store is at revision {source.revision}")
    if revision < source.compacted_revision:
        raise Refused(
            "Compacted",
            f"revision {revision} was compacted: the oldest that can be read is {source.compacted_revision}; read there or without one",
        )
    return revision


def sorts(request: Range) -> bool:
    """Whether the answer needs another order than the scan's (by key, ascending)."""
    if request.sort_target == SortTarget.KEY:
        return request.sort_order == SortOrder.DESCEND
    return True


def range_steps(source: Source, request: Range, bytes_max: int, chunk_keys: int) -> Steps:
    """Evaluate `request`; the generator's return value is the result. Raises `Refused`."""
    revision = checked_revision(request.revision, source)
    if not request.range_end:
        record = source.get(request.key) if revision == source.revision else get_at(source, request.key, revision)
        return single_result(request, record, source.revision)
    start, end = bounds(request.key, request.range_end)
    if end is not None and end <= start:
        return RangeResult(source.revision, [], 0)
    if request.count_only:
        count = yield from _count(source, start, end, revision, chunk_keys)
        return RangeResult(source.revision, [], count)
    collected, count, more = yield from _collect(source, request, (start, end, revision), bytes_max, chunk_keys)
    if sorts(request):
        order = SortOrder(request.sort_order)
        collected.sort(key=_SORT_KEYS[SortTarget(request.sort_target)], reverse=order == SortOrder.DESCEND)
        if 0 < request.limit < len(collected):
            collected, more = collected[: request.limit], True
    return RangeResult(source.revision, _key_values(collected, request.keys_only), count, more)


def single_result(request: Range, record: bytes | None, store_revision: int) -> RangeResult:
    """The answer for one key, given its record at the revision that was asked for."""
    if record is None:
        return RangeResult(store_revision, [], 0)
    if request.count_only or (_has_filters(request) and not matches(request, record)):
        return RangeResult(store_revision, [], 1)
    make = key_only if request.keys_only else key_value
    return RangeResult(store_revision, [make(request.key, record)], 1)


def _count(source: Source, start: bytes, end: bytes | None, revision: int, chunk_keys: int) -> Generator[None, None, int]:
    now = revision == source.revision
    if now and start <= b"\x00" and end is None:
        return source.key_count
    count = 0
    if now:
        for _ in source.keys(start, end):
            count += 1
            if count % chunk_keys == 0:
                yield
        return count
    for scanned, (_, record) in enumerate(items_at(source, start, end, revision), start=1):
        count += bool(record)
        if scanned % chunk_keys == 0:
            yield
    return count


def _collect(
    source: Source, request: Range, where: tuple[bytes, bytes | None, int], bytes_max: int, chunk_keys: int
) -> Generator[None, None, tuple[list[Pair], int, bool]]:
    """(pairs in key order, count of the whole range, whether the limit or `bytes_max` cut it)."""
    start, end, revision = where
    now = revision == source.revision
    in_order = not sorts(request)
    limit = request.limit if in_order and request.limit > 0 else None
    filters = _has_filters(request)
    headers_only = request.keys_only and request.sort_target != SortTarget.VALUE
    collected: list[Pair] = []
    append = collected.append
    count = size = 0
    for scanned, pair in enumerate(source.items(start, end) if now else items_at(source, start, end, revision), start=1):
        if scanned % chunk_keys == 0:
            yield
        key, record = pair
        if not record:
            continue
        if filters and not matches(request, record):
            count += 1
            continue
        if headers_only:
            pair = key, record[:HEADER_BYTES]
        size += len(key) + len(pair[1])
        if len(collected) == limit or (size > bytes_max and collected):
            if not in_order:
                message = f"sorting the range needs more than range_bytes_max {bytes_max} bytes: narrow it or read it in key order"
                raise Refused("InvalidArgument", message)
            if now and start <= b"\x00" and end is None:
                return collected, source.key_count, True
            rest = yield from _count(source, key, end, revision, chunk_keys)
            return collected, count + rest, True
        count += 1
        append(pair)
    return collected, count, False


def _has_filters(request: Range) -> bool:
    return bool(request.min_mod_revision or request.max_mod_revision or request.min_create_revision or request.max_create_revision)


def matches(request: Range, record: bytes) -> bool:
    create, mod, _, _ = HEADER.unpack_from(record)
    if request.min_mod_revision and mod < request.min_mod_revision:
        return False
    if request.max_mod_revision and mod > request.max_mod_revision:
        return False
    if request.min_create_revision and create < request.min_create_revision:
        return False
    return not (request.max_create_revision and create > request.max_create_revision)


def _key_values(pairs: list[Pair], keys_only: bool) -> list[KeyValue]:
    make = key_only if keys_only else key_value
    return [make(key, record) for key, record in pairs]

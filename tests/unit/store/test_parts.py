"""The small parts under both stores: the cache of recent entries, damaged ranges, records, settings, space, reclaiming."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate_node.protocol.entry import CHAIN_START, Entry, chain_hash
from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.store import StoreSettings
from quorate_node.store.damage import DamagedRanges, verify_run
from quorate_node.store.errors import NoSpace
from quorate_node.store.log_cache import ENTRY_OVERHEAD_BYTES, LogCache
from quorate_node.store.log_record import (
    Marker,
    decode_anchor,
    decode_marker,
    decode_record,
    encode_anchor,
    encode_marker,
    encode_record,
)
from quorate_node.store.settings import KIB, MIB
from quorate_node.store.space import SpaceGauge
from tests.unit.store.support import SETTINGS, VOTERS, Member, entries, entry, persist, put


@given(
    appends=st.lists(st.tuples(st.integers(0, 5), st.lists(st.integers(0, 400), min_size=1, max_size=6)), max_size=20),
    bytes_max=st.integers(1, 4000),
    entries_max=st.integers(1, 12),
    reads=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 2000)), max_size=5),
)
def test_the_cache_is_the_end_of_a_list(
    appends: list[tuple[int, list[int]]], bytes_max: int, entries_max: int, reads: list[tuple[int, int, int]]
) -> None:
    cache, model = LogCache(bytes_max, entries_max), [Entry(0, 0)]
    for back, sizes in appends:
        first = max(1, len(model) - back)
        new = [Entry(first + offset, len(model), 0, bytes(size)) for offset, size in enumerate(sizes)]
        model[first:] = new
        cache.append(new, [b"%d" % one.index for one in new])
        kept = model[cache.low :]
        assert cache.high == len(model)
        assert kept, "the last entry always stays"
        assert len(kept) <= max(entries_max, 1)
        assert len(kept) == 1 or sum(len(one.data) + ENTRY_OVERHEAD_BYTES for one in kept) <= bytes_max
        assert [cache.get(index) for index in (cache.low - 1, cache.high)] == [None, None]
        for skip, length, size_bytes_max in reads:
            low = min(cache.low + skip, cache.high - 1)
            high = min(low + 1 + length, cache.high)
            expected, total = [], 0
            for one in model[low:high]:
                total += len(one.data)
                if expected and total > size_bytes_max:
                    break
                expected.append(one)
            assert cache.slice(low, high, size_bytes_max) == expected
            found = cache.get(low)
            assert found is not None
            assert found[0] == model[low]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20), st.integers(0, 20)), max_size=20))
def test_damaged_ranges_are_a_set_of_indexes(operations: list[tuple[bool, int, int]]) -> None:
    ranges, model = DamagedRanges(), set[int]()
    for add, low, high in operations:
        if add:
            ranges.add(low, high)
            model |= set(range(low, high))
        else:
            ranges.remove(low, high)
            model -= set(range(low, high))
        found = ranges.ranges()
        assert {index for begin, end in found for index in range(begin, end)} == model
        assert all(end < begin for (_, end), (begin, _) in pairwise(found)), "sorted, apart from each other"
        assert bool(ranges) == bool(model)
        assert ranges.first_in(5, 15) == min((index for index in model if 5 <= index < 15), default=None)
        assert all((ranges.find(index) is not None) == (index in model) for index in range(21))


def records(run: list[Entry]) -> list[tuple[int, bytes | None]]:
    chain, encoded = CHAIN_START, list[tuple[int, bytes | None]]()
    for one in run:
        chain = chain_hash(chain, one)
        encoded.append((one.index, encode_record(one, chain)))
    return encoded


@given(st.data())
def test_any_flipped_bit_of_a_record_is_found(data: st.DataObject) -> None:
    run = records(entries(1, 6))
    position = data.draw(st.integers(0, 4))
    record = bytearray(run[position][1] or b"")
    bit = data.draw(st.integers(0, len(record) * 8 - 1))
    record[bit // 8] ^= 1 << bit % 8
    run[position] = (position + 1, bytes(record))
    assert verify_run(run, CHAIN_START)[0] == [(position + 1, position + 2)]


def test_a_record_at_another_index_and_a_run_of_another_history_are_damage() -> None:
    run = records(entries(1, 6))
    assert decode_record(2, run[0][1]) is None
    assert verify_run(run, CHAIN_START) == ([], verify_run(run, CHAIN_START, None)[1])
    assert verify_run(run, b"x" * 32)[0] == [(1, 6)]
    assert verify_run(run, CHAIN_START, (5, b"x" * 32)) == ([(1, 6)], None)
    assert verify_run([run[0], (2, None), *run[2:]], CHAIN_START)[0] == [(2, 3)]


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32), st.integers(0, 200))
def test_markers_and_anchors_come_back_or_not_at_all(sequence: int, last: int, chain: bytes, cut: int) -> None:
    marker = Marker(sequence, last, chain, last // 2, 3, 4)
    encoded = encode_marker(marker)
    assert decode_marker(encoded) == marker
    assert decode_marker(encoded[: min(cut, len(encoded) - 1)]) is None
    anchor = SnapshotMetadata(last, 3, Configuration(voters=(1, 2), learners=(9,)), chain)
    content = encode_anchor(anchor)
    assert decode_anchor(content) == anchor
    assert decode_anchor(content[: min(cut, len(content) - 1)]) is None


def test_every_setting_is_checked_and_named() -> None:
    for one in fields(StoreSettings):
        for wrong in (-1, 1.5, True, "1"):
            with pytest.raises(ValueError, match=f"{one.name} is"):
                replace(StoreSettings(), **{one.name: wrong})
    with pytest.raises(ValueError, match="at least 2"):
        StoreSettings(log_memtables_max=1)
    assert StoreSettings().effective_reserve_bytes() == 2 * StoreSettings().memtables_bytes()
    assert StoreSettings(reserve_bytes=5).effective_reserve_bytes() == 5


def test_space_has_two_thresholds(tmp_path: Path) -> None:
    free = SpaceGauge(tmp_path, 0, 0).free_bytes()
    assert free > 0
    plenty = SpaceGauge(tmp_path, 1, 1)
    plenty.require()
    assert plenty.available()
    low = SpaceGauge(tmp_path, 1, free * 2)
    low.require()
    assert not low.available(), "proposals are refused before writes are"
    with pytest.raises(NoSpace, match="below the reserve"):
        SpaceGauge(tmp_path, free * 2, 0).require()


def test_compaction_gives_the_space_back(tmp_path: Path) -> None:
    member = Member("rocksdb", tmp_path, replace(SETTINGS, log_memtable_bytes=MIB))
    for low in range(1, 321, 8):
        put(member.log, persist([entry(index, data=os.urandom(64 * KIB)) for index in range(low, low + 8)]))
    before = member.log.size_bytes()
    member.log.compact(310, VOTERS)
    assert before > 19 * MIB
    assert member.log.size_bytes() < before / 5
    assert len(member.restart().log.entries(311, 321, 1 << 30)) == 10
    assert member.log.damaged() == []
    member.stores.close()

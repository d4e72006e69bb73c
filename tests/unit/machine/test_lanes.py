"""The two lanes are one: the same log through the fast and the general lane, in any grouping, leaves the same bytes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.wire.commands import Put
from quorate_node.machine import batch, prepare
from quorate_node.store.memory_disk import MemoryDisk
from quorate_node.store.memory_state import MemoryStateStore
from tests.unit.machine.builders import Member, command, entry, results_of
from tests.unit.machine.strategies import plain_puts, requests

logs = st.lists(st.lists(st.one_of(plain_puts, plain_puts, requests), max_size=4), max_size=8)


def run(log: list[list[Any]], apply_each: int) -> tuple[Member, list[Any]]:
    member = Member(MemoryStateStore(MemoryDisk(), "1"), digest_interval=1)
    entries = [entry(at, [command(request) for request in commands], at * 400) for at, commands in enumerate(log, start=1)]
    results = []
    for start in range(0, len(entries), apply_each):
        results += results_of(member.apply(entries[start : start + apply_each]))
    return member, results


@given(log=logs, apply_each=st.integers(1, 8))
def test_neither_lane_nor_grouping_can_be_told_from_the_state(log: list[list[Any]], apply_each: int) -> None:
    fast, fast_results = run(log, apply_each)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "_plain_puts", lambda _commands: [])
        patch.setattr(batch, "_is_fast", lambda *_: False)
        slow, slow_results = run(log, 1)
    assert fast_results == slow_results
    assert fast.machine.state == slow.machine.state
    assert fast.canonical() == slow.canonical()
    assert fast.machine.digests() == slow.machine.digests()


def test_the_fast_lane_is_taken_for_plain_puts_alone(memory_member: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    apply_puts = batch.apply_puts
    monkeypatch.setattr(batch, "apply_puts", lambda stage, puts, results: (taken.append(len(puts)), apply_puts(stage, puts, results)))
    memory_member.do(Put(b"a", b"1"), Put(b"b", b"2"))
    memory_member.do(Put(b"a", b"1"), Put(b"b", b"2", previous=True), Put(b"c"), Put(b"d"))
    assert taken == [2, 1, 2]


def test_a_key_put_many_times_in_one_entry_counts_each(memory_member: Member) -> None:
    results = memory_member.do(*[Put(b"k", b"%d" % at) for at in range(5)])
    assert [result.revision for result in results] == [2, 3, 4, 5, 6]
    kept = memory_member.machine.get_many([b"k"])[0]
    assert kept is not None
    assert (kept.version, kept.create_revision, kept.mod_revision, kept.value) == (5, 2, 6, b"4")

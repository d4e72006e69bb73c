"""The log, as the protocol sees it, the same over RocksDB, over files of its own, and over memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from quorate_node.protocol.entry import CHAIN_START, Entry, EntryType, chain_hash, leaf_hash
from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.protocol.ready import HardState
from quorate_node.store.errors import ChainMismatch, Compacted, Damaged, HardStateLost, NoSpace, StoreFailed, Unavailable
from tests.unit.store.damaging import damage, damage_marker, lose_record, put_record
from tests.unit.store.support import SETTINGS, VOTERS, MakeMember, Member, append, before_and_after, entries, entry, persist, put, read_all


def test_a_new_log_is_empty(member: Member) -> None:
    log = member.log
    assert (log.first_index(), log.last_index(), log.term(0), log.chain(0)) == (1, 0, 0, CHAIN_START)
    assert log.initial() == (HardState(), Configuration())
    assert log.snapshot().index == 0
    assert log.damaged() == []


def test_what_was_written_shows_only_when_it_is_said_to_be_written(member: Member) -> None:
    batches = [persist(entries(1, 4))]
    member.log.write(batches)
    assert member.log.last_index() == 0
    member.log.written(batches)
    assert member.log.last_index() == 3
    assert read_all(member.log) == entries(1, 4)


def test_entries_terms_and_chain_survive_a_restart(member: Member) -> None:
    append(member.log, 1, 6)
    append(member.log, 6, 9, term=3)
    chains = [member.log.chain(index) for index in range(9)]
    log = member.restart().log
    assert read_all(log) == entries(1, 6) + entries(6, 9, 3)
    assert [log.term(index) for index in range(9)] == [0, 1, 1, 1, 1, 1, 3, 3, 3]
    assert [log.chain(index) for index in range(9)] == chains


def test_the_chain_is_the_protocols(member: Member) -> None:
    append(member.log, 1, 3)
    first, second = entries(1, 3)
    assert member.log.chain(2) == chain_hash(chain_hash(CHAIN_START, first), second)


def test_a_witness_that_stores_stripped_entries_has_the_same_chain(make_member: MakeMember) -> None:
    full, witness = make_member(), make_member()
    append(full.log, 1, 5)
    put(witness.log, persist([Entry(one.index, one.term, EntryType.STRIPPED, leaf_hash(one)) for one in entries(1, 5)]))
    assert full.log.chain(4) == witness.log.chain(4)


def test_overwriting_replaces_everything_from_there_on(member: Member) -> None:
    append(member.log, 1, 201)
    append(member.log, 50, 53, term=2)
    for log in before_and_after(member.crash, member):
        assert read_all(log) == entries(1, 50) + entries(50, 53, 2)
        assert log.damaged() == []
        with pytest.raises(Unavailable):
            log.term(53)


def test_many_batches_are_one_write_in_order(member: Member) -> None:
    put(
        member.log,
        persist(entries(1, 5), hard_state=HardState(1, 9, 0)),
        persist(entries(3, 4, 2), hard_state=HardState(2, 0, 2)),
        persist(entries(4, 8, 2)),
        persist(hard_state=HardState(2, 7, 3)),
    )
    log = member.restart().log
    assert read_all(log) == entries(1, 3) + entries(3, 8, 2)
    assert log.initial()[0] == HardState(2, 7, 3)


def test_a_batch_may_start_below_the_one_it_joins(member: Member) -> None:
    append(member.log, 1, 4)
    put(member.log, persist(entries(4, 7)), persist(entries(2, 4, 2)))
    assert read_all(member.restart().log) == entries(1, 2) + entries(2, 4, 2)


def test_entries_are_cut_by_size_but_never_to_none(member: Member) -> None:
    put(member.log, persist([entry(index, data=bytes(100)) for index in range(1, 11)]))
    for log in before_and_after(member.restart, member):
        assert [one.index for one in log.entries(3, 11, 0)] == [3]
        assert [one.index for one in log.entries(3, 11, 250)] == [3, 4]
        assert [one.index for one in log.entries(3, 11, 300)] == [3, 4, 5]
        assert [one.index for one in log.entries(3, 5, 1 << 30)] == [3, 4]
        assert log.entries(3, 3, 100) == []


def test_reads_outside_say_which_side(member: Member) -> None:
    append(member.log, 1, 11)
    member.log.compact(4, VOTERS)
    with pytest.raises(Compacted):
        member.log.entries(4, 6, 100)
    with pytest.raises(Compacted):
        member.log.term(3)
    with pytest.raises(Unavailable):
        member.log.entries(9, 12, 100)
    with pytest.raises(Unavailable):
        member.log.chain(11)


def test_compaction_keeps_term_and_chain_before_the_first_entry(member: Member) -> None:
    append(member.log, 1, 101)
    chain = member.log.chain(70)
    member.log.compact(70, VOTERS)
    for log in before_and_after(member.crash, member):
        assert (log.first_index(), log.last_index()) == (71, 100)
        assert (log.term(70), log.chain(70)) == (1, chain)
        assert log.snapshot() == SnapshotMetadata(70, 1, VOTERS, chain)
        assert log.initial()[1] == VOTERS
        assert read_all(log) == entries(71, 101)
    with pytest.raises(Compacted):
        member.log.compact(70, VOTERS)


def test_everything_may_be_compacted_and_the_log_goes_on(member: Member) -> None:
    append(member.log, 1, 6)
    member.log.compact(5, VOTERS)
    append(member.log, 6, 8, term=2)
    assert read_all(member.restart().log) == entries(6, 8, 2)


def test_a_snapshot_replaces_the_log_and_entries_follow_it(member: Member) -> None:
    append(member.log, 1, 101)
    snapshot = SnapshotMetadata(500, 4, VOTERS, b"c" * 32)
    put(member.log, persist(entries(501, 503, 5), snapshot=snapshot, hard_state=HardState(5, 0, 500)))
    for log in before_and_after(member.crash, member):
        assert (log.first_index(), log.last_index(), log.term(500), log.chain(500)) == (501, 502, 4, b"c" * 32)
        assert log.chain(501) == chain_hash(b"c" * 32, entry(501, 5))
        assert read_all(log) == entries(501, 503, 5)
        assert log.damaged() == []


def test_reset_starts_after_the_snapshot(member: Member) -> None:
    append(member.log, 1, 101)
    member.log.reset(SnapshotMetadata(40, 2, VOTERS, b"d" * 32))
    for log in before_and_after(member.crash, member):
        assert (log.first_index(), log.last_index(), log.snapshot().index) == (41, 40, 40)
    append(member.log, 41, 43, term=2)
    assert read_all(member.log) == entries(41, 43, 2)


def test_the_commit_index_alone_costs_no_write_and_goes_with_the_next(member: Member) -> None:
    append(member.log, 1, 6)
    put(member.log, persist(hard_state=HardState(0, 0, 3), must_sync=False))
    assert member.crash().log.initial()[0].commit == 0
    put(member.log, persist(hard_state=HardState(0, 0, 3), must_sync=False))
    append(member.log, 6, 7)
    assert member.crash().log.initial()[0].commit == 3


def test_old_entries_leave_the_cache_and_are_read_from_disk(make_member: MakeMember) -> None:
    member = make_member(replace(SETTINGS, log_cache_entries_max=16))
    for low in range(1, 201, 10):
        append(member.log, low, low + 10)
    assert read_all(member.log) == entries(1, 201)
    assert [member.log.term(index) for index in (1, 100, 200)] == [1, 1, 1]
    append(member.log, 3, 5, term=2)
    assert read_all(member.log) == entries(1, 3) + entries(3, 5, 2)


def test_a_gap_is_a_mistake_of_the_caller(member: Member) -> None:
    append(member.log, 1, 3)
    with pytest.raises(AssertionError, match="gap"):
        member.log.write([persist(entries(4, 5))])


def test_a_full_disk_is_told_and_written_again_when_there_is_room(tmp_path: Path) -> None:
    """In memory; `test_full_disk.py` fills a real one."""
    member = Member("memory", tmp_path)
    append(member.log, 1, 3)
    member.disk.full = True
    batch = [persist(entries(3, 5))]
    assert not member.stores.space_available()
    for _ in range(2):
        with pytest.raises(NoSpace):
            member.log.write(batch)
    assert read_all(member.log) == entries(1, 3)
    member.disk.full = False
    put(member.log, *batch)
    assert read_all(member.log) == entries(1, 5)


def test_after_a_failed_sync_nothing_is_written_any_more(tmp_path: Path) -> None:
    """In memory; `test_wal_traps.py` fails a real sync."""
    member = Member("memory", tmp_path)
    append(member.log, 1, 3)
    member.disk.sync_fails = True
    with pytest.raises(StoreFailed):
        member.log.write([persist(entries(3, 5))])
    member.disk.sync_fails = False
    with pytest.raises(StoreFailed):
        member.log.write([persist(entries(3, 5))])


def test_forgetting_the_tail_drops_it_for_good(member: Member) -> None:
    append(member.log, 1, 21)
    member.log.forget_tail(11)
    for log in before_and_after(member.crash, member):
        assert read_all(log) == entries(1, 11)
    append(member.log, 11, 13, term=2)
    assert read_all(member.log) == entries(1, 11) + entries(11, 13, 2)


def test_a_damaged_entry_is_found_never_served_and_repaired(member: Member) -> None:
    append(member.log, 1, 21)
    damage(member, 8, 9, 15)
    log = member.log
    assert log.damaged() == [(8, 10), (15, 16)]
    for index in (8, 9, 15):
        with pytest.raises(Damaged):
            log.entries(index, index + 1, 100)
        with pytest.raises(Damaged):
            log.term(index)
    assert log.entries(1, 21, 1 << 30) == entries(1, 8), "served up to the damage, not beyond"
    log.repair(entries(8, 10))
    log.repair(entries(15, 16))
    assert log.damaged() == []
    for whole in before_and_after(member.restart, member):
        assert read_all(whole) == entries(1, 21)
        assert whole.damaged() == []


def test_a_repair_is_checked_against_the_chain(member: Member) -> None:
    append(member.log, 1, 21)
    damage(member, 8, 9, 20)
    log = member.log
    with pytest.raises(ChainMismatch, match="another history"):
        log.repair(entries(8, 10, term=2))
    with pytest.raises(ChainMismatch, match="another history"):
        log.repair([entry(20, data=b"other")])
    with pytest.raises(ChainMismatch, match="must begin at 8"):
        log.repair(entries(9, 10))
    with pytest.raises(ChainMismatch, match="not within"):
        log.repair(entries(8, 11))
    with pytest.raises(ChainMismatch, match="was due"):
        log.repair([entry(8), entry(8)])
    assert log.damaged() == [(8, 10), (20, 21)]


def test_a_repair_piece_by_piece_that_does_not_join_is_taken_back(member: Member) -> None:
    append(member.log, 1, 21)
    damage(member, 8, 9)
    log = member.log
    log.repair(entries(8, 9, term=2))
    assert log.damaged() == [(9, 10)]
    with pytest.raises(ChainMismatch):
        log.repair(entries(9, 10))
    assert log.damaged() == [(8, 10)]
    log.repair(entries(8, 9))
    log.repair(entries(9, 10))
    assert read_all(log) == entries(1, 21)


def test_scrub_finds_what_went_bad_since_the_start(member: Member) -> None:
    append(member.log, 1, 21)
    lose_record(member, 12)
    assert member.log.term(12) == 1, "the cache still has it"
    assert member.log.scrub(1, 12) == []
    assert member.log.scrub(0, 1000) == [(12, 13)]
    assert member.log.damaged() == [(12, 13)]
    with pytest.raises(Damaged):
        member.log.term(12)
    member.log.repair([entry(12)])
    assert member.log.scrub(1, 21) == []


def test_compaction_beyond_damage_ends_it(member: Member) -> None:
    append(member.log, 1, 21)
    damage(member, 8)
    member.log.compact(10, VOTERS)
    assert member.log.damaged() == []
    assert read_all(member.restart().log) == entries(11, 21)


def test_an_unreadable_marker_does_not_make_an_empty_log_of_a_full_one(member: Member) -> None:
    append(member.log, 1, 21)
    member.crash()
    damage_marker(member)
    log = member.crash().log
    assert log.damaged() != []
    assert log.damaged()[-1][1] > log.last_index() + 1


def test_an_old_entry_of_another_history_is_damage(member: Member) -> None:
    """Its own checksum is right: only the chain tells."""
    append(member.log, 1, 11)
    log = member.log
    stale = next(iter(log._backend.read(6, 7)))[1]
    append(log, 5, 11, term=2)
    assert stale is not None
    put_record(member, 6, stale)
    del log
    assert member.restart().log.damaged() == [(6, 11)]


def test_a_lost_hard_state_is_not_taken_for_a_new_one(member: Member) -> None:
    append(member.log, 1, 3)
    put(member.log, persist(hard_state=HardState(7, 2, 0)))
    member.stores.close()
    if member.kind == "memory":
        member.disk.lose_hard_state()
    else:
        (member.path / "data" / "hard-state").unlink()
    with pytest.raises(HardStateLost, match="new member"):
        member.open()


def test_closing_twice_is_fine_and_writing_after_it_is_a_mistake(member: Member) -> None:
    member.stores.close()
    member.stores.close()
    with pytest.raises(AssertionError):
        member.log.write([persist(entries(1, 2))])


def test_size_and_space(member: Member) -> None:
    append(member.log, 1, 50)
    assert member.log.size_bytes() > 49 * 10
    assert member.log.space_available()
    assert member.stores.space_available()

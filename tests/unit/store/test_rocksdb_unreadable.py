"""A bit turned over in one of RocksDB's own files: its block is damage for the chain, and nothing that stops writing later."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from quorate_node.store.errors import StoreFailed
from quorate_node.store.rocksdb_log import RocksLogBackend
from tests.unit.store.spoiled import ENTRIES, in_files, original, spoil
from tests.unit.store.support import SETTINGS, VOTERS, Member, append, entries, read_all


def opened(path: Path) -> Member:
    return Member("rocksdb", path)


def repair(member: Member) -> None:
    for low, high in member.log.damaged():
        member.log.repair([original(index) for index in range(low, high)])


def is_whole(member: Member) -> bool:
    return member.log.damaged() == [] and read_all(member.log) == [original(index) for index in range(1, ENTRIES + 1)]


def test_the_entries_of_an_unreadable_block_are_damaged_and_no_others(tmp_path: Path) -> None:
    spoil(in_files(tmp_path), 50)
    member = opened(tmp_path)
    ((low, high),) = member.log.damaged()
    assert low <= 50 < high and high - low < 20, "a block is 32 KiB"
    assert member.log.entries(1, low, 1 << 40) == [original(index) for index in range(1, low)]
    assert member.log.entries(high, ENTRIES + 1, 1 << 40) == [original(index) for index in range(high, ENTRIES + 1)]
    repair(member)
    member.restart()
    assert is_whole(member)


def test_compaction_of_what_was_unreadable_does_not_end_all_writing(tmp_path: Path) -> None:
    spoil(in_files(tmp_path), 50)
    member = opened(tmp_path)
    repair(member)
    member.log.compact(100, VOTERS)
    append(member.log, ENTRIES + 1, ENTRIES + 20)
    member.restart()
    assert member.log.entries(ENTRIES + 1, ENTRIES + 20, 1 << 40) == entries(ENTRIES + 1, ENTRIES + 20)


def test_a_block_that_only_compaction_meets_stops_the_member_once(tmp_path: Path) -> None:
    """It is older than what is read at the start, and nobody has asked for it since."""
    spoil(in_files(tmp_path), 50)
    member = Member("rocksdb", tmp_path, replace(SETTINGS, log_verify_on_open_entries=10))
    assert member.log.damaged() == []
    member.log.compact(100, VOTERS)
    with pytest.raises(StoreFailed, match="Corruption"):
        append(member.log, ENTRIES + 1, ENTRIES + 20)
    member.restart()
    assert member.log.damaged() == [] and read_all(member.log) == [original(index) for index in range(101, ENTRIES + 1)]
    member.log.compact(150, VOTERS)
    append(member.log, ENTRIES + 1, ENTRIES + 20)
    assert member.restart().log.last_index() == ENTRIES + 19


def test_a_crash_while_the_new_database_takes_the_old_ones_place_is_made_good(tmp_path: Path) -> None:
    database = in_files(tmp_path)
    spoil(database, 50)
    opened(tmp_path).stores.close()
    database.rename(database.with_name("log-rebuilt"))
    database.mkdir()
    member = opened(tmp_path)
    repair(member)
    assert is_whole(member)
    assert not database.with_name("log-rebuilt").exists()


def test_a_crash_while_the_new_database_is_filled_leaves_the_old_one_in_use(tmp_path: Path) -> None:
    database = in_files(tmp_path)
    spoil(database, 50)
    half = database.with_name("log-rebuilt")
    half.mkdir()
    (half / "CURRENT").write_text("of a database that is not whole")
    member = opened(tmp_path)
    repair(member)
    assert is_whole(member)
    assert not half.exists()


def test_a_whole_database_is_not_rebuilt(tmp_path: Path) -> None:
    database = in_files(tmp_path)
    before = database.stat().st_ino
    backend = opened(tmp_path).log._backend
    assert isinstance(backend, RocksLogBackend) and not backend.rebuild(1, ENTRIES + 1)
    assert database.stat().st_ino == before

"""The log as Raft sees it: stored, unstable and recent entries as one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.protocol.raft.errors import InvariantBroken
from quorate_node.protocol.raft.log import RaftLog, limit_bytes
from quorate_node.protocol.raft.log_view import Compacted, Unavailable
from quorate_node.protocol.raft.recent import ENTRY_OVERHEAD_BYTES, RecentEntries
from quorate_node.protocol.raft.trace import Tracer
from quorate_node.protocol.raft.unstable import Unstable
from quorate_node.protocol.ready import Persist
from tests.simulation.raft_world.disk import Log


def entries(low: int, high: int, term: int = 1, size: int = 10) -> list[Entry]:
    return [Entry(index, term, 0, bytes(size)) for index in range(low, high)]


def stored(last: int, *, start: int = 0) -> Log:
    log = Log(SnapshotMetadata(start, 1 if start else 0, Configuration()))
    log.tail = entries(start + 1, last + 1)
    return log


def raft_log(view: Log, *, recent: int = 10**6, applying: int = 10**6) -> RaftLog:
    return RaftLog(view, Tracer(None), applying_bytes_max=applying, recent_bytes_max=recent)


@pytest.mark.parametrize("recent", [0, 60, 10**6])
def test_stored_and_unstable_entries_read_as_one_log(recent: int) -> None:
    log = raft_log(stored(5, start=2), recent=recent)
    log.append(entries(6, 9, term=2))
    assert [entry.index for entry in log.slice(3, 9, 10**6)] == [3, 4, 5, 6, 7, 8]
    assert [log.term(index) for index in (2, 5, 6, 8)] == [1, 1, 2, 2]
    assert [entry.index for entry in log.slice(4, 9, 20)] == [4]
    assert [entry.index for entry in log.entries_from(9, 100)] == []
    assert (log.first_index(), log.last_index, log.last_term()) == (3, 8, 2)


def test_what_is_not_stored_yet_is_read_from_anywhere_in_it() -> None:
    log = raft_log(stored(5), recent=0)
    log.append(entries(6, 12))
    for low in range(6, 12):
        assert [entry.index for entry in log.slice(low, 12, 10**6)] == list(range(low, 12))
    assert log.slice(8, 8, 100) == []


def test_terms_outside_of_the_log_are_not_known() -> None:
    log = raft_log(stored(5, start=2))
    with pytest.raises(Compacted):
        log.term(1)
    with pytest.raises(Unavailable):
        log.term(6)
    with pytest.raises(Compacted):
        log.slice(2, 4, 100)
    assert (log.term_or_zero(1), log.term_or_zero(6)) == (0, 0)
    assert not log.matches(6, 1)


def test_a_conflict_replaces_the_tail_from_there_on() -> None:
    log = raft_log(stored(5))
    assert log.maybe_append(3, 1, 0, entries(4, 7, term=2)) == 6
    assert [log.term(index) for index in (3, 4, 5, 6)] == [1, 2, 2, 2]
    assert log.maybe_append(6, 2, 0, entries(7, 9, term=2)) == 8
    log.unstable.accept()
    assert log.maybe_append(5, 2, 0, entries(6, 8, term=3)) == 7
    assert log.unstable.offset_in_progress == 6, "what was replaced has to be written again"
    assert log.maybe_append(5, 2, 0, entries(6, 7, term=3)) == 6, "nothing new"
    assert log.last_index == 7


def test_committed_entries_are_never_replaced() -> None:
    log = raft_log(stored(5))
    log.commit_to(4)
    with pytest.raises(InvariantBroken, match="conflicts with a committed entry"):
        log.maybe_append(3, 1, 0, entries(4, 5, term=2))
    with pytest.raises(InvariantBroken, match="would replace committed"):
        log.append(entries(3, 4, term=2))
    with pytest.raises(InvariantBroken, match="damaged, truncated or lost"):
        log.commit_to(6)
    log.commit_to(2)
    assert log.committed == 4


def test_a_hint_skips_what_cannot_match() -> None:
    log = raft_log(stored(3, start=1))
    log.append(entries(4, 7, term=5))
    assert log.find_conflict_by_term(6, 4) == (3, 1)
    assert log.find_conflict_by_term(6, 5) == (6, 5)
    assert log.find_conflict_by_term(9, 5) == (9, 0), "unknown: it may match"
    assert raft_log(stored(0)).find_conflict_by_term(0, 9) == (0, 0)
    fresh = raft_log(stored(2))
    fresh._view.tail = entries(1, 3, term=7)  # type: ignore[attr-defined]
    assert fresh.find_conflict_by_term(2, 6) == (0, 0)


def test_what_is_handed_out_for_applying_is_limited_until_it_is_applied() -> None:
    log = raft_log(stored(5), applying=2 * (10 + ENTRY_OVERHEAD_BYTES))
    log.commit_to(5)
    first = log.next_committed(allow_unstable=False)
    assert [entry.index for entry in first] == [1, 2]
    log.accept_applying(first, allow_unstable=False)
    assert log.next_committed(allow_unstable=False) == []
    assert log.applied_to(1) == 0
    assert log.applied_to(2) == 20, "the payload of the batch"
    assert [entry.index for entry in log.next_committed(allow_unstable=False)] == [3, 4]
    with pytest.raises(ValueError, match="report what was handed out in order"):
        log.applied_to(9)


def test_entries_are_applied_only_when_they_are_durable_here() -> None:
    log = raft_log(stored(2))
    log.append(entries(3, 5))
    log.commit_to(4)
    assert [entry.index for entry in log.next_committed(allow_unstable=False)] == [1, 2]
    assert [entry.index for entry in log.next_committed(allow_unstable=True)] == [1, 2, 3, 4]


def test_nothing_is_applied_while_a_snapshot_is_being_installed() -> None:
    log = raft_log(stored(2))
    log.restore(SnapshotMetadata(9, 3, Configuration()))
    assert not log.has_next_committed(allow_unstable=False)
    assert (log.first_index(), log.last_index, log.term(9), log.committed) == (10, 9, 3, 9)
    assert log.snapshot().index == 9
    log.unstable.stable_snapshot_to(8)
    assert log.snapshot().index == 9
    log.unstable.stable_snapshot_to(9)
    assert log.snapshot().index == 0


def test_an_entry_of_an_older_term_is_not_committed_by_counting() -> None:
    log = raft_log(stored(3))
    assert not log.maybe_commit(3, 2)
    assert log.maybe_commit(3, 1)
    assert not log.maybe_commit(3, 1)


def test_limits_let_one_entry_through() -> None:
    assert limit_bytes([], 0) == []
    assert len(limit_bytes(entries(1, 4), 0)) == 1
    assert len(limit_bytes(entries(1, 4), 2 * (10 + ENTRY_OVERHEAD_BYTES))) == 2
    assert len(limit_bytes(entries(1, 4), 10**6)) == 3


def test_writes_are_acknowledged_only_for_what_they_wrote() -> None:
    said: list[str] = []
    unstable = Unstable(5, Tracer(lambda level, text: said.append(text)))
    unstable.truncate_and_append(entries(5, 8, term=2))
    unstable.stable_to(9, 2)
    assert "missing from unstable log" in said[-1]
    unstable.stable_to(6, 1)
    assert "mismatched" in said[-1]
    assert unstable.offset == 5
    unstable.stable_to(6, 2)
    assert (unstable.offset, len(unstable.entries)) == (7, 1)
    unstable.restore(SnapshotMetadata(9, 3, Configuration()))
    unstable.stable_to(9, 3)
    assert "matched unstable snapshot" in said[-1]
    unstable.truncate_and_append(entries(10, 11))
    unstable.truncate_and_append(entries(4, 5))
    assert (unstable.offset, unstable.term(4), unstable.term(9)) == (4, 1, None)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 4), st.integers(1, 9)), max_size=12), st.sampled_from([0, 40, 200, 10**6]))
def test_recent_entries_are_the_end_of_the_log(appends: list[tuple[int, int, int]], bytes_max: int) -> None:
    log: list[Entry] = []
    recent = RecentEntries(1, bytes_max)
    for back, count, term in appends:
        first = max(1, len(log) + 1 - back)
        new = entries(first, first + count, term, size=3)
        log = log[: first - 1] + new
        recent.truncate_and_append(new)
        assert recent.slice(recent.first, len(log) + 1) == log[recent.first - 1 :]
        for index in range(recent.first, len(log) + 1):
            assert recent.term(index) == log[index - 1].term
        assert recent.term(len(log) + 1) is None


def test_recent_entries_start_again_after_a_gap() -> None:
    recent = RecentEntries(1, 10**6)
    recent.truncate_and_append(entries(1, 3))
    recent.truncate_and_append(entries(7, 9))
    assert recent.first == 7
    recent.truncate_and_append(entries(3, 5))
    assert (recent.first, recent.term(4), recent.term(7)) == (3, 1, None)


def test_the_simulated_disk_replaces_from_the_first_written_index() -> None:
    log = stored(5)
    log.write(Persist(hard_state=None, entries=entries(3, 5, term=4), snapshot=None, must_sync=True))
    assert [entry.term for entry in log.tail] == [1, 1, 4, 4]

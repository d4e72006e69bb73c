"""Random lives of a log against a naive model, on all kinds of store: appends, overwrites, compaction, resets, restarts, crashes."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from quorate_node.protocol.entry import CHAIN_START, Entry, chain_hash
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.protocol.ready import HardState, Persist
from quorate_node.store.errors import Compacted, Unavailable
from tests.unit.store.support import SETTINGS, VOTERS, Member, MemberKind, entry, persist, put, quick_parent, read_all

SMALL_CACHE = replace(SETTINGS, log_cache_entries_max=4, log_verify_on_open_entries=7)


class LogModel(RuleBasedStateMachine):
    """The model is a dict of entries and the point before the first."""

    kind: MemberKind

    @initialize()
    def begin(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="quorate-log-model-", dir=quick_parent()))
        self.member = Member(self.kind, self.path, SMALL_CACHE)
        self.entries: dict[int, Entry] = {}
        self.anchor = (0, 0, CHAIN_START)
        self.term = 1
        self.hard_state = HardState()

    @property
    def last(self) -> int:
        return max(self.entries, default=self.anchor[0])

    def _batch(self, back: int, count: int, new_term: bool) -> Persist:
        self.term += new_term
        low = max(self.anchor[0] + 1, self.last + 1 - back)
        new = [entry(index, self.term) for index in range(low, low + count)]
        self.hard_state = HardState(self.term, self.term % 3, self.anchor[0])
        return persist(new, hard_state=self.hard_state)

    def _take(self, batch: Persist) -> None:
        if batch.entries:
            first = batch.entries[0].index
            self.entries = {index: old for index, old in self.entries.items() if index < first}
            self.entries.update({new.index: new for new in batch.entries})

    @rule(shapes=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9), st.booleans()), min_size=1, max_size=3))
    def write(self, shapes: list[tuple[int, int, bool]]) -> None:
        batches = []
        for shape in shapes:
            batches.append(self._batch(*shape))
            self._take(batches[-1])
        put(self.member.log, *batches)

    @rule(shape=st.tuples(st.integers(0, 6), st.integers(1, 9), st.booleans()), keep=st.integers(0, 2))
    def crash_in_the_middle_of_a_write(self, shape: tuple[int, int, bool], keep: int) -> None:
        """In memory the operations under way reach the disk in part; files are as `write` left them."""
        before_hard_state = self.hard_state
        batch = self._batch(*shape)
        self.member.log.write([batch])
        if self.kind == "memory":
            pending = self.member.disk.pending()
            keep = min(keep, pending)
            self.member.disk.crash(keep)
            self.member.open()
            if keep == pending:
                self._take(batch)
            if self.member.log.initial()[0].term == before_hard_state.term:
                self.hard_state = before_hard_state
        else:
            self._take(batch)
            self.member.crash()

    @precondition(lambda self: len(self.entries) > 1)
    @rule(data=st.data())
    def compact(self, data: st.DataObject) -> None:
        index = data.draw(st.sampled_from(sorted(self.entries)))
        chain = self.member.log.chain(index)
        self.member.log.compact(index, VOTERS)
        self.anchor = (index, self.entries[index].term, chain)
        self.entries = {number: kept for number, kept in self.entries.items() if number > index}

    @precondition(lambda self: len(self.entries) > 0)
    @rule(data=st.data())
    def forget_tail(self, data: st.DataObject) -> None:
        index = data.draw(st.sampled_from(sorted(self.entries)))
        self.member.log.forget_tail(index)
        self.entries = {number: kept for number, kept in self.entries.items() if number < index}

    @rule(ahead=st.integers(0, 20))
    def reset(self, ahead: int) -> None:
        self.anchor = (self.anchor[0] + 1 + ahead, self.term, bytes([ahead]) * 32)
        self.member.log.reset(SnapshotMetadata(self.anchor[0], self.anchor[1], VOTERS, self.anchor[2]))
        self.entries = {}

    @rule()
    def restart(self) -> None:
        self.member.restart()

    @rule()
    def crash(self) -> None:
        self.member.crash()

    @invariant()
    def the_log_is_the_models(self) -> None:
        log = self.member.log
        index, term, chain = self.anchor
        assert (log.first_index(), log.last_index()) == (index + 1, self.last)
        assert (log.term(index), log.chain(index)) == (term, chain)
        assert read_all(log) == [self.entries[number] for number in sorted(self.entries)]
        for number in sorted(self.entries):
            chain = chain_hash(chain, self.entries[number])
            assert log.chain(number) == chain
            assert log.term(number) == self.entries[number].term
        assert log.damaged() == []
        hard_state, _ = log.initial()
        assert (hard_state.term, hard_state.vote) == (self.hard_state.term, self.hard_state.vote)
        with pytest.raises(Unavailable):
            log.term(self.last + 1)
        if index > 0:
            with pytest.raises(Compacted):
                log.term(index - 1)

    def teardown(self) -> None:
        if hasattr(self, "member"):
            self.member.stores.close()
            shutil.rmtree(self.path)


class MemoryLogModel(LogModel):
    kind = "memory"


class RocksDbLogModel(LogModel):
    kind = "rocksdb"


class FileLogModel(LogModel):
    kind = "file"


SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
TestMemoryLog = MemoryLogModel.TestCase
TestMemoryLog.settings = settings(max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=SLOW)
TestRocksDbLog = RocksDbLogModel.TestCase
TestRocksDbLog.settings = settings(max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=SLOW)
TestFileLog = FileLogModel.TestCase
TestFileLog.settings = settings(max_examples=20, stateful_step_count=20, deadline=None, suppress_health_check=SLOW)

"""The machine against the model while its newest writes are held back in memory, and against a machine that holds nothing back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import rule

from quorate_node.store.buffered_state import BufferedStateStore
from quorate_node.store.errors import Backpressure
from quorate_node.store.interface import StateStore
from quorate_node.store.memory_disk import MemoryDisk
from quorate_node.store.memory_state import MemoryStateStore
from quorate_node.store.settings import StoreSettings
from tests.unit.machine.builders import Member, command, entry
from tests.unit.machine.strategies import requests
from tests.unit.machine.test_against_model import LIMITS, ModelRun, RocksRun, Shrinking, campaign


class BufferedRun(ModelRun):
    """The same with writes held back in memory, few or many; a crash loses them like all that was not flushed."""

    def __init__(self, writes_max: int) -> None:
        self.settings = StoreSettings(state_buffer_writes_max=writes_max)
        super().__init__()

    def new_store(self) -> StateStore:
        self.disk = MemoryDisk()
        return self.crashed_store()

    def crashed_store(self) -> StateStore:
        self.database = MemoryStateStore(self.disk, "1")
        return BufferedStateStore(self.database, self.settings)

    def refused_write(self, request: Any) -> None:
        """While the database takes nothing the buffer takes what it has room for, then all is refused with nothing changed; reads go
        on in either case, and once the database is well everything is."""
        machine = self.member.machine
        self.database.stalled = True
        for _ in range(3):
            index, before, shown = machine.applied_index + 1, machine.state, self.member.canonical()
            try:
                machine.apply([entry(index, [], self.log_time_ms)])
            except Backpressure:
                assert machine.state == before
                assert self.member.canonical() == shown
                break
            self.member.log.append(entry(index, [], self.log_time_ms))
            self.naive.apply(index, self.log_time_ms, [])
            self.digests[index] = machine.state.digest
            self.agrees()
        self.agrees()
        self.database.stalled = False
        self.step([(command(request), request)])

    def finish(self) -> None:
        """What is left is what a member has that never held anything back and applied the log in another grouping."""
        super().finish()
        other = Member(MemoryStateStore(MemoryDisk(), "2"), LIMITS, digest_interval=1)
        for start in range(0, len(self.member.log), 5):
            other.apply(self.member.log[start : start + 5])
        assert other.machine.state == self.member.machine.state
        assert other.canonical() == self.member.canonical()


class BufferedRocksRun(RocksRun):
    def new_store(self) -> StateStore:
        return BufferedStateStore(super().new_store(), StoreSettings(state_buffer_writes_max=40))

    def crashed_store(self) -> StateStore:
        return BufferedStateStore(super().crashed_store(), StoreSettings(state_buffer_writes_max=40))


@pytest.mark.parametrize("writes_max", [1, 25, 100_000])
@pytest.mark.parametrize("seed", range(200, 208))
def test_a_campaign_with_writes_held_back(seed: int, writes_max: int) -> None:
    campaign(BufferedRun(writes_max), seed, 200)


@pytest.mark.parametrize("seed", range(300, 303))
def test_a_campaign_with_writes_held_back_from_rocksdb(seed: int) -> None:
    campaign(BufferedRocksRun(), seed, 150)


class ShrinkingBuffered(Shrinking):
    def new_run(self) -> ModelRun:
        return BufferedRun(12)

    @rule()
    def flush(self) -> None:
        self.run.flush()

    @rule()
    def write_out(self) -> None:
        self.run.member.store.write_out()

    @rule(request=requests)
    def refuse(self, request: Any) -> None:
        self.run.refused_write(request)


TestShrinkingBuffered = ShrinkingBuffered.TestCase
TestShrinkingBuffered.settings = settings(max_examples=40, stateful_step_count=15)

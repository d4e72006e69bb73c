"""Queues that fill: what is refused was not carried out, what was taken is not lost, and once the crowd is gone work goes on."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest

from quorate_node.replica.parcel import Parcel
from quorate_node.replica.proposals import Pending
from quorate_node.simulator.options import LimitOptions, Options, draw, quiet
from quorate_node.simulator.run import run_seed
from quorate_node.store.errors import Backpressure
from quorate_node.store.memory_state import MemoryStateStore
from tests.simulation.planted_bug import found_in

pytestmark = pytest.mark.usefixtures("silent_logs")

SEEDS = range(4)
REFUSED = "refused TooManyRequests"


def crowded(seed: int) -> Options:
    """Crowds come to members whose every queue is small, and whose states take nothing for a while."""
    calm = quiet(draw(seed))
    faults = msgspec.structs.replace(calm.faults, state_stall=1.0, kill=0.3, down_ms_max=300, pause_ms_max=800)
    limits = LimitOptions(
        pending_commands=3, pending_bytes=400, pending_reads=2, forward_batches=1, uncommitted_bytes=100, frame_messages_a_ms=3
    )
    return msgspec.structs.replace(
        calm, members=3, spares=0, witness=False, faults=faults, limits=limits, bursts=2.0, clients=5, watchers=2, commands=500, keys=3,
        think_ms_max=100, sessions=0.3, election_timeout_ms=200, tick_ms=10, heartbeat_ms=50, digest_interval=1, watch_buffer_events_max=1,
    )  # fmt: skip


@pytest.mark.timeout(300)
def test_crowds_are_refused_exactly_and_work_goes_on() -> None:
    counters: Counter[str] = Counter()
    for seed in SEEDS:
        result = run_seed(seed, options=crowded(seed))
        assert result.ok, result.failure()
        counters.update(result.outcome.counters)
    wanted = ["burst", "fault state stall", "state refused a write", "network queue full", REFUSED]
    assert {name: counters[name] for name in wanted if counters[name] < 4} == {}


@pytest.mark.timeout(300)
def test_what_is_refused_and_taken_all_the_same_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue that is full by its count says no, and keeps the parcel."""
    add = Pending.add

    def add_anyway(self: Pending, parcel: Parcel) -> bool:
        if add(self, parcel):
            return True
        self.put_back([parcel])
        return False

    monkeypatch.setattr(Pending, "add", add_anyway)
    assert found_in(crowded, {"linearizable", "linearizable-by-search", "callbacks do not fail", "members do not fail"}, range(10))


@pytest.mark.timeout(300)
def test_a_write_that_a_full_state_swallows_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database takes nothing, and whoever asked is told that it has."""
    write = MemoryStateStore.write

    def swallow(self: MemoryStateStore, batch: Any) -> None:
        try:
            write(self, batch)
        except Backpressure:
            return

    monkeypatch.setattr(MemoryStateStore, "write", swallow)
    properties = {"linearizable", "state equality", "equal results", "apply order", "equal changes", "members do not fail"}
    assert found_in(crowded, properties, range(10))

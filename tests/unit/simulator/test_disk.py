"""The simulated sync of the log: what is reported as durable is, from that moment on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

from quorate_node.protocol.ready import HardState, Persist
from quorate_node.simulator.clock import Clock
from quorate_node.simulator.disk import SimulatedDisk, SimulatedLogSync
from quorate_node.simulator.loop import VirtualLoop
from quorate_node.simulator.options import DiskOptions
from quorate_node.simulator.trace import Trace
from quorate_node.store.kernel_synced_log import KernelSyncedLog
from quorate_node.store.memory_log import MemoryHardState, MemoryLogBackend
from quorate_node.store.settings import StoreSettings

VOTE = Persist(HardState(term=3, vote=7), [], None, must_sync=True)


def test_power_loss_between_the_sync_and_its_report_takes_back_nothing(tmp_path: Path) -> None:
    loop = VirtualLoop(Random(1), Trace())  # type: ignore[abstract]
    process, disk = loop.process("m1", Clock()), SimulatedDisk(tmp_path)
    log = KernelSyncedLog(MemoryLogBackend(disk), MemoryHardState(disk), StoreSettings())
    reported = loop.create_future()

    def observe(_batches: Sequence[Persist], durable: bool) -> None:
        if durable:
            disk.lose_power(Random(2))

    sync = SimulatedLogSync(loop, process, disk, DiskOptions(500, 1_000), Random(3), observe, log, reported.set_result)

    async def write() -> None:
        sync.write([VOTE])
        assert await reported is None

    loop.run(write(), 1_000)
    slot = MemoryHardState(disk).load()
    assert (slot.term, slot.vote) == (3, 7)

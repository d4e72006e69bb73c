"""Damaged entries that the state has outlived and nobody has: the log goes on without them, and keeps what the application needs of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from quorate_node.machine.application.host import ApplicationHost
from quorate_node.machine.application.log_reader import LogCommandReader
from quorate_node.machine.application.process import ApplicationWorker
from quorate_node.machine.application.settings import ApplicationSettings
from quorate_node.machine.application.snapshot_files import FORMAT, ApplicationSnapshotHeader, SnapshotWriter
from quorate_node.machine.kv import KeyValueMachine
from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.replica.lone_damage import recover_alone
from quorate_node.replica.storage import Storage
from quorate_node.store import MemoryDisk, open_store
from quorate_node.store.interface import StateStore
from quorate_node.telemetry.telemetry import Telemetry
from tests.unit.store.support import VOTERS, append, entries, read_all

LAST = 12
APPLIED = 10


async def _never_up(_settings: ApplicationSettings) -> ApplicationWorker:
    await asyncio.Event().wait()
    raise AssertionError("nobody sets it")


@asynccontextmanager
async def damaged_at(index: int, directory: Path, *snapshots: int) -> AsyncIterator[tuple[Storage, SnapshotMetadata]]:
    """A member's storage after a crash, where its state is at `APPLIED`; `snapshots`: where the application's are, none: it has none."""
    disk = MemoryDisk()
    stores = open_store(None, kind="memory", disk=disk)
    append(stores.log, 1, LAST + 1)
    applied = SnapshotMetadata(APPLIED, 1, VOTERS, stores.log.chain(APPLIED))
    stores.close()
    disk.damage_record(index)
    stores = open_store(None, kind="memory", disk=disk)
    for at in snapshots:
        SnapshotWriter(directory, ApplicationSnapshotHeader(FORMAT, at, "ledger", 1)).finish()
    reader = LogCommandReader(lambda: stores.log, lambda: stores.state)
    host = ApplicationHost(ApplicationSettings("tests:Ledger"), directory, reader, _never_up) if snapshots else None

    def open_machine(state: StateStore, cluster_id: int) -> KeyValueMachine:
        return KeyValueMachine.open(state, cluster_id=cluster_id, application=host)

    storage = Storage(stores, open_machine, False, "m1", application=host)
    await storage.open_machine()
    assert storage.log.damaged() == [(index, index + 1)]
    try:
        yield storage, applied
    finally:
        if host is not None:
            await host.stop()
        stores.close()


@pytest.mark.parametrize(
    ("damaged", "snapshots", "first"),
    [
        (3, (), APPLIED + 1),
        (3, (6, 8), 7),  # The older of the two: the newer one may be damaged too.
        (6, (6, 8), 8),
        (7, (6, 8), 9),  # All that the newer one needs.
        (APPLIED, (6, 8), APPLIED + 1),
        (3, (APPLIED, APPLIED), APPLIED + 1),
    ],
)
async def test_the_log_begins_where_the_application_needs_it(damaged: int, snapshots: tuple[int, ...], first: int, tmp_path: Path) -> None:
    async with damaged_at(damaged, tmp_path, *snapshots) as (storage, applied):
        await storage.leave_damage_to_state(applied)
        assert storage.log.damaged() == []
        assert read_all(storage.log) == entries(first, LAST + 1)


async def test_an_only_member_too_keeps_what_its_application_needs(tmp_path: Path) -> None:
    async with damaged_at(3, tmp_path, 6, 8) as (storage, applied):
        assert await recover_alone(storage, applied, None, Telemetry()) is None
        assert read_all(storage.log) == entries(7, LAST + 1)

"""How a batch becomes durable beside the loop: by the kernel where it can, and where it cannot, by a thread that does the same."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from quorate_node.protocol.entry import Entry
from quorate_node.protocol.ready import HardState, Persist
from quorate_node.replica import log_sync
from quorate_node.replica.log_sync import DiskLogSync
from quorate_node.store import Stores, StoreSettings, open_store
from quorate_node.store.errors import StoreFailed
from quorate_node.store.interface import LogStore
from quorate_node.store.kernel_sync import KernelSync
from quorate_node.store.settings import LogKind

SETTINGS = StoreSettings(log_segment_bytes=1 << 18, reserve_bytes=1, headroom_bytes=0)
BATCHES = 40


async def write_all(stores: Stores, low: int, high: int) -> None:
    """Entries [low, high), one batch each, as the writer has them made durable. Raises what the log raised."""
    outcomes: asyncio.Queue[BaseException | None] = asyncio.Queue()
    sync = DiskLogSync(stores.log, outcomes.put_nowait)
    try:
        for index in range(low, high):
            batches = [Persist(HardState(1, 0, 0), [Entry(index, 1, 0, b"%d" % index)], None, True)]
            sync.write(batches)
            assert outcomes.empty(), "never inside the call"
            outcome = await outcomes.get()
            if outcome is not None:
                raise outcome
            stores.log.written(batches)
    finally:
        await sync.close()


def found_again(path: Path) -> list[bytes]:
    stores = open_store(path, SETTINGS)
    assert stores.log.damaged() == []
    found = [entry.data for entry in stores.log.entries(1, stores.log.last_index() + 1, 1 << 20)]
    stores.close()
    return found


EXPECTED = [b"%d" % index for index in range(1, BATCHES + 1)]


@pytest.mark.parametrize("log_backend", get_args(LogKind))
@pytest.mark.parametrize("by", ["kernel", "thread"])
async def test_a_batch_that_was_reported_is_there(by: str, log_backend: LogKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread is what a system or sandbox without asynchronous I/O has, and what RocksDB's log always has."""
    if by == "thread":
        monkeypatch.setattr(log_sync, "open_kernel_sync", lambda _loop: None)
    stores = open_store(tmp_path / "data", replace(SETTINGS, log_backend=log_backend))
    await write_all(stores, 1, BATCHES + 1)
    stores.close()
    assert found_again(tmp_path / "data") == EXPECTED


async def test_a_kernel_that_takes_no_such_request_is_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def refuse(_self: KernelSync, descriptor: int, _done: object) -> bool:
        asked.append(descriptor)
        return False

    monkeypatch.setattr(KernelSync, "sync", refuse)
    stores = open_store(tmp_path / "data", SETTINGS)
    await write_all(stores, 1, BATCHES + 1)
    assert len(asked) <= 1
    stores.close()
    assert found_again(tmp_path / "data") == EXPECTED


async def test_a_sync_that_fails_where_the_kernel_refused_the_request_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = open_store(tmp_path / "data", SETTINGS)
    await write_all(stores, 1, 3)

    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(KernelSync, "sync", lambda *_: False)
    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(StoreFailed, match="could not be synced"):
        await write_all(stores, 3, 4)
    monkeypatch.undo()
    assert stores.log.last_index() == 2
    stores.close()


async def test_a_disk_that_stalls_while_the_member_stops_holds_nobody_else_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop goes on, and the log is closed as soon as the disk has answered."""
    begun: list[KernelSync] = []

    def stalled(self: KernelSync, _descriptor: int, done: Callable[[int], None]) -> bool:
        self._done = done
        begun.append(self)
        return True

    monkeypatch.setattr(KernelSync, "sync", stalled)
    monkeypatch.setattr(KernelSync, "_result", lambda _self: 0)
    monkeypatch.setattr(log_sync, "CLOSE_WAIT_S", 0.05)
    stores = open_store(tmp_path, SETTINGS)
    write_one(stores.log, 1)
    told: list[BaseException | None] = []
    sync = DiskLogSync(stores.log, told.append)
    sync.write([Persist(None, [Entry(2, 1, 0, b"2")], None, True)])
    if not begun:
        pytest.skip("the kernel or its sandbox has no asynchronous I/O here")
    async with asyncio.timeout(5.0):
        await sync.close()
    closing = asyncio.get_running_loop().run_in_executor(None, stores.close)
    await asyncio.sleep(0.05)
    assert not closing.done(), "what is under way is not abandoned: its file stays open"
    os.eventfd_write(begun[0]._event, 1)
    async with asyncio.timeout(5.0):
        await closing
    assert told == [] and not begun[0].busy
    assert found_again(tmp_path) == [b"1", b"2"]


def write_one(log: LogStore, index: int) -> None:
    batches = [Persist(HardState(1, 0, 0), [Entry(index, 1, 0, b"%d" % index)], None, True)]
    log.write(batches)
    log.written(batches)
